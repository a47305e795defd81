import { createHash } from "node:crypto";
import { slipwayIdentity } from "#core/committer.ts";
import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";
import type { Commit, CommitSha, Repository, TreeEntry, TreePath, TreeSha } from "#git/port.ts";
import { createMemo, type Memo } from "./memo.ts";
import { environmentRef, progressRef, strategiesOf, treePath } from "./names.ts";
import { pendingCommits, progressNote } from "./pending.ts";
import { planRender, type RenderPlan } from "./render-plan.ts";
import { planRenewal, type Renewal } from "./renewal.ts";
import { formatMessage, subjectOf, type Trailer, type TrailerName, trailerValues } from "./trailers.ts";

export interface RenderBranchRequest {
  readonly repository: Repository;
  readonly environment: string;
  /** What renders, for the trailer: name and version, and the lock file's digest where there is one. */
  readonly renderer: string;
  readonly memo?: Memo;
}

/** What became of one commit of main on an environment's branch. */
export interface RenderedCommit {
  readonly environment: string;
  /** The commit of main; of what another version renders otherwise, the one that brought the version. */
  readonly dry: CommitSha;
  readonly title: string;
  readonly outcome: "committed" | "unchanged" | "refused";
  /** The commit on the environment's branch, if there is one. */
  readonly commit: CommitSha | undefined;
  /** Whose files changed. */
  readonly strategies: readonly StrategyId[];
  /** Refused by today's policies and therefore rendered as stopped. */
  readonly stopped: readonly StrategyId[];
  readonly findings: readonly Finding[];
}

const triesMax = 5;

/**
 * Brings an environment's branch up to main: one commit per commit of main (first-parent order) that changes what is rendered. The branch is a
 * function of main's history and the renderers: no clock, no names of this machine. Killed anywhere and run again, it goes on where it was.
 *
 * Another version of Slipway than the one that rendered last first renders the same commit of main anew, in a commit of its own: what follows holds
 * what each commit of main does, and nothing of the version.
 *
 * @throws Fault `main-rewritten` when the branch's last commit was rendered from a commit that main no longer has; `renderer-unpinned` when another
 * version is running than the one that rendered last, and main does not ask for it; `render-contended`
 */
export async function renderBranch(request: RenderBranchRequest): Promise<readonly RenderedCommit[]> {
  const memo = request.memo ?? createMemo();
  const done: RenderedCommit[] = [];
  for (let tries = 0; tries < triesMax; tries += 1) {
    if ((await renderPending(request, memo, done)) === "done") return done;
  }
  throw new Fault(
    "render-contended",
    `env/${request.environment} was moved by someone else ${triesMax} times; is another server running?`,
  );
}

async function renderPending(
  request: RenderBranchRequest,
  memo: Memo,
  done: RenderedCommit[],
): Promise<"done" | "moved"> {
  const { repository, environment } = request;
  const ref = environmentRef(environment);
  let tip = await repository.resolve(ref);
  const renewal = await planRenewal(request, tip, memo);
  if (renewal !== undefined && tip !== undefined) {
    const made = await writeRendered(request, renewal.dry, renewal.plan, tip, renewal);
    if (made === undefined) await markProgress(request, renewal.dry, tip);
    else {
      if (!(await repository.updateRef(ref, made.commit, tip)).ok) return "moved";
      tip = made.commit;
      const about = renewal.tool ?? renewal.dry;
      done.push({ ...report(environment, about, renewal.plan, made), title: renewal.subject });
    }
  }
  const pending = await pendingCommits(repository, environment, tip, request.renderer);
  // The last commit before which nothing is left to do again; a refused one is said again until a later one is carried.
  let settled: Commit | undefined;
  let refusedAny = false;
  for (const dry of pending) {
    const plan = await planRender(repository, dry, environment, memo);
    const made = plan.outcome === "carried" ? await writeRendered(request, dry, plan, tip) : undefined;
    if (made !== undefined) {
      const moved = await repository.updateRef(ref, made.commit, tip ?? null);
      if (!moved.ok) return "moved";
      tip = made.commit;
    }
    // One that is carried has what was refused before it behind it, also if the branch is what it should be already.
    refusedAny = plan.outcome !== "carried" && (refusedAny || plan.outcome === "refused");
    if (made !== undefined) settled = undefined;
    else if (!refusedAny) settled = dry;
    if (plan.outcome !== "absent") done.push(report(environment, dry, plan, made));
  }
  if (settled !== undefined && tip !== undefined) await markProgress(request, settled, tip);
  return "done";
}

