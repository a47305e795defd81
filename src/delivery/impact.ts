import { type BoundName, type BoundValue, compareBound, formatBound } from "#core/bounds.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { StrategyId } from "#core/identity.ts";
import { canonicalJson } from "#core/json.ts";
import { slotFiles } from "#core/slots.ts";
import type { CheckReport } from "./check.ts";
import type { ChangedObject, EnvironmentImpact, LimitChange, ObjectCounts, ProcessEffect } from "./verdict.ts";

/** One environment before and after. */
export interface EnvironmentPair {
  readonly environment: string;
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  /** Whether the policies after it are refused: then nothing is rendered, and what its strategies would be is not known. */
  readonly isRefused?: boolean;
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

/**
 * What a change does to one strategy in one environment; `undefined` if it is in neither state there.
 *
 * @param before what the environment ran of it, and `after` what it will run
 * @param changed the objects of the pair that differ, as `groupByStrategy` has them
 */
export function impactOn(
  id: StrategyId,
  pair: EnvironmentPair,
  changed: ReadonlyMap<StrategyId, readonly ChangedObject[]>,
  before: EffectiveStrategy | undefined,
  after: EffectiveStrategy | undefined,
): EnvironmentImpact | undefined {
  if (before === undefined && after === undefined) return undefined;
  const effect = effectOf(id, pair, before, after);
  return {
    environment: pair.environment,
    objects: count(changed.get(id) ?? []),
    effect,
    ...(effect === "restarts" && writesOtherState(id, pair, before, after) ? { stateless: true as const } : {}),
    limits: before === undefined || after === undefined ? [] : limitChanges(before, after),
  };
}

/** What a report says that an environment runs, by strategy. */
export function effectiveIn(report: CheckReport, environment: string): ReadonlyMap<StrategyId, EffectiveStrategy> {
  const found = new Map<StrategyId, EffectiveStrategy>();
  for (const { id, environments } of report.strategies) {
    const effective = environments.find(({ name }) => name === environment)?.effective;
    if (effective !== undefined) found.set(id, effective);
  }
  return found;
}

/**
 * The changed objects of each strategy: those of its folder, and its Application.
 *
 * @param ids the strategies in question; an Application's name alone does not say whose it is
 */
export function groupByStrategy(
  objects: readonly ChangedObject[],
  ids: Iterable<StrategyId>,
): ReadonlyMap<StrategyId, readonly ChangedObject[]> {
  const owners = new Map<string, StrategyId>();
  for (const id of ids) owners.set(id.replace("/", "-"), id);
  const groups = new Map<StrategyId, ChangedObject[]>();
  for (const object of objects) {
    const { environment, path } = object;
    const [folder, team, name] = path.split("/");
    const application = path.startsWith(`apps/application-${environment}-`)
      ? owners.get(path.slice(`apps/application-${environment}-`.length, -".yaml".length))
      : undefined;
    const id = folder === "strategies" ? owners.get(`${team}-${name}`) : application;
    if (id !== undefined) groups.set(id, [...(groups.get(id) ?? []), object]);
  }
  return groups;
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

/** Whether another version writes the algorithm's state from here on, as the executor counts it: other code, params, or files of the portfolio. */
function writesOtherState(
  id: StrategyId,
  { before: old, after: now }: EnvironmentPair,
  before: EffectiveStrategy | undefined,
  after: EffectiveStrategy | undefined,
): boolean {
  if (before === undefined || after === undefined) return false;
  const path = `strategies/${id}/statefulset-${after.name}.yaml`;
  const bundle = new RegExp(`\\b${after.name}-algorithm-[0-9a-f]{10}\\b`);
  const wrote = ({ params, portfolio }: EffectiveStrategy, text = ""): string =>
    canonicalJson({ params, files: { ...slotFiles(portfolio) }, bundle: bundle.exec(text)?.[0] ?? "" });
  return wrote(before, old.get(path)) !== wrote(after, now.get(path));
}

/** The lines of `spec.template`. The emitter's layout is a contract of ours: two spaces a level, keys on lines of their own. */
function podTemplate(text: string | undefined): string {
  const lines = (text ?? "").split("\n");
  const start = lines.indexOf("  template:");
  if (start < 0) return "";
  const length = lines.slice(start + 1).findIndex((line) => !line.startsWith("   "));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** Each limit and resource that differs, and whether more is allowed than before. */
export function limitChanges(before: EffectiveStrategy, after: EffectiveStrategy): readonly LimitChange[] {
  const changes: LimitChange[] = [];
  for (const [name, old, now] of valuesOf(before, after)) {
    const direction = compareBound(name, old, now);
    if (direction !== "equal") changes.push({ text: changeText(name, old, now), direction });
  }
  return changes;
}

function valuesOf(
  before: EffectiveStrategy,
  after: EffectiveStrategy,
): readonly (readonly [BoundName, BoundValue, BoundValue])[] {
  const limits = [
    "maxOrderNotional",
    "maxPositionNotional",
    "maxDrawdown",
    "orderRate",
    "instruments",
    "venues",
  ] as const;
  const resources = ["cpu", "memory", "state"] as const;
  return [
    ...limits.map((name) => [name, before.limits[name], after.limits[name]] as const),
    ...resources.map((name) => [name, before.resources[name], after.resources[name]] as const),
  ];
}

/** `maxOrderNotional 2000 → 1500`, `instruments +GOOG −IBM` */
export function changeText(name: BoundName, before: BoundValue, after: BoundValue): string {
  if (typeof before === "string" || typeof after === "string")
    return `${name} ${formatBound(before)} → ${formatBound(after)}`;
  const added = after.filter((item) => !before.includes(item)).map((item) => `+${item}`);
  const removed = before.filter((item) => !after.includes(item)).map((item) => `−${item}`);
  return `${name} ${[...added, ...removed].join(" ")}`;
}
