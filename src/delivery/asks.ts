import type { Finding } from "#core/refusal.ts";
import { approvalDigest } from "./approval-digest.ts";
import { approvalNeeds } from "./approval-needs.ts";
import { knownPeople } from "./approvals.ts";
import type { DirectedChange } from "./directions.ts";
import { readFleet } from "./fleet.ts";
import type { EnvironmentPair } from "./impact.ts";
import type { Memo } from "./memo.ts";
import { strategyOf } from "./render-tree.ts";
import type { ChangeSummary } from "./summarize.ts";
import { touchesOf } from "./touches.ts";
import type { SourceTree } from "./tree.ts";
import type { Proposer, StrategyImpact, Verdict } from "./verdict.ts";

/** What the gate has found of a proposal that it passes. */
export interface Passed {
  readonly before: SourceTree;
  readonly after: SourceTree;
  readonly atSeconds: number;
  readonly memo: Memo;
  readonly findings: readonly Finding[];
  readonly changes: readonly DirectedChange[];
  readonly pairs: readonly EnvironmentPair[];
  readonly strategies: readonly StrategyImpact[];
  readonly summary: ChangeSummary;
  /** What was said of the base. */
  readonly known: readonly Finding[];
  readonly proposers: readonly Proposer[];
}

/** Who must approve it, and to what an approval is bound. */
export function asksOf(passed: Passed): Pick<Verdict, "needs" | "approvalDigest" | "people"> {
  const { before, after, changes, memo, proposers } = passed;
  const old = readFleet(before, memo).policies;
  const now = readFleet(after, memo).policies;
  const touches = touchesOf(before, after, changes, memo);
  return {
    needs: approvalNeeds({ before: old, after: now, touches, findings: ownFindings(passed), proposers }),
    approvalDigest: approvalDigest(passed),
    people: knownPeople(old),
  };
}

/** What a strategy broke before, and does as before, is nothing that this proposal asks for. */
function ownFindings({ findings, known, summary }: Passed): readonly Finding[] {
  const keyOf = ({ code, rule, message, place }: Finding): string => JSON.stringify([code, rule, message, place?.file]);
  const said = new Set(known.map(keyOf));
  return findings.filter(
    (finding) => summary.strategies.some(({ id }) => id === strategyOf(finding)) || !said.has(keyOf(finding)),
  );
}
