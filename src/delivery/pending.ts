import { Fault } from "#core/result.ts";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import { mainRef, progressRef } from "./names.ts";
import { trailerValues } from "./trailers.ts";

/**
 * The commits of main that the branch does not hold yet, oldest first.
 *
 * @throws Fault `main-rewritten`, `branch-edited`
 */
export async function pendingCommits(
  repository: Repository,
  environment: string,
  tip: CommitSha | undefined,
  renderer: string,
): Promise<readonly Commit[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const last = tip === undefined ? undefined : await lastRendered(repository, environment, tip, renderer);
  if (last === main) return [];
  if (last === undefined) return (await repository.history(main)).toReversed();
  const commits = (await repository.history(main, { stop: last })).toReversed();
  if (commits[0]?.parents[0] === last) return commits;
  throw new Fault(
    "main-rewritten",
    `env/${environment} was rendered from ${last}, which main (${main}) does not have in its first-parent history; restore main, or remove the branch to render anew`,
  );
}

async function lastRendered(
  repository: Repository,
  environment: string,
  tip: CommitSha,
  renderer: string,
): Promise<CommitSha> {
  const message = (await repository.commit(tip)).message;
  const progress = await repository.resolve(progressRef(environment));
  if (progress !== undefined) {
    const note = await repository.commit(progress);
    const [dry] = note.parents;
    if (dry !== undefined && note.message === progressNote(tip, renderer)) return dry;
  }
  const [dry] = trailerValues(message, "Dry-Commit");
  if (dry === undefined || !/^[0-9a-f]{40,64}$/.test(dry)) {
    throw new Fault(
      "branch-edited",
      `env/${environment} stands at ${tip}, which Slipway did not write; put the branch back to the commit before`,
    );
  }
  return dry as CommitSha;
}

/** What the commit of an environment's progress says. */
export function progressNote(tip: CommitSha, renderer: string): string {
  return `nothing changed on ${tip} by ${renderer}\n`;
}
