import {
  abs,
  add,
  compare,
  type Decimal,
  decimal,
  divide,
  formatDecimal,
  max,
  multiply,
  negate,
  subtract,
} from "#core/decimal.ts";
import { exceeds } from "#core/limits.ts";
import { formatRate } from "#core/rate.ts";
import { err, ok, type Result } from "#core/result.ts";
import { formatTradingHours, isOpen } from "#core/trading-hours.ts";
import type { StrategyLimits } from "./limits.ts";
import type { LimitsEntry } from "./limits-directory.ts";
import { type PaperFill, paperFill } from "./paper.ts";
import type { LastPrice } from "./prices.ts";
import type { OrderRequest } from "./request.ts";
import type { VenueRules } from "./venue-settings.ts";

/** Why the gateway denied an order before the venue. Codes are API. */
export type DenialCode =
  | "order-malformed"
  | "order-id-reused"
  | "strategy-unknown"
  | "limits-unreadable"
  | "strategy-stopped"
  | "strategy-halted"
  | "strategy-reducing"
  | "book-behind"
  | "stale-epoch"
  | "order-expired"
  | "instrument-not-allowed"
  | "venue-not-allowed"
  | "venue-unknown"
  | "venue-closed"
  | "open-orders-exceeded"
  | "order-rate-exceeded"
  | "price-missing"
  | "price-collar-exceeded"
  | "position-short"
  | "order-notional-exceeded"
  | "position-notional-exceeded"
  | "cash-insufficient"
  | "drawdown-exceeded";

export interface Denial {
  readonly code: DenialCode;
  readonly message: string;
}

/** A strategy's account as the gateway's own book has it. */
export interface Account {
  readonly cash: Decimal;
  /** The highest equity seen. */
  readonly peak: Decimal;
  /** Instruments of which something is held. */
  readonly positions: ReadonlyMap<string, Decimal>;
}

/** An order that a venue may still fill. */
export interface OnOrder {
  readonly venue: string;
  readonly sid: string;
  readonly side: "buy" | "sell";
  /** What is not filled yet. */
  readonly quantity: Decimal;
  /** Cash that it may still cost, with the fee; nothing of a sale. */
  readonly cash: Decimal;
}

/** What a strategy may do beside its limits. `reduce`: sell what it holds. */
export type Standing =
  | { readonly mode: "trade" }
  | { readonly mode: "reduce"; readonly why: Denial }
  | { readonly mode: "halt"; readonly why: Denial };

/** Everything a decision may depend on. */
export interface Facts {
  readonly nowMs: number;
  readonly entry: LimitsEntry;
  /** The highest epoch seen of this strategy. */
  readonly epoch: number;
  /** How many orders were accepted in the rate's window that ends now. */
  readonly acceptedInWindow: number;
  readonly account: Account;
  readonly onOrder: readonly OnOrder[];
  readonly standing: Standing;
  readonly venues: ReadonlyMap<string, { readonly rules: VenueRules }>;
  price(sid: string): LastPrice | undefined;
}

/** What an order that passed is expected to do to the account; what it does is what the venue says. */
export interface Accepted {
  readonly fill: PaperFill;
  readonly last: Decimal;
  readonly ts: number;
}

interface Expected extends Accepted {
  /** Free of what is on order. */
  readonly cash: Decimal;
  /** What is held and on order of the instrument after the order. */
  readonly position: Decimal;
}

/** An order that comes so late was asked again after a long absence, or its date is of a clock that is wrong. */
const wrongClockMs = 60_000;
const zero = decimal("0");
const basis = decimal("10000");

/**
 * Decides about an order. Pure. The first reason counts. A sale of what is held only reduces risk: it passes the position's and the
 * drawdown's bound, a stop and a reduction, nothing else.
 */
export function judge(request: OrderRequest, facts: Facts): Result<Accepted, Denial> {
  const { entry } = facts;
  if (entry.kind === "absent") return deny("strategy-unknown", "the gateway has no limits for this strategy");
  if (entry.kind === "unreadable") {
    return deny("limits-unreadable", `the limits of this strategy cannot be used: ${entry.message}`);
  }
  const { limits } = entry;
  const denial = checkStanding(request, facts, limits) ?? checkScope(request, facts, limits);
  if (denial !== undefined) return err(denial);
  const venue = facts.venues.get(request.venue);
  if (venue === undefined) return deny("venue-unknown", `the gateway does not know the venue ${request.venue}`);
  const refused = checkVenue(request, facts, venue.rules);
  if (refused !== undefined) return err(refused);
  const last = facts.price(request.sid);
  if (last === undefined) return deny("price-missing", `there is no price of ${request.sid} yet`);
  const fill = paperFill(venue.rules, request.side, request.quantity, last.price);
  const expected = expect(request, { fill, last: last.price, ts: last.ts }, facts);
  const amounts = checkCollar(request, expected, venue.rules) ?? checkAmounts(request, facts, limits, expected);
  return amounts === undefined ? ok({ fill, last: last.price, ts: last.ts }) : err(amounts);
}

