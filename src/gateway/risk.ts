import {
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
import type { StrategyLimits } from "./limits.ts";
import type { LimitsEntry } from "./limits-directory.ts";
import { type PaperFill, type PaperVenue, paperFill } from "./paper.ts";
import type { LastPrice } from "./prices.ts";
import type { OrderRequest } from "./request.ts";

/** Why the gateway denied an order before the venue. Codes are API. */
export type DenialCode =
  | "order-malformed"
  | "order-id-reused"
  | "strategy-unknown"
  | "limits-unreadable"
  | "strategy-stopped"
  | "stale-epoch"
  | "order-expired"
  | "instrument-not-allowed"
  | "venue-not-allowed"
  | "venue-unknown"
  | "order-rate-exceeded"
  | "price-missing"
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
  /** Instruments with a quantity above zero. */
  readonly positions: ReadonlyMap<string, Decimal>;
}

/** Everything a decision may depend on. */
export interface Facts {
  readonly nowMs: number;
  readonly entry: LimitsEntry;
  /** The highest epoch seen of this strategy. */
  readonly epoch: number;
  /** How many orders were accepted in the rate's window that ends now. */
  readonly acceptedInWindow: number;
  readonly account: Account;
  readonly venues: ReadonlyMap<string, PaperVenue>;
  price(sid: string): LastPrice | undefined;
}

/** What an order that passed does to the account. */
export interface Accepted {
  readonly fill: PaperFill;
  readonly ts: number;
  readonly cash: Decimal;
  /** Quantity of the order's instrument after the fill. */
  readonly position: Decimal;
}

const zero = decimal("0");

/**
 * Decides about an order. Pure. The first reason counts. A sale of what is held only reduces risk: it passes the position's and the
 * drawdown's bound, nothing else.
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
  const last = facts.price(request.sid);
  if (last === undefined) return deny("price-missing", `there is no price of ${request.sid} yet`);
  const venue = facts.venues.get(request.venue);
  if (venue === undefined) return deny("venue-unknown", `the gateway does not know the venue ${request.venue}`);
  const fill = paperFill(venue, request.side, request.quantity, last.price);
  const accepted = settle(request, fill, last.ts, facts.account);
  const amounts = checkAmounts(request, facts, limits, last.price, accepted);
  return amounts === undefined ? ok(accepted) : err(amounts);
}

/** May this strategy send this now? */
function checkStanding(request: OrderRequest, facts: Facts, limits: StrategyLimits): Denial | undefined {
  if (!limits.running) return { code: "strategy-stopped", message: `${limits.strategy} is stopped: running is false` };
  if (request.epoch < facts.epoch) {
    const message = `epoch ${request.epoch} is below ${facts.epoch}: a newer executor of this strategy has taken over`;
    return { code: "stale-epoch", message };
  }
  if (facts.nowMs > request.expiresAtMs) {
    const message = `the order expired at ${request.expiresAtMs} ms, ${facts.nowMs - request.expiresAtMs} ms ago`;
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

function settle(request: OrderRequest, fill: PaperFill, ts: number, account: Account): Accepted {
  const held = account.positions.get(request.sid) ?? zero;
  const buys = request.side === "buy";
  const paid = buys ? fill.notional : negate(fill.notional);
  return {
    fill,
    ts,
    cash: subtract(subtract(account.cash, paid), fill.fee),
    position: buys ? add(held, request.quantity) : subtract(held, request.quantity),
  };
}

/** Would the account stay inside its bounds? */
function checkAmounts(
  request: OrderRequest,
  facts: Facts,
  limits: StrategyLimits,
  last: Decimal,
  accepted: Accepted,
): Denial | undefined {
  const { sid, side, quantity } = request;
  const { fill, cash, position } = accepted;
  if (compare(position, zero) < 0) {
    const held = formatDecimal(facts.account.positions.get(sid) ?? zero);
    const message = `it sells ${formatDecimal(quantity)} ${sid}, above the ${held} held: there is no short selling`;
    return { code: "position-short", message };
  }
  if (compare(fill.price, zero) === 0) {
    return {
      code: "price-missing",
      message: `the price ${formatDecimal(last)} of ${sid} is too small to be filled at`,
    };
  }
  const notional = multiply(quantity, last, "ceiling");
  if (exceeds.maxOrderNotional(limits.maxOrderNotional, notional)) {
    return over("order-notional-exceeded", "limits.maxOrderNotional: the order", notional, limits.maxOrderNotional);
  }
  if (compare(cash, zero) < 0) {
    const need = formatDecimal(subtract(facts.account.cash, cash));
    const message = `it needs ${need} with the fee, above the cash ${formatDecimal(facts.account.cash)}`;
    return { code: "cash-insufficient", message };
  }
  if (side === "sell") return undefined;
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
