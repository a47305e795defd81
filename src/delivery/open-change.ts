import { isSame } from "#core/person.ts";
import type { Finding } from "#core/refusal.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import type { Forge, ForgeRefusal, Proposal } from "#forge/port.ts";
import { checkPerson, checkTitle } from "#forge/text.ts";
import type { Commit, CommitSha, RefName, Repository, TreePath, TreeSha } from "#git/port.ts";
import { closeProposal } from "./close.ts";
import type { Memo } from "./memo.ts";
import { mainRef, treePath } from "./names.ts";
import { isOwnTitle } from "./summarize.ts";
import { claimedTrailers, formatMessage } from "./trailers.ts";
import type { SourceTree } from "./tree.ts";

/** What every way to propose something needs. */
export interface ProposeContext {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly author: { readonly name: string; readonly email: string };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly memo?: Memo;
}

export interface ProposalRefusal {
  readonly code:
    | "main-missing"
    | "nothing-to-deploy"
    | "check-refused"
    | "strategy-missing"
    | "environment-missing"
    | "deploy-unknown"
    | "halt-missing"
    | "edit-impossible"
    | "title-claims-trailer"
    /** Someone else's open proposal is on the branch. */
    | "proposal-held"
    | "take-over-refused"
    | "forge-refused";
  readonly message: string;
  readonly fix: string;
  readonly findings: readonly Finding[];
  /** Of `forge-refused`. */
  readonly refusal?: ForgeRefusal;
}

export interface OpenedChange {
  readonly proposal: Proposal;
  /** The content that was proposed; the proposal may hold another one by now. */
  readonly head: CommitSha;
  /** `unchanged`: it was open with this very content. */
  readonly outcome: "opened" | "moved" | "unchanged";
  /** Warnings of the check. */
  readonly findings: readonly Finding[];
  /** Someone else's proposal that was closed for this one. */
  readonly tookOver?: { readonly number: number; readonly author: string };
}

/** Some folders as they shall be on main. */
export interface FolderChange {
  readonly main: Commit;
  readonly branch: RefName;
  readonly folders: readonly string[];
  /** Holds at least every file of `folders`. */
  readonly after: SourceTree;
  readonly title: string;
  /** A person gave the title. */
  readonly named?: boolean;
  readonly description: string;
  /**
   * What becomes of other content that someone else proposes on this branch. Default `move`: it is Slipway's own and the same whoever asks for it.
   */
  readonly held?: "move" | "refuse" | "take-over";
  /** What is said when main has it already. */
  readonly nothing: string;
  readonly findings: readonly Finding[];
}

const triesMax = 5;

export async function readMain(repository: Repository): Promise<Result<Commit, ProposalRefusal>> {
  const sha = await repository.resolve(mainRef);
  if (sha !== undefined) return ok(await repository.commit(sha));
  return err({
    code: "main-missing",
    message: "the forge has no main branch yet",
    fix: "start it with: slipway up",
    findings: [],
  });
}

/** Puts the folders on a branch on top of main and opens its proposal. Repeatable: the branch moves by compare-and-swap. */
export async function openChange(
  context: ProposeContext,
  change: FolderChange,
): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { repository, forge } = context;
  const claimed = claimedTrailers(`${change.title}\n${change.description}`);
  if (claimed.length > 0) {
    const message = `the title or description claims the trailer ${claimed.join(", ")}, which only Slipway writes`;
    return err({ code: "title-claims-trailer", message, fix: "word it differently", findings: [] });
  }
  // Before anything is written: a commit's header takes no other names.
  const person = checkPerson(context.author);
  if (!person.ok) return err(forgeRefused(person.error));
  const tree = await repository.writeTree(change.main.tree, await changesOf(repository, change));
  if (tree === change.main.tree) return err(nothingToDeploy(change));
  const title = checkTitle(change.title);
  if (!title.ok) return err(forgeRefused(title.error));
  for (let tries = 0; tries < triesMax; tries += 1) {
    const [open] = await forge.list({ state: "open", branch: change.branch });
    const caller = (await forge.caller?.()) ?? context.author;
    if (open !== undefined && (await merges(repository, change.main.sha, open.head, tree))) {
      const said = await reworded(forge, open, change);
      return said.ok
        ? ok({ proposal: said.value, head: open.head, outcome: "unchanged", findings: change.findings })
        : said;
    }
    const others =
      open !== undefined && change.held !== undefined && !isSame({ name: open.author, email: open.authorEmail }, caller)
        ? open
        : undefined;
    if (others !== undefined && change.held === "refuse") return err(heldBy(others));
    if (others !== undefined && change.held === "take-over") {
      const reason = `${caller.name} proposes other content in its place`;
      const closed = await closeProposal({ repository, forge, number: others.number, by: context.author, reason });
      if (!closed.ok) return err({ ...closed.error, code: "take-over-refused" });
    }
    const tip = await repository.resolve(change.branch);
    const head = await writeHead(context, change, tree);
    const moved = await repository.updateRef(change.branch, head, tip ?? null);
    if (!moved.ok) continue;
    if (open === undefined && (await isOnMain(repository, change.main.sha, head))) {
      await repository.updateRef(change.branch, null, head);
      return err(nothingToDeploy(change));
    }
    const { description, branch } = change;
    const opened = await forge.open({
      title: title.value,
      description,
      branch,
      author: context.author,
      target: mainRef,
    });
    if (!opened.ok) return err(forgeRefused(opened.error));
    const said = await reworded(forge, opened.value, change);
    if (!said.ok) return said;
    const outcome = open === undefined || opened.value.number !== open.number ? "opened" : "moved";
    const made = { proposal: said.value, head, outcome, findings: change.findings } as const;
    if (open === undefined || outcome === "moved") return ok(made);
    return ok({ ...made, tookOver: { number: open.number, author: open.author } });
  }
  throw new Fault("propose-contended", `${change.branch} was moved by others ${triesMax} times; try again`);
}

