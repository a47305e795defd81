import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Forge, ForgeRefusal, Proposal } from "#forge/port.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import {
  describeAsked,
  describeHeld,
  describeSetAside,
  type WeighedApprovals,
  type WeighedNeed,
  weighApprovals,
} from "./approvals.ts";
import { applyExpiries } from "./expiries.ts";
import { judge, preview } from "./judge.ts";
import { createMemo, type Memo } from "./memo.ts";
import type { Verdict } from "./verdict.ts";

export interface MergeRequest {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly number: number;
  /** The content that is meant: one that took its place meanwhile is not merged in its name. Default: whatever the proposal holds. */
  readonly head?: CommitSha;
  readonly by: { readonly name: string; readonly email: string };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly memo?: Memo;
  /** What the caller has had judged: a pair that did not move since is not judged again. */
  readonly judged?: Memo;
  /**
   * A server judges, and writes what it finds to the forge: this process only looks, and calls this to wait for the server when what is there is not
   * what it judged. Absent: this process judges itself.
   */
  readonly awaitServer?: () => Promise<void>;
  /** Those who merge at once go one after the other. Absent: whoever comes first, and the others judge again. */
  readonly turn?: Turn;
}

/** One's place among those who move main. */
export interface Turn {
  /**
   * Before an attempt; `lost` have been made and came to nothing, because main had moved.
   *
   * @returns whether it waited: then main may be another one
   */
  before(lost: number): Promise<boolean>;
  /** Afterwards, whatever came of it. */
  done(): Promise<void>;
}

export interface MergedProposal {
  readonly proposal: Proposal;
  /** The commit on main. */
  readonly commit: CommitSha;
  /** Absent when it was merged before. */
  readonly verdict: Verdict | undefined;
}

export interface MergeRefusal {
  readonly code:
    | "gate-refused"
    | "approvals-missing"
    | "identities-unverified"
    | "merge-contended"
    | "content-replaced"
    | "forge-refused";
  readonly message: string;
  readonly fix: string;
  readonly findings: readonly Finding[];
  readonly refusal?: ForgeRefusal;
}

const triesMax = 10;
/** A server is waited for longer than oneself. */
const serverTriesMax = 60;

/**
 * Merges a proposal if the gate passes it on main as it stands now and its approvals are there. When main or the branch moves meanwhile, the new
 * pair is judged; nothing is merged that was not. Merging a merged proposal answers with its commit.
 */
export async function mergeProposal(request: MergeRequest): Promise<Result<MergedProposal, MergeRefusal>> {
  try {
    return await mergeInTurn(request);
  } finally {
    await request.turn?.done();
  }
}

async function mergeInTurn(request: MergeRequest): Promise<Result<MergedProposal, MergeRefusal>> {
  const { repository, forge, number, by, clock, awaitServer, turn } = request;
  const { memo = createMemo(), judged = createMemo({ entriesMax: 1 }) } = request;
  const bound = awaitServer === undefined ? triesMax : serverTriesMax;
  let lost = 0;
  for (let tries = 0; tries < bound; tries += 1) {
    const waited = (await turn?.before(lost)) === true;
    if (tries > 0 && !waited) await awaitServer?.();
    const found = await forge.get(number);
    if (!found.ok) return err(forgeRefused(found.error));
    const { state, mergedAs } = found.value;
    if (request.head !== undefined && found.value.head !== request.head) return err(contentReplaced(found.value));
    if (state === "merged" && mergedAs !== undefined)
      return ok({ proposal: found.value, commit: mergedAs, verdict: undefined });
    if (state !== "open") return err(forgeRefused({ code: "proposal-not-open", number, state }));
    const verdict = await verdictOf(request, memo, judged);
    if (request.head !== undefined && verdict.head !== request.head) continue;
    if (verdict.state === "refused") return err(gateRefused(verdict));
    const weighed = weighApprovals(verdict, found.value.approvals);
    const missing = missingApprovals(forge, verdict, weighed);
    if (missing !== undefined) return err(missing);
    if (awaitServer !== undefined) {
      const word = serversWord(found.value, verdict);
      if (word === undefined) continue;
      if (word.state === "refused") return err(gateRefused({ ...verdict, summary: word.summary }));
    }
    const base = await repository.commit(verdict.base);
    const merged = await forge.merge(number, {
      head: verdict.head,
      base: verdict.base,
      by,
      message: verdict.title,
      trailers: [
        ...weighed.counted.map((name) => ["Approved-by", name] as const),
        ...(verdict.rollbackOf === undefined ? [] : [["Rollback-of", verdict.rollbackOf] as const]),
      ],
      // Time on main never runs backwards. A head's own dates are its author's word.
      timeSeconds: Math.max(Math.floor(clock() / 1_000), base.committer.timeSeconds),
    });
    if (merged.ok) return ok({ proposal: merged.value.proposal, commit: merged.value.commit, verdict });
    if (!isStale(merged.error)) return err(forgeRefused(merged.error));
    lost += 1;
  }
  return err(contended(number, lost));
}

