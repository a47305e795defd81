import { decimal } from "#core/decimal.ts";
import type { EffectiveStrategy, Limits } from "#core/effective.ts";
import type { StrategyId } from "#core/identity.ts";
import { exceeds } from "#core/limits.ts";
import { parseRate } from "#core/rate.ts";
import { assert } from "#core/result.ts";
import type { CheckReport } from "./check.ts";
import { strategiesOf } from "./names.ts";
import type { ChangedObject, EnvironmentImpact, LimitChange, ObjectCounts, ProcessEffect } from "./verdict.ts";

/** One environment before and after. */
export interface EnvironmentPair {
  readonly environment: string;
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
}

/** The objects that differ, by path. */
export function changedObjects({ environment, before, after }: EnvironmentPair): readonly ChangedObject[] {
  const objects: ChangedObject[] = [];
  for (const [path, text] of after) {
    const old = before.get(path);
    if (old === undefined) objects.push({ environment, path, status: "added" });
    else if (old !== text) objects.push({ environment, path, status: "changed" });
  }
  for (const path of before.keys()) if (!after.has(path)) objects.push({ environment, path, status: "removed" });
  return objects.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The strategies whose own objects differ. */
export function touchedStrategies(objects: readonly ChangedObject[]): readonly StrategyId[] {
  return strategiesOf(objects.map(({ path }) => path));
}

/** What a change does to one strategy in one environment; `undefined` if it is in neither state there. */
export function impactOn(
  id: StrategyId,
  pair: EnvironmentPair,
  reports: { readonly before: CheckReport; readonly after: CheckReport },
): EnvironmentImpact | undefined {
  const { environment } = pair;
  const before = effectiveOf(reports.before, id, environment);
  const after = effectiveOf(reports.after, id, environment);
  if (before === undefined && after === undefined) return undefined;
  const own = changedObjects(pair).filter(({ path }) => isOwn(path, id, environment));
  return {
    environment,
    objects: count(own),
    effect: effectOf(id, pair, before, after),
    limits: before === undefined || after === undefined ? [] : limitChanges(before.limits, after.limits),
  };
}

function effectiveOf(report: CheckReport, id: StrategyId, environment: string): EffectiveStrategy | undefined {
  return report.strategies.find((strategy) => strategy.id === id)?.environments.find(({ name }) => name === environment)
    ?.effective;
}

function isOwn(path: string, id: StrategyId, environment: string): boolean {
  return (
    path.startsWith(`strategies/${id}/`) || path === `apps/application-${environment}-${id.replace("/", "-")}.yaml`
  );
}

function count(objects: readonly ChangedObject[]): ObjectCounts {
  const of = (status: ChangedObject["status"]): number => objects.filter((object) => object.status === status).length;
  return { added: of("added"), changed: of("changed"), removed: of("removed") };
}

function effectOf(
  id: StrategyId,
  { before: old, after: now }: EnvironmentPair,
  before: EffectiveStrategy | undefined,
  after: EffectiveStrategy | undefined,
): ProcessEffect {
  if (after === undefined) return "removed";
  if (after.running !== (before?.running ?? false)) return after.running ? "starts" : "stops";
  if (!after.running) return "unchanged";
  const path = `strategies/${id}/statefulset-${after.name}.yaml`;
  return podTemplate(old.get(path)) === podTemplate(now.get(path)) ? "unchanged" : "restarts";
}

/** The lines of `spec.template`. The emitter's layout is a contract of ours: two spaces a level, keys on lines of their own. */
function podTemplate(text: string | undefined): string {
  const lines = (text ?? "").split("\n");
  const start = lines.indexOf("  template:");
  if (start < 0) return "";
  const length = lines.slice(start + 1).findIndex((line) => !line.startsWith("   "));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** Each limit that differs, and whether more is allowed than before. */
export function limitChanges(before: Limits, after: Limits): readonly LimitChange[] {
  const changes: LimitChange[] = [];
  const add = (name: string, old: string, now: string, looser: boolean): void => {
    changes.push({ text: `${name} ${old} → ${now}`, direction: looser ? "looser" : "tighter" });
  };
  for (const name of ["maxOrderNotional", "maxPositionNotional", "maxDrawdown"] as const) {
    if (before[name] !== after[name])
      add(name, before[name], after[name], exceeds[name](decimal(before[name]), decimal(after[name])));
  }
  if (before.orderRate !== after.orderRate) {
    const [old, now] = [parseRate(before.orderRate), parseRate(after.orderRate)];
    assert(old.ok && now.ok, "a rate that the schema let through cannot be read");
    add("orderRate", before.orderRate, after.orderRate, exceeds.orderRate(old.value, now.value));
  }
  for (const name of ["instruments", "venues"] as const) {
    const added = after[name].filter((item) => exceeds[name](before[name], item));
    const removed = before[name].filter((item) => exceeds[name](after[name], item));
    if (added.length > 0) changes.push({ text: `${name} +${added.join(" +")}`, direction: "looser" });
    if (removed.length > 0) changes.push({ text: `${name} −${removed.join(" −")}`, direction: "tighter" });
  }
  return changes;
}
