import type { EffectiveStrategy } from "#core/effective.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import type { Policies } from "#core/policies.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { effectiveSpecs } from "./effective-specs.ts";
import { type Fleet, policyIn, readFleet } from "./fleet.ts";
import type { EnvironmentPair } from "./impact.ts";
import type { Memo } from "./memo.ts";
import { type Bystanders, inputsOf, type RenderInput, refusedStrategies, renderFiles } from "./render-tree.ts";
import type { SourceTree } from "./tree.ts";

/** One side of a comparison: a tree as it was judged at an instant. */
export interface Side {
  /** Of the strategies in question. */
  readonly report: CheckReport;
  readonly policies: Policies;
  readonly fleet: Fleet;
  readonly atSeconds: number;
  /** The strategies in question; absent: all. */
  readonly focus: readonly StrategyId[] | undefined;
}

/**
 * @param focus judges these alone, and renders nothing of the others but their part in what all share, so that a proposal of one strategy costs
 * one strategy. Only where nothing else differs between the two sides
 */
export async function judgeSide(
  tree: SourceTree,
  atSeconds: number,
  memo: Memo,
  focus?: readonly StrategyId[],
): Promise<Side> {
  const fleet = readFleet(tree, memo);
  const here = focus?.filter((id) => fleet.strategies.has(id));
  const report = await checkTree(tree, { atSeconds, memo, ...(here === undefined ? {} : { strategies: here }) });
  return { atSeconds, report, policies: fleet.policies, fleet, focus };
}

/**
 * What both sides render to, environment by environment; one that a side does not have is empty there. By policies that are refused nothing is
 * rendered: what is there stays.
 */
export function renderPairs(before: Side, after: Side, memo: Memo): readonly EnvironmentPair[] {
  const names = [...new Set([...before.report.environments, ...after.report.environments])].sort();
  return names.map((environment) => {
    const old = renderSide(before, environment, memo, []);
    if (isRefused(after, environment, memo)) return { environment, before: old, after: old, isRefused: true };
    return {
      environment,
      before: old,
      after: renderSide(after, environment, memo, stoppedBy(before, after, environment)),
    };
  });
}

function isRefused({ fleet, report, atSeconds }: Side, environment: string, memo: Memo): boolean {
  return report.environments.includes(environment) && policyIn(fleet, environment, atSeconds, memo) === undefined;
}

function renderSide(
  side: Side,
  environment: string,
  memo: Memo,
  stopped: readonly RenderInput[],
): ReadonlyMap<string, string> {
  const { fleet, report, atSeconds } = side;
  const policy = policyIn(fleet, environment, atSeconds, memo);
  if (policy === undefined) return new Map();
  return renderFiles(
    policy,
    [...inputsOf(report, environment), ...stopped],
    memo,
    bystandersOf(side, environment, memo),
  );
}

/** Everyone who is not in question: what they run is the same on both sides, whatever the rules say of it. */
function bystandersOf({ focus, fleet, atSeconds }: Side, environment: string, memo: Memo): Bystanders | undefined {
  if (focus === undefined) return undefined;
  const strategies: EffectiveStrategy[] = [];
  for (const [id, effective] of effectiveSpecs(fleet, atSeconds, memo).all(environment))
    if (!focus.includes(id)) strategies.push(effective);
  return { strategies, teams: [...new Set(focus.map((id) => splitStrategyId(id).team))] };
}

/** What passes before and is refused after is rendered as it was, stopped, under the policies that let it run (design 2.5). */
function stoppedBy(before: Side, after: Side, environment: string): readonly RenderInput[] {
  const held = before.fleet.environments.get(environment)?.document;
  if (held === undefined) return [];
  const refused = refusedStrategies(after.report.findings, environment);
  return inputsOf(before.report, environment)
    .filter(({ effective }) => refused.has(`${effective.team}/${effective.name}` as StrategyId))
    .map((input) => ({ ...input, effective: { ...input.effective, running: false }, held }));
}