/** What a server has said of exactly this pair; undefined: nothing yet. */
function serversWord({ gate }: Proposal, { base, head }: Verdict): Proposal["gate"] {
  return gate?.base === base && gate.head === head && gate.state !== "pending" ? gate : undefined;
}

function contended(number: number, lost: number): MergeRefusal {
  const moved = `main moved ${lost} ${lost === 1 ? "time" : "times"} while proposal #${number} was judged`;
  const silent = `Slipway's server has not judged proposal #${number} on main as it is now`;
  return {
    code: "merge-contended",
    message: lost === 0 ? silent : moved,
    fix: lost === 0 ? "look whether the server runs, then merge again" : "merge again when it is calmer",
    findings: [],
  };
}

async function verdictOf(request: MergeRequest, memo: Memo, judged: Memo): Promise<Verdict> {
  const { repository, forge, number, clock, awaitServer } = request;
  if (awaitServer !== undefined) return preview({ repository, forge, number, memo });
  // Ends and starts that came since main's last commit count first: what is merged now is dated now.
  await applyExpiries({ repository, clock, memo });
  return judge({ repository, forge, number, memo, judged });
}

/** Main, the branch or the status is not what was judged any more: judge again. */
function isStale(refusal: ForgeRefusal): boolean {
  return ["base-moved", "head-moved", "gate-not-passed"].includes(refusal.code);
}

function missingApprovals(forge: Forge, verdict: Verdict, weighed: WeighedApprovals): MergeRefusal | undefined {
  const strict = verdict.needs.find(({ embedded }) => !embedded);
  if (forge.identities === "unverified" && strict !== undefined) {
    const where = strict.environments.join(", ") || "main";
    return {
      code: "identities-unverified",
      message: `${where} needs ${describeAsked(strict)}, and this forge takes anyone's word for who they are`,
      fix: `merge on a forge that knows its users, or mark ${where} as embedded in policies/environments`,
      findings: [],
    };
  }
  const short = weighed.needs.filter(({ missing }) => missing > 0);
  if (short.length === 0) return undefined;
  const asked = short.map((one) => `${describeAsked(one.need)}: ${one.need.reasons.join(", ")}; ${describeHeld(one)}`);
  const aside = weighed.setAside.map((one) => `; ${describeSetAside(one)}`).join("");
  return {
    code: "approvals-missing",
    message: `proposal #${verdict.number} needs ${asked.join(", and ")}${aside}`,
    fix: `${whoMay(short)}: slipway approve ${verdict.number}`,
    findings: [],
  };
}

function whoMay(short: readonly WeighedNeed[]): string {
  const names = [
    ...new Set(short.flatMap(({ candidates, by }) => candidates?.filter((name) => !by.includes(name)) ?? [])),
  ];
  if (short.some(({ candidates }) => candidates === undefined)) return "someone who did not propose it runs";
  if (names.length === 0) return "add someone to the group in policies/teams.yaml first, who then runs";
  return `${names.join(" or ")} runs`;
}

/** Two who deploy one strategy share its proposal: the last content is its content. */
function contentReplaced({ number, state, head }: Proposal): MergeRefusal {
  const became = state === "merged" ? "and was merged with it" : "and holds it now";
  return {
    code: "content-replaced",
    message: `proposal #${number} got other content meanwhile (${head.slice(0, 7)}), ${became}; yours was not merged`,
    fix: "look at what main holds now (slipway proposals), then deploy again",
    findings: [],
  };
}

function gateRefused(verdict: Verdict): MergeRefusal {
  return {
    code: "gate-refused",
    message: `the gate refuses proposal #${verdict.number}: ${verdict.summary}`,
    fix: `mend it and deploy again, and the proposal takes the new content; or give it up: slipway close ${verdict.number}`,
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
