import type { StrategyId } from "#core/identity.ts";
import { comparePolicies, type PolicyChange } from "#core/policy-direction.ts";
import type { Finding } from "#core/refusal.ts";
import type { CheckReport } from "./check.ts";
import { changedObjects, type EnvironmentPair, effectiveIn, groupByStrategy, impactOn } from "./impact.ts";
import { concerns, refusedStrategies, strategyOf } from "./render-tree.ts";
import type { Side } from "./sides.ts";
import type { ChangedObject, EnvironmentImpact } from "./verdict.ts";

/** What a strategy is to the policies: passed (running or stopped), refused, or not there. */
export type Standing = "passed" | "refused" | "absent";

/** One strategy in one environment, before and after. */
export interface StrategyRow {
  readonly id: StrategyId;
  readonly owner: string;
  readonly before: Standing;
  readonly after: Standing;
  /** Whether it runs before the change. */
  readonly running: boolean;
  /** The first thing that refuses it after the change, in the order of its file. */
  readonly refusal: Finding | undefined;
  /** What is said of it without refusing it, and was not said before. */
  readonly advice: readonly Finding[];
  readonly impact: Omit<EnvironmentImpact, "environment">;
}

export interface EnvironmentFleet {
  readonly environment: string;
  /** Whether its policies are refused after the change: then of a strategy is known only what refuses it. */
  readonly isRefused?: boolean;
  /** All of them, changed or not, by id. */
  readonly strategies: readonly StrategyRow[];
  /** Changed objects that belong to no strategy: the platform's and the teams'. */
  readonly shared: readonly ChangedObject[];
}

/** What a change does to every strategy of every environment: complete, not sampled, and the same for the same trees. */
export interface FleetImpact {
  readonly environments: readonly EnvironmentFleet[];
  /** What differs in the policies, field by field, with its direction. */
  readonly policies: readonly PolicyChange[];
  /** Findings after the change that are about no single strategy and were not there before: policies, totals of teams. */
  readonly findings: readonly Finding[];
}

/** Compares two judged trees, with what they render to (`renderPairs`). */
export function fleetImpact(old: Side, now: Side, pairs: readonly EnvironmentPair[]): FleetImpact {
  const [before, after] = [old.report, now.report];
  const refusals = { before: byStrategy(before.findings), after: byStrategy(after.findings) };
  const known = new Set(before.findings.map(keyOf));
  return {
    environments: pairs.map((pair) => environmentFleet(pair, { before, after }, refusals, known)),
    policies: comparePolicies(old.policies, now.policies),
    findings: after.findings.filter(
      (finding) => !isOwn(finding) && finding.severity === "error" && !known.has(keyOf(finding)),
    ),
  };
}

type Findings = ReadonlyMap<StrategyId, readonly Finding[]>;

function environmentFleet(
  pair: EnvironmentPair,
  reports: { readonly before: CheckReport; readonly after: CheckReport },
  findings: { readonly before: Findings; readonly after: Findings },
  known: ReadonlySet<string>,
): EnvironmentFleet {
  const { environment } = pair;
  const objects = changedObjects(pair);
  const old = effectiveIn(reports.before, environment);
  const now = pair.isRefused === true ? old : effectiveIn(reports.after, environment);
  const stood = { before: standings(reports.before, environment), after: standings(reports.after, environment) };
  const ids = [...new Set([...old.keys(), ...now.keys(), ...stood.before.keys(), ...stood.after.keys()])].sort();
  const changed = groupByStrategy(objects, ids);
  const strategies = ids.map((id): StrategyRow => {
    const [effectiveBefore, effectiveAfter] = [old.get(id), now.get(id)];
    const standing = { before: stood.before.get(id) ?? "absent", after: stood.after.get(id) ?? "absent" };
    // What is refused goes on as it was, stopped: its objects stay, under the policies that let it run.
    const stopped = standing.after === "refused" && effectiveBefore !== undefined;
    const runs = stopped ? { ...effectiveBefore, running: false } : effectiveAfter;
    const impact = impactOn(id, pair, changed, standing.before === "refused" ? undefined : effectiveBefore, runs);
    const own = (findings.after.get(id) ?? []).filter((finding) => concerns(finding, environment));
    return {
      id,
      owner: (effectiveAfter ?? effectiveBefore)?.owner ?? "",
      ...standing,
      running: standing.before === "passed" && effectiveBefore?.running === true,
      refusal: own.find(({ severity }) => severity === "error"),
      advice: own.filter((finding) => finding.severity === "warning" && !known.has(keyOf(finding))),
      impact: impact ?? { objects: { added: 0, changed: 0, removed: 0 }, effect: "unchanged", limits: [] },
    };
  });
  const theirs = new Set([...changed.values()].flat());
  const shared = objects.filter((object) => !theirs.has(object));
  return { environment, isRefused: pair.isRefused === true, strategies, shared };
}

/** @returns where each strategy of the report stands in the environment; one that is not there has no entry */
function standings(report: CheckReport, environment: string): ReadonlyMap<StrategyId, Standing> {
  const refused = refusedStrategies(report.findings, environment);
  const found = new Map<StrategyId, Standing>();
  for (const { id, named } of report.strategies) {
    // A spec that cannot be read names no environment; it is refused wherever it was.
    if (refused.has(id) && (named.length === 0 || named.includes(environment))) found.set(id, "refused");
    else if (named.includes(environment)) found.set(id, "passed");
  }
  return found;
}

function isOwn(finding: Finding): boolean {
  return strategyOf(finding) !== undefined && finding.code !== "team-total-exceeded";
}

function byStrategy(findings: readonly Finding[]): Findings {
  const groups = new Map<StrategyId, Finding[]>();
  for (const finding of findings) {
    const id = strategyOf(finding);
    if (id !== undefined && isOwn(finding)) groups.set(id, [...(groups.get(id) ?? []), finding]);
  }
  return groups;
}

/** Two findings are the same word about the same place; what a policy edit moves is its own lines, not the author's. */
function keyOf({ code, place, message }: Finding): string {
  return `${code} ${place?.file}:${place?.line}:${place?.column} ${message}`;
}
