// After the merge: what the cluster says of a commit is said on the proposal that it came with.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApplicationStatus, ClusterStatus } from "#core/status.ts";
import { tellsOf, withArrival } from "#delivery/arrival-comment.ts";
import type { Arrival, Forge } from "#forge/port.ts";
import { contentBudget } from "#forge/remote/budget.ts";
import { remoteForge } from "#forge/remote/forge.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { CommitSha, Mirror } from "#git/port.ts";
import { type Awaited, arrivalOf } from "#server/arrival.ts";
import { type ControlPlane, createControlPlane } from "#server/control-plane.ts";
import { main, mergeRequest, push, request, value } from "../contract/forge-contract.ts";
import { checkout, sma } from "../delivery/fixture.ts";
import { type MemoryForge, memoryForge } from "../forge/memory-api.ts";

const [older, newer] = ["1".repeat(40), "2".repeat(40)];
const awaited: Awaited = {
  ...{ environment: "paper", commit: newer as CommitSha, strategies: [sma], removed: new Set() },
  holding: new Set([newer]),
};
const running: ApplicationStatus = {
  ...{ application: "paper-momentum-sma-cross", strategy: sma, sync: "Synced", health: "Healthy", pods: [] },
  revision: newer as string,
};

function cluster(...applications: readonly ApplicationStatus[]): ClusterStatus {
  return { environment: "paper", revision: newer as string, applications, isolation: [] };
}

describe("what a cluster says of a commit", () => {
  test.each<{ name: string; application?: Partial<ApplicationStatus>; state: Arrival["state"]; says: string }>([
    { name: "runs", application: {}, state: "passed", says: "synced and healthy: momentum/sma-cross" },
    { name: "is stopped", application: { health: "Suspended" }, state: "passed", says: "synced and healthy" },
    { name: "has no Application", state: "pending", says: "no Application yet" },
    {
      name: "is at an older commit",
      application: { revision: older as string },
      state: "pending",
      says: "waits for Argo CD",
    },
    { name: "is being synced", application: { sync: "OutOfSync" }, state: "pending", says: "being synced" },
    { name: "comes up", application: { health: "Progressing" }, state: "pending", says: "Progressing" },
    {
      name: "failed to sync",
      application: { sync: "OutOfSync", message: "denied by admission" },
      state: "refused",
      says: "sma-cross: denied by admission",
    },
    {
      name: "gets no pod",
      application: { health: "Progressing", message: "exceeded quota" },
      state: "refused",
      says: "exceeded quota",
    },
    {
      name: "waits for a person",
      application: { revision: older as string, awaits: "Argo CD deletes nothing of it" },
      state: "refused",
      says: "sma-cross: Argo CD deletes nothing of it",
    },
    { name: "is degraded", application: { health: "Degraded" }, state: "refused", says: "is Degraded" },
  ])("it $name: $state", ({ application, state, says }) => {
    const arrival = arrivalOf(awaited, cluster(...(application === undefined ? [] : [{ ...running, ...application }])));
    expect(arrival).toMatchObject({ state, summary: expect.stringContaining(says) });
  });

  test.each<{ name: string; platform: Partial<ApplicationStatus>; state: Arrival["state"]; says: string }>([
    { name: "is synced", platform: {}, state: "passed", says: "synced" },
    { name: "is being synced", platform: { sync: "OutOfSync" }, state: "pending", says: "paper-platform is being" },
    {
      name: "was never applied",
      platform: { sync: "OutOfSync", message: "Argo CD calls it synced" },
      state: "refused",
      says: "paper-platform: Argo CD calls it synced",
    },
    { name: "waits for a person", platform: { sync: "OutOfSync", awaits: "agree" }, state: "passed", says: "synced" },
  ])("of a commit of policies, whose platform $name: $state", ({ platform, state, says }) => {
    const { strategy: _, ...apart } = running;
    const arrival = arrivalOf(
      { ...awaited, strategies: [] },
      cluster({ ...apart, application: "paper-platform", ...platform }),
    );
    expect(arrival).toMatchObject({ state, summary: expect.stringContaining(says) });
  });

  test("one that is removed has arrived when it is gone, and one commit of two when the later one is there", () => {
    expect(arrivalOf({ ...awaited, removed: new Set([sma]) }, cluster()).state).toBe("passed");
    const before = { ...awaited, commit: older as CommitSha, holding: new Set([older as string, newer as string]) };
    expect(arrivalOf(before, cluster(running)).state).toBe("passed");
    expect(arrivalOf({ ...awaited, strategies: [] }, { ...cluster(), revision: older as string }).state).toBe(
      "pending",
    );
    expect(arrivalOf({ ...awaited, strategies: [] }, cluster()).state).toBe("passed");
  });
});

