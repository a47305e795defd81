import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Forge, ForgeRefusal, Proposal } from "#forge/port.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { applyExpiries } from "./expiries.ts";
import { judge } from "./judge.ts";
import { createMemo, type Memo } from "./memo.ts";
import type { ApprovalNeed, Verdict } from "./verdict.ts";

export interface MergeRequest {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly number: number;
  readonly by: { readonly name: string; readonly email: string };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly memo?: Memo;
  /** What the caller has had judged: a pair that did not move since is not judged again. */
  readonly judged?: Memo;
}

export interface MergedProposal {
  readonly proposal: Proposal;
  /** The commit on main. */
  readonly commit: CommitSha;
  /** Absent when it was merged before. */
  readonly verdict: Verdict | undefined;
}

export interface MergeRefusal {
  readonly code: "gate-refused" | "approvals-missing" | "identities-unverified" | "merge-contended" | "forge-refused";
  readonly message: string;
  readonly fix: string;
  readonly findings: readonly Finding[];
  readonly refusal?: ForgeRefusal;
}

const triesMax = 10;

/**
 * Merges a proposal if the gate passes it on main as it stands now and its approvals are there. When main or the branch moves meanwhile, the new
 * pair is judged; nothing is merged that was not. Merging a merged proposal answers with its commit.
 */
export async function mergeProposal(request: MergeRequest): Promise<Result<MergedProposal, MergeRefusal>> {
  const { repository, forge, number, by, clock } = request;
  const { memo = createMemo(), judged = createMemo(1) } = request;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const found = await forge.get(number);
    if (!found.ok) return err(forgeRefused(found.error));
    const { state, mergedAs } = found.value;
    if (state === "merged" && mergedAs !== undefined)
      return ok({ proposal: found.value, commit: mergedAs, verdict: undefined });
    if (state !== "open") return err(forgeRefused({ code: "proposal-not-open", number, state }));
    // Ends and starts that came since main's last commit count first: what is merged now is dated now.
    await applyExpiries({ repository, clock, memo });
    const verdict = await judge({ repository, forge, number, memo, judged });
    if (verdict.state === "refused") return err(gateRefused(verdict));
    const approvers = approversOf(found.value, verdict.head);
    const missing = missingApprovals(forge, verdict, approvers);
    if (missing !== undefined) return err(missing);
    const base = await repository.commit(verdict.base);
    const merged = await forge.merge(number, {
      head: verdict.head,
      base: verdict.base,
      by,
      message: verdict.title,
      trailers: [
        ...approvers.map((name) => ["Approved-by", name] as const),
        ...(verdict.rollbackOf === undefined ? [] : [["Rollback-of", verdict.rollbackOf] as const]),
      ],
      // Time on main never runs backwards. A head's own dates are its author's word.
      timeSeconds: Math.max(Math.floor(clock() / 1_000), base.committer.timeSeconds),
    });
    if (merged.ok) return ok({ proposal: merged.value.proposal, commit: merged.value.commit, verdict });
    if (!isStale(merged.error)) return err(forgeRefused(merged.error));
  }
  return err({
    code: "merge-contended",
    message: `main moved ${triesMax} times while proposal #${number} was judged`,
    fix: "merge again when it is calmer",
    findings: [],
  });
}

/** Main, the branch or the status is not what was judged any more: judge again. */
function isStale(refusal: ForgeRefusal): boolean {
  return ["base-moved", "head-moved", "gate-not-passed"].includes(refusal.code);
}

/** Who approved this very head, the author aside. */
function approversOf(proposal: Proposal, head: CommitSha): readonly string[] {
  const names = proposal.approvals
    .filter((approval) => approval.head === head && approval.by !== proposal.author)
    .map(({ by }) => by);
  return [...new Set(names)].sort();
}

function missingApprovals(forge: Forge, verdict: Verdict, approvers: readonly string[]): MergeRefusal | undefined {
  const needs: readonly ApprovalNeed[] = verdict.needs.filter(({ approvals }) => approvals > 0);
  const strict = needs.find(({ embedded }) => !embedded);
  if (forge.identities === "unverified" && strict !== undefined) {
    return {
      code: "identities-unverified",
      message: `${strict.environment} asks for approvals, and this forge takes anyone's word for who they are`,
      fix: `merge on a forge that knows its users, or mark ${strict.environment} as embedded in policies/environments/${strict.environment}.yaml`,
      findings: [],
    };
  }
  const short = needs.find(({ approvals }) => approvals > approvers.length);
  if (short === undefined) return undefined;
  const have = approvers.length === 0 ? "none" : approvers.join(", ");
  return {
    code: "approvals-missing",
    message: `${short.environment} asks for ${short.approvals} approval${short.approvals === 1 ? "" : "s"} of ${verdict.head.slice(0, 7)}; it has ${have}`,
    fix: `someone else than its author runs: slipway approve ${verdict.number}`,
    findings: [],
  };
}

function gateRefused(verdict: Verdict): MergeRefusal {
  return {
    code: "gate-refused",
    message: `the gate refuses proposal #${verdict.number}: ${verdict.summary}`,
    fix: "mend it and deploy again; the proposal takes the new content",
    findings: verdict.findings,
  };
}

function forgeRefused(refusal: ForgeRefusal): MergeRefusal {
  const text = "state" in refusal ? `it is ${refusal.state}` : refusal.code;
  return {
    code: "forge-refused",
    message: `the forge refuses: ${text}`,
    fix: "slipway proposals lists what is open",
    findings: [],
    refusal,
  };
}
