import { Fault } from "#core/result.ts";
import type { CommitSha, Repository } from "#git/port.ts";

type Changes = Awaited<ReturnType<Repository["changedPaths"]>>;

/**
 * The paths that somebody's commit changes. Undefined where one of them is what no checkout should get: the gate refuses such a proposal, and it must
 * stop nobody who only looks on.
 */
export async function readableChanges(
  repository: Repository,
  from: CommitSha,
  to: CommitSha,
): Promise<Changes | undefined> {
  try {
    return await repository.changedPaths(from, to);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "git-path-malformed") return undefined;
    throw cause;
  }
}
