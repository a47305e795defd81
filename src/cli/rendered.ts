import { environmentRef, mainRef, progressRef } from "#delivery/names.ts";
import { trailerValues } from "#delivery/trailers.ts";
import type { CommitSha, Repository } from "#git/port.ts";

/** What became of a commit of main on an environment's branch: a commit of its own, nothing to change, or not yet. */
export type RenderedAs =
  | { readonly outcome: "committed"; readonly commit: CommitSha; readonly timeSeconds: number }
  | { readonly outcome: "unchanged" }
  | undefined;

const historyMax = 200;

export async function renderedAs(repository: Repository, environment: string, dry: CommitSha): Promise<RenderedAs> {
  const tip = await repository.resolve(environmentRef(environment));
  if (tip === undefined) return undefined;
  const commits = await repository.history(tip, { limit: historyMax });
  // The oldest: another version of Slipway may have rendered the same once more.
  for (const { sha, message, committer } of commits.toReversed()) {
    if (trailerValues(message, "Dry-Commit")[0] === dry)
      return { outcome: "committed", commit: sha, timeSeconds: committer.timeSeconds };
  }
  return (await isPast(repository, environment, dry, trailerValues(commits[0]?.message ?? "", "Dry-Commit")[0]))
    ? { outcome: "unchanged" }
    : undefined;
}

/** Whether the branch was rendered from this commit of main or a later one. */
async function isPast(
  repository: Repository,
  environment: string,
  dry: CommitSha,
  lastDry: string | undefined,
): Promise<boolean> {
  const progress = await repository.resolve(progressRef(environment));
  const [noted] = progress === undefined ? [] : (await repository.commit(progress)).parents;
  const main = await repository.resolve(mainRef);
  if (main === undefined) return false;
  const after = (await repository.history(main, { stop: dry, limit: historyMax })).map(({ sha }) => sha);
  return [noted, lastDry].some((seen) => seen === dry || after.some((sha) => sha === seen));
}
