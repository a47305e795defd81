import type { Finding } from "#core/refusal.ts";
import type { Commit } from "#git/port.ts";
import { createMemo } from "./memo.ts";
import { environmentRef } from "./names.ts";
import { pendingCommits } from "./pending.ts";
import type { RenderBranchRequest } from "./render-branch.ts";

/** A commit that is on main and on no environment's branch, because the policies refuse it: it came past the gate. */
export interface SkippedCommit {
  readonly environment: string;
  readonly commit: Commit;
  readonly findings: readonly Finding[];
}

/**
 * What rendering skips now, oldest first; nothing once a later commit was carried. Reads only, and renders what the branch does not hold yet.
 *
 * @throws Fault `main-rewritten`, `branch-edited`: then nothing is rendered at all
 */
export async function skippedCommits(request: RenderBranchRequest): Promise<readonly SkippedCommit[]> {
  const { repository, environment, renderer, memo = createMemo() } = request;
  const tip = await repository.resolve(environmentRef(environment));
  const pending = await pendingCommits(repository, environment, tip, renderer);
  if (pending.length === 0) return [];
  // It brings the charts.
  const { planRender } = await import("./render-plan.ts");
  let skipped: SkippedCommit[] = [];
  for (const commit of pending) {
    const plan = await planRender(repository, commit, environment, memo);
    if (plan.outcome === "refused") skipped.push({ environment, commit, findings: plan.findings });
    // The server will carry it, and what was skipped before it is behind it.
    else if (plan.outcome === "carried") skipped = [];
  }
  return skipped;
}
