import { type BoundTable, boundIn } from "#core/bound-lookup.ts";
import { isValueOf } from "#core/bound-value.ts";
import { type BoundValue, formatBound, isWithin, limitNames } from "#core/bounds.ts";
import { formatDecimal } from "#core/decimal.ts";
import { splitStrategyId } from "#core/identity.ts";
import { formatRate } from "#core/rate.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Fields, isFields, keyProblem, readObject, shown } from "./fields.ts";
import type { StrategyLimits } from "./limits.ts";

type LimitKey = (typeof limitNames)[number];

/** What limits may be at most: `bounds.json` of docs/runtime.md, parsed. */
export type LimitBounds = BoundTable<LimitKey>;

export interface BoundsMalformed {
  readonly code: "bounds-malformed";
  readonly message: string;
}

const fileBytesMax = 1024 * 1024;

export function parseBounds(bytes: Uint8Array): Result<LimitBounds, BoundsMalformed> {
  const fields = readObject(bytes, fileBytesMax);
  if (typeof fields === "string") return malformed(fields);
  const problem = keyProblem(fields, ["everyone", "teams", "strategies"]);
  if (problem !== undefined) return malformed(problem);
  const { everyone, teams, strategies } = fields;
  const all = readValues("everyone", everyone);
  const missing = typeof all === "string" ? undefined : limitNames.find((key) => all[key] === undefined);
  if (typeof all === "string") return malformed(all);
  if (missing !== undefined) return malformed(`everyone.${missing} is missing`);
  const byTeam = readAll("teams", teams);
  const byStrategy = readAll("strategies", strategies);
  if (typeof byTeam === "string") return malformed(byTeam);
  if (typeof byStrategy === "string") return malformed(byStrategy);
  return ok({ everyone: all as Record<LimitKey, BoundValue>, teams: byTeam, strategies: byStrategy });
}

/**
 * Why these limits may not be used; undefined if they are within the bounds. The second check of what the gate has let through: the same
 * function, other eyes. What stands still may keep limits of earlier policies: nothing of it passes anyway.
 */
export function boundsProblem(bounds: LimitBounds, limits: StrategyLimits): string | undefined {
  if (!limits.running) return undefined;
  const strategy = splitStrategyId(limits.strategy);
  for (const key of limitNames) {
    const [bound, value] = [boundIn(bounds, strategy, key), textOf(limits, key)];
    if (!isWithin(key, bound, value)) {
      return `limits.${key} is ${shown(formatBound(value))}, beyond the bound ${shown(formatBound(bound))}`;
    }
  }
  return undefined;
}

function textOf(limits: StrategyLimits, key: LimitKey): BoundValue {
  switch (key) {
    case "instruments":
    case "venues":
      return limits[key];
    case "orderRate":
      return formatRate(limits.orderRate);
    default:
      return formatDecimal(limits[key]);
  }
}

function readAll(name: string, value: unknown): LimitBounds["teams"] | string {
  if (!isFields(value)) return `${name} is ${shown(value)}`;
  const all: { [key: string]: Partial<Record<LimitKey, BoundValue>> } = {};
  for (const [key, own] of Object.entries(value)) {
    const values = readValues(`${name}.${key}`, own);
    if (typeof values === "string") return values;
    all[key] = values;
  }
  return all;
}

function readValues(name: string, fields: unknown): Partial<Record<LimitKey, BoundValue>> | string {
  if (!isFields(fields)) return `${name} is ${shown(fields)}`;
  const known: readonly string[] = limitNames;
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) return `${name}: ${shown(unknown)} is no bound of the gateway`;
  const values: Partial<Record<LimitKey, BoundValue>> = {};
  for (const key of limitNames) {
    const value = (fields as Fields)[key];
    if (value === undefined) continue;
    if (!isBoundValue(value) || !isValueOf(key, value)) return `${name}.${key} is ${shown(value)}`;
    values[key] = value;
  }
  return values;
}

function isBoundValue(value: unknown): value is BoundValue {
  return typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"));
}

function malformed(message: string): Result<never, BoundsMalformed> {
  return err({ code: "bounds-malformed", message });
}
