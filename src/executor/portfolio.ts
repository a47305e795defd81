import {
  add,
  compare,
  type Decimal,
  decimal,
  divide,
  floorTo,
  formatDecimal,
  max,
  min,
  multiply,
  parseDecimal,
  subtract,
} from "#core/decimal.ts";
import type { OrderEventMessage, OrderStatementMessage } from "#core/messages.ts";
import { err, ok, type Result } from "#core/result.ts";
import { lookUp, type Recent, recentOf, remembering } from "./recent.ts";

const zero = decimal("0");

/** What an order has cost so far: cumulative, as the gateway tells it. */
export interface Filled {
  readonly quantity: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
}

/** What a strategy holds. Fills change it and nothing else does; quotes only change what it is worth. Quote currency throughout. */
export interface Portfolio {
  readonly cash: Decimal;
  /** Without instruments of which nothing is held. */
  readonly positions: ReadonlyMap<string, Decimal>;
  readonly quotes: ReadonlyMap<string, Decimal>;
  /** The last prices of each instrument, oldest first, as many as the sizing looks back at; for its mathematics only. */
  readonly recent: ReadonlyMap<string, readonly number[]>;
  /** The highest equity seen. */
  readonly peak: Decimal;
  readonly feesPaid: Decimal;
  /** Orders with fills: a repeated event must not count twice. */
  readonly filled: Recent<Filled>;
}

export interface OrderEventRefused {
  readonly code: "order-event-malformed" | "order-event-backwards";
  readonly message: string;
}

/** A repeated event is about an order that is open, or a recent one. */
const filledMax = 1_000;

export function openPortfolio(startingCash: Decimal): Portfolio {
  return {
    cash: startingCash,
    positions: new Map(),
    quotes: new Map(),
    recent: new Map(),
    peak: startingCash,
    feesPaid: zero,
    filled: [],
  };
}

/**
 * Books what is new in an order event. Events carry cumulative totals, so one that comes twice or late books nothing.
 *
 * @param isOpen whether an order may still be filled: what it has cost so far is not forgotten then, however many others are filled meanwhile
 * @returns the portfolio after it, the same object when nothing changed; a refusal when the totals are no decimals or fall
 */
export function applyOrderEvent(
  portfolio: Portfolio,
  event: OrderEventMessage,
  isOpen: (clientOrderId: string) => boolean = () => false,
): Result<Portfolio, OrderEventRefused> {
  const quantity = parseDecimal(event.filledQuantity);
  if (!quantity.ok || quantity.value < zero) return malformed(`filledQuantity ${event.filledQuantity}`);
  if (quantity.value === zero) return ok(portfolio);
  const price = parseDecimal(event.price ?? "");
  if (!price.ok || price.value <= zero) return malformed(`price ${event.price ?? "missing"}`);
  const fee = parseDecimal(event.fee ?? "0");
  if (!fee.ok) return malformed(`fee ${event.fee ?? ""}`);
  const before = lookUp(portfolio.filled, event.clientOrderId) ?? { quantity: zero, notional: zero, fee: zero };
  const less = compare(quantity.value, before.quantity);
  // A venue may name its fee after the fill.
  if (less < 0 || (less === 0 && compare(fee.value, before.fee) <= 0)) return ok(portfolio);
  const notional = event.notional === undefined ? undefined : parseDecimal(event.notional);
  if (notional?.ok === false) return malformed(`notional ${event.notional}`);
  // The average of several prices has no end; what was paid has one.
  const value = notional?.value ?? multiply(quantity.value, price.value, "half-even");
  const total: Filled = { quantity: quantity.value, notional: value, fee: fee.value };
  const bought = subtract(total.quantity, before.quantity);
  const paid = subtract(total.notional, before.notional);
  if (paid < zero) {
    return err({ code: "order-event-backwards", message: `the fills of ${event.clientOrderId} cost less than before` });
  }
  const feePaid = subtract(total.fee, before.fee);
  const held = portfolio.positions.get(event.sid) ?? zero;
  const buys = event.side === "buy";
  const positions = new Map(portfolio.positions);
  const now = buys ? add(held, bought) : subtract(held, bought);
  if (now === zero) positions.delete(event.sid);
  else positions.set(event.sid, now);
  const filled = remembering(portfolio.filled, event.clientOrderId, total, { max: filledMax, keeps: isOpen });
  const cash = subtract(buys ? subtract(portfolio.cash, paid) : add(portfolio.cash, paid), feePaid);
  const quotes = portfolio.quotes.has(event.sid)
    ? portfolio.quotes
    : new Map(portfolio.quotes).set(event.sid, price.value);
  return ok(withPeak({ ...portfolio, cash, positions, filled, quotes, feesPaid: add(portfolio.feesPaid, feePaid) }));
}