function nothingToDeploy({ nothing }: FolderChange): ProposalRefusal {
  return {
    code: "nothing-to-deploy",
    message: `nothing to propose: ${nothing}`,
    fix: "change something first; slipway status shows what runs",
    findings: [],
  };
}

/** Whether someone has merged the same since main was read: a second proposal would change nothing. */
async function isOnMain(repository: Repository, read: CommitSha, head: CommitSha): Promise<boolean> {
  const now = await repository.resolve(mainRef);
  if (now === undefined || now === read) return false;
  return merges(repository, now, head, (await repository.commit(now)).tree);
}

function heldBy({ number, author, title }: Proposal): ProposalRefusal {
  return {
    code: "proposal-held",
    message: `proposal #${number} by ${author} is open for the same, with other content (${title}); yours would take its place`,
    fix: `look at it (slipway proposal ${number}), wait until it is merged or closed, or add --take-over: that closes #${number} in your name and proposes yours`,
    findings: [],
  };
}

/** An open proposal says what its branch holds now; a title that a person gave goes only for another one that a person gave. */
async function reworded(
  forge: Forge,
  proposal: Proposal,
  { title, named = false, description }: FolderChange,
): Promise<Result<Proposal, ProposalRefusal>> {
  const words = { title: named || isOwnTitle(proposal) ? title : proposal.title, description };
  if (words.title === proposal.title && words.description === proposal.description) return ok(proposal);
  const said = await forge.reword(proposal.number, words);
  return said.ok ? said : err(forgeRefused(said.error));
}

/** Whether merging a head gives exactly this tree: then there is nothing new to say. */
async function merges(repository: Repository, main: CommitSha, head: CommitSha, tree: TreeSha): Promise<boolean> {
  const merged = await repository.mergeTree(main, head);
  return merged.ok && merged.value === tree;
}

async function changesOf(
  repository: Repository,
  { main, folders, after }: FolderChange,
): Promise<ReadonlyMap<TreePath, Uint8Array | null>> {
  const changes = new Map<TreePath, Uint8Array | null>();
  for (const folder of folders) {
    for (const path of (await repository.list(main.tree, folder)).keys()) changes.set(path, null);
  }
  for (const [path, file] of after) {
    const inside = folders.some((folder) => path.startsWith(`${folder}/`));
    if (inside && file.unreadBytes === undefined) changes.set(treePath(path), file.bytes);
  }
  return changes;
}

async function writeHead(
  { repository, author, clock }: ProposeContext,
  change: FolderChange,
  tree: TreeSha,
): Promise<CommitSha> {
  const signature = { name: author.name, email: author.email, timeSeconds: Math.floor(clock() / 1_000) };
  const message = formatMessage(change.title, []);
  return repository.writeCommit({ tree, parents: [change.main.sha], author: signature, committer: signature, message });
}

function forgeRefused(refusal: ForgeRefusal): ProposalRefusal {
  const allowed = "allowed" in refusal ? `; allowed is ${refusal.allowed}` : "";
  return {
    code: "forge-refused",
    message: `the forge refused the proposal: ${refusal.code}${allowed}`,
    fix: "mend that and propose again",
    findings: [],
    refusal,
  };
}
