import type { CommitSha } from "#git/port.ts";
import type { Annotation, Forge, ProposalState } from "../port.ts";

/** A pull request, as far as Slipway reads it. */
export interface Pull {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  /** The login of who opened it. */
  readonly author: string;
  readonly authorEmail: string | undefined;
  /** Without `refs/heads/`. A deleted fork's or branch's name may be gone. */
  readonly branch: string;
  /** Whether the branch is in another repository. */
  readonly fork: boolean;
  /** Without `refs/heads/`. */
  readonly target: string;
  readonly state: ProposalState;
  readonly head: CommitSha;
  readonly mergedAs: CommitSha | undefined;
  readonly openedSeconds: number;
  readonly labels: readonly string[];
  /** Whose review was asked for and is not there yet, by login. */
  readonly asked: readonly string[];
}

/** A commit status of one context. */
export interface Status {
  readonly state: "pending" | "success" | "failure" | "error";
  readonly description: string;
  readonly targetUrl: string;
  /** The login of who wrote it; undefined where the forge does not know any more. */
  readonly writer: string | undefined;
  readonly createdSeconds: number;
}

export interface Comment {
  readonly id: number;
  readonly body: string;
  readonly author: string | undefined;
  readonly createdSeconds: number;
}

export interface Review {
  readonly by: string;
  readonly email: string | undefined;
  readonly state: "approved" | "changes-requested" | "other";
  /** Where the branch stood; undefined where the forge does not know any more. */
  readonly commit: CommitSha | undefined;
  readonly submittedSeconds: number;
}

export type MergeAnswer =
  | { readonly end: "merged" }
  /** The head is another one by now. */
  | { readonly end: "head-moved" }
  /** The forge is still working out whether it can be merged. */
  | { readonly end: "later"; readonly said: string }
  | { readonly end: "refused"; readonly said: string };

/**
 * A forge's REST interface, in one set of words. Calls are single requests or pages of them and decide nothing. Lists are complete or a Fault
 * `forge-list-too-long`.
 *
 * @throws Fault `forge-unreachable`, `forge-failed`, `forge-answer-malformed`, `forge-token-refused`, `forge-forbidden`, `forge-rate-limited`
 */
export interface ForgeApi {
  readonly kind: Forge["kind"];
  /** The page of what was judged: the difference between two commits. */
  compareUrl(base: CommitSha, head: CommitSha): string;
  /** Who this token speaks for. */
  login(): Promise<string>;
  pull(number: number): Promise<Pull | undefined>;
  /** Newest first. `branch`: of this repository. */
  pulls(filter: {
    readonly open?: boolean;
    readonly branch?: string;
    readonly target?: string;
  }): Promise<readonly Pull[]>;
  openPull(request: {
    readonly title: string;
    readonly body: string;
    readonly branch: string;
    readonly target: string;
  }): Promise<Pull | "exists" | "branch-missing">;
  editPull(
    number: number,
    change: { readonly title?: string; readonly body?: string; readonly state?: "closed" },
  ): Promise<Pull>;
  /** The pull request that a commit of its target came with. */
  pullOf(commit: CommitSha): Promise<Pull | undefined>;
  /** Only where the forge has deployments and this token may write them; else for nothing. */
  writeDeployment?(
    commit: CommitSha,
    deployment: Pick<Status, "state" | "description"> & { readonly environment: string },
  ): Promise<void>;
  /** Of this context, newest first. */
  statuses(sha: CommitSha, context: string): Promise<readonly Status[]>;
  writeStatus(
    sha: CommitSha,
    status: Pick<Status, "state" | "description" | "targetUrl"> & { readonly context: string },
  ): Promise<void>;
  /** Oldest first. */
  comments(number: number): Promise<readonly Comment[]>;
  addComment(number: number, body: string): Promise<void>;
  editComment(id: number, body: string): Promise<void>;
  removeComment(id: number): Promise<void>;
  /** Oldest first; without those that were dismissed or only begun. */
  reviews(number: number): Promise<readonly Review[]>;
  /** One that the repository does not know is made. */
  addLabel(number: number, name: string): Promise<void>;
  removeLabel(number: number, name: string): Promise<void>;
  /** Asks for someone's review; of whom the forge does not ask one, for nothing. */
  askReview(number: number, login: string): Promise<void>;
  /** Only where the forge has check runs and this token may write them; else for nothing. */
  writeCheck?(
    sha: CommitSha,
    check: Pick<Status, "state" | "description"> & {
      readonly name: string;
      readonly annotations: readonly Annotation[];
    },
  ): Promise<void>;
  approve(number: number, commit: CommitSha, body: string): Promise<void>;
  merge(
    number: number,
    request: { readonly head: CommitSha; readonly title: string; readonly body: string },
  ): Promise<MergeAnswer>;
  /** Where a branch stands now. */
  branchTip(branch: string): Promise<CommitSha | undefined>;
}
