import { Fault } from "#core/result.ts";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import type { Memo } from "./memo.ts";
import { mainRef, progressRef } from "./names.ts";
import { progressNote } from "./pending.ts";
import { describePin, isPinned, pinAt, pinnedSince } from "./pinned.ts";
import { planRender, type RenderPlan } from "./render-plan.ts";
import { trailerValues } from "./trailers.ts";

/** What a branch holds, rendered once more by another version. */
export interface Renewal {
  /** The commit of main that the branch's tip was rendered from. */
  readonly dry: Commit;
  readonly plan: Extract<RenderPlan, { outcome: "carried" }>;
  /** The commit of main that brought the version; absent where main asks for none. */
  readonly tool: Commit | undefined;
  readonly subject: string;
  /** The committer date of the branch's tip. */
  readonly sinceSeconds: number;
}

/**
 * Decides what becomes of a branch that another version has rendered. Main's lock file says which version may: one that nobody merged renders nothing,
 * and the one that rendered last goes on after an upgrade was merged, until the server is started anew.
 *
 * @returns undefined where the same version goes on, or there is nothing to render anew
 * @throws Fault `renderer-unpinned`
 */
export async function planRenewal(
  {
    repository,
    environment,
    renderer,
  }: { readonly repository: Repository; readonly environment: string; readonly renderer: string },
  tip: CommitSha | undefined,
  memo: Memo,
): Promise<Renewal | undefined> {
  const last = tip === undefined ? undefined : await memo.of("tip", tip, () => repository.commit(tip));
  const [before = ""] = last === undefined ? [] : trailerValues(last.message, "Renderer");
  if (before === renderer || (last !== undefined && before === "")) return undefined;
  const main = await repository.resolve(mainRef);
  if (main === undefined) return undefined;
  const pin = await pinAt(repository, main, memo);
  if (pin !== undefined && !isPinned(pin, renderer))
    throw new Fault(
      "renderer-unpinned",
      `main asks for ${describePin(pin)}, and this is ${renderer}: it renders nothing to env/${environment}${before === "" ? "" : `, which ${before} has rendered`}; start the server from main's package-lock.json (npm ci), or merge the other version first`,
    );
  if (last === undefined || (await isSettled(repository, environment, last.sha, renderer))) return undefined;
  const [dry] = trailerValues(last.message, "Dry-Commit") as readonly CommitSha[];
  if (dry === undefined || !(await repository.has(dry))) return undefined;
  const commit = await repository.commit(dry);
  const plan = await planRender(repository, commit, environment, memo);
  if (plan.outcome !== "carried") return undefined;
  return {
    ...{ dry: commit, plan, subject: `${before} → ${renderer}`, sinceSeconds: last.committer.timeSeconds },
    tool: pin === undefined ? undefined : await pinnedSince(repository, main),
  };
}

/** Whether this version was seen to render the same. */
async function isSettled(
  repository: Repository,
  environment: string,
  tip: CommitSha,
  renderer: string,
): Promise<boolean> {
  const progress = await repository.resolve(progressRef(environment));
  return progress !== undefined && (await repository.commit(progress)).message === progressNote(tip, renderer);
}
