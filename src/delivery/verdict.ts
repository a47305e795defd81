import type { StrategyId } from "#core/identity.ts";
import type { Finding, Place } from "#core/refusal.ts";
import type { CommitSha, TreeSha } from "#git/port.ts";
import type { DependencyChange } from "./dependencies.ts";
import type { FleetImpact } from "./fleet-impact.ts";
import type { ToolKind } from "./tool-files.ts";

/** What is merged into what. */
export interface MergePair {
  readonly base: CommitSha;
  readonly head: CommitSha;
}

export interface ObjectCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** What a strategy's process goes through when the change is synced. `restarts`: some seconds without trading. */
export type ProcessEffect = "starts" | "stops" | "restarts" | "unchanged" | "removed";

export interface LimitChange {
  /** `maxOrderNotional 2000 → 1500` */
  readonly text: string;
  readonly direction: "looser" | "tighter" | "incomparable";
}

/** What a proposal does to one strategy in one environment. */
/** What `stateless` means, after what its process does. */
export const statelessWords = "without its old state (unless restore() takes that of other versions)";

export interface EnvironmentImpact {
  readonly environment: string;
  readonly objects: ObjectCounts;
  readonly effect: ProcessEffect;
  /** It restarts with other code or params: without its old state, unless its `restore()` takes that of other versions. */
  readonly stateless?: true;
  readonly limits: readonly LimitChange[];
  /** Of one that is new or whose limits change: all of them, and what bounds each. */
  readonly heldTo?: readonly HeldTo[];
}

/** A limit of a strategy, and what bounds it. */
export interface HeldTo {
  readonly name: string;
  readonly value: string;
  readonly bound: string;
  /** Where the bound is set. */
  readonly place: Place;
}

export interface StrategyImpact {
  readonly id: StrategyId;
  readonly kind: "new" | "changed" | "deleted" | "policy";
  /** In the words of the spec; empty when only the policies change it. */
  readonly changes: readonly string[];
  readonly environments: readonly EnvironmentImpact[];
}

export interface ChangedObject {
  readonly environment: string;
  readonly path: string;
  readonly status: "added" | "changed" | "removed";
}

/** Approvals that a proposal needs: of whom, how many, and why. */
export interface ApprovalNeed {
  /** How many different people. */
  readonly approvals: number;
  /** The group or team whose members are asked; `undefined`: anyone, or one person. */
  readonly group: string | undefined;
  /** Who may; `undefined`: anyone who did not propose it. */
  readonly members: readonly string[] | undefined;
  /** `touches strategies/momentum/` */
  readonly reasons: readonly string[];
  /** Where what asks for it counts. */
  readonly environments: readonly string[];
  /** Whether all of these take approvals of people whom nobody verified. */
  readonly embedded: boolean;
}

/** Someone who proposed it, and so does not approve it. */
export interface Proposer {
  readonly name: string;
  readonly email: string | undefined;
  readonly as: "author" | "pusher";
}

/** What a rule said of everything that it was asked about. */
export interface RuleOutcome {
  readonly rule: string;
  /** `policies/rules/forbid-host-paths.yaml` */
  readonly file: string;
  /** How often it is broken; none of it: it holds. */
  readonly broken: {
    /** The proposal does not pass for it, or the strategy does not run. */
    readonly refused: number;
    readonly unevaluated: number;
    /** Passes with an approval. */
    readonly approvals: number;
    readonly waived: number;
    readonly advised: number;
  };
  /** The waivers that let it pass, by name. */
  readonly waivers: readonly string[];
  /** Who breaks it, by id; what is of no strategy is not among them. */
  readonly strategies: readonly StrategyId[];
}

/** What a proposal changes outside of `strategies/` and `policies/`. */
export interface ToolImpact {
  readonly files: readonly {
    readonly path: string;
    readonly kind: ToolKind;
    /** Git's modes; `undefined`: the file is not there. */
    readonly from: string | undefined;
    readonly to: string | undefined;
    /** The group whose approval it needs. */
    readonly owner: string | undefined;
  }[];
  readonly dependencies: readonly DependencyChange[];
  /** The version of Slipway itself, if that is among them. */
  readonly slipway: { readonly from: string | undefined; readonly to: string | undefined } | undefined;
}

/** What the gate says of a proposal: a function of the two trees and the proposal's own words. No time, no live facts. */
export interface Verdict {
  readonly number: number;
  readonly state: "passed" | "refused";
  /** One line: `14 rules and 23 checks passed`, `2 errors in 1 strategy`. */
  readonly summary: string;
  readonly base: CommitSha;
  readonly head: CommitSha;
  /** The merge result; absent on a conflict. */
  readonly tree: TreeSha | undefined;
  readonly policyDigest: string | undefined;
  /** What the merge commit is called. */
  readonly title: string;
  readonly checks: number;
  /** Rules that were asked and refuse nothing; they are not among `checks`. */
  readonly rules: number;
  /** Each rule that was asked, by name. */
  readonly outcomes: readonly RuleOutcome[];
  readonly findings: readonly Finding[];
  readonly strategies: readonly StrategyImpact[];
  /** `paper bounds.maxOrderNotional 5000 → 4000` */
  readonly policies: readonly string[];
  /** What a change of policies does to every strategy; absent where no policy changes. */
  readonly fleet: FleetImpact | undefined;
  /** Of a proposal that changes no strategy and no policy. */
  readonly tool?: ToolImpact;
  readonly objects: readonly ChangedObject[];
  /** Of all objects of the touched environments after the merge. */
  readonly objectsTotal: number;
  readonly needs: readonly ApprovalNeed[];
  /** What an approval is bound to; absent when it is refused. */
  readonly approvalDigest: string | undefined;
  readonly proposers: readonly Proposer[];
  /** Everyone whom the base's policies name: two of them are two, however alike their names. */
  readonly people: readonly string[];
  /** The deploy that this restores, proven by its content. */
  readonly rollbackOf: CommitSha | undefined;
}
