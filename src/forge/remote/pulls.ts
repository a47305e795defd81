import { assert, err, Fault, ok, type Result } from "#core/result.ts";
import { parseRefName } from "#git/open.ts";
import type { CommitSha, Mirror, RefName } from "#git/port.ts";
import type { ForgeRefusal, Proposal } from "../port.ts";
import { commentMark, escapeText } from "../text.ts";
import type { Comment, ForgeApi, Pull, Status } from "./api.ts";
import type { ContentBudget } from "./budget.ts";
import { closingOf } from "./closing.ts";
import { approvalsOf, currentGate, gateContext, isSame } from "./gate.ts";
import type { Turns } from "./in-turn.ts";

export interface RemoteForgeOptions {
  readonly api: ForgeApi;
  /** The repository of the pull requests. */
  readonly repository: Mirror;
  /** The one login whose statuses and comments are believed: Slipway's own. */
  readonly writer: string;
  readonly budget: ContentBudget;
  readonly pause: (ms: number) => Promise<void>;
}

export interface Remote extends RemoteForgeOptions {
  readonly turns: Turns;
}

const branchPrefix = "refs/heads/";

/** A branch's name as the forge's requests have it. */
export function branchName(ref: RefName): string | undefined {
  return ref.startsWith(branchPrefix) ? ref.slice(branchPrefix.length) : undefined;
}

/** Where a pull request's commits can be fetched: its branch, or what the forge keeps for one of a fork or of a name that we do not take. */
function refOf({ number, branch, fork }: Pull): RefName {
  const own = fork ? undefined : parseRefName(`${branchPrefix}${branch}`);
  if (own?.ok === true) return own.value;
  return pullRef(number);
}

function pullRef(number: number): RefName {
  const ref = parseRefName(`refs/pull/${number}/head`);
  assert(ref.ok, `not a number: ${number}`);
  return ref.value;
}

/** One whose target is called what we take no branch's name for is none of ours: it must not stop the others. */
export function isOurs({ target }: Pull): boolean {
  return parseRefName(`${branchPrefix}${target}`).ok;
}

export async function findPull({ api }: Remote, number: number): Promise<Result<Pull, ForgeRefusal>> {
  const pull = Number.isSafeInteger(number) && number > 0 ? await api.pull(number) : undefined;
  return pull === undefined || !isOurs(pull) ? err({ code: "proposal-missing", number }) : ok(pull);
}

/** A pull request with all that Slipway reads of it; its commits are in the mirror afterwards. */
export async function present(remote: Remote, pull: Pull): Promise<Proposal> {
  const { api, repository, writer } = remote;
  const target = parseRefName(`${branchPrefix}${pull.target}`);
  assert(target.ok, `pull request #${pull.number} has a target that is no branch: ${JSON.stringify(pull.target)}`);
  await bring(repository, pull);
  const [comments, reviews] = await Promise.all([api.comments(pull.number), api.reviews(pull.number)]);
  const statuses = new Map<CommitSha, readonly Status[]>();
  for (const sha of new Set([
    pull.head,
    ...reviews.filter(({ state }) => state === "approved").flatMap(({ commit }) => commit ?? []),
  ]))
    statuses.set(sha, await api.statuses(sha, gateContext));
  const closed = pull.state === "closed" ? closingOf(comments) : undefined;
  const statusesOf = (sha: CommitSha): readonly Status[] => statuses.get(sha) ?? [];
  return {
    number: pull.number,
    title: escapeText(pull.title),
    description: escapeText(pull.body),
    author: pull.author,
    ...(pull.authorEmail === undefined ? {} : { authorEmail: pull.authorEmail }),
    branch: refOf(pull),
    target: target.value,
    state: pull.state,
    head: pull.head,
    gate: currentGate(statusesOf(pull.head), writer, pull.head),
    comment: ownComments(comments, writer)[0]?.body,
    approvals: approvalsOf(reviews, writer, statusesOf),
    mergedAs: pull.mergedAs,
    ...(closed === undefined ? {} : { closed }),
    openedSeconds: pull.openedSeconds,
  };
}

/** Fetches its commits. Those that cannot be had are missed by whoever judges it, and stop nobody else. */
async function bring(repository: Mirror, { number, head }: Pull): Promise<void> {
  if (await repository.has(head)) return;
  await repository.fetch();
  if (await repository.has(head)) return;
  await repository.fetchRef(pullRef(number)).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
}

export async function findOpen(remote: Remote, number: number): Promise<Result<Pull, ForgeRefusal>> {
  const pull = await findPull(remote, number);
  if (!pull.ok || pull.value.state === "open") return pull;
  return err({ code: "proposal-not-open", number, state: pull.value.state });
}

export function ownComments(comments: readonly Comment[], writer: string): readonly Comment[] {
  return comments.filter(({ author, body }) => isSame(author, writer) && body.startsWith(`${commentMark}\n`));
}
