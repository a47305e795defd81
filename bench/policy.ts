// What judging costs: all strategies under all rules and the impact of a one-line edit of a bound, in this process (cold: nothing remembered;
// warm: the server's memory, another edit), and the gate of a proposal that changes one strategy, in processes of their own.
// `node bench/policy.ts [strategies …]`, default 100 1000 10000.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StrategyId } from "#core/identity.ts";
import { checkTree } from "#delivery/check.ts";
import { compareTrees } from "#delivery/compare.ts";
import { createMemo } from "#delivery/memo.ts";
import { mainRef, treePath } from "#delivery/names.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import { initBareRepository } from "#git/open.ts";
import { measure } from "./measure.ts";
import { atSeconds, cpuOf, edited, fleetOf, policyFile } from "./policy-fleet.ts";

const alice = { name: "alice", email: "alice@example.test" };
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [100, 1000, 10_000];

const lowered = (tree: SourceTree, to: number): SourceTree =>
  edited(tree, policyFile, 'maxOrderNotional: "5000"', `maxOrderNotional: "${to}"`);

/** Of this process alone; nothing here runs Git. */
async function judgement(count: number, tree: SourceTree): Promise<void> {
  const [seconds, report] = await cpuOf(() => checkTree(tree, { atSeconds }));
  const errors = report.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(`the fleet is refused: ${errors[0]?.message}`);
  console.log(`judge    ${count} strategies, ${report.checks.rules} rules, cold: ${seconds.toFixed(2)} s of CPU`);
  const memo = createMemo();
  for (const [name, to] of [
    ["cold", 1800],
    ["warm", 1700],
    ["warm", 1600],
  ] as const) {
    const after = lowered(tree, to);
    const [spent, { fleet }] = await cpuOf(() => compareTrees(tree, after, atSeconds, memo));
    const flips = fleet.environments.flatMap(({ strategies }) => strategies).filter((row) => row.after === "refused");
    console.log(`impact   of a one-line edit on ${count}, ${name}: ${spent.toFixed(2)} s of CPU; ${flips.length} flip`);
  }
}

/** A proposal of one strategy in a repository of that many. The CPU of whole processes, Node's start and Git's own with it, but the last. */
async function gate(count: number, tree: SourceTree): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  try {
    const number = await propose(directory, tree);
    const run = (kind: "none" | "index"): readonly [whole: number, again: number] => {
      const argv = [process.execPath, join(import.meta.dirname, "policy-gate.ts"), directory, `${number}`, kind];
      const { cpuSeconds, status, stdout } = measure(argv);
      if (status !== 0) throw new Error(`policy-gate.ts ended with ${status}`);
      const again = Number(stdout);
      return [cpuSeconds - again, again];
    };
    const [cold, warm] = run("none");
    const [made] = run("index");
    const [kept] = run("index");
    const shown = [cold, made, kept, warm].map((seconds) => seconds.toFixed(2));
    console.log(
      `gate     of one strategy among ${count}: cold ${shown[0]}, cold and index made ${shown[1]}, new process with index ${shown[2]}, warm in process ${shown[3]} s of CPU`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function propose(directory: string, tree: SourceTree): Promise<number> {
  const repository = await initBareRepository(join(directory, "forge.git"));
  const clock = (): number => atSeconds * 1000;
  const files = new Map([...tree].map(([name, file]) => [treePath(name), file.bytes]));
  const signature = { ...alice, timeSeconds: atSeconds };
  const written = await repository.writeTree(null, files);
  const seed = { tree: written, parents: [], author: signature, committer: signature, message: "the fleet\n" };
  await repository.updateRef(mainRef, await repository.writeCommit(seed), null);
  const forge = localForge({ repository, clock });
  const workspace = edited(tree, "strategies/t0/s0/strategy.yaml", "fast: 10", "fast: 11");
  const strategies = ["t0/s0" as StrategyId];
  const opened = await proposeDeploy({ repository, forge, clock, workspace, strategies, author: alice });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value.proposal.number;
}

for (const count of sizes) {
  const tree = await fleetOf(count);
  await judgement(count, tree);
  await gate(count, tree);
}
