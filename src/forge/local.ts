import { assert, err, ok, type Result } from "#core/result.ts";
import type { CommitSha, RefName, Repository } from "#git/port.ts";
import { mergeProposal } from "./merge.ts";
import type { Approval, Forge, ForgeRefusal, GateStatus, OpenProposal, Proposal, ProposalState } from "./port.ts";
import { type ProposalRecord, presentRecord, proposalRef } from "./record.ts";
import {
  type Change,
  changeEntry,
  contended,
  type Entry,
  headOf,
  readAll,
  readSettled,
  type Store,
  settle,
  writeEntry,
} from "./store.ts";
import { checkDescription, checkIdentity, checkPerson, checkTitle, escapeText, oneLine } from "./text.ts";

const openTriesMax = 100;

/**
 * Proposals inside the repository that they are about. One is the ref `refs/slipway/proposals/<n>`; each change is a commit on it, so its
 * history says who changed what and when. Nothing else is kept, and many processes may use one repository at once.
 *
 * @param options.clock milliseconds since the epoch
 */
export function localForge(options: { readonly repository: Repository; readonly clock: () => number }): Forge {
  const store: Store = options;
  return {
    kind: "local",
    identities: "unverified",
    open: (request) => open(store, request),
    get: async (number) => present(store, await readSettled(store, number)),
    list: (filter) => list(store, filter ?? {}),
    reword: async (number, words) => present(store, await reword(store, number, words)),
    setGate: async (number, status) => present(store, await setGate(store, number, status)),
    setComment: async (number, markdown) => present(store, await setComment(store, number, markdown)),
    approve: async (number, approval) => present(store, await approve(store, number, approval)),
    passedGate: async (commit, target) => {
      const isOf = ({ mergedAs, prepared }: ProposalRecord): boolean =>
        mergedAs === commit || prepared.some((one) => one.commit === commit);
      // Nothing is prepared that has not passed.
      return (await readAll(store)).find(({ record }) => record.target === target && isOf(record))?.record.number;
    },
    merge: (number, request) => mergeProposal(store, number, request),
    close: async (number, closing) => present(store, await close(store, number, closing)),
  };
}

async function present(store: Store, read: Result<Entry, ForgeRefusal>): Promise<Result<Proposal, ForgeRefusal>> {
  if (!read.ok) return read;
  const { record, comment } = read.value;
  return ok(presentRecord(record, comment, await headOf(store, record)));
}

async function open(store: Store, request: OpenProposal): Promise<Result<Proposal, ForgeRefusal>> {
  const title = checkTitle(request.title);
  if (!title.ok) return title;
  const description = checkDescription(request.description);
  if (!description.ok) return description;
  const author = checkPerson(request.author);
  if (!author.ok) return author;
  for (const branch of [request.branch, request.target]) {
    if ((await store.repository.resolve(branch)) === undefined) return err({ code: "branch-missing", branch });
  }
  for (let tries = 0; tries < openTriesMax; tries += 1) {
    const all = await readAll(store);
    const same = await openOne(store, all, request);
    if (same !== undefined) return same;
    const head = await store.repository.resolve(request.branch);
    if (head === undefined) return err({ code: "branch-missing", branch: request.branch });
    const record: ProposalRecord = {
      // Always one above the highest: of two that open at once, one creates the ref and the other starts again and sees it.
      number: (all[0]?.record.number ?? 0) + 1,
      title: title.value,
      description: description.value,
      author: { name: request.author.name, email: request.author.email },
      branch: request.branch,
      target: request.target,
      state: "open",
      head,
      gate: undefined,
      approvals: [],
      prepared: [],
      mergedAs: undefined,
      closed: undefined,
      openedSeconds: Math.floor(store.clock() / 1_000),
    };
    const written = await writeEntry(store, null, { record, comment: undefined, note: "opened" });
    if (written !== "moved") return present(store, ok(written));
  }
  throw contended(proposalRef(1));
}

/** The proposal of this branch for this target that is open now. */
async function openOne(
  store: Store,
  all: readonly Entry[],
  request: OpenProposal,
): Promise<Result<Proposal, ForgeRefusal> | undefined> {
  for (const { record } of all) {
    if (record.state !== "open" || record.branch !== request.branch || record.target !== request.target) continue;
    const settled = await readSettled(store, record.number);
    if (settled.ok && settled.value.record.state === "open") return present(store, settled);
  }
  return undefined;
}

