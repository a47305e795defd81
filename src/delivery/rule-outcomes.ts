import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import type { CheckReport } from "./check.ts";
import { strategyOf } from "./render-tree.ts";
import type { RuleOutcome } from "./verdict.ts";

type Judged = Pick<CheckReport, "asked" | "findings">;

/** What each rule that was asked said, also of what is no news to a proposal. A finding of two reports counts once. */
export function ruleOutcomes(reports: readonly Judged[]): readonly RuleOutcome[] {
  const findings = new Map<string, Map<string, Finding>>();
  for (const name of new Set(reports.flatMap(({ asked }) => asked))) findings.set(name, new Map());
  for (const finding of reports.flatMap((report) => report.findings)) {
    if (finding.rule !== undefined) findings.get(finding.rule)?.set(JSON.stringify(finding), finding);
  }
  return [...findings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([rule, own]) => outcomeOf(rule, [...own.values()]));
}

function outcomeOf(rule: string, findings: readonly Finding[]): RuleOutcome {
  const broken = { refused: 0, unevaluated: 0, approvals: 0, waived: 0, advised: 0 };
  const waivers = new Set<string>();
  const strategies = new Set<StrategyId>();
  for (const finding of findings) {
    broken[kindOf(finding)] += 1;
    for (const waiver of finding.waivers ?? []) waivers.add(waiver);
    const id = strategyOf(finding);
    if (id !== undefined) strategies.add(id);
  }
  const file = `policies/rules/${rule}.yaml`;
  return { rule, file, broken, waivers: [...waivers].sort(), strategies: [...strategies].sort() };
}

function kindOf({ code, severity, waivers, approvalOf }: Finding): keyof RuleOutcome["broken"] {
  if (code === "rule-unevaluated") return "unevaluated";
  if (waivers !== undefined) return "waived";
  if (approvalOf !== undefined) return "approvals";
  return severity === "error" ? "refused" : "advised";
}