test("a comment keeps what it said, tells of each environment once, and no text of a cluster breaks out of it", () => {
  const failed = ["a/b: <img src=x> **x** @bob <!-- slipway:arrived live -->"];
  const arrival: Arrival = { environment: "paper", commit: newer as CommitSha, state: "refused", summary: "x", failed };
  const first = withArrival("<!-- slipway:gate -->\n### fine\n", arrival) ?? "";
  expect(first).toMatch(/^<!-- slipway:gate -->\n### fine\n\n<!-- slipway:arrived paper -->\n\*\*❌ paper\*\*/);
  expect(first).not.toMatch(/[^\\]<(?:img|!-- slipway:arrived live)/);
  expect(tellsOf(first, { ...arrival, environment: "live" })).toBe(false);
  expect(withArrival(first, arrival)).toBeUndefined();
  const both = withArrival(first, { ...arrival, environment: "live", state: "passed", failed: [] }) ?? "";
  const mended = withArrival(both, { ...arrival, state: "passed", summary: "synced", failed: [] }) ?? "";
  expect(mended.match(/slipway:arrived/g)).toHaveLength(2);
  expect(mended).not.toContain("does not run");
  expect(mended).toContain("✓ live");
});

describe("the control plane", () => {
  const pause = (): Promise<void> => Promise.resolve();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  let folder: string;
  let repository: Mirror;
  let memory: MemoryForge;
  let seen: ClusterStatus;
  let asked: number;
  let plane: ControlPlane;
  const forgeOf = (login: string): Forge => {
    const budget = contentBudget({ steady: () => 0, pause, perMinute: 1_000, perHour: 1_000 });
    return remoteForge({ api: memory.as(login).api, repository, writer: "slipway", budget, pause });
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-arrival-"));
    const bare = await initBareRepository(join(folder, "forge.git"));
    repository = { ...bare, fetch: pause, fetchRef: pause };
    memory = memoryForge(bare);
    asked = 0;
    const observe = async (): Promise<ClusterStatus> => {
      asked += 1;
      return seen;
    };
    plane = createControlPlane({
      ...{
        repository,
        forge: forgeOf("slipway"),
        renderer: "slipway test",
        clock: () => 1_700_000_000_000,
        steady: () => performance.now(),
        log: quiet,
      },
      observe,
    });
    const texts = (root: string): Promise<Record<string, string>> => filesOf(root);
    await push(repository, main, await texts("policies/"), { timeSeconds: 1_700_000_000 });
    await push(repository, branchRef("alice/sma"), await texts(`strategies/${sma}/`), { from: main });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function filesOf(root: string): Promise<Record<string, string>> {
    const files = [...(await checkout())].filter(([path]) => path.startsWith(root));
    return Object.fromEntries(files.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)]));
  }

  test("follows a merge until it runs: a failure is on its proposal and raised, and taken back when it is mended", async () => {
    seen = { environment: "paper", applications: [], isolation: [] };
    const { number } = value(await forgeOf("alice").open(request(branchRef("alice/sma"))));
    await plane.reconcile();
    const { gate } = value(await forgeOf("bob").get(number));
    const { commit } = value(await forgeOf("bob").merge(number, mergeRequest(gate!)));
    const waiting = await plane.reconcile();
    expect(waiting).toMatchObject({ raised: [], nextSeconds: 1_700_000_010 });
    const status = async (): Promise<string> => {
      const [newest] = await memory.as("slipway").api.statuses(commit, "slipway/sync-paper");
      return `${newest?.state}: ${newest?.description}`;
    };
    expect(await status()).toBe("pending: momentum/sma-cross has no Application yet");
    const comment = async (): Promise<string> => value(await forgeOf("bob").get(number)).comment ?? "";
    expect(await comment()).not.toContain("arrived");

    const revision = (await repository.resolve(branchRef("env/paper"))) as string;
    const stuck = { ...running, revision, health: "Progressing", message: "exceeded quota: limits.memory" } as const;
    seen = { ...cluster(stuck), revision };
    const failed = await plane.reconcile();
    expect(failed.raised).toMatchObject([
      { code: "sync-failed", environment: "paper", message: expect.stringContaining("exceeded quota") },
    ]);
    expect(await status()).toBe("failure: momentum/sma-cross: exceeded quota: limits.memory");
    expect(await comment()).toMatch(/it does not run[\s\S]*exceeded quota/);
    const before = await comment();
    await plane.reconcile();
    expect(await comment()).toBe(before);

    seen = { ...cluster({ ...running, revision }), revision };
    expect(await plane.reconcile()).toMatchObject({ raised: [] });
    expect(await status()).toBe("success: synced and healthy: momentum/sma-cross");
    expect(await comment()).toMatch(/### ✅ slipway: merged — 1 strategy[\s\S]*\*\*✓ paper\*\*/);
    const looks = asked;
    await plane.reconcile();
    expect(asked).toBe(looks);
  });
});
