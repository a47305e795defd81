// What judging costs, in this process: all strategies under all rules, the impact of a one-line edit of a bound, and the gate of a proposal that
// changes one strategy. `node bench/policy.ts [strategies]`, default 1,000. Cold: nothing remembered; warm: the server's memory, another edit.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StrategyId } from "#core/identity.ts";
import { checkTree } from "#delivery/check.ts";
import { compareTrees } from "#delivery/compare.ts";
import { judge } from "#delivery/gate.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import { mainRef, treePath } from "#delivery/names.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import { initBareRepository } from "#git/open.ts";
import { edited, fleetOf, policyFile } from "./policy-fleet.ts";

const count = Number(process.argv[2] ?? 1000);
const atSeconds = Date.UTC(2026, 0, 5) / 1000;
const alice = { name: "alice", email: "alice@example.test" };

/** CPU seconds (user and system) of this process; Git's own come on top and are named where they matter. */
async function cpuOf<Value>(work: () => Promise<Value>): Promise<readonly [number, Value]> {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1e6, value];
}

const lowered = (tree: SourceTree, to: number): SourceTree =>
  edited(tree, policyFile, 'maxOrderNotional: "5000"', `maxOrderNotional: "${to}"`);

const tree = await fleetOf(count);
const [judgeSeconds, report] = await cpuOf(() => checkTree(tree, { atSeconds, memo: createMemo(4 * count + 20_000) }));
const errors = report.findings.filter(({ severity }) => severity === "error");
if (errors.length > 0) throw new Error(`the fleet is refused: ${errors[0]?.message}`);
const rules = report.checks.rules;
console.log(`judge    ${count} strategies, ${rules} rules, cold: ${judgeSeconds.toFixed(2)} s of CPU`);

const memo = createMemo(40 * count + 20_000);
for (const [name, to] of [
  ["cold", 1800],
  ["warm", 1700],
  ["warm", 1600],
] as const) {
  const [seconds, { fleet }] = await cpuOf(() => compareTrees(tree, lowered(tree, to), atSeconds, memo));
  const flips = fleet.environments.flatMap(({ strategies }) => strategies).filter(({ after }) => after === "refused");
  console.log(`impact   of a one-line edit, ${name}: ${seconds.toFixed(2)} s of CPU; ${flips.length} of ${count} flip`);
}

/** A proposal of one strategy in a repository of that many, judged by a new process and by one that judged before. */
async function gateOf(strategies: SourceTree): Promise<readonly [number, number]> {
  const directory = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  try {
    const repository = await initBareRepository(join(directory, "forge.git"));
    const clock = (): number => atSeconds * 1000;
    const files = new Map([...strategies].map(([name, file]) => [treePath(name), file.bytes]));
    const signature = { ...alice, timeSeconds: atSeconds };
    const written = await repository.writeTree(null, files);
    const seed = { tree: written, parents: [], author: signature, committer: signature, message: "the fleet\n" };
    await repository.updateRef(mainRef, await repository.writeCommit(seed), null);
    const forge = localForge({ repository, clock });
    const path = "strategies/t0/s0/strategy.yaml";
    const workspace = edited(strategies, path, "fast: 10", "fast: 11");
    const opened = await proposeDeploy({
      repository,
      forge,
      clock,
      workspace,
      strategies: ["t0/s0" as StrategyId],
      author: alice,
      memo: createMemo(),
    });
    if (!opened.ok) throw new Error(opened.error.message);
    const number = opened.value.proposal.number;
    const kept: Memo = createMemo(4 * count + 20_000);
    const [cold] = await cpuOf(() => judge({ repository, forge, number, memo: kept }));
    const [warm, verdict] = await cpuOf(() => judge({ repository, forge, number, memo: kept }));
    if (verdict.state !== "passed")
      throw new Error(verdict.findings.find(({ severity }) => severity === "error")?.message);
    return [cold, warm];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

for (const size of [Math.max(1, Math.floor(count / 10)), count]) {
  const [cold, warm] = await gateOf(await fleetOf(size));
  console.log(`gate     of one strategy among ${size}: cold ${cold.toFixed(2)}, warm ${warm.toFixed(2)} s of CPU`);
}
