import { checkClaims } from "./claims.ts";
import { type FleetImpact, fleetImpact } from "./fleet-impact.ts";
import type { Memo } from "./memo.ts";
import { judgeSide, renderPairs } from "./sides.ts";
import { summarize } from "./summarize.ts";
import type { SourceTree } from "./tree.ts";

export interface Comparison {
  /** What differs in `policies/`, in the words of the documents. */
  readonly policies: readonly string[];
  /** What differs in strategies, by id. */
  readonly strategies: readonly string[];
  readonly fleet: FleetImpact;
}

/**
 * Compares two trees: what each environment makes of every strategy, before and after.
 *
 * @param atSeconds the instant at which both are judged, since the epoch
 */
export async function compareTrees(
  before: SourceTree,
  after: SourceTree,
  atSeconds: number,
  memo: Memo,
): Promise<Comparison> {
  const [old, now] = [await judgeSide(before, atSeconds, memo), await judgeSide(after, atSeconds, memo)];
  const { policies, strategies } = summarize(before, after);
  const fleet = fleetImpact(old, now, renderPairs(old, now, memo));
  const claims = checkClaims(old.fleet, now.fleet, false).filter(({ severity }) => severity === "error");
  return {
    policies,
    strategies: strategies.map(({ id, changes }) => `${id}: ${changes.join(", ")}`),
    fleet: { ...fleet, findings: [...fleet.findings, ...claims] },
  };
}
