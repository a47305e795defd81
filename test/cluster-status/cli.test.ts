import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openRepository } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";

// The command line, with a person's kubeconfig, against what answers as an API server does.

let playground: Playground;
let server: ApiServer;
/** The commits of the branch, the older one first. */
let branch: readonly CommitSha[];
let kubeconfig: string;
const of = ["--environment", "paper"] as const;

beforeAll(async () => {
  playground = createPlayground();
  server = await startApiServer(playground.folder);
  for (const id of ["seed/random-ts", "seed/random-py"]) {
    const { code, stderr } = await playground.run("deploy", id, "--merge");
    expect([code, stderr]).toEqual([0, ""]);
  }
  const repository = await openRepository(join(playground.state, "forge.git"));
  const tip = await repository.resolve("refs/heads/env/paper" as never);
  branch = (await repository.history(tip as CommitSha)).map(({ sha }) => sha).toReversed();
  writeFileSync(join(playground.folder, "token"), "right\n");
  kubeconfig = server.kubeconfig({ tokenFile: "token" });
});
afterAll(() => {
  server.close();
  playground.remove();
});
beforeEach(() => {
  server.tokens = ["right"];
  Object.assign(server.answers, { applications: [], pods: [], events: [] });
});

function application(name: string, path: string, applied: CommitSha | undefined, labels: object = {}): object {
  const revision = branch.at(-1);
  return {
    metadata: { name, namespace: "argocd", labels: { "slipway.dev/environment": "paper", ...labels } },
    spec: { source: { path }, destination: { namespace: "seed-paper" } },
    status: {
      sync: { status: "Synced", revision },
      health: { status: "Healthy" },
      operationState: { phase: "Succeeded", syncResult: { revision: applied } },
    },
  };
}

test("what Argo CD calls synced and never applied is warned of, of the platform and of a team, with what to do", async () => {
  const [old, tip] = [branch[0], branch.at(-1)];
  server.answers["applications"] = [
    application("paper-root", "apps", tip),
    application("paper-platform", "platform", old),
    application("paper-team-seed", "teams/seed", old),
  ];
  const { code, stdout, stderr } = await playground.run("status", ...of, "--kubeconfig", kubeconfig);
  expect([code, stdout]).toEqual([0, expect.stringContaining("seed/random-py")]);
  const warnings = stderr.split("\n").filter((line) => line.includes("annotate application"));
  expect(warnings).toEqual(
    [
      ["paper-platform", "platform"],
      ["paper-team-seed", "teams/seed"],
    ].map(
      ([name, folder]) =>
        `warning: ${name}: Argo CD calls it synced at ${tip?.slice(0, 7)}, but its last sync was of ${old?.slice(0, 7)}, and ${folder}/ of the branch has changed since: it forgets a comparison that was refused. Let it look again: kubectl -n argocd annotate application ${name} --overwrite argocd.argoproj.io/refresh=normal`,
    ),
  );
});

test("whom it does not know is told with the kubeconfig's user, and what to try; a token that is renewed counts at once", async () => {
  server.tokens = ["renewed"];
  const refused = await playground.run("status", ...of, "--kubeconfig", kubeconfig);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^failed: https:.* does not say what runs: 401 Unauthorized, so whoever the kubeconfig's user me .*\n(?: {2}because: .*\n(?:[^ ].*\n)*)? {2}fix: does `kubectl --kubeconfig <file> get pods` answer/,
    ),
  ]);
  writeFileSync(join(playground.folder, "token"), "renewed\n");
  expect((await playground.run("status", ...of, "--kubeconfig", kubeconfig)).code).toBe(0);
  writeFileSync(join(playground.folder, "token"), "right\n");
});

test("a program that signs in is run once for status, and what it tells people is seen", async () => {
  const credential = {
    kind: "ExecCredential",
    apiVersion: "client.authentication.k8s.io/v1",
    status: { token: "right" },
  };
  const script = `echo open https://example.com and sign in >&2; echo '${JSON.stringify(credential)}'`;
  const exec = {
    apiVersion: credential.apiVersion,
    interactiveMode: "IfAvailable",
    command: "/bin/sh",
    args: ["-c", script],
  };
  const file = server.kubeconfig({ exec });
  const { code, stderr } = await playground.run("status", ...of, "--kubeconfig", file);
  expect([code, stderr.match(/sign in/g)]).toEqual([0, ["sign in"]]);
  const failing = server.kubeconfig({ exec: { ...exec, args: ["-c", "echo run aws sso login >&2; exit 255"] } });
  const failed = await playground.json("status", ...of, "--kubeconfig", failing);
  expect([failed.code, failed.document]).toMatchObject([
    1,
    {
      error: { code: "credential-plugin-failed", message: expect.stringMatching(/exit code 255: run aws sso login$/) },
    },
  ]);
  kubeconfig = server.kubeconfig({ tokenFile: "token" });
});

test("logs are read with the same file", async () => {
  const line = "2026-11-27T10:00:01.000000000Z hello";
  const pod = { metadata: { name: "random-ts-0" }, spec: { containers: [{ name: "executor" }] } };
  Object.assign(server.answers, { "random-ts-0": pod, log: `${line}\n` });
  const { code, stdout, stderr } = await playground.run("logs", "seed/random-ts", ...of, "--kubeconfig", kubeconfig);
  expect([code, stdout, stderr]).toEqual([0, expect.stringContaining("hello"), ""]);
});