/** May this strategy send this now? */
function checkStanding(request: OrderRequest, facts: Facts, limits: StrategyLimits): Denial | undefined {
  const { standing } = facts;
  const buys = request.side === "buy";
  if (standing.mode === "halt" || (standing.mode === "reduce" && buys)) return standing.why;
  if (!limits.running && buys) {
    const message = `${limits.strategy} is stopped: running is false, so only sales pass`;
    return { code: "strategy-stopped", message };
  }
  if (request.epoch < facts.epoch) {
    const message = `epoch ${request.epoch} is below ${facts.epoch}: a newer executor of this strategy has taken over`;
    return { code: "stale-epoch", message };
  }
  if (facts.nowMs > request.expiresAtMs) {
    const expiredAt = new Date(request.expiresAtMs).toISOString();
    const lateMs = facts.nowMs - request.expiresAtMs;
    const clocks =
      lateMs < wrongClockMs ? "" : "; if all are denied so, the executor's clock or the gateway's is wrong";
    const message = `the order expired at ${expiredAt}, ${lateMs} ms ago by the gateway's clock${clocks}`;
    return { code: "order-expired", message };
  }
  return undefined;
}

/** Does it touch only what the strategy may touch, as often as it may? */
function checkScope(request: OrderRequest, facts: Facts, limits: StrategyLimits): Denial | undefined {
  const { instruments, venues, orderRate } = limits;
  if (exceeds.instruments(instruments, request.sid)) {
    const message = `limits.instruments does not hold ${request.sid}, only ${instruments.join(", ")}`;
    return { code: "instrument-not-allowed", message };
  }
  if (exceeds.venues(venues, request.venue)) {
    const message = `limits.venues does not hold ${request.venue}, only ${venues.join(", ")}`;
    return { code: "venue-not-allowed", message };
  }
  const count = facts.acceptedInWindow + 1;
  if (exceeds.orderRate(orderRate, { count, seconds: orderRate.seconds })) {
    const message = `limits.orderRate: this would be order ${count} in ${orderRate.seconds} s, above the bound ${formatRate(orderRate)}`;
    return { code: "order-rate-exceeded", message };
  }
  return undefined;
}

/** Does the venue take it now? */
function checkVenue({ venue }: OrderRequest, { nowMs, onOrder }: Facts, rules: VenueRules): Denial | undefined {
  const { hours, maxOpenOrders } = rules;
  if (hours !== undefined && !isOpen(hours, Math.floor(nowMs / 1000))) {
    return { code: "venue-closed", message: `${venue} takes orders ${formatTradingHours(hours)}, and not now` };
  }
  const open = onOrder.filter((order) => order.venue === venue).length + 1;
  if (!exceeds.maxOpenOrders(maxOpenOrders, open)) return undefined;
  const message = `this would be open order ${open} at ${venue}, above the bound ${maxOpenOrders} of a strategy`;
  return { code: "open-orders-exceeded", message };
}

/** Would it be filled near the last price? */
function checkCollar({ sid }: OrderRequest, expected: Expected, { collarBps }: VenueRules): Denial | undefined {
  const { fill, last } = expected;
  if (compare(fill.price, zero) === 0) {
    return {
      code: "price-missing",
      message: `the price ${formatDecimal(last)} of ${sid} is too small to be filled at`,
    };
  }
  if (collarBps === undefined) return undefined;
  const distance = divide(multiply(abs(subtract(fill.price, last)), basis, "exact"), last, "ceiling");
  if (!exceeds.collarBps(collarBps, distance)) return undefined;
  const message = `it would be filled at ${formatDecimal(fill.price)}, ${formatDecimal(distance)} bps from the last price ${formatDecimal(last)} of ${sid}, above the collar of ${formatDecimal(collarBps)} bps`;
  return { code: "price-collar-exceeded", message };
}

