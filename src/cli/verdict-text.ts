import type { JsonObject } from "#core/json.ts";
import {
  describeAsked,
  describeHeld,
  describeSetAside,
  type WeighedApprovals,
  weighApprovals,
} from "#delivery/approvals.ts";
import type { EnvironmentImpact, StrategyImpact, Verdict } from "#delivery/gate.ts";
import { kindWords } from "#delivery/tool-files.ts";
import { statelessWords } from "#delivery/verdict.ts";
import type { Approval } from "#forge/port.ts";
import { count } from "./output.ts";

/** The gate's verdict as lines of a transcript: what it says, what changes, what it needs and has of that. */
export function describeVerdict(verdict: Verdict, approvals: readonly Approval[] = []): readonly string[] {
  const lines = [`  gate      ${verdict.state === "passed" ? "✓" : "✗"} ${verdict.summary}`];
  const warnings = verdict.findings.filter(({ severity }) => severity === "warning").length;
  if (warnings > 0) lines[0] += `, ${count(warnings, "warning")}`;
  const changes = [
    ...verdict.strategies.flatMap(describeStrategy),
    ...verdict.policies.map((policy) => `policy ${policy}`),
    ...(verdict.tool?.files ?? []).map(({ path, kind }) => `${path}: ${kindWords[kind]}`),
    ...(verdict.tool?.dependencies ?? []).map(({ name, from, to }) => `${name} ${from ?? "–"} → ${to ?? "–"}`),
  ];
  for (const [index, change] of changes.entries()) lines.push(`  ${index === 0 ? "changes  " : "         "} ${change}`);
  return [...lines, ...describeNeeds(weighApprovals(verdict, approvals), verdict.number)];
}

/** Who must approve, why, and who did; and whose approval counts for nothing. */
export function describeNeeds({ needs, setAside }: WeighedApprovals, number: number): readonly string[] {
  const lines = needs.map((one) => {
    const { need, missing } = one;
    const next = missing === 0 ? "" : `   → slipway approve ${number}`;
    return `  needs     ${describeAsked(need)}: ${need.reasons.join(", ")}; ${describeHeld(one)}${next}`;
  });
  return [...lines, ...setAside.map((one) => `            ${describeSetAside(one)}`)];
}

function describeStrategy(strategy: StrategyImpact): readonly string[] {
  return strategy.environments.map((impact) => `${strategy.id} in ${impact.environment}: ${describeImpact(impact)}`);
}

function describeImpact({ objects, effect, stateless, limits }: EnvironmentImpact): string {
  const parts = (["added", "changed", "removed"] as const)
    .filter((kind) => objects[kind] > 0)
    .map((kind) => `${objects[kind]} ${kind}`);
  const shown = parts.length === 0 ? "no object changes" : `${parts.join(", ")} (objects)`;
  const moved =
    limits.length === 0 ? "limits unchanged" : limits.map(({ text, direction }) => `${text} (${direction})`).join(", ");
  const without = stateless === true ? `, and starts ${statelessWords}` : "";
  return `${shown}; ${effectWords[effect]}${without}; ${moved}`;
}

const effectWords: Readonly<Record<EnvironmentImpact["effect"], string>> = {
  starts: "it starts",
  stops: "it stops",
  restarts: "it restarts, some seconds without trading",
  unchanged: "its process goes on",
  removed: "it is removed",
};

/** Keys are API. */
export function verdictJson(verdict: Verdict): JsonObject {
  const { state, summary, base, head, tree, checks, rules, strategies, policies, tool, needs, approvalDigest } =
    verdict;
  const plain = {
    state,
    summary,
    base,
    head,
    tree: tree ?? null,
    checks,
    rules,
    strategies,
    policies,
    tool: tool ?? null,
    needs,
    approvalDigest: approvalDigest ?? null,
  };
  return JSON.parse(JSON.stringify(plain)) as JsonObject;
}