function report(
  environment: string,
  dry: Commit,
  plan: Exclude<RenderPlan, { outcome: "absent" }>,
  made: Written | undefined,
): RenderedCommit {
  const carried = made === undefined ? "unchanged" : "committed";
  return {
    environment,
    dry: dry.sha,
    title: subjectOf(dry),
    outcome: plan.outcome === "refused" ? "refused" : carried,
    commit: made?.commit,
    strategies: made?.strategies ?? [],
    stopped: plan.outcome === "carried" ? plan.stopped : [],
    findings: plan.findings,
  };
}

/** Remembers that commits of main changed nothing. It does no harm if that fails or is lost. */
async function markProgress(
  { repository, environment, renderer }: RenderBranchRequest,
  dry: Commit,
  tip: CommitSha,
): Promise<void> {
  const ref = progressRef(environment);
  const committer = { ...slipwayIdentity, timeSeconds: dry.committer.timeSeconds };
  const note = {
    tree: dry.tree,
    parents: [dry.sha],
    author: committer,
    committer,
    message: progressNote(tip, renderer),
  };
  const before = await repository.resolve(ref);
  const next = await repository.writeCommit(note);
  if (before !== next) await repository.updateRef(ref, next, before ?? null);
}

interface Written {
  readonly commit: CommitSha;
  readonly strategies: readonly StrategyId[];
}

/** Writes the commit object, not the ref. `undefined` when the branch's tree would be what it is. */
async function writeRendered(
  { repository, renderer }: RenderBranchRequest,
  dry: Commit,
  plan: Extract<RenderPlan, { outcome: "carried" }>,
  tip: CommitSha | undefined,
  renewal?: Renewal,
): Promise<Written | undefined> {
  const base = tip === undefined ? undefined : await repository.commit(tip);
  const before: ReadonlyMap<TreePath, TreeEntry> = base === undefined ? new Map() : await repository.list(base.tree);
  const changes = changesOf(before, plan.files);
  if (changes.size === 0) return undefined;
  const tree: TreeSha = await repository.writeTree(base?.tree ?? null, changes);
  const strategies = strategiesOf([...changes.keys()]);
  // Whose doing it is; of another version the commit that brought it, if main says one.
  const source = renewal === undefined ? dry : renewal.tool;
  // A merge's trailers are Slipway's; those of a commit that someone pushed are their word.
  const merge = source !== undefined && source.parents.length > 1;
  const carried = (name: TrailerName): readonly Trailer[] =>
    merge ? trailerValues(source.message, name).map((value) => [name, value]) : [];
  const trailers: readonly Trailer[] = [
    ["Dry-Commit", dry.sha],
    ...strategies.map((id): Trailer => ["Strategy", id]),
    ["Policy-Digest", plan.policyDigest],
    ["Renderer", renderer],
    ...(renewal?.tool === undefined ? [] : [["Tool-Commit", renewal.tool.sha] as const]),
    ["Rendered-Tree", tree],
    ...carried("Approved-by"),
    ...carried("Proposal"),
    ...carried("Rollback-of"),
  ];
  // Never before what it stands on: the version may have come before what was rendered last.
  const timeSeconds = Math.max(source?.committer.timeSeconds ?? 0, renewal === undefined ? 0 : renewal.sinceSeconds);
  const commit = await repository.writeCommit({
    tree,
    parents: tip === undefined ? [] : [tip],
    author: source?.author ?? { ...slipwayIdentity, timeSeconds },
    committer: { ...slipwayIdentity, timeSeconds },
    message: formatMessage(renewal?.subject ?? subjectOf(dry), trailers),
  });
  return { commit, strategies };
}

/** Only what differs, by Git's own ids: an untouched file is neither read nor written. What is no longer rendered goes. */
function changesOf(
  before: ReadonlyMap<TreePath, TreeEntry>,
  files: ReadonlyMap<string, string>,
): ReadonlyMap<TreePath, string | null> {
  const changes = new Map<TreePath, string | null>();
  for (const path of before.keys()) if (!files.has(path)) changes.set(path, null);
  for (const [path, text] of files) {
    const known = before.get(treePath(path));
    if (known?.mode !== "100644" || known.blob !== blobId(text, known.blob.length)) changes.set(treePath(path), text);
  }
  return changes;
}

function blobId(text: string, digits: number): string {
  const bytes = Buffer.from(text);
  return createHash(digits === 64 ? "sha256" : "sha1")
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest("hex");
}
