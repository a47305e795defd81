import type { Person } from "#core/person.ts";
import type { Result } from "#core/result.ts";
import type { CommitSha, RefName } from "#git/port.ts";

export type ProposalState = "open" | "merged" | "closed";
export type GateState = "pending" | "passed" | "refused";

/** The one required status, `slipway/gate`, of one judged pair of base and head. */
export interface GateStatus {
  readonly state: GateState;
  /** One line, for example `14 checks passed` or `2 errors in 1 strategy`. */
  readonly summary: string;
  readonly base: CommitSha;
  readonly head: CommitSha;
  /** What an approval given now is bound to; absent when the gate refuses. A forge whose reviews carry no digest of ours dates them by it. */
  readonly approvalDigest?: string;
}

/** The status `slipway/<name>` of a commit: one step of its way that people and the forge's rules can wait for. */
export interface StageStatus {
  /** One word, for example `approvals`. */
  readonly name: string;
  readonly state: GateState;
  /** One line. */
  readonly summary: string;
}

/** What a list of proposals shows of one, and whom it waits for. */
export interface Marks {
  /** Names that begin with `slipway/`; of those, a proposal bears no others. What people have put there stays. */
  readonly labels: readonly string[];
  /** Whose review is asked for, by login; whoever gave one of this head, or was asked, is not asked again. */
  readonly reviewers: readonly string[];
}

/** What became of a commit of main in an environment's cluster. */
export interface Arrival {
  readonly environment: string;
  /** On the environment's branch. */
  readonly commit: CommitSha;
  /** `pending`: on its way; `refused`: it does not run. */
  readonly state: GateState;
  /** One line. */
  readonly summary: string;
  /** What stands still, and why, each in one sentence. */
  readonly failed: readonly string[];
}

/** What stands beside the lines of a proposal's files. */
export interface Annotation {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly severity: "error" | "warning";
  readonly message: string;
}

export interface Approval {
  /** Who, as the forge knows them. */
  readonly by: string;
  /** Their address, where the forge knows one. */
  readonly email?: string;
  /** Where the branch stood. */
  readonly head: CommitSha;
  /**
   * What was approved: the gate's digest of the objects that the proposal changes and of the bounds and rules that touch them. The approval stands
   * as long as that is the same, wherever the branch stands; the forge keeps it and asks nothing of it.
   */
  readonly digest: string;
  readonly timeSeconds: number;
}

/** That a proposal was given up, by whom and why. */
export interface Closing {
  /** Who, as the forge knows them. */
  readonly by: string;
  /** One line; empty when its author said nothing. */
  readonly reason: string;
  readonly timeSeconds: number;
}

export interface Proposal {
  readonly number: number;
  readonly title: string;
  readonly description: string;
  /** Who proposed it, as the forge knows them. */
  readonly author: string;
  /** Their address, where the forge knows one. */
  readonly authorEmail?: string;
  readonly branch: RefName;
  /** Target branch. */
  readonly target: RefName;
  readonly state: ProposalState;
  /** The branch's tip now (while open), or at the merge. */
  readonly head: CommitSha;
  /** The status of this `head`; one of another head is not shown. */
  readonly gate: GateStatus | undefined;
  /** The one upserted comment (Markdown), if written. */
  readonly comment: string | undefined;
  readonly approvals: readonly Approval[];
  readonly mergedAs: CommitSha | undefined;
  /** Of a closed one, where the forge knows it. */
  readonly closed?: Closing;
  readonly openedSeconds: number;
}

export interface OpenProposal {
  readonly title: string;
  readonly description: string;
  readonly author: { readonly name: string; readonly email: string };
  /** A branch that is already pushed. */
  readonly branch: RefName;
  readonly target: RefName;
}

export type ForgeRefusal =
  | { readonly code: "branch-missing"; readonly branch: RefName }
  | { readonly code: "proposal-missing"; readonly number: number }
  | { readonly code: "proposal-not-open"; readonly number: number; readonly state: ProposalState }
  | { readonly code: "head-moved"; readonly number: number; readonly expected: CommitSha; readonly found: CommitSha }
  | { readonly code: "base-moved"; readonly number: number; readonly expected: CommitSha; readonly found: CommitSha }
  | { readonly code: "gate-not-passed"; readonly number: number; readonly gate: GateState | "missing" }
  | { readonly code: "self-approval"; readonly number: number; readonly by: string }
  | { readonly code: "merge-conflict"; readonly number: number; readonly paths: readonly string[] }
  /** The forge's own rules stand against it (a protected branch, a required review, a permission); `said` is its word for it. */
  | { readonly code: "forge-rules"; readonly number: number; readonly said: string }
  /** Text from a person that is too long, empty, or holds control, bidi or invisible characters. */
  | { readonly code: "title-malformed"; readonly title: string; readonly allowed: string }
  | { readonly code: "description-malformed"; readonly allowed: string }
  | { readonly code: "identity-malformed"; readonly text: string; readonly allowed: string };

