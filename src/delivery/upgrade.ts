import type { EffectiveStrategy } from "#core/effective.ts";
import type { StrategyId } from "#core/identity.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { checkTree } from "./check.ts";
import type { EnvironmentFleet, StrategyRow } from "./fleet-impact.ts";
import { changedObjects, type EnvironmentPair, effectiveIn, groupByStrategy, impactOn } from "./impact.ts";
import type { Memo } from "./memo.ts";
import { environmentRef } from "./names.ts";
import { planRender } from "./render-plan.ts";
import { trailerValues } from "./trailers.ts";
import { readCommit } from "./tree.ts";

/** What this version of the tool would render, against what an environment's branch holds. */
export interface UpgradeImpact {
  readonly fleet: EnvironmentFleet;
  /** The `Renderer` trailer of the branch's last commit. */
  readonly renderedBy: string;
}

/**
 * Renders the commit that an environment's branch was last rendered from once more: what differs is the tool's, the charts' or the runtime's doing
 * alone, and a strategy whose pod differs would restart with the next commit.
 *
 * @returns undefined where nothing was rendered yet
 */
export async function upgradeImpact(
  repository: Repository,
  environment: string,
  memo: Memo,
): Promise<UpgradeImpact | undefined> {
  const tip = await repository.resolve(environmentRef(environment));
  if (tip === undefined) return undefined;
  const { message } = await repository.commit(tip);
  const [dry] = trailerValues(message, "Dry-Commit");
  const [renderedBy = "unknown"] = trailerValues(message, "Renderer");
  if (dry === undefined) return undefined;
  const commit = await repository.commit(dry as CommitSha);
  const plan = await planRender(repository, commit, environment, memo);
  if (plan.outcome !== "carried") return undefined;
  const atSeconds = commit.committer.timeSeconds;
  const report = await checkTree(await readCommit(repository, commit.sha), {
    atSeconds,
    memo,
    environments: [environment],
  });
  const pair: EnvironmentPair = { environment, before: await filesAt(repository, tip), after: plan.files };
  return { renderedBy, fleet: fleetOf(pair, effectiveIn(report, environment), new Set(plan.stopped)) };
}

async function filesAt(repository: Repository, commit: CommitSha): Promise<ReadonlyMap<string, string>> {
  const entries = await repository.list(commit);
  const blobs = await repository.read([...entries.values()].map(({ blob }) => blob));
  return new Map([...entries].map(([path, { blob }]) => [path, new TextDecoder().decode(blobs.get(blob))]));
}

function fleetOf(
  pair: EnvironmentPair,
  effective: ReadonlyMap<StrategyId, EffectiveStrategy>,
  stopped: ReadonlySet<StrategyId>,
): EnvironmentFleet {
  const objects = changedObjects(pair);
  const changed = groupByStrategy(objects, effective.keys());
  const strategies = [...effective]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, runs]): StrategyRow => {
      const state = stopped.has(id) ? { ...runs, running: false } : runs;
      const impact = impactOn(id, pair, changed, state, state);
      return {
        id,
        owner: runs.owner,
        before: stopped.has(id) ? "refused" : "passed",
        after: stopped.has(id) ? "refused" : "passed",
        running: state.running,
        refusal: undefined,
        advice: [],
        impact: impact ?? { objects: { added: 0, changed: 0, removed: 0 }, effect: "unchanged", limits: [] },
      };
    });
  const theirs = new Set([...changed.values()].flat());
  return { environment: pair.environment, strategies, shared: objects.filter((object) => !theirs.has(object)) };
}
