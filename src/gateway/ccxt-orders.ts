import { createHash } from "node:crypto";
import {
  add,
  compare,
  type Decimal,
  decimal,
  divide,
  formatDecimal,
  multiply,
  parseDecimal,
  subtract,
} from "#core/decimal.ts";
import type { OrderReport } from "#core/order.ts";
import type { Unsure } from "./ccxt-exchange.ts";
import type { OrderKey, PlacedOrder, VenueAnswer } from "./venue.ts";

const zero = decimal("0");
const basis = decimal("10000");

/** Exchanges that take letters and digits only. */
const compactIds: readonly string[] = ["okx", "okxus", "myokx", "bitget", "kucoin"];

/**
 * The id under which an exchange knows an order: the same for the same order, whoever asks, and another for any other strategy's. It has the form
 * of a UUID, which exchanges take that are strict about it, and stays within the 36 characters of those that count.
 */
export function exchangeOrderId(exchange: string, { strategy, clientOrderId }: OrderKey): string {
  const hex = createHash("sha256").update(`${strategy}\0${clientOrderId}`).digest("hex").slice(0, 32);
  if (compactIds.includes(exchange)) return hex;
  // Version 8 and the variant of RFC 9562: an id of one's own making.
  const marked = `${hex.slice(0, 12)}8${hex.slice(13, 16)}a${hex.slice(17)}`;
  return marked.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What an exchange says of a market. */
export interface Market {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly amountStep: Decimal | undefined;
  readonly priceStep: Decimal | undefined;
  readonly amountMin: Decimal | undefined;
  readonly costMin: Decimal | undefined;
}

/** The spot market of an instrument: `BTC-USD` is `BTC/USD`. Undefined if the exchange has none that is open. */
export function marketOf(markets: { readonly [symbol: string]: Unsure } | undefined, sid: string): Market | undefined {
  const symbol = sid.replace("-", "/");
  const found = markets !== undefined && Object.hasOwn(markets, symbol) ? markets[symbol] : undefined;
  if (found === undefined || found["spot"] === false || found["active"] === false) return undefined;
  const { base, quote } = found;
  if (typeof base !== "string" || typeof quote !== "string") return undefined;
  const [precision, limits] = [partOf(found, "precision"), partOf(found, "limits")];
  return {
    ...{ symbol, base, quote },
    ...{ amountStep: amountIn(precision["amount"]), priceStep: amountIn(precision["price"]) },
    ...{ amountMin: amountIn(partOf(limits, "amount")["min"]), costMin: amountIn(partOf(limits, "cost")["min"]) },
  };
}

/** Why the exchange would not take an order of this size; it is never rounded to one that it takes. */
export function sizeProblem(
  { amountStep, amountMin, costMin }: Market,
  { quantity, last }: PlacedOrder,
): string | undefined {
  if (amountStep !== undefined && amountStep > 0n && quantity % amountStep !== 0n)
    return `the quantity ${formatDecimal(quantity)} is no multiple of the venue's step ${formatDecimal(amountStep)}`;
  if (amountMin !== undefined && compare(quantity, amountMin) < 0)
    return `the quantity ${formatDecimal(quantity)} is below the venue's minimum ${formatDecimal(amountMin)}`;
  if (costMin !== undefined && compare(multiply(quantity, last, "floor"), costMin) < 0)
    return `the order is worth less than the venue's minimum ${formatDecimal(costMin)}`;
  return undefined;
}

/** The worst price that the collar allows, rounded to the venue's steps towards the last one. */
export function limitPrice({ priceStep }: Market, { side, last }: PlacedOrder, collarBps: Decimal): Decimal {
  const buys = side === "buy";
  const factor = buys ? add(basis, collarBps) : subtract(basis, collarBps);
  const edge = divide(multiply(last, factor, buys ? "floor" : "ceiling"), basis, buys ? "floor" : "ceiling");
  if (priceStep === undefined || priceStep <= 0n) return edge;
  const rest = (edge % priceStep) as Decimal;
  if (rest === zero) return edge;
  return buys ? subtract(edge, rest) : add(subtract(edge, rest), priceStep);
}

/**
 * An order as the exchange tells it. Totals come as texts (`number: String`), so that nothing becomes a float.
 *
 * @param fees what was charged, where the order itself does not say
 * @returns a sentence where it cannot be read
 */
export function reportOf(
  order: Unsure,
  placed: PlacedOrder,
  market: Market,
  fees?: readonly Unsure[],
): OrderReport | string {
  const filled = amountIn(order["filled"] ?? "0");
  if (filled === undefined) return "the venue's word about what is filled cannot be read";
  const average = amountIn(order["average"]) ?? amountIn(order["price"]);
  const cost = amountIn(order["cost"]) ?? (average === undefined ? undefined : multiply(average, filled, "half-even"));
  if (filled !== zero && (cost === undefined || cost === zero)) return "the venue does not say what the fills cost";
  const notional = filled === zero ? zero : (cost ?? zero);
  const fee = feeOf(fees ?? feesIn(order), market, filled, notional);
  if (typeof fee === "string") return fee;
  const whole = compare(filled, placed.quantity) >= 0;
  const open = filled === zero ? "new" : "partially-filled";
  const totals = { filled, notional, fee };
  switch (order["status"]) {
    case "closed":
    case "filled":
      return { status: whole ? "filled" : "canceled", ...totals };
    case "canceled":
    case "expired":
    case "rejected":
      return { status: order["status"], ...totals };
    case "open":
    case "canceling":
    case undefined:
    case null:
      return { status: whole ? "filled" : open, ...totals };
    default:
      return `the venue's status ${JSON.stringify(order["status"])?.slice(0, 40)} is not known`;
  }
}

/** The fees that stand in an order or a trade. */
export function feesIn(order: Unsure): readonly Unsure[] {
  const list = order["fees"];
  const all = Array.isArray(list) && list.length > 0 ? list : [order["fee"]];
  return all.filter(
    (fee): fee is Unsure => typeof fee === "object" && fee !== null && "cost" in fee && fee.cost !== undefined,
  );
}

/** In quote currency, rounded up; one in the base currency is valued at the fills' own price. */
function feeOf(fees: readonly Unsure[], { base, quote }: Market, filled: Decimal, notional: Decimal): Decimal | string {
  let total = zero;
  for (const { cost, currency } of fees) {
    const amount = amountIn(cost);
    if (amount === undefined || compare(amount, zero) < 0) return "the venue's fee cannot be read";
    if (amount === zero) continue;
    if (currency === quote || currency === undefined) total = add(total, amount);
    else if (currency === base && filled !== zero)
      total = add(total, divide(multiply(amount, notional, "ceiling"), filled, "ceiling"));
    else return `the venue takes its fee in ${JSON.stringify(currency)?.slice(0, 20)}, which has no price here`;
  }
  return total;
}

/** Lists come in pages, the newest orders in the first; a page of at least so many may have another one behind it. */
const pageMin = 50;
const skewMs = 2 * 3_600_000;

/** Whether a list of the newest orders cannot have left out one of that time. Clocks may be off by an hour, each. */
export function reachesBackTo(orders: readonly Unsure[], atMs: number): boolean {
  const times = orders.map(({ timestamp }) => (typeof timestamp === "number" ? timestamp : Number.POSITIVE_INFINITY));
  return orders.length < pageMin || Math.min(...times) < atMs - skewMs;
}

/** What is sure to have had no effect: the exchange answered, and the answer is about this order or these keys. */
const refusals = [
  ...["InsufficientFunds", "InvalidOrder", "BadSymbol", "ArgumentsRequired", "NotSupported"],
  ...["AuthenticationError", "InvalidNonce", "MarketClosed", "RestrictedLocation"],
];

/** Says of an error's class and all above it: ccxt tells by classes what happened. */
export function classesOf(error: unknown): readonly string[] {
  const names: string[] = [];
  let at: unknown = typeof error === "object" && error !== null ? Object.getPrototypeOf(error) : null;
  while (at !== null && typeof at === "object") {
    names.push((at as { readonly constructor: { readonly name: string } }).constructor.name);
    at = Object.getPrototypeOf(at);
  }
  return names;
}

/** What an error of a new order means. Whatever is not surely a refusal may have taken effect. */
export function placeAnswer(error: unknown, message: string): VenueAnswer {
  const classes = classesOf(error);
  const refusal = classes.find((name) => refusals.includes(name));
  // Not found, or there already: both say that the exchange may know the order.
  if (refusal === undefined || classes.includes("OrderNotFound") || classes.includes("DuplicateOrderId"))
    return { type: "lost", message };
  const reason = { code: `venue-${kebab(classes[0] ?? refusal)}`, message };
  return { type: "report", report: { status: "rejected", filled: zero, notional: zero, fee: zero, reason } };
}

/** What an error of a cancellation means. */
export function cancelAnswer(error: unknown, message: string): VenueAnswer {
  return { type: classesOf(error).includes("InvalidOrder") ? "cancel-refused" : "lost", message };
}

function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** A decimal as ccxt may write it: a text, also with an exponent. Undefined if it is none, or needs more than 8 digits. */
export function amountIn(value: unknown): Decimal | undefined {
  const text = typeof value === "number" ? String(value) : value;
  const parts = typeof text === "string" ? /^(-?)(\d{1,30})(?:\.(\d{0,30}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text) : null;
  if (parts === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const padded = point < 0 ? "0".repeat(-point) + digits : digits.padEnd(point, "0");
  const at = Math.max(point, 0);
  const integer = padded.slice(0, at).replace(/^0+(?=\d)/, "") || "0";
  const rest = padded.slice(at).replace(/0+$/, "");
  const parsed = parseDecimal(`${sign}${integer}${rest === "" ? "" : `.${rest}`}`);
  return parsed.ok ? parsed.value : undefined;
}

function partOf(value: Unsure, key: string): Unsure {
  const part = value[key];
  return typeof part === "object" && part !== null ? (part as Unsure) : {};
}