function expect(request: OrderRequest, accepted: Accepted, { account, onOrder }: Facts): Expected {
  const { fill } = accepted;
  const buys = request.side === "buy";
  let cash = subtract(subtract(account.cash, buys ? fill.notional : negate(fill.notional)), fill.fee);
  let position = account.positions.get(request.sid) ?? zero;
  position = buys ? add(position, request.quantity) : subtract(position, request.quantity);
  for (const order of onOrder) {
    cash = subtract(cash, order.cash);
    // Neither a sale nor a purchase on order is counted on: a sale may not come, and what is not bought cannot be sold.
    if (order.sid !== request.sid || order.side !== request.side) continue;
    position = buys ? add(position, order.quantity) : subtract(position, order.quantity);
  }
  return { ...accepted, cash, position };
}

/** Would the account stay inside its bounds? */
function checkAmounts(
  request: OrderRequest,
  facts: Facts,
  limits: StrategyLimits,
  { fill, last, cash, position }: Expected,
): Denial | undefined {
  const { sid, side, quantity } = request;
  const sells = side === "sell";
  if (sells && compare(position, zero) < 0) {
    const held = formatDecimal(max(add(position, quantity), zero));
    const message = `it sells ${formatDecimal(quantity)} ${sid}, above the ${held} held: there is no short selling`;
    return { code: "position-short", message };
  }
  const notional = multiply(quantity, last, "ceiling");
  if (exceeds.maxOrderNotional(limits.maxOrderNotional, notional)) {
    return over("order-notional-exceeded", "limits.maxOrderNotional: the order", notional, limits.maxOrderNotional);
  }
  // A sale may leave less cash than nothing only by a fee above its proceeds.
  if (compare(cash, zero) < 0 && (!sells || compare(fill.fee, fill.notional) > 0)) {
    const need = sells ? subtract(fill.fee, fill.notional) : add(fill.notional, fill.fee);
    const message = `it needs ${formatDecimal(need)} with the fee, above the cash ${formatDecimal(add(cash, need))}`;
    return { code: "cash-insufficient", message };
  }
  if (sells) return undefined;
  const value = multiply(position, max(fill.price, last), "ceiling");
  if (exceeds.maxPositionNotional(limits.maxPositionNotional, value)) {
    const what = `limits.maxPositionNotional: the position in ${sid} after the order`;
    return over("position-notional-exceeded", what, value, limits.maxPositionNotional);
  }
  return checkDrawdown(facts, limits);
}

function checkDrawdown({ account, price }: Facts, { maxDrawdown }: StrategyLimits): Denial | undefined {
  const unpriced = [...account.positions.keys()].find((held) => price(held) === undefined);
  if (unpriced !== undefined) {
    const message = `there is no price of ${unpriced} yet, which the strategy holds: its drawdown is not known`;
    return { code: "price-missing", message };
  }
  const equity = equityOf(account, price);
  const drawdown = equity === undefined ? undefined : drawdownOf(equity, account.peak);
  if (drawdown === undefined || !exceeds.maxDrawdown(maxDrawdown, drawdown)) return undefined;
  const bound = formatDecimal(maxDrawdown);
  const message = `limits.maxDrawdown: the drawdown is ${formatDecimal(drawdown)}, above the bound ${bound}; only sales pass`;
  return { code: "drawdown-exceeded", message };
}

/** Cash and what is held at its last price; undefined while the price of something held is not known. */
export function equityOf(account: Account, price: (sid: string) => LastPrice | undefined): Decimal | undefined {
  let equity = account.cash;
  for (const [sid, quantity] of account.positions) {
    const last = price(sid);
    if (last === undefined) return undefined;
    equity = add(equity, multiply(quantity, last.price, "floor"));
  }
  return equity;
}

/** Fraction below the peak, rounded up; 0 at the peak and above. */
export function drawdownOf(equity: Decimal, peak: Decimal): Decimal {
  if (compare(peak, zero) <= 0 || compare(equity, peak) >= 0) return zero;
  return divide(subtract(peak, equity), peak, "ceiling");
}

function over(code: DenialCode, what: string, value: Decimal, bound: Decimal): Denial {
  return { code, message: `${what} is worth ${formatDecimal(value)}, above the bound ${formatDecimal(bound)}` };
}

function deny(code: DenialCode, message: string): Result<never, Denial> {
  return err({ code, message });
}
