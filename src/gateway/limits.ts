import { limitNames } from "#core/bounds.ts";
import { compare, type Decimal, decimal, parseDecimal } from "#core/decimal.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import { parseRate, type Rate } from "#core/rate.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Fields, keyProblem, readObject, shown } from "./fields.ts";

/** The values of the limits of a strategy, or of what they may be at most. */
export interface LimitValues {
  readonly instruments: readonly string[];
  readonly venues: readonly string[];
  readonly maxOrderNotional: Decimal;
  readonly maxPositionNotional: Decimal;
  readonly orderRate: Rate;
  readonly maxDrawdown: Decimal;
}

/** What the gateway holds one strategy to: the file `<team>.<name>` of docs/runtime.md, parsed. */
export interface StrategyLimits extends LimitValues {
  readonly strategy: StrategyId;
  readonly running: boolean;
  readonly startingCash: Decimal;
}

export interface LimitsMalformed {
  readonly code: "limits-malformed";
  readonly message: string;
}

const fileBytesMax = 1024 * 1024;
const fileKeys = ["strategy", "running", "startingCash", ...limitNames.map((key) => `limits.${key}`)];

/** The strategy that a key of the limits directory is about; undefined for a file that is none. */
export function strategyOfKey(key: string): StrategyId | undefined {
  const parts = key.split(".");
  const parsed = parts.length === 2 ? parseStrategyId(parts.join("/")) : undefined;
  return parsed?.ok === true ? parsed.value : undefined;
}

/** An unknown key is refused too: it may be a limit that this gateway does not know how to hold. */
export function parseLimits(strategy: StrategyId, bytes: Uint8Array): Result<StrategyLimits, LimitsMalformed> {
  const fields = readObject(bytes, fileBytesMax);
  if (typeof fields === "string") return malformed(fields);
  const problem = keyProblem(fields, fileKeys);
  if (problem !== undefined) return malformed(problem);
  const { running } = fields;
  if (fields["strategy"] !== strategy) return malformed(`strategy is ${shown(fields["strategy"])}, not ${strategy}`);
  if (running !== "true" && running !== "false") return malformed(`running is ${shown(running)}`);
  const startingCash = amount(fields["startingCash"]);
  if (startingCash === undefined) return malformed(`startingCash is ${shown(fields["startingCash"])}`);
  const values = parseLimitValues(Object.fromEntries(limitNames.map((key) => [key, fields[`limits.${key}`]])));
  return values.ok ? ok({ strategy, running: running === "true", startingCash, ...values.value }) : values;
}

/** @param fields all of `limitNames`, each a text; lists are separated by commas */
export function parseLimitValues(fields: Fields): Result<LimitValues, LimitsMalformed> {
  const orderRate = typeof fields["orderRate"] === "string" ? parseRate(fields["orderRate"]) : undefined;
  const instruments = names(fields["instruments"]);
  const venues = names(fields["venues"]);
  const maxOrderNotional = amount(fields["maxOrderNotional"]);
  const maxPositionNotional = amount(fields["maxPositionNotional"]);
  const maxDrawdown = amount(fields["maxDrawdown"]);
  const bad = (key: string): Result<never, LimitsMalformed> => malformed(`limits.${key} is ${shown(fields[key])}`);
  if (instruments === undefined) return bad("instruments");
  if (venues === undefined) return bad("venues");
  if (maxOrderNotional === undefined) return bad("maxOrderNotional");
  if (maxPositionNotional === undefined) return bad("maxPositionNotional");
  if (orderRate?.ok !== true) return bad("orderRate");
  if (maxDrawdown === undefined || compare(maxDrawdown, decimal("1")) > 0) return bad("maxDrawdown");
  return ok({
    ...{ instruments, venues, maxOrderNotional, maxPositionNotional },
    ...{ orderRate: orderRate.value, maxDrawdown },
  });
}

/** At least zero. */
function amount(value: unknown): Decimal | undefined {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  return parsed?.ok === true && compare(parsed.value, decimal("0")) >= 0 ? parsed.value : undefined;
}

/** An empty text is no name; a list of none is not written. */
function names(value: unknown): readonly string[] | undefined {
  const items = typeof value === "string" ? value.split(",") : undefined;
  return items?.every((item) => item !== "") === true ? items : undefined;
}

function malformed(message: string): Result<never, LimitsMalformed> {
  return err({ code: "limits-malformed", message });
}
