import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
      operationState: {
        phase: "Succeeded",
        finishedAt: new Date(Date.now() - 60_000).toISOString(),
        syncResult: { revision: applied },
      },
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

describe("a strategy that stands still", () => {
  const labels = {
    "slipway.dev/environment": "paper",
    "slipway.dev/team": "seed",
    "slipway.dev/strategy": "random-ts",
  };
  const executor = (state: object, more: object = {}) => ({
    metadata: { name: "random-ts-0", namespace: "seed-paper", labels },
    status: { containerStatuses: [{ name: "executor", ready: false, restartCount: 0, state, ...more }] },
  });
  const waits = (reason: string, message: string, more: object = {}): object =>
    executor({ waiting: { reason, message } }, more);
  const named = "--environment paper --kubeconfig";

  test.each([
    {
      name: "a quota",
      events: [
        {
          involvedObject: { namespace: "seed-paper", name: "random-ts" },
          message: 'create Pod random-ts-0 failed error: pods "random-ts-0" is forbidden: exceeded quota: seed',
        },
      ],
      says: /exceeded quota: seed\n +→ propose higher totals for the team in policies\/teams\.yaml, or stop another/,
      logs: false,
    },
    {
      name: "an image that is not there",
      pods: [waits("ImagePullBackOff", "Back-off pulling image")],
      says: /Back-off pulling image\n +→ is that image in the registry, .* policies\/environments\/paper\.yaml names it/,
      logs: false,
    },
    {
      name: "a profile that is not there",
      pods: [waits("CreateContainerError", "cannot load seccomp profile x")],
      says: /seccomp profile x\n +→ put the profile on the node \(docs\/operations\.md, Seccomp profiles\)/,
      logs: false,
    },
    {
      name: "nodes without room",
      pods: [
        {
          ...executor({}),
          status: {
            conditions: [
              { type: "PodScheduled", status: "False", message: "0/3 nodes are available: 3 Insufficient cpu." },
            ],
          },
        },
      ],
      says: /Insufficient cpu\.\n +→ add a node, stop something, or ask for less: resources in strategies\/seed\/random-ts\/strategy\.yaml/,
      logs: false,
    },
    {
      name: "memory",
      health: "Degraded",
      pods: [
        waits("CrashLoopBackOff", "back-off 40s", {
          restartCount: 3,
          lastState: { terminated: { exitCode: 137, reason: "OOMKilled", finishedAt: "2026-11-27T10:00:00Z" } },
        }),
      ],
      says: /used more memory than its limit\n +→ use less memory, or raise resources\.memory in strategies\/seed\/random-ts/,
      logs: true,
    },
    {
      name: "admission",
      health: "Missing",
      status: { sync: "OutOfSync", phase: "Failed", message: "denied request: limits.cpu is 2, above the bound 1" },
      says: /above the bound 1\n +→ wait until paper-platform is synced, .* annotate application paper-seed-random-ts .*; if it stays, propose it again/,
      logs: false,
    },
    {
      name: "Argo CD that has not come to it",
      health: "Missing",
      status: { sync: "OutOfSync", phase: "Succeeded" },
      says: /synced {4}✗ OutOfSync {3}→ Argo CD syncs it within minutes, or at once: kubectl .* annotate application paper-seed-random-ts/,
      logs: false,
    },
  ])("for $name says what to do, and names its log only if it has one", async ({ says, logs, ...seen }) => {
    const { health = "Progressing", status, pods = [], events = [] } = { status: undefined, ...seen };
    const [root, own] = ["paper-root", "paper-seed-random-ts"].map((name) => {
      const one = application(
        name,
        name === "paper-root" ? "apps" : "strategies/seed/random-ts",
        branch.at(-1),
        labels,
      );
      return one as { readonly status: { readonly sync: object; readonly operationState: object } };
    });
    const { phase, message, sync } = { phase: "Succeeded", message: undefined, sync: "Synced", ...status };
    const standing = {
      sync: { ...own?.status.sync, status: sync },
      health: { status: health },
      operationState: { ...own?.status.operationState, phase, message },
    };
    const applications = [
      { ...root, metadata: { name: "paper-root" } },
      { ...own, status: standing },
    ];
    Object.assign(server.answers, { applications, pods, events });
    const { code, stdout } = await playground.run("status", "seed/random-ts", "--kubeconfig", kubeconfig);
    expect([code, stdout]).toEqual([0, expect.stringMatching(says)]);
    expect(stdout.includes("slipway logs")).toBe(logs);
    if (logs) expect(stdout).toContain(`→ slipway logs seed/random-ts ${named} ${kubeconfig}\n`);
  });

  test("without an Application is told so; where there is none at all, whether it is the right cluster is asked", async () => {
    server.answers["applications"] = [application("paper-root", "apps", branch.at(-1))];
    const one = await playground.run("status", "seed/random-ts", "--kubeconfig", kubeconfig);
    expect(one.stdout).toContain("✗ Argo CD has no Application of it yet   → paper-root makes it, within minutes");
    server.answers["applications"] = [];
    const { code, stderr } = await playground.run("status", ...of, "--kubeconfig", kubeconfig);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining("warning: Argo CD has no Application of paper in that cluster: is it the one that"),
    ]);
  });

  test("that nobody has merged is not said to be missing from the cluster", async () => {
    server.answers["applications"] = [application("paper-root", "apps", branch.at(-1))];
    expect((await playground.run("deploy", "momentum/sma-cross")).code).toBe(0);
    const { stdout } = await playground.run("status", "momentum/sma-cross", "--kubeconfig", kubeconfig);
    expect(stdout).toMatch(
      /^momentum\/sma-cross · paper\n {2}merged {4}never: .*\n {2}waiting .*\n +→ slipway merge 3\n$/,
    );
  });
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
