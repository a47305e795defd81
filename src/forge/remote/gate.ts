import { parseCommitSha } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";
import { requiredStatuses } from "../branch-rules.ts";
import type { Approval, GateState, GateStatus } from "../port.ts";
import { oneLine } from "../text.ts";
import type { Review, Status } from "./api.ts";

export const [gateContext, approvalsContext] = requiredStatuses;

/** What GitHub takes as a status' description. */
const descriptionCharactersMax = 140;

const words: Readonly<Record<GateState, Status["state"]>> = {
  pending: "pending",
  passed: "success",
  refused: "failure",
};

/**
 * A gate as a commit status. Its link leads to the difference that was judged, and so names both commits; what an approval is bound to stands
 * behind the `#`, where no server is told of it.
 */
export function statusOf(gate: GateStatus, compareUrl: string): Pick<Status, "state" | "description" | "targetUrl"> {
  const fragment = gate.approvalDigest === undefined ? "" : `#approvals=${encodeURIComponent(gate.approvalDigest)}`;
  return { ...wordsOf(gate.state, gate.summary), targetUrl: `${compareUrl}${fragment}` };
}

/** State and description in a forge's words and length. */
export function wordsOf(state: GateState, summary: string): Pick<Status, "state" | "description"> {
  const line = oneLine(summary);
  const short = line.length <= descriptionCharactersMax ? line : `${line.slice(0, descriptionCharactersMax - 1)}…`;
  return { state: words[state], description: short };
}

/** The gate that a status of ours tells of; undefined for one that we would not have written. */
function gateOf(status: Status): GateStatus | undefined {
  const state = (Object.keys(words) as readonly GateState[]).find((word) => words[word] === status.state);
  const link = /\/compare\/(?<base>[0-9a-f]+)\.\.\.(?<head>[0-9a-f]+)(?:#approvals=(?<digest>[\w%.:-]+))?$/.exec(
    status.targetUrl,
  )?.groups;
  const base = parseCommitSha(link?.["base"] ?? "");
  const head = parseCommitSha(link?.["head"] ?? "");
  if (state === undefined || !base.ok || !head.ok) return undefined;
  const digest = link?.["digest"];
  return {
    state,
    summary: status.description,
    base: base.value,
    head: head.value,
    ...(digest === undefined ? {} : { approvalDigest: decodeURIComponent(digest) }),
  };
}

/**
 * The gate that holds on a commit: the newest status, and only if the writer wrote it. One that somebody else wrote over it makes it unknown, so
 * that it is judged again.
 */
export function currentGate(statuses: readonly Status[], writer: string, head: CommitSha): GateStatus | undefined {
  const [newest] = statuses;
  if (newest === undefined || !isSame(newest.writer, writer)) return undefined;
  const gate = gateOf(newest);
  return gate?.head === head ? gate : undefined;
}

/** Logins differ by more than case. */
export function isSame(login: string | undefined, other: string): boolean {
  return login?.toLowerCase() === other.toLowerCase();
}

/**
 * What reviews approve. A review says of which commit it is, and when; what that commit was judged to do at that moment is the digest of the gate
 * that the writer had set there. A gate that refused, or that was replaced by one with another digest within the same second, leaves the review
 * without a digest: it counts for nothing. Whoever asks for changes takes back what they approved before.
 *
 * @param statusesOf of the gate's context on a commit, newest first
 */
export function approvalsOf(
  reviews: readonly Review[],
  writer: string,
  statusesOf: (sha: CommitSha) => readonly Status[],
): readonly Approval[] {
  const approvals: Approval[] = [];
  for (const [index, review] of reviews.entries()) {
    if (review.state !== "approved" || review.commit === undefined) continue;
    const later = reviews.slice(index + 1).filter(({ by }) => isSame(by, review.by));
    if (later.some(({ state }) => state === "changes-requested")) continue;
    const { by, email, commit: head, submittedSeconds: timeSeconds } = review;
    const digest = digestAt(statusesOf(head), writer, head, timeSeconds);
    if (approvals.some((known) => isSame(known.by, by) && known.head === head && known.digest === digest)) continue;
    approvals.push({ by, head, digest, timeSeconds, ...(email === undefined ? {} : { email }) });
  }
  return approvals;
}

function digestAt(statuses: readonly Status[], writer: string, head: CommitSha, timeSeconds: number): string {
  const own = statuses.filter((status) => isSame(status.writer, writer) && status.createdSeconds <= timeSeconds);
  const digests = own.map((status) => {
    const gate = gateOf(status);
    return gate?.state === "passed" && gate.head === head ? gate.approvalDigest : undefined;
  });
  const [newest] = digests;
  const sameSecond = digests.filter((_, index) => own[index]?.createdSeconds === timeSeconds);
  return newest !== undefined && sameSecond.every((digest) => digest === newest) ? newest : "";
}
