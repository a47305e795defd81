import { type Decimal, decimal, formatDecimal, parseDecimal } from "#core/decimal.ts";
import { err, ok, type Result } from "#core/result.ts";
import {
  formatTradingHours,
  parseTradingHours,
  type TradingHours,
  type Weekday,
  weekdays,
} from "#core/trading-hours.ts";
import { type Fields, isFields, keyProblem, readObject, shown } from "./fields.ts";

/** What every venue holds its orders to. */
export interface VenueRules {
  /** Hundredths of a percent of the fill's value. */
  readonly feeBps: Decimal;
  /** Hundredths of a percent of the price, against the trader. */
  readonly slippageBps: Decimal;
  /** Hundredths of a percent of the last price; undefined: any price. */
  readonly collarBps: Decimal | undefined;
  /** Of one strategy. */
  readonly maxOpenOrders: number;
  /** Undefined: always. */
  readonly hours: TradingHours | undefined;
}

/** How a venue on paper is imperfect. */
export interface Simulation {
  readonly seed: number;
  readonly delayMs: number;
  readonly fills: number;
  readonly fillEveryMs: number;
  readonly rejectPercent: number;
  readonly loseRequestPercent: number;
  readonly loseAnswerPercent: number;
  readonly repeatPercent: number;
}

export type VenueSettings =
  | { readonly kind: "paper"; readonly rules: VenueRules; readonly simulation: Simulation | undefined }
  | {
      readonly kind: "ccxt";
      readonly rules: VenueRules;
      readonly exchange: string;
      readonly secret: string;
      readonly sandbox: boolean;
    };

export interface VenuesMalformed {
  readonly code: "venues-malformed";
  readonly message: string;
}

/**
 * The exchanges that take our own order ids, immediate-or-cancel orders, and say both again when they are asked (read in ccxt 4.5.84). At others an
 * order whose answer is lost could not be found again, so they are not traded at.
 */
const exchanges = ["binance", "binanceus", "bitget", "bybit", "coinbaseexchange", "kraken", "kucoin", "okx"] as const;

const bps = decimal("10000");
const openOrdersDefault = 100;
const ruleKeys = { required: ["kind", "feeBps", "slippageBps"], optional: ["collarBps", "maxOpenOrders", "hours"] };
const simulationMost = {
  ...{ seed: 2_147_483_647, delayMs: 3_600_000, fills: 20, fillEveryMs: 3_600_000 },
  ...{ rejectPercent: 100, loseRequestPercent: 100, loseAnswerPercent: 100, repeatPercent: 100 },
} as const satisfies Readonly<Record<keyof Simulation, number>>;

/** Parses `venues.json`: a venue's name to its settings, as `Environment.spec.venues` has them. */
export function parseVenues(bytes: Uint8Array): Result<ReadonlyMap<string, VenueSettings>, VenuesMalformed> {
  const fields = readObject(bytes, 1024 * 1024);
  if (typeof fields === "string") return malformed(fields);
  const venues = new Map<string, VenueSettings>();
  for (const [name, settings] of Object.entries(fields)) {
    const parsed = isFields(settings) ? parseVenue(settings) : `it is ${shown(settings)}`;
    if (typeof parsed === "string") return malformed(`${name}: ${parsed}`);
    venues.set(name, parsed);
  }
  return ok(venues);
}

function parseVenue(settings: Fields): VenueSettings | string {
  const { kind } = settings;
  if (kind !== "paper" && kind !== "ccxt") return `kind is ${shown(kind)}; this gateway knows "paper" and "ccxt"`;
  const live = kind === "ccxt";
  const required = [...ruleKeys.required, ...(live ? ["collarBps", "exchange", "secret"] : [])];
  const problem = keyProblem(settings, required, [...ruleKeys.optional, live ? "sandbox" : "simulate"]);
  if (problem !== undefined) return problem;
  const rules = parseRules(settings);
  if (typeof rules === "string") return rules;
  if (kind === "paper") {
    const simulation = settings["simulate"] === undefined ? undefined : parseSimulation(settings["simulate"]);
    return typeof simulation === "string" ? simulation : { kind, rules, simulation };
  }
  const { exchange, secret, sandbox = false } = settings;
  if (!isExchange(exchange)) return `exchange is ${shown(exchange)}, not one of ${exchanges.join(", ")}`;
  if (typeof secret !== "string" || !/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(secret))
    return `secret is ${shown(secret)}`;
  if (typeof sandbox !== "boolean") return `sandbox is ${shown(sandbox)}`;
  return { kind, rules, exchange, secret, sandbox };
}

