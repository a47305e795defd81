// Many deploys at once on a real forge, beside a server that hears of everything by webhooks: each person with a token, a mirror and a process' worth of
// memory of their own. `SLIPWAY_FORGE_DEPLOYS=50 npm run test:forges -- at-once` is the number; there are fewer by default.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import type { MergedProposal } from "#delivery/merge.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { giteaForge } from "#forge/gitea/gitea.ts";
import type { Forge } from "#forge/port.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { turnFor } from "../../src/cli/merge-turn.ts";
import { bob, push, request, value } from "../contract/forge-contract.ts";
import { expectLinear } from "../delivery/deploys-at-once.ts";
import { paperPolicy } from "../delivery/fixture.ts";
import { fleet } from "../delivery/fleet.ts";
import { type GiteaFixture, openGitea, shared } from "./gitea-fixture.ts";
import { type Served, serve } from "./served.ts";
import { main } from "./site.ts";

const deploys = Number(process.env["SLIPWAY_FORGE_DEPLOYS"] ?? 8);
const timeoutMs = 300_000 + deploys * 60_000;
const waitMs = { timeout: timeoutMs, interval: 500 };
const memo = createMemo();
let fixture: GiteaFixture;
let served: Served;
let workspace: SourceTree;
let strategies: readonly StrategyId[];

beforeEach(async () => {
  ({ workspace, strategies } = await fleet(deploys));
  fixture = await openGitea();
}, timeoutMs);
afterEach(async () => {
  await served?.stop();
  await fixture?.close();
}, timeoutMs);

/** Main with these bounds, and the server. */
async function begin(bounds = (text: string): string => text): Promise<void> {
  const policies = textsIn("policies/");
  const files = { ...policies, [paperPolicy]: bounds(policies[paperPolicy] ?? ""), "a/file": null };
  await push(fixture.repository, main, files, { timeSeconds: 1_700_000_000 });
  served = await serve(fixture);
}

function textsIn(folder: string): Record<string, string> {
  const files = [...workspace].filter(([path]) => path.startsWith(folder));
  return Object.fromEntries(files.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)]));
}

async function propose(id: StrategyId): Promise<number> {
  const { repository, forge } = await opened("alice", "proposing");
  const branch = branchRef(`alice/${id.split("/")[1]}`);
  await push(repository, branch, textsIn(`strategies/${id}/`), { from: main });
  return value(await forge.open(request(branch, { title: `${id}, at last` }))).number;
}

const machines = new Map<string, Promise<{ readonly forge: Forge; readonly repository: Mirror }>>();

/** A person on a machine of their own. */
function opened(account: "alice" | "bob", machine: string): Promise<{ forge: Forge; repository: Mirror }> {
  const { owner, name, folder } = fixture;
  const { url, tokens } = inject("gitea");
  const start = async (): Promise<{ forge: Forge; repository: Mirror }> => {
    const mirror = await initBareRepository(join(folder, `${machine}.git`));
    const place = { ...shared, owner, name, mirror, url, token: tokens[account], pageSize: 50 };
    const made = await giteaForge(place);
    await made.repository.fetch();
    return made;
  };
  const key = join(folder, machine);
  const known = machines.get(key) ?? start();
  machines.set(key, known);
  return known;
}

/** As `slipway merge` does it. */
async function merge(number: number, onAttempt: () => void): ReturnType<typeof mergeProposal> {
  const { forge, repository } = await opened("bob", `machine-${number}`);
  const counted: Forge = {
    ...forge,
    merge: (...given) => {
      onAttempt();
      return forge.merge(...given);
    },
  };
  const context = {
    ...{ now: Date.now, steady: () => performance.now(), pause: (ms: number) => delay(ms) },
    out: { error: () => undefined },
  };
  return mergeProposal({
    ...{ repository, forge: counted, number, by: bob, clock: Date.now, memo },
    turn: await turnFor(context, { forge, mirror: repository, state: fixture.folder }, { number, by: bob }),
    awaitServer: async () => {
      await delay(1_000);
      await repository.fetch();
    },
  });
}

async function countOf(path: string): Promise<number> {
  return ((await fixture.api("keeper", "GET", `/repos/${fixture.owner}/${fixture.name}${path}`)) as readonly unknown[])
    .length;
}

test(`${deploys} deploys at once all land, each once, and on average at most one has to be tried again`, {
  timeout: timeoutMs,
}, async () => {
  await begin();
  const numbers: number[] = [];
  for (const id of strategies) numbers.push(await propose(id));
  for (const number of numbers)
    await expect.poll(async () => (await served.seen(number)).gate?.state, waitMs).toBe("passed");
  let attempts = 0;
  const startedMs = performance.now();
  const merged = await Promise.all(
    numbers.map((number) =>
      merge(number, () => {
        attempts += 1;
      }),
    ),
  );
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  const results: readonly MergedProposal[] = merged.map((each) => {
    if (!each.ok) throw new Error(`${each.error.code}: ${each.error.message}`);
    return each.value;
  });
  expect(new Set(results.map(({ commit }) => commit)).size).toBe(deploys);
  const retries = (attempts - deploys) / deploys;
  console.log(`${deploys} deploys at once in ${seconds} s, ${retries.toFixed(2)} retries each`);
  expect(retries).toBeLessThanOrEqual(1);
  await fixture.look();
  await expectLinear(fixture.repository, { main, deploys });
  await served.loop.settled();
  expect(served.reports.flatMap(({ raised }) => raised.filter(({ code }) => code !== "proposal-not-open"))).toEqual([]);
  for (const number of numbers) expect(await countOf(`/issues/${number}/comments`)).toBe(1);
  expect((await served.forge.list()).map(({ state }) => state)).toEqual(numbers.map(() => "merged"));
  // Whose turn it was is left nowhere.
  expect(await served.forge.tip?.(branchRef("slipway/turn"))).toBeUndefined();
});

test("a train of proposals that each pass: the first that breaks the team's total is named, and none after it is merged", {
  timeout: timeoutMs,
}, async () => {
  const total = deploys - 2;
  await begin((text) => text.replace(/(teamTotals:.*strategies: )\d+/, `$1${total}`));
  const numbers: number[] = [];
  for (const id of strategies) numbers.push(await propose(id));
  for (const number of numbers)
    await expect.poll(async () => (await served.seen(number)).gate?.state, waitMs).toBe("passed");
  const ended: string[] = [];
  for (const number of numbers) {
    const each = await merge(number, () => undefined);
    ended.push(each.ok ? "merged" : `${each.error.code} ${each.error.findings[0]?.message}`);
  }
  expect(ended.slice(0, total)).toEqual(numbers.slice(0, total).map(() => "merged"));
  const over = `together ask for strategies ${total + 1} in paper, above the total ${total}`;
  expect(ended.slice(total)).toEqual(
    numbers.slice(total).map(() => expect.stringMatching(new RegExp(`^gate-refused .*${over}`))),
  );
  const first = numbers[total] ?? 0;
  await expect.poll(async () => (await served.seen(first)).comment, waitMs).toContain(`above the total ${total}`);
  expect((await served.seen(first)).gate?.state).toBe("refused");
});
