import { slipwayIdentity } from "#core/committer.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import type { CommitSha, RefName, Repository, TreePath } from "#git/port.ts";
import type { ForgeRefusal } from "./port.ts";
import {
  commentPath,
  formatRecord,
  type PreparedMerge,
  type ProposalRecord,
  parseRecord,
  proposalNumber,
  proposalPrefix,
  proposalRef,
  recordPath,
} from "./record.ts";

export interface Store {
  readonly repository: Repository;
  readonly clock: () => number;
}

/** A proposal as its ref holds it. */
export interface Entry {
  /** The commit that the ref stands at: what the next change is compared with. */
  readonly at: CommitSha;
  readonly record: ProposalRecord;
  readonly comment: string | undefined;
}

export interface Change {
  readonly record: ProposalRecord;
  readonly comment: string | undefined;
  /** What happened, for the history of the ref. Checked text only. */
  readonly note: string;
}

/** Each failed try means that another one's change went through, so this many mean something is broken. */
const triesMax = 100;

function decode(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Reads proposals by one process, in the order given. */
export async function readEntries(
  { repository }: Store,
  wanted: readonly (readonly [number: number, at: CommitSha])[],
): Promise<readonly Entry[]> {
  const requests = wanted.flatMap(([, tree]) => [
    { tree, path: recordPath },
    { tree, path: commentPath },
  ]);
  const files = requests.length === 0 ? [] : await repository.readPaths(requests);
  return wanted.map(([number, at], index) => ({
    at,
    record: parseRecord(number, files[index * 2]),
    comment: decode(files[index * 2 + 1]),
  }));
}

/** Every proposal, newest first. */
export async function readAll(store: Store): Promise<readonly Entry[]> {
  const wanted: (readonly [number, CommitSha])[] = [];
  for (const [ref, at] of await store.repository.refs(proposalPrefix)) {
    const number = proposalNumber(ref);
    if (number !== undefined) wanted.push([number, at]);
  }
  return readEntries(
    store,
    wanted.sort(([a], [b]) => b - a),
  );
}

export async function readEntry(store: Store, number: number): Promise<Result<Entry, ForgeRefusal>> {
  if (!Number.isSafeInteger(number) || number < 1) return err({ code: "proposal-missing", number });
  const at = await store.repository.resolve(proposalRef(number));
  if (at === undefined) return err({ code: "proposal-missing", number });
  const [entry] = await readEntries(store, [[number, at]]);
  return entry === undefined ? err({ code: "proposal-missing", number }) : ok(entry);
}

/** The tip of an open proposal's branch; of one whose branch is gone, and of one that is not open, what was written last. */
export async function headOf(store: Store, record: ProposalRecord): Promise<CommitSha> {
  if (record.state !== "open") return record.head;
  return (await store.repository.resolve(record.branch)) ?? record.head;
}

/** Writes the next state of a proposal as a commit on its ref: a new one (`before` null), or only if it still stands at `before`. */
export async function writeEntry(store: Store, before: CommitSha | null, change: Change): Promise<Entry | "moved"> {
  const { repository } = store;
  const parent = before === null ? undefined : await repository.commit(before);
  const files = new Map<TreePath, string | null>([
    [recordPath, formatRecord(change.record)],
    [commentPath, change.comment ?? null],
  ]);
  // A clock that was set back must not make a history that runs backwards.
  const timeSeconds = Math.max(Math.floor(store.clock() / 1_000), parent?.committer.timeSeconds ?? 0);
  const at = await repository.writeCommit({
    tree: await repository.writeTree(parent?.tree ?? null, files),
    parents: before === null ? [] : [before],
    author: { ...slipwayIdentity, timeSeconds },
    committer: { ...slipwayIdentity, timeSeconds },
    message: `proposal ${change.record.number}: ${change.note}\n`,
  });
  const moved = await repository.updateRef(proposalRef(change.record.number), at, before);
  return moved.ok ? { at, record: change.record, comment: change.comment } : "moved";
}

function isSame(entry: Entry, change: Change): boolean {
  return formatRecord(entry.record) === formatRecord(change.record) && entry.comment === change.comment;
}

/**
 * Changes one proposal: reads, decides, writes by compare-and-swap, and starts again when someone else was faster. A decision that changes
 * nothing writes nothing.
 */
export async function changeEntry(
  store: Store,
  number: number,
  decide: (entry: Entry) => Promise<Result<Change, ForgeRefusal>>,
): Promise<Result<Entry, ForgeRefusal>> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const read = await readSettled(store, number);
    if (!read.ok) return read;
    const change = await decide(read.value);
    if (!change.ok) return change;
    if (isSame(read.value, change.value)) return read;
    const written = await writeEntry(store, read.value.at, change.value);
    if (written !== "moved") return ok(written);
  }
  throw contended(proposalRef(number));
}

export function contended(ref: RefName): Fault {
  return new Fault("forge-contended", `${ref} was changed by others ${triesMax} times in a row; try again`);
}

/** Reads a proposal and, when a kill came between the merge and its marking, finishes the marking. */
export async function readSettled(store: Store, number: number): Promise<Result<Entry, ForgeRefusal>> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const read = await readEntry(store, number);
    if (!read.ok) return read;
    const settled = await settle(store, read.value);
    if (settled !== "moved") return ok(settled);
  }
  throw contended(proposalRef(number));
}

export function asMerged(record: ProposalRecord, { head, commit }: PreparedMerge): Omit<Change, "comment"> {
  return {
    record: { ...record, state: "merged", head, mergedAs: commit, prepared: [], closed: undefined },
    note: `merged as ${commit}`,
  };
}

/** A prepared merge that the target contains did happen, whatever the record says. */
export async function settle(store: Store, entry: Entry): Promise<Entry | "moved"> {
  const { record } = entry;
  if (record.state === "merged" || record.prepared.length === 0) return entry;
  const tip = await store.repository.resolve(record.target);
  if (tip === undefined) return entry;
  for (const prepared of record.prepared) {
    if ((await store.repository.mergeBase(prepared.commit, tip)) !== prepared.commit) continue;
    return writeEntry(store, entry.at, { ...asMerged(record, prepared), comment: entry.comment });
  }
  return entry;
}
