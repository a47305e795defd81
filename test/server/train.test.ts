// Many proposals at once: each is fine by itself, and together they are too much. And two of the same: the second is told who holds it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import type { Forge, Proposal } from "#forge/port.ts";
import { contentBudget } from "#forge/remote/budget.ts";
import { remoteForge } from "#forge/remote/forge.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { type ControlPlane, createControlPlane } from "#server/control-plane.ts";
import { bob, main, push, request, value } from "../contract/forge-contract.ts";
import { checkout, sma, spec } from "../delivery/fixture.ts";
import { type MemoryForge, memoryForge } from "../forge/memory-api.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const pause = (): Promise<void> => Promise.resolve();
const memo = createMemo();
const clock = (): number => 1_700_000_100_000;
let folder: string;
let repository: Mirror;
let memory: MemoryForge;
let plane: ControlPlane;

function forgeOf(login: string): Forge {
  const budget = contentBudget({ steady: () => 0, pause, perMinute: 10_000, perHour: 10_000 });
  return remoteForge({ api: memory.as(login).api, repository, writer: "slipway", budget, pause });
}

async function texts(root: string): Promise<Record<string, string>> {
  const files = [...(await checkout())].filter(([path]) => path.startsWith(root));
  return Object.fromEntries(files.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)]));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-train-"));
  const bare = await initBareRepository(join(folder, "forge.git"));
  repository = { ...bare, fetch: pause, fetchRef: pause };
  memory = memoryForge(bare);
  plane = createControlPlane({
    repository,
    forge: forgeOf("slipway"),
    renderer: "slipway test",
    clock,
    steady: clock,
    log: quiet,
    memo,
  });
  const policies = await texts("policies/");
  const paper = "policies/environments/paper.yaml";
  const total = (policies[paper] ?? "").replace(/(teamTotals:.*strategies: )20/, "$115");
  await push(repository, main, { ...policies, [paper]: total }, { timeSeconds: 1_700_000_000 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A branch with another strategy of the same team. */
async function propose(name: string, author = "alice"): Promise<Proposal> {
  const own = Object.entries(await texts(`strategies/${sma}/`)).map(([path, text]) => [
    path.replace("sma-cross", name),
    path === spec(sma) ? text.replace("name: sma-cross", `name: ${name}`) : text,
  ]);
  const branch = branchRef(`${author}/${name}`);
  await push(repository, branch, Object.fromEntries(own), { from: main });
  return value(await forgeOf(author).open(request(branch, { title: `${name}, at last` })));
}

async function gateOf(number: number): Promise<string> {
  const { gate, comment } = value(await forgeOf("bob").get(number));
  return gate?.state === "refused" ? (comment ?? "") : `${gate?.state}`;
}

test("a train of 20 that each pass: the first that breaks the team's total is named, and none after it is merged", {
  timeout: 300_000,
}, async () => {
  const train: Proposal[] = [];
  for (let index = 1; index <= 20; index += 1) train.push(await propose(`wave-${index}`));
  await plane.reconcile();
  for (const { number } of train) expect(await gateOf(number)).toBe("passed");
  const merged: number[] = [];
  const refused: string[] = [];
  for (const { number } of train) {
    // As a server does beside whoever merges: judged on main as it is now, and never on what it was.
    const result = await mergeProposal({ repository, forge: forgeOf("slipway"), number, by: bob, clock, memo });
    if (result.ok) merged.push(number);
    else refused.push(`#${number} ${result.error.code} ${result.error.findings[0]?.message}`);
  }
  expect(merged).toEqual(train.slice(0, 15).map(({ number }) => number));
  expect(refused).toHaveLength(5);
  expect(refused[0]).toMatch(
    /^#16 gate-refused the strategies of team momentum together ask for strategies 16 in paper, above the total 15/,
  );
  await plane.reconcile();
  expect(await gateOf(16)).toContain("above the total 15");
});

test("two of the same strategy: the second is told who holds it, and no more once that one is closed", async () => {
  const first = await propose("wave");
  const again = branchRef("carol/wave");
  await push(repository, again, { "strategies/momentum/wave/README.md": "mine\n" }, { from: branchRef("alice/wave") });
  const second = value(await forgeOf("carol").open(request(again)));
  await propose("another", "carol");
  await plane.reconcile();
  const commentOf = async (number: number): Promise<string> => value(await forgeOf("bob").get(number)).comment ?? "";
  expect(await commentOf(second.number)).toContain(`momentum/wave is in \\#${first.number} of alice, which is older`);
  expect(await commentOf(first.number)).not.toContain("Proposed already");
  expect(await commentOf(3)).not.toContain("Proposed already");
  expect((await plane.reconcile()).judged).toEqual([]);
  value(await forgeOf("alice").close(first.number));
  await plane.reconcile();
  expect(await commentOf(second.number)).not.toContain("Proposed already");
  expect((await plane.reconcile()).judged).toEqual([]);
});

test("a label that could not be written is written in the next round, and nothing is said twice", async () => {
  const { number } = await propose("wave");
  const { api } = memory.as("slipway");
  let refusals = 1;
  const addLabel: typeof api.addLabel = (...given) => {
    refusals -= 1;
    return refusals < 0 ? api.addLabel(...given) : Promise.reject(new Fault("forge-failed", "it answered 502"));
  };
  const budget = contentBudget({ steady: () => 0, pause });
  const forge = remoteForge({ api: { ...api, addLabel }, repository, writer: "slipway", budget, pause });
  const failing = createControlPlane({
    repository,
    forge,
    renderer: "slipway test",
    clock,
    steady: clock,
    log: quiet,
    memo,
  });
  expect((await failing.reconcile()).raised).toMatchObject([{ code: "forge-failed", number }]);
  expect((await api.pull(number))?.labels).toEqual([]);
  expect(await gateOf(number)).toBe("passed");
  expect((await failing.reconcile()).raised).toEqual([]);
  expect((await api.pull(number))?.labels).toHaveLength(1);
  expect((await failing.reconcile()).judged).toEqual([]);
  expect(await api.comments(number)).toHaveLength(1);
});
