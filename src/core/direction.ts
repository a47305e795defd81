import { type BoundName, type BoundValue, combine, compareBound, type Direction, formatBound } from "./bounds.ts";
import type { EffectiveStrategy } from "./effective.ts";
import { canonicalJson, type JsonObject, type JsonValue } from "./json.ts";

// Every field of a spec or a policy has a risk direction. Each field is a preorder (reflexive, transitive, and two values within each other mean
// the same), and a document is the product of its fields, so it is one, too: what tightens twice tightens, and what tightens one way loosens
// the other. A field of which nobody can say what is riskier is comparable with itself alone.

/** One field that differs, and where the change goes. A list of them says all that differs: an empty one is no change. */
export interface FieldChange {
  /** Dotted, as people write it: `limits.maxOrderNotional`. Of a whole thing that comes or goes: what it is, for example `strategy`. */
  readonly field: string;
  /** As people read it; `undefined` where there is none. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly direction: Exclude<Direction, "equal">;
}

/** The direction of all changes together; `equal` if there is none. */
export function directionOf(changes: Iterable<FieldChange>): Direction {
  return combine([...changes].map(({ direction }) => direction));
}

/** Whether the changes let through nothing that was not let through before: the fast lane's question. */
export function isTightening(changes: readonly FieldChange[]): boolean {
  return changes.every(({ direction }) => direction === "tighter");
}

/** `limits.maxOrderNotional 2000 → 1500 is tighter`; of one that cannot be compared it says so. */
export function formatChange({ field, before, after, direction }: FieldChange): string {
  const verdict = direction === "incomparable" ? "cannot be compared" : `is ${direction}`;
  if (before === undefined) return `${field}${after === undefined ? "" : ` ${after}`}, added, ${verdict}`;
  if (after === undefined) return `${field} ${before}, removed, ${verdict}`;
  return `${field} ${before} → ${after} ${verdict}`;
}

/** What runs of a strategy in one environment. */
export interface StrategyState {
  readonly effective: EffectiveStrategy;
  /** Of the algorithm's bundle, or anything else that is equal exactly when the code is. */
  readonly codeDigest: string;
}

/**
 * What changes in a strategy, field by field, in one environment. Limits and resources are held by their bounds' own comparison; running is looser
 * than stopped; code, parameters and whatever else decides how it trades cannot be compared.
 *
 * @param before `undefined`: it does not run there, which is tighter than anything that does
 */
export function compareStrategies(
  before: StrategyState | undefined,
  after: StrategyState | undefined,
): readonly FieldChange[] {
  if (before === undefined || after === undefined)
    return presence("strategy", before && describe(before), after && describe(after));
  const { effective: old } = before;
  const { effective: now } = after;
  return [
    ...(
      ["instruments", "venues", "maxOrderNotional", "maxPositionNotional", "orderRate", "maxDrawdown"] as const
    ).flatMap((name) => changedBound(`limits.${name}`, name, old.limits[name], now.limits[name])),
    ...(["cpu", "memory", "state"] as const).flatMap((name) =>
      changedBound(`resources.${name}`, name, old.resources[name], now.resources[name]),
    ),
    ...changedRank("running", Number(old.running), Number(now.running), (running) =>
      running === 1 ? "true" : "false",
    ),
    ...(["owner", "algorithm", "channels", "publishes", "params", "portfolio", "errorPolicy"] as const).flatMap(
      (name) => changedValue(name, toJson(old[name]), toJson(now[name])),
    ),
    ...changedValue("retire", old.retire ?? "cancel", now.retire ?? "cancel"),
    ...changed(
      "code",
      short(before.codeDigest),
      short(after.codeDigest),
      sameText(before.codeDigest, after.codeDigest),
    ),
  ];
}

function describe({ effective }: StrategyState): string {
  return effective.running ? "running" : "stopped";
}

/** Something that is there or not. `looser`: with it more is let through; `tighter`: less. */
export function presence(
  field: string,
  before: string | undefined,
  after: string | undefined,
  with_: "looser" | "tighter" | "incomparable" = "looser",
): readonly FieldChange[] {
  if ((before === undefined) === (after === undefined)) return [];
  const without = { looser: "tighter", tighter: "looser", incomparable: "incomparable" } as const;
  return [{ field, before, after, direction: before === undefined ? with_ : without[with_] }];
}

/** A field that has a bound of the same name. */
export function changedBound(
  field: string,
  name: BoundName,
  before: BoundValue,
  after: BoundValue,
): readonly FieldChange[] {
  return changed(field, formatBound(before), formatBound(after), compareBound(name, before, after));
}

/** A field with an order: more is looser. */
export function changedRank(
  field: string,
  before: number,
  after: number,
  format: (rank: number) => string = String,
): readonly FieldChange[] {
  if (before === after) return [];
  return changed(field, format(before), format(after), after > before ? "looser" : "tighter");
}

/** A list whose order means nothing: more of it is looser. */
export function changedSet(field: string, before: readonly string[], after: readonly string[]): readonly FieldChange[] {
  return changed(field, formatBound(before), formatBound(after), compareSets(before, after));
}

export function compareSets(before: readonly string[], after: readonly string[]): Direction {
  const [old, now] = [new Set(before), new Set(after)];
  const added = after.some((item) => !old.has(item));
  const removed = before.some((item) => !now.has(item));
  return combine([...(added ? ["looser" as const] : []), ...(removed ? ["tighter" as const] : [])]);
}

/** A field without an order; of an object each key is one. */
export function changedValue(
  field: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly FieldChange[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => changedValue(`${field}.${key}`, own(before, key), own(after, key)));
  }
  const [old, now] = [before, after].map((value) => (value === undefined ? undefined : canonicalJson(value)));
  if (old === now) return [];
  return [{ field, before: shown(before), after: shown(after), direction: "incomparable" }];
}

/** Texts that mean something else as soon as they differ. */
export function sameText(before: string, after: string): Direction {
  return before === after ? "equal" : "incomparable";
}

/** A value of a map that a person wrote, whose keys may be any text. */
export function own<Value>(map: { readonly [key: string]: Value } | undefined, key: string): Value | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

export function changed(field: string, before: string, after: string, direction: Direction): readonly FieldChange[] {
  return direction === "equal" ? [] : [{ field, before, after, direction }];
}

const shownMax = 60;

function shown(value: JsonValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === "string" ? value : canonicalJson(value);
  return text.length <= shownMax ? text : `${text.slice(0, shownMax - 1)}…`;
}

function short(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 7);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Interfaces of plain data are JSON; the compiler does not see it. */
export function toJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}