function parseRules(settings: Fields): VenueRules | string {
  const [feeBps, slippageBps] = [basisPoints(settings["feeBps"]), basisPoints(settings["slippageBps"])];
  if (feeBps === undefined) return `feeBps is ${shown(settings["feeBps"])}, not 0 to 9999`;
  if (slippageBps === undefined) return `slippageBps is ${shown(settings["slippageBps"])}, not 0 to 9999`;
  const collarBps = settings["collarBps"] === undefined ? undefined : basisPoints(settings["collarBps"]);
  if (collarBps === undefined && settings["collarBps"] !== undefined)
    return `collarBps is ${shown(settings["collarBps"])}, not 0 to 9999`;
  const { maxOpenOrders = openOrdersDefault } = settings;
  if (!isCount(maxOpenOrders, 1, 1_000)) return `maxOpenOrders is ${shown(maxOpenOrders)}, not 1 to 1000`;
  const hours = settings["hours"] === undefined ? undefined : parseHours(settings["hours"]);
  if (typeof hours === "string") return `hours: ${hours}`;
  return { feeBps, slippageBps, collarBps, maxOpenOrders, hours };
}

function parseHours(value: unknown): TradingHours | string {
  if (!isFields(value)) return `it is ${shown(value)}`;
  const problem = keyProblem(value, ["timeZone", "days", "from", "until"]);
  if (problem !== undefined) return problem;
  const { timeZone, days, from, until } = value;
  if (typeof timeZone !== "string" || typeof from !== "string" || typeof until !== "string")
    return "timeZone, from and until are texts";
  if (!isWeekdays(days)) return `days is ${shown(days)}`;
  const parsed = parseTradingHours({ timeZone, days, from, until });
  return parsed.ok ? parsed.value : parsed.error.message;
}

function parseSimulation(value: unknown): Simulation | string {
  if (!isFields(value)) return `simulate is ${shown(value)}`;
  const keys = Object.keys(simulationMost);
  const problem = keyProblem(value, ["seed"], keys.slice(1));
  if (problem !== undefined) return `simulate: ${problem}`;
  const read = (key: keyof Simulation, least: number): number | undefined => {
    const { [key]: found = least } = value;
    return isCount(found, least, simulationMost[key]) ? found : undefined;
  };
  const [seed, delayMs, fills, fillEveryMs] = [
    read("seed", 0),
    read("delayMs", 0),
    read("fills", 1),
    read("fillEveryMs", 0),
  ];
  const [rejectPercent, loseRequestPercent] = [read("rejectPercent", 0), read("loseRequestPercent", 0)];
  const [loseAnswerPercent, repeatPercent] = [read("loseAnswerPercent", 0), read("repeatPercent", 0)];
  if (seed === undefined || delayMs === undefined || fills === undefined || fillEveryMs === undefined)
    return "simulate: seed, delayMs, fills or fillEveryMs is out of range";
  if (rejectPercent === undefined || loseRequestPercent === undefined) return "simulate: a percentage is not 0 to 100";
  if (loseAnswerPercent === undefined || repeatPercent === undefined) return "simulate: a percentage is not 0 to 100";
  return { seed, delayMs, fills, fillEveryMs, rejectPercent, loseRequestPercent, loseAnswerPercent, repeatPercent };
}

function isExchange(value: unknown): value is (typeof exchanges)[number] {
  return exchanges.some((known) => known === value);
}

function basisPoints(value: unknown): Decimal | undefined {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  if (parsed?.ok !== true || parsed.value < 0n || parsed.value >= bps) return undefined;
  return parsed.value;
}

function isCount(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}

function isWeekdays(value: unknown): value is readonly Weekday[] {
  return Array.isArray(value) && value.length > 0 && value.every((day) => weekdays.some((known) => known === day));
}

function malformed(message: string): Result<never, VenuesMalformed> {
  return err({ code: "venues-malformed", message: `the venues file is wrong: ${message}` });
}

/** For people. */
export function describeVenue(name: string, { kind, rules }: VenueSettings): string {
  const { feeBps, slippageBps, collarBps, hours } = rules;
  const collar = collarBps === undefined ? "" : `, collar ${formatDecimal(collarBps)} bps`;
  const open = hours === undefined ? "" : `, open ${formatTradingHours(hours)}`;
  return `${name}: ${kind}, fee ${formatDecimal(feeBps)} bps, slippage ${formatDecimal(slippageBps)} bps${collar}${open}`;
}