/** What the gateway's book has in place of what was booked here. Prices are not the book's. */
export function statedPortfolio(
  portfolio: Portfolio,
  { cash, peak, positions, open }: OrderStatementMessage,
): Portfolio {
  const filled = open.map(({ clientOrderId, filledQuantity, notional, fee }): [string, Filled] => [
    clientOrderId,
    { quantity: decimal(filledQuantity), notional: decimal(notional), fee: decimal(fee) },
  ]);
  const held = Object.entries(positions).map(([sid, quantity]): [string, Decimal] => [sid, decimal(quantity)]);
  const stated = { cash: decimal(cash), peak: decimal(peak), positions: new Map(held), filled: recentOf(filled) };
  return { ...portfolio, ...stated };
}

/** Whether it holds what the gateway's book says. */
export function agrees({ cash, positions }: Portfolio, stated: OrderStatementMessage): boolean {
  const sids = Object.keys(stated.positions);
  const same = sids.every((sid) => positions.get(sid) === decimal(stated.positions[sid] ?? "0"));
  return same && sids.length === positions.size && cash === decimal(stated.cash);
}

function malformed(what: string): Result<never, OrderEventRefused> {
  return err({ code: "order-event-malformed", message: `the order event has ${what}` });
}

/**
 * Notes the last price of an instrument. Cash and positions stay.
 *
 * @param how `rewound`: a replay began anew and not every instrument has a price of it yet: what the equity does then is no drawdown, so the peak
 *   starts from it; `pricesKept`: how many prices the sizing looks back at
 */
export function applyQuote(
  before: Portfolio,
  sid: string,
  quote: Decimal,
  { rewound = false, pricesKept = 0 }: { readonly rewound?: boolean; readonly pricesKept?: number } = {},
): Portfolio {
  const portfolio = pricesKept === 0 ? before : { ...before, recent: noted(before, sid, quote, rewound, pricesKept) };
  if (portfolio.quotes.get(sid) === quote && !rewound) return portfolio;
  const next = { ...portfolio, quotes: new Map(portfolio.quotes).set(sid, quote) };
  return rewound ? { ...next, peak: equityOf(next) } : withPeak(next);
}

/** A price of a replay that began anew is no change of the one before it. */
function noted(
  { recent }: Portfolio,
  sid: string,
  quote: Decimal,
  rewound: boolean,
  pricesKept: number,
): Portfolio["recent"] {
  const before = rewound ? [] : (recent.get(sid) ?? []);
  return new Map(recent).set(sid, [...before, Number(formatDecimal(quote))].slice(-pricesKept));
}

function withPeak(portfolio: Portfolio): Portfolio {
  return { ...portfolio, peak: max(portfolio.peak, equityOf(portfolio)) };
}

/** Cash and what is held at the last quotes. */
export function equityOf({ cash, positions, quotes }: Portfolio): Decimal {
  let equity = cash;
  for (const [sid, quantity] of positions) {
    equity = add(equity, multiply(quantity, quotes.get(sid) ?? zero, "half-even"));
  }
  return equity;
}

/** Fraction of the peak that is lost, 0 at the peak. */
export function drawdownOf(portfolio: Portfolio): Decimal {
  if (portfolio.peak <= zero) return zero;
  return divide(subtract(portfolio.peak, equityOf(portfolio)), portfolio.peak);
}

/** What pending orders may still take. */
export interface Reserved {
  readonly cash: Decimal;
  /** Per instrument, the part of that cash. */
  readonly buying: ReadonlyMap<string, Decimal>;
  /** Per instrument, what is on its way out. */
  readonly selling: ReadonlyMap<string, Decimal>;
}

/** Shares for a bet, cut to 4 decimals. Zero without a price. */
export function sharesFor(bet: Decimal, quote: Decimal | undefined): Decimal {
  return quote === undefined || quote <= zero ? zero : floorTo(divide(bet, quote), 4);
}

/** What may be sold of an instrument: what is held and not already on its way out. There is no short selling. */
export function sellable(portfolio: Portfolio, reserved: Reserved, sid: string): Decimal {
  const held = portfolio.positions.get(sid) ?? zero;
  return floorTo(max(subtract(held, reserved.selling.get(sid) ?? zero), zero), 4);
}

/**
 * What of a sale one order may carry: the shares that the order limit is worth at the last quote. The rest is still held, for a later decision.
 * Without a quote, or if not even the smallest part fits, all of it: then the gateway says what is wrong.
 */
export function withinOrder(quantity: Decimal, quote: Decimal | undefined, maxOrderNotional: Decimal): Decimal {
  const most = sharesFor(maxOrderNotional, quote);
  return most <= zero ? quantity : min(quantity, most);
}

/** Decimals as texts, sorted: what an algorithm and the console see. */
export function positionTexts({ positions }: Portfolio): { readonly [sid: string]: string } {
  return Object.fromEntries(
    [...positions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sid, quantity]) => [sid, formatDecimal(quantity)]),
  );
}