async function list(
  store: Store,
  filter: { readonly state?: ProposalState; readonly branch?: RefName },
): Promise<readonly Proposal[]> {
  const tips = await store.repository.refs("refs/heads/");
  const proposals: Proposal[] = [];
  for (const entry of await readAll(store)) {
    const settled = await settle(store, entry);
    // Someone settled it meanwhile: read that.
    const read = settled === "moved" ? await readSettled(store, entry.record.number) : ok(settled);
    if (!read.ok) continue;
    const { record, comment } = read.value;
    if (filter.state !== undefined && record.state !== filter.state) continue;
    if (filter.branch !== undefined && record.branch !== filter.branch) continue;
    const tip = record.state === "open" ? tips.get(record.branch) : undefined;
    proposals.push(presentRecord(record, comment, tip ?? record.head));
  }
  return proposals;
}

/** Changes an open proposal; `head`, if given, must be where its branch stands. */
function changeOpen(
  store: Store,
  number: number,
  expected: CommitSha | undefined,
  decide: (record: ProposalRecord, head: CommitSha) => Result<Omit<Change, "comment">, ForgeRefusal>,
): Promise<Result<Entry, ForgeRefusal>> {
  return changeEntry(store, number, async ({ record, comment }) => {
    if (record.state !== "open") return err({ code: "proposal-not-open", number, state: record.state });
    const found = await headOf(store, record);
    if (expected !== undefined && found !== expected) return err({ code: "head-moved", number, expected, found });
    const change = decide(record, found);
    return change.ok ? ok({ ...change.value, comment }) : change;
  });
}

async function reword(
  store: Store,
  number: number,
  words: Parameters<Forge["reword"]>[1],
): Promise<Result<Entry, ForgeRefusal>> {
  const title = words.title === undefined ? undefined : checkTitle(words.title);
  if (title?.ok === false) return title;
  const description = words.description === undefined ? undefined : checkDescription(words.description);
  if (description?.ok === false) return description;
  return changeOpen(store, number, undefined, (record) => {
    const reworded = {
      ...record,
      title: title?.value ?? record.title,
      description: description?.value ?? record.description,
    };
    return ok({ record: reworded, note: "reworded" });
  });
}

function setGate(store: Store, number: number, status: GateStatus): Promise<Result<Entry, ForgeRefusal>> {
  const { state, base, head } = status;
  const gate: GateStatus = { state, summary: oneLine(status.summary), base, head };
  return changeOpen(store, number, head, (record) => ok({ record: { ...record, head, gate }, note: `gate ${state}` }));
}

function setComment(store: Store, number: number, markdown: string): Promise<Result<Entry, ForgeRefusal>> {
  const comment = escapeText(markdown);
  return changeEntry(store, number, async ({ record }) => ok({ record, comment, note: "comment written" }));
}

async function approve(store: Store, number: number, approval: Approval): Promise<Result<Entry, ForgeRefusal>> {
  const { head, digest, timeSeconds } = approval;
  assert(Number.isSafeInteger(timeSeconds), `not a time in whole seconds: ${timeSeconds}`);
  assert(/^[\w:.-]{1,200}$/.test(digest), `not a digest: ${JSON.stringify(digest)}`);
  const by = checkIdentity(approval.by);
  if (!by.ok) return by;
  const email = approval.email === undefined ? undefined : checkIdentity(approval.email);
  if (email?.ok === false) return email;
  const said = [by.value, email?.value ?? by.value].map((text) => text.toLowerCase());
  return changeOpen(store, number, head, (record) => {
    const own = [record.author.name, record.author.email].some((name) => said.includes(name.toLowerCase()));
    if (own) return err({ code: "self-approval", number, by: by.value });
    const note = `approved by ${by.value}`;
    // Said again of the same content it is the same approval, and keeps its time.
    if (record.approvals.some((known) => known.by === by.value && known.digest === digest && known.head === head))
      return ok({ record, note });
    const kept = { by: by.value, head, digest, timeSeconds, ...(email === undefined ? {} : { email: email.value }) };
    return ok({ record: { ...record, head, approvals: [...record.approvals, kept] }, note });
  });
}

async function close(
  store: Store,
  number: number,
  closing: Parameters<Forge["close"]>[1],
): Promise<Result<Entry, ForgeRefusal>> {
  const person = closing === undefined ? ok(undefined) : checkPerson(closing.by);
  if (!person.ok) return person;
  const closed = closing && {
    by: closing.by.name,
    reason: oneLine(closing.reason),
    timeSeconds: Math.floor(store.clock() / 1_000),
  };
  return changeEntry(store, number, async ({ record, comment }) => {
    if (record.state === "merged") return err({ code: "proposal-not-open", number, state: "merged" });
    if (record.state === "closed") return ok({ record, comment, note: "closed" });
    const why = closed === undefined || closed.reason === "" ? "" : `: ${closed.reason}`;
    const note = `closed${closed === undefined ? "" : ` by ${closed.by}`}${why}`;
    return ok({ record: { ...record, state: "closed", head: await headOf(store, record), closed }, comment, note });
  });
}
