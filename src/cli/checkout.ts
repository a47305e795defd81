import { mainRef } from "#delivery/names.ts";
import { withHalts } from "#delivery/propose.ts";
import { type ChangeSummary, summarize } from "#delivery/summarize.ts";
import { readCommit, readWorkspace, type SourceTree } from "#delivery/tree.ts";
import type { Site } from "./site.ts";

/** How a checkout differs from main. Strategies that are only on main count as `deleted`: nobody proposes that without naming it. */
export interface CheckoutDifference extends ChangeSummary {
  readonly workspace: SourceTree;
  /** How many strategies stand on main. */
  readonly deployed: number;
}

export async function compareCheckout(site: Site): Promise<CheckoutDifference> {
  const workspace = await readWorkspace(site.checkout);
  const main = await site.repository.resolve(mainRef);
  const before = main === undefined ? new Map<string, never>() : await readCommit(site.repository, main);
  const deployed = [...before.keys()].filter((path) => /^strategies\/[^/]+\/[^/]+\/strategy\.yaml$/.test(path)).length;
  return { workspace, deployed, ...summarize(before, withHalts(before, workspace)) };
}
