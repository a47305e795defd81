import type { StrategyId } from "#core/identity.ts";
import type { Policies } from "#core/policies.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { readFleet } from "./fleet.ts";
import type { EnvironmentPair } from "./impact.ts";
import { readLayout } from "./layout.ts";
import type { Memo } from "./memo.ts";
import {
  inputsOf,
  type RenderInput,
  readEnvironment,
  readPolicy,
  refusedStrategies,
  renderFiles,
} from "./render-tree.ts";
import type { SourceTree } from "./tree.ts";

/** One side of a comparison: a tree as it was judged at an instant. */
export interface Side {
  readonly tree: SourceTree;
  readonly report: CheckReport;
  readonly policies: Policies;
  readonly atSeconds: number;
}

export async function judgeSide(tree: SourceTree, atSeconds: number, memo: Memo): Promise<Side> {
  const report = await checkTree(tree, { atSeconds, memo });
  return { tree, atSeconds, report, policies: readFleet(readLayout(tree), memo).policies };
}

/** What both sides render to, environment by environment; one that a side does not have is empty there. */
export function renderPairs(before: Side, after: Side, memo: Memo): readonly EnvironmentPair[] {
  const names = [...new Set([...before.report.environments, ...after.report.environments])].sort();
  return names.map((environment) => ({
    environment,
    before: renderSide(before, environment, memo, []),
    after: renderSide(after, environment, memo, stoppedBy(before, after, environment, memo)),
  }));
}

function renderSide(
  { tree, report, atSeconds }: Side,
  environment: string,
  memo: Memo,
  stopped: readonly RenderInput[],
): ReadonlyMap<string, string> {
  const policy = readPolicy(tree, environment, atSeconds, memo);
  return policy === undefined ? new Map() : renderFiles(policy, [...inputsOf(report, environment), ...stopped], memo);
}

/** What passes before and is refused after is rendered as it was, stopped, under the policies that let it run (design 2.5). */
function stoppedBy(before: Side, after: Side, environment: string, memo: Memo): readonly RenderInput[] {
  const policy = readEnvironment(before.tree, environment, memo);
  if (policy === undefined) return [];
  const refused = refusedStrategies(after.report.findings, environment);
  return inputsOf(before.report, environment)
    .filter(({ effective }) => refused.has(`${effective.team}/${effective.name}` as StrategyId))
    .map((input) => ({ ...input, effective: { ...input.effective, running: false }, policy }));
}
