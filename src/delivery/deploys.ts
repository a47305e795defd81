import type { StrategyId } from "#core/identity.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { mainRef } from "./names.ts";
import { subjectOf, trailerValues } from "./trailers.ts";

/** One change of a strategy that reached main. */
export interface Deploy {
  /** Counts the strategy's deploys from 1, oldest first; never changes. */
  readonly number: number;
  readonly commit: CommitSha;
  readonly title: string;
  /** Who merged it. */
  readonly author: string;
  readonly timeSeconds: number;
  /** Absent for what did not come through a proposal. */
  readonly proposal: number | undefined;
  readonly approvedBy: readonly string[];
  /** The commit of main whose folder this one restored. */
  readonly rollbackOf: CommitSha | undefined;
}

/** A strategy's deploys, oldest first: the commits of main (first parent) that touch its folder. Empty if it never was on main. */
export async function listDeploys(repository: Repository, strategy: StrategyId): Promise<readonly Deploy[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const commits = (await repository.history(main, { path: `strategies/${strategy}` })).toReversed();
  return commits.map((commit, index) => {
    const proposal = trailerValues(commit.message, "Proposal")[0];
    const rollback = trailerValues(commit.message, "Rollback-of")[0];
    return {
      number: index + 1,
      commit: commit.sha,
      title: subjectOf(commit),
      author: commit.author.name,
      timeSeconds: commit.committer.timeSeconds,
      proposal: proposal !== undefined && /^[1-9]\d{0,9}$/.test(proposal) ? Number(proposal) : undefined,
      approvedBy: trailerValues(commit.message, "Approved-by"),
      rollbackOf: rollback !== undefined && /^[0-9a-f]{40,64}$/.test(rollback) ? (rollback as CommitSha) : undefined,
    };
  });
}