/**
 * Where proposals live. A forge that verifies identities knows who calls by their token: what a request says about its author is not believed
 * there. Every call may be repeated after a kill and then has the same effect once: opening an open branch answers with its proposal,
 * merging a merged one with its commit. The forge decides nothing about policy; it refuses what is stale.
 */
export interface Forge {
  readonly kind: "local" | "github" | "gitea";
  /** `unverified`: anyone who can write to the repository can claim any name. */
  readonly identities: "unverified" | "verified";
  /** Whom the forge takes whoever calls for, by their token. Absent where it takes anyone's word for it. */
  caller?(): Promise<Person>;
  /** Where a branch stands there now, by one request and no fetch. Absent where the repository itself knows. */
  tip?(branch: RefName): Promise<CommitSha | undefined>;
  open(request: OpenProposal): Promise<Result<Proposal, ForgeRefusal>>;
  get(number: number): Promise<Result<Proposal, ForgeRefusal>>;
  /** Newest first. */
  list(filter?: { readonly state?: ProposalState; readonly branch?: RefName }): Promise<readonly Proposal[]>;
  /** Replaces the words of an open proposal; what is not given stays. */
  reword(
    number: number,
    words: { readonly title?: string; readonly description?: string },
  ): Promise<Result<Proposal, ForgeRefusal>>;
  /** Refused with `head-moved` when the branch no longer stands at `status.head`. */
  setGate(number: number, status: GateStatus): Promise<Result<Proposal, ForgeRefusal>>;
  /** Writes a further status of a commit. Absent where nobody else merges and nobody waits: the local forge. */
  setStage?(commit: CommitSha, status: StageStatus): Promise<void>;
  /** Says of a commit of main what became of it: the status `slipway/sync-<environment>`, and a deployment where the forge has them. */
  setArrival?(commit: CommitSha, arrival: Arrival): Promise<void>;
  /** The proposal that a commit of the target came with, by a merge, a squash or a rebase. */
  mergedWith?(commit: CommitSha): Promise<Proposal | undefined>;
  /** The number of the proposal that a commit of `target` came with, if the gate had passed that, and its approvals were there; undefined: it came past the gate. */
  passedGate(commit: CommitSha, target: RefName): Promise<number | undefined>;
  /** Labels an open proposal and asks for reviews. Absent where nobody looks: the local forge. */
  mark?(number: number, marks: Marks): Promise<Result<void, ForgeRefusal>>;
  /** Shows findings beside the lines they are about, on a commit. Absent, or done for nothing, where the forge gives no right to it. */
  annotate?(
    commit: CommitSha,
    said: { readonly state: GateState; readonly summary: string; readonly annotations: readonly Annotation[] },
  ): Promise<void>;
  /** Writes or replaces the one comment of Slipway: Markdown whose first line is `commentMark`. */
  setComment(number: number, markdown: string): Promise<Result<Proposal, ForgeRefusal>>;
  /** Said again of the same content it is one approval. The author's own is refused, and one of a branch that moved meanwhile. */
  approve(number: number, approval: Approval): Promise<Result<Proposal, ForgeRefusal>>;
  /**
   * Merges what was judged: only if the gate passed for exactly this head and base and the target still stands at that base.
   * The merge commit has parents [base, head] and the tree of the judged merge result. (A forge on the network takes the expected head with the
   * merge, and no expected base: a base that moves in the moment between the look and the merge is found by `render`, which carries judged trees only.)
   */
  merge(
    number: number,
    request: {
      readonly head: CommitSha;
      readonly base: CommitSha;
      readonly by: { readonly name: string; readonly email: string };
      readonly message: string;
      readonly timeSeconds: number;
      /** Slipway's own trailers beside `Proposal`, for example `["Approved-by", "bob"]`; in `message` nobody can claim one. */
      readonly trailers?: readonly (readonly [name: string, value: string])[];
    },
  ): Promise<Result<{ readonly proposal: Proposal; readonly commit: CommitSha }, ForgeRefusal>>;
  /**
   * Ends an open one for good; its branch stays and may be proposed anew. Of one that is closed the first word stands. `by` counts only where the
   * forge does not know its users itself. A forge on the network is told the reason as a comment, before it is closed.
   */
  close(
    number: number,
    closing?: { readonly by: { readonly name: string; readonly email: string }; readonly reason: string },
  ): Promise<Result<Proposal, ForgeRefusal>>;
}
