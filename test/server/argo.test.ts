// Argo CD is told of each commit until it has taken it, and again where it has not seen it: by the control plane, a real repository and a small HTTP server.
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import type { ApplicationStatus, ClusterStatus } from "#core/status.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { CommitSha } from "#git/port.ts";
import { type ArgoForm, requestOf } from "#server/argo-push.ts";
import { type ArgoTeller, createArgoTeller, patience } from "#server/argo-teller.ts";
import { type ControlPlane, createControlPlane } from "#server/control-plane.ts";
import {
  checkout,
  deploy,
  edit,
  openSite,
  paper,
  paperPolicy,
  randomTs,
  renderer,
  type Site,
  sma,
} from "../delivery/fixture.ts";
import { type ArgoWebhook, startArgoWebhook } from "./argo-webhook.ts";

const secret = "of Argo CD's webhook";
const cluster = '  cluster: { repository: "https://git.example/acme/strategies.git", apiServers: ["10.0.0.1:6443"] }\n';
const warned: string[] = [];
const log = {
  info: () => undefined,
  warn: (fields: object) => void warned.push(String("failure" in fields && fields.failure)),
  error: () => undefined,
};
const memo = createMemo();
let workspace: SourceTree;
let at: Site;
let argo: ArgoWebhook;
let nowMs: number;
let steadyMs: number;
let tellers: ArgoTeller[];
let gitAnswers: boolean;

beforeAll(async () => {
  workspace = edit(await checkout(), paperPolicy, "  venues:\n", `${cluster}  venues:\n`);
});
beforeEach(async () => {
  [nowMs, steadyMs, tellers, gitAnswers] = [1_800_000_000_000, 0, [], true];
  warned.length = 0;
  at = await openSite({ memo, tree: workspace });
  argo = await startArgoWebhook({ gogs: secret, github: secret });
});
afterEach(async () => {
  await Promise.all(tellers.map((teller) => teller.stop()));
  await argo.stop();
  await at.close();
});

/** A server, as it starts. */
function plane(
  options: { form?: ArgoForm; secret?: string; observe?: () => Promise<ClusterStatus> } = {},
): ControlPlane {
  const { form = "gitea", observe } = options;
  const [timeoutMs, retryMsMin, retryMsMax] = [1_000, 5, 5];
  const signed = options.secret ?? secret;
  const teller = createArgoTeller({
    ...{ url: argo.url, form, log, steady: () => steadyMs, timeoutMs, retryMsMin, retryMsMax },
    ...(signed === "" ? {} : { secret: signed }),
  });
  tellers.push(teller);
  const refresh = async (): Promise<void> => {
    if (!gitAnswers) throw new Fault("git-remote-failed", "git.example did not do it");
  };
  return createControlPlane({
    ...{ repository: at.repository, forge: at.forge, clock: () => nowMs, steady: () => steadyMs, log },
    ...{ renderer, refresh, argo: teller },
    ...(observe === undefined ? {} : { observe }),
  });
}

const tip = async () => (await at.repository.resolve(paper)) as CommitSha;
const taken = (count: number) => expect.poll(() => argo.taken.length, { interval: 5 }).toBe(count);
/** A server that has said where the branches are when it started. */
async function started(options: Parameters<typeof plane>[0] = {}): Promise<ControlPlane> {
  const control = plane(options);
  await control.reconcile();
  if (options.observe === undefined) await taken(1);
  return control;
}

test.each(["github", "gitea"] as const)("%s: a commit is told of once, with what changed in it", async (form) => {
  const control = await started({ form });
  await deploy(at, workspace, [sma]);
  await control.reconcile();
  await taken(2);
  const push = argo.taken[1];
  expect(push).toMatchObject({ ref: "refs/heads/env/paper", after: await tip() });
  expect(push?.page).toBe("https://git.example/acme/strategies");
  expect(push?.form).toBe(form === "gitea" ? "gogs" : form);
  expect(push?.paths).toContain("apps/application-paper-momentum-sma-cross.yaml");
  expect(push?.paths.some((path) => path.startsWith(`strategies/${sma}/`))).toBe(true);
  expect(push?.paths.some((path) => path.startsWith("platform/networkpolicy"))).toBe(false);
  expect(await control.reconcile()).toMatchObject({ raised: [], rendered: [] });
  expect(argo.asked()).toBe(2);
});

