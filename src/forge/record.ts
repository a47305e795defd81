import { canonicalJson } from "#core/json.ts";
import { Fault, type Result } from "#core/result.ts";
import { parseCommitSha, parseRefName, parseTreePath } from "#git/open.ts";
import type { CommitSha, RefName, TreePath } from "#git/port.ts";
import { type Fields, fields, integer, items, oneOf, string } from "./fields.ts";
import type { Approval, Closing, GateState, GateStatus, Proposal, ProposalState } from "./port.ts";

/** A merge that was prepared: written before the target is moved, so that whoever comes after a kill knows what to look for. */
export interface PreparedMerge {
  readonly base: CommitSha;
  readonly head: CommitSha;
  readonly commit: CommitSha;
}

/** `proposal.json` of the local forge. */
export interface ProposalRecord {
  readonly number: number;
  readonly title: string;
  readonly description: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly branch: RefName;
  readonly target: RefName;
  readonly state: ProposalState;
  /** The branch's tip when this was written; while open the branch itself counts. */
  readonly head: CommitSha;
  readonly gate: GateStatus | undefined;
  readonly approvals: readonly Approval[];
  /** Merges onto one base that may have happened; more than one only when the branch moved while somebody was merging. */
  readonly prepared: readonly PreparedMerge[];
  readonly mergedAs: CommitSha | undefined;
  readonly closed: Closing | undefined;
  readonly openedSeconds: number;
}

export const proposalPrefix = "refs/slipway/proposals/";
export const recordPath: TreePath = proven(parseTreePath("proposal.json"));
export const commentPath: TreePath = proven(parseTreePath("comment.md"));

function proven<Value>(result: Result<Value, unknown>): Value {
  if (!result.ok) throw new Fault("forge-record-malformed", JSON.stringify(result.error));
  return result.value;
}

export function proposalRef(number: number): RefName {
  return proven(parseRefName(`${proposalPrefix}${number}`));
}

/** The number in a proposal's ref; undefined for a ref that is none. */
export function proposalNumber(ref: RefName): number | undefined {
  const digits = ref.slice(proposalPrefix.length);
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

export function formatRecord(record: ProposalRecord): string {
  const { gate, mergedAs, closed } = record;
  const text = canonicalJson({
    v: 1,
    number: record.number,
    title: record.title,
    description: record.description,
    author: { name: record.author.name, email: record.author.email },
    branch: record.branch,
    target: record.target,
    state: record.state,
    head: record.head,
    approvals: record.approvals.map(({ by, email, head, digest, timeSeconds }) => ({
      by,
      head,
      digest,
      timeSeconds,
      ...(email === undefined ? {} : { email }),
    })),
    openedSeconds: record.openedSeconds,
    prepared: record.prepared.map(({ base, head, commit }) => ({ base, head, commit })),
    ...(gate === undefined
      ? {}
      : { gate: { state: gate.state, summary: gate.summary, base: gate.base, head: gate.head } }),
    ...(mergedAs === undefined ? {} : { mergedAs }),
    ...(closed === undefined
      ? {}
      : { closed: { by: closed.by, reason: closed.reason, timeSeconds: closed.timeSeconds } }),
  });
  return `${text}\n`;
}

/** Anyone who can push could have written the ref, so nothing in it is believed unread. Throws `forge-record-malformed`. */
export function parseRecord(number: number, bytes: Uint8Array | undefined): ProposalRecord {
  const where = `${proposalRef(number)}:${recordPath}`;
  try {
    if (bytes === undefined) throw new Error("there is no such file");
    return readRecord(number, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const fix = `Something else wrote it; look at its history, and delete the ref with: git update-ref -d ${proposalRef(number)}`;
    throw new Fault("forge-record-malformed", `${where} is not a proposal: ${detail}. ${fix}`, { cause });
  }
}

function sha(from: Fields, key: string): CommitSha {
  return proven(parseCommitSha(string(from, key)));
}

function readRecord(number: number, value: unknown): ProposalRecord {
  const record = fields(value, "the document");
  if (record["v"] !== 1) throw new Error("v is not 1");
  if (record["number"] !== number) throw new Error("number is another one");
  const author = fields(record["author"], "author");
  const has = (key: string): boolean => record[key] !== undefined;
  return {
    number,
    title: string(record, "title"),
    description: string(record, "description"),
    author: { name: string(author, "name"), email: string(author, "email") },
    branch: proven(parseRefName(string(record, "branch"))),
    target: proven(parseRefName(string(record, "target"))),
    state: oneOf(record, "state", ["open", "merged", "closed"]),
    head: sha(record, "head"),
    gate: has("gate") ? readGate(fields(record["gate"], "gate")) : undefined,
    approvals: items(record, "approvals").map(readApproval),
    prepared: items(record, "prepared").map(readPrepared),
    mergedAs: has("mergedAs") ? sha(record, "mergedAs") : undefined,
    closed: has("closed") ? readClosing(fields(record["closed"], "closed")) : undefined,
    openedSeconds: integer(record, "openedSeconds"),
  };
}

function readApproval(approval: Fields): Approval {
  const { email, digest } = approval;
  return {
    by: string(approval, "by"),
    head: sha(approval, "head"),
    // Of a version that knew none: it approves nothing that there is now.
    digest: digest === undefined ? "" : string(approval, "digest"),
    timeSeconds: integer(approval, "timeSeconds"),
    ...(email === undefined ? {} : { email: string(approval, "email") }),
  };
}

function readGate(gate: Fields): GateStatus {
  const states: readonly GateState[] = ["pending", "passed", "refused"];
  return {
    state: oneOf(gate, "state", states),
    summary: string(gate, "summary"),
    base: sha(gate, "base"),
    head: sha(gate, "head"),
  };
}

function readClosing(closing: Fields): Closing {
  return { by: string(closing, "by"), reason: string(closing, "reason"), timeSeconds: integer(closing, "timeSeconds") };
}

function readPrepared(prepared: Fields): PreparedMerge {
  return { base: sha(prepared, "base"), head: sha(prepared, "head"), commit: sha(prepared, "commit") };
}

/** What the port shows of a record. `head` is the branch's tip while the proposal is open. */
export function presentRecord(record: ProposalRecord, comment: string | undefined, head: CommitSha): Proposal {
  return {
    number: record.number,
    title: record.title,
    description: record.description,
    author: record.author.name,
    authorEmail: record.author.email,
    branch: record.branch,
    target: record.target,
    state: record.state,
    head,
    gate: record.gate?.head === head ? record.gate : undefined,
    comment,
    approvals: record.approvals,
    mergedAs: record.mergedAs,
    ...(record.closed === undefined ? {} : { closed: record.closed }),
    openedSeconds: record.openedSeconds,
  };
}
