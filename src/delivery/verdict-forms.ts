import type { Finding } from "#core/refusal.ts";
import type { Proposal } from "#forge/port.ts";
import type { TreeSha } from "#git/port.ts";
import { strategyOf } from "./render-tree.ts";
import type { MergePair, Verdict } from "./verdict.ts";

/** Refused, and nothing else is known of it. */
export function withoutImpact(
  { number, title }: Proposal,
  pair: MergePair,
  tree: TreeSha | undefined,
  findings: readonly Finding[],
): Verdict {
  return {
    ...{ number, state: "refused", summary: summaryLine("refused", 0, 0, findings), ...pair, tree, title },
    ...{ policyDigest: undefined, checks: 0, rules: 0, outcomes: [], findings, strategies: [], policies: [] },
    ...{ fleet: undefined, objects: [], objectsTotal: 0, needs: [], approvalDigest: undefined },
    ...{ proposers: [], people: [], rollbackOf: undefined },
  };
}

export function conflicts(paths: readonly string[]): readonly Finding[] {
  return (paths.length === 0 ? ["(unknown)"] : paths).map((file) => ({
    code: "merge-conflict",
    severity: "error",
    message: "main has changed this file since, in another way",
    fix: "take main's version over into yours and deploy again",
    place: { file },
  }));
}

/** `14 rules and 23 checks passed`, `2 errors in 1 strategy` */
export function summaryLine(
  state: Verdict["state"],
  checks: number,
  rules: number,
  findings: readonly Finding[],
): string {
  const asked = rules === 1 ? "1 rule and " : `${rules} rules and `;
  if (state === "passed") return `${rules === 0 ? "" : asked}${checks} checks passed`;
  const errors = findings.filter(({ severity }) => severity === "error");
  const strategies = new Set(errors.map(strategyOf).filter((id) => id !== undefined));
  const where =
    strategies.size === 0 ? "" : ` in ${strategies.size === 1 ? "1 strategy" : `${strategies.size} strategies`}`;
  return `${errors.length === 1 ? "1 error" : `${errors.length} errors`}${where}`;
}
