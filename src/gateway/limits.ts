import { compare, type Decimal, decimal, parseDecimal } from "#core/decimal.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import { parseRate, type Rate } from "#core/rate.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Fields, isFields, keyProblem, readObject, shown } from "./fields.ts";

/** What the gateway holds one strategy to: the file `<team>.<name>` of docs/runtime.md, parsed. */
export interface StrategyLimits {
  readonly strategy: StrategyId;
  readonly running: boolean;
  readonly instruments: readonly string[];
  readonly venues: readonly string[];
  readonly maxOrderNotional: Decimal;
  readonly maxPositionNotional: Decimal;
  readonly orderRate: Rate;
  readonly maxDrawdown: Decimal;
  readonly startingCash: Decimal;
}

export interface LimitsMalformed {
  readonly code: "limits-malformed";
  readonly message: string;
}

const fileBytesMax = 1024 * 1024;
const fileKeys = ["strategy", "running", "limits", "startingCash"];
const limitKeys = ["instruments", "venues", "maxOrderNotional", "maxPositionNotional", "orderRate", "maxDrawdown"];

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
  const { running, limits } = fields;
  if (fields["strategy"] !== strategy) return malformed(`strategy is ${shown(fields["strategy"])}, not ${strategy}`);
  if (typeof running !== "boolean") return malformed(`running is ${shown(running)}`);
  if (!isFields(limits)) return malformed(`limits is ${shown(limits)}`);
  const limitProblem = keyProblem(limits, limitKeys);
  if (limitProblem !== undefined) return malformed(`limits: ${limitProblem}`);
  return parseValues(strategy, running, limits, fields["startingCash"]);
}

function parseValues(
  strategy: StrategyId,
  running: boolean,
  limits: Fields,
  cash: unknown,
): Result<StrategyLimits, LimitsMalformed> {
  const { instruments, venues } = limits;
  if (!isNames(instruments)) return malformed("limits.instruments is not a list of names");
  if (!isNames(venues)) return malformed("limits.venues is not a list of names");
  const orderRate = typeof limits["orderRate"] === "string" ? parseRate(limits["orderRate"]) : undefined;
  if (orderRate?.ok !== true) return malformed(`limits.orderRate is ${shown(limits["orderRate"])}`);
  const maxOrderNotional = amount(limits["maxOrderNotional"]);
  if (maxOrderNotional === undefined)
    return malformed(`limits.maxOrderNotional is ${shown(limits["maxOrderNotional"])}`);
  const maxPositionNotional = amount(limits["maxPositionNotional"]);
  if (maxPositionNotional === undefined) {
    return malformed(`limits.maxPositionNotional is ${shown(limits["maxPositionNotional"])}`);
  }
  const maxDrawdown = amount(limits["maxDrawdown"]);
  if (maxDrawdown === undefined || compare(maxDrawdown, decimal("1")) > 0) {
    return malformed(`limits.maxDrawdown is ${shown(limits["maxDrawdown"])}`);
  }
  const startingCash = amount(cash);
  if (startingCash === undefined) return malformed(`startingCash is ${shown(cash)}`);
  const rate = orderRate.value;
  return ok({
    ...{ strategy, running, instruments, venues, maxOrderNotional, maxPositionNotional, orderRate: rate },
    ...{ maxDrawdown, startingCash },
  });
}

/** At least zero. */
function amount(value: unknown): Decimal | undefined {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  return parsed?.ok === true && compare(parsed.value, decimal("0")) >= 0 ? parsed.value : undefined;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function malformed(message: string): Result<never, LimitsMalformed> {
  return err({ code: "limits-malformed", message });
}
