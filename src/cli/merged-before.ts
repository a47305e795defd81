import type { StrategyId } from "#core/identity.ts";
import { environmentRef, mainRef, strategiesOf } from "#delivery/names.ts";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import type { CommandContext, CommandResult, JsonDocument } from "./context.ts";
import { done } from "./context.ts";
import { formatTime } from "./output.ts";
import type { Plane } from "./plane.ts";
import { arrive } from "./ship.ts";
import type { Site } from "./site.ts";

export interface MergedBefore {
  /** None: whatever the last merge of strategies changed. */
  readonly strategies: readonly StrategyId[];
  readonly plane: Plane;
  readonly timeoutMs: number;
}

/**
 * Goes on where a command ended that had merged and was killed before all of it ran: main holds what it wanted, and that merge is followed.
 */
export async function followMergedBefore(
  context: CommandContext,
  site: Site,
  { strategies, plane, timeoutMs }: MergedBefore,
  document: JsonDocument,
): Promise<CommandResult> {
  const { repository } = site;
  const last = await lastMerge(repository, strategies);
  if (last === undefined) return done(document);
  const { sha, author, committer } = last;
  context.out.line(`  merged    ${sha.slice(0, 7)}, by ${author.name} at ${formatTime(committer.timeSeconds)}`);
  const followed = strategies.length > 0 ? strategies : await strategiesChangedBy(repository, sha);
  const environments = await renderedEnvironments(repository, sha);
  return arrive(context, site, { commit: sha, strategies: followed, environments, plane, timeoutMs }, document);
}

/** The newest commit of main that changed one of them. */
async function lastMerge(repository: Repository, strategies: readonly StrategyId[]): Promise<Commit | undefined> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return undefined;
  const paths = strategies.length === 0 ? ["strategies"] : strategies.map((id) => `strategies/${id}`);
  const found = new Set<CommitSha>();
  for (const path of paths) for (const { sha } of await repository.history(main, { path, limit: 1 })) found.add(sha);
  if (found.size <= 1) {
    const [only] = found;
    return only === undefined ? undefined : repository.commit(only);
  }
  return (await repository.history(main)).find(({ sha }) => found.has(sha));
}

/** The strategies that a commit of main changed; of the first one, none. */
export async function strategiesChangedBy(repository: Repository, commit: CommitSha): Promise<readonly StrategyId[]> {
  const [base] = (await repository.commit(commit)).parents;
  if (base === undefined) return [];
  return strategiesOf((await repository.changedPaths(base, commit)).map(({ path }) => path));
}

/** The environments of a commit of main that have a branch. */
async function renderedEnvironments(repository: Repository, commit: CommitSha): Promise<readonly string[]> {
  const names: string[] = [];
  for (const path of (await repository.list(commit, "policies/environments")).keys()) {
    const name = /\/(?<name>[^/.]+)\.yaml$/.exec(path)?.groups?.["name"];
    if (name !== undefined && (await repository.resolve(environmentRef(name))) !== undefined) names.push(name);
  }
  return names;
}