test.each([
  { name: "hangs", first: ["hang"] as const, says: "does not answer within 1 s" },
  { name: "cuts the line", first: ["cut", "cut", "cut"] as const, says: "cannot be asked: " },
  { name: "answers 503", first: [503, 503, 503] as const, says: "answers 503" },
  { name: "leads elsewhere", first: [307, 307] as const, says: "answers 307, which leads elsewhere" },
])(
  "where it $name first, it is asked until it has taken it, and why it was not is said once",
  async ({ first, says }) => {
    const control = await started();
    await deploy(at, workspace, [sma]);
    argo.next.push(...first);
    await control.reconcile();
    await taken(2);
    expect(warned).toEqual([expect.stringContaining(says)]);
    expect(argo.taken[1]?.after).toBe(await tip());
    await expect.poll(async () => (await control.reconcile()).raised).toEqual([]);
    expect(argo.asked()).toBe(2 + first.length);
  },
);

test("while it is away the newest commit takes the place of those before, with what changed in all of them", async () => {
  const control = await started();
  await argo.stop();
  for (const id of [sma, randomTs]) {
    await deploy(at, workspace, [id]);
    await control.reconcile();
    await expect
      .poll(async () => (await control.reconcile()).raised)
      .toMatchObject([
        {
          code: "argocd-untold",
          environment: "paper",
          message: expect.stringMatching(/^Argo CD is not told that env\/paper is at [0-9a-f]{7}: http:.*ECONNREFUSED/),
        },
      ]);
  }
  await argo.start();
  await taken(2);
  expect(argo.taken[1]?.after).toBe(await tip());
  for (const id of [sma, randomTs])
    expect(argo.taken[1]?.paths.some((path) => path.startsWith(`strategies/${id}/`))).toBe(true);
  await expect.poll(async () => (await control.reconcile()).raised).toEqual([]);
  expect(argo.taken).toHaveLength(2);
});

test.each([
  { name: "another secret", given: "another", says: "and it has another" },
  { name: "no secret", given: "", says: "and there is none" },
])("with $name it says which is wanted", async ({ given, says }) => {
  const control = plane({ secret: given });
  await control.reconcile();
  const message = expect.stringMatching(`answers 400.*argocd-secret has as webhook.gogs.secret, ${says}`);
  await expect.poll(async () => (await control.reconcile()).raised).toMatchObject([{ message }]);
  expect(argo.taken).toEqual([]);
});

test("a server that starts says once where the branch is, with what its last commits changed", async () => {
  await (await started()).reconcile();
  for (const id of [sma, randomTs]) await deploy(at, workspace, [id]);
  await plane().reconcile();
  await taken(2);
  expect(argo.taken[1]).toMatchObject({ after: await tip() });
  for (const id of [sma, randomTs])
    expect(argo.taken[1]?.paths.some((path) => path.startsWith(`strategies/${id}/`))).toBe(true);
});

test("after Git was away it is said once more, for Argo CD may have found nothing", async () => {
  const control = await started();
  gitAnswers = false;
  for (let rounds = 0; rounds < 3; rounds += 1) await expect(control.reconcile()).rejects.toThrow("did not do it");
  expect(argo.asked()).toBe(1);
  gitAnswers = true;
  for (let rounds = 0; rounds < 3; rounds += 1) await control.reconcile();
  await taken(2);
  expect(argo.asked()).toBe(2);
});

test("an environment without a cluster is nobody's to be told of", async () => {
  await at.close();
  at = await openSite({ memo });
  expect(await plane().reconcile()).toMatchObject({ rendered: [{ outcome: "committed" }], raised: [] });
  expect(argo.asked()).toBe(0);
});

