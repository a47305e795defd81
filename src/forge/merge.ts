import { slipwayIdentity } from "#core/committer.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { CommitSha } from "#git/port.ts";
import type { Forge, ForgeRefusal, Proposal } from "./port.ts";
import { type PreparedMerge, type ProposalRecord, presentRecord, proposalRef } from "./record.ts";
import { asMerged, changeEntry, contended, type Entry, headOf, readSettled, type Store, writeEntry } from "./store.ts";
import { checkPerson, mergeMessage } from "./text.ts";

type MergeRequest = Parameters<Forge["merge"]>[1];
type Merged = { readonly proposal: Proposal; readonly commit: CommitSha };

const mergeTriesMax = 100;

/**
 * Merges in three steps, each a compare-and-swap: (1) the merge commit is written and named in the proposal as prepared, (2) the target
 * moves from the judged base to it, (3) the proposal is marked merged. After a kill before (2) a repetition uses the prepared commit; after
 * a kill before (3) whoever reads the proposal sees that the target contains the prepared commit, and marks it.
 */
export async function mergeProposal(
  store: Store,
  number: number,
  request: MergeRequest,
): Promise<Result<Merged, ForgeRefusal>> {
  const person = checkPerson(request.by);
  if (!person.ok) return person;
  for (let tries = 0; tries < mergeTriesMax; tries += 1) {
    const read = await readSettled(store, number);
    if (!read.ok) return read;
    const { record } = read.value;
    if (record.state === "merged") return answer(read.value, request.head);
    const refusal = await refuse(store, record, request);
    if (refusal !== undefined) return err(refusal);
    const prepared = await prepare(store, read.value, request);
    if (!prepared.ok) return prepared;
    if (prepared.value === "moved") continue;
    const { commit } = prepared.value;
    const moved = await store.repository.updateRef(record.target, commit, request.base);
    // Another process that merges the same proposal uses the same commit: its success is ours. Else the next round says what happened.
    if (!moved.ok && moved.error.found !== commit) continue;
    const marked = await mark(store, number, prepared.value);
    return marked.ok ? answer(marked.value, request.head) : marked;
  }
  throw contended(proposalRef(number));
}

/** Merging a merged proposal answers with its commit, unless another head is meant. */
function answer({ record, comment }: Entry, head: CommitSha): Result<Merged, ForgeRefusal> {
  if (record.head !== head || record.mergedAs === undefined) {
    return err({ code: "head-moved", number: record.number, expected: head, found: record.head });
  }
  return ok({ proposal: presentRecord(record, comment, record.head), commit: record.mergedAs });
}

async function refuse(
  store: Store,
  record: ProposalRecord,
  { head, base }: MergeRequest,
): Promise<ForgeRefusal | undefined> {
  const { number, state, target, gate } = record;
  if (state !== "open") return { code: "proposal-not-open", number, state };
  const headNow = await headOf(store, record);
  if (headNow !== head) return { code: "head-moved", number, expected: head, found: headNow };
  const baseNow = await store.repository.resolve(target);
  if (baseNow === undefined) return { code: "branch-missing", branch: target };
  if (baseNow !== base) return { code: "base-moved", number, expected: base, found: baseNow };
  if (gate === undefined || gate.head !== head || gate.base !== base)
    return { code: "gate-not-passed", number, gate: "missing" };
  return gate.state === "passed" ? undefined : { code: "gate-not-passed", number, gate: gate.state };
}

async function prepare(
  store: Store,
  entry: Entry,
  request: MergeRequest,
): Promise<Result<PreparedMerge | "moved", ForgeRefusal>> {
  const { record, comment, at } = entry;
  const { base, head, by } = request;
  // One that is prepared for another base can no longer happen: its base is not the target's tip now, and never will be again.
  const others = record.prepared.filter((other) => other.base === base);
  const same = others.find((other) => other.head === head);
  if (same !== undefined) return ok(same);
  const tree = await store.repository.mergeTree(base, head);
  if (!tree.ok) return err({ code: "merge-conflict", number: record.number, paths: tree.error.paths });
  // Time on the target never runs backwards; the head's dates are its author's word and do not count.
  const parent = await store.repository.commit(base);
  const timeSeconds = Math.max(request.timeSeconds, parent.committer.timeSeconds);
  const commit = await store.repository.writeCommit({
    tree: tree.value,
    parents: [base, head],
    author: { name: by.name, email: by.email, timeSeconds },
    committer: { ...slipwayIdentity, timeSeconds },
    message: mergeMessage(record.number, record.title, request),
  });
  const prepared: PreparedMerge = { base, head, commit };
  const change = {
    record: { ...record, head, prepared: [...others, prepared] },
    comment,
    note: `merge prepared as ${commit}`,
  };
  return ok((await writeEntry(store, at, change)) === "moved" ? "moved" : prepared);
}

function mark(store: Store, number: number, prepared: PreparedMerge): Promise<Result<Entry, ForgeRefusal>> {
  return changeEntry(store, number, async ({ record, comment }) => {
    if (record.state === "merged") return ok({ record, comment, note: "merged" });
    return ok({ ...asMerged(record, prepared), comment });
  });
}