describe("where the cluster is looked at", () => {
  let revision: string;
  const observe = async (): Promise<ClusterStatus> => {
    const at = { sync: "Synced", health: "Healthy", pods: [], revision } as const;
    const applications: ApplicationStatus[] = [
      { ...at, application: "paper-root", path: "apps" },
      { ...at, application: "paper-momentum-sma-cross", path: `strategies/${sma}`, strategy: sma },
      // It may stay where it is: nothing that is deployed here changes it.
      { ...at, application: "paper-team-seed", path: "teams/seed", revision: "0".repeat(40) },
    ];
    return { environment: "paper", revision, applications, isolation: [] };
  };
  /** Rounds as the server makes them while it follows: ten seconds apart. */
  const rounds = async (control: ControlPlane, count: number, seconds = 10): Promise<void> => {
    for (let round = 0; round < count; round += 1) {
      nowMs += seconds * 1_000;
      steadyMs += seconds * 1_000;
      await control.reconcile();
      await expect.poll(() => tellers.every((teller) => !teller.waits("paper"))).toBe(true);
    }
  };

  beforeEach(async () => {
    // What the platform is, was seen.
    await createControlPlane({ ...at, clock: () => nowMs, log, renderer }).reconcile();
    revision = await tip();
  });

  test("what it has seen is not told of, not when a server starts either", async () => {
    const control = plane({ observe });
    await rounds(control, 3);
    gitAnswers = false;
    await expect(control.reconcile()).rejects.toThrow();
    gitAnswers = true;
    await rounds(control, 3);
    expect(argo.asked()).toBe(0);
  });

  test("what it has not seen is told of again, ever more seldom, until it has", async () => {
    const control = plane({ observe });
    await rounds(control, 1);
    await deploy(at, workspace, [sma]);
    await rounds(control, 1);
    expect(argo.taken).toMatchObject([{ after: await tip() }]);
    await rounds(control, 10);
    const early = argo.taken.length;
    expect(early).toBe(11);
    // Half an hour: each wait is a tenth of what went before.
    await rounds(control, 30, 60);
    expect(argo.taken.length - early).toBeLessThan(23);
    expect(new Set(argo.taken.map(({ after }) => after)).size).toBe(1);
    expect(argo.taken.at(-1)?.paths.some((path) => path.startsWith(`strategies/${sma}/`))).toBe(true);
    revision = await tip();
    const before = argo.asked();
    await rounds(control, 3, 600);
    expect(argo.asked()).toBe(before);
  });

  test.each([
    { name: "back", ms: -3_600_000 },
    { name: "forth", ms: 3_600_000 },
  ])("a clock that is set $name keeps nothing from being told again", async ({ ms }) => {
    const control = plane({ observe });
    await rounds(control, 1);
    await deploy(at, workspace, [sma]);
    await rounds(control, 1);
    expect(argo.taken).toHaveLength(1);
    nowMs += ms;
    await rounds(control, 2);
    expect(argo.taken).toHaveLength(3);
  });

  test("a server that starts tells of what the one before could not", async () => {
    await deploy(at, workspace, [sma]);
    await createControlPlane({ ...at, clock: () => nowMs, log, renderer }).reconcile();
    await plane({ observe }).reconcile();
    await taken(1);
    expect(argo.taken).toMatchObject([{ after: await tip() }]);
  });
});

test("each wait is a tenth of what went before, within its bounds", () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), (goesOnMs) => {
      const waitMs = patience(goesOnMs, 1_000, 30_000);
      expect(waitMs).toBeGreaterThanOrEqual(1_000);
      expect(waitMs).toBeLessThanOrEqual(30_000);
      if (waitMs > 1_000) expect(waitMs).toBeLessThanOrEqual(goesOnMs / 10);
    }),
  );
});

test("whatever URL Argo CD reads a repository by, it finds it in what it is told", () => {
  const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}$/);
  const host = fc.tuple(word, word).map((words) => words.join("."));
  const path = fc.tuple(word, word, fc.constantFrom("", ".git")).map(([owner, name, end]) => `${owner}/${name}${end}`);
  const url = fc.oneof(
    fc
      .tuple(fc.constantFrom("https://", "http://", "ssh://git@"), host, fc.constantFrom("", ":3000"), path)
      .map(([scheme, name, port, rest]) => `${scheme}${name}${port}/${rest}`),
    fc.tuple(host, path).map(([name, rest]) => `git@${name}:${rest}`),
  );
  fc.assert(
    fc.property(url, fc.constantFrom<ArgoForm>("github", "gitea"), (repository, form) => {
      const push = { environment: "paper", repository, commit: "1".repeat(40) as CommitSha, paths: [] };
      const page: string = JSON.parse(requestOf(form, push, undefined).body).repository.html_url;
      // As its util/webhook has it.
      const [, name = "", place = ""] = /^https:\/\/([^/]+)\/(.+)$/.exec(page.replaceAll(".", "\\.")) ?? [];
      const user = String.raw`[\w\.][\w\.-]{0,30}[\w\.\$-]?`;
      expect(repository).toMatch(
        new RegExp(String.raw`^((https?|ssh)://)?(${user}@)?((alt)?ssh\.)?${name}(:\d+)?[:/]${place}(\.git)?$`, "i"),
      );
    }),
  );
});
