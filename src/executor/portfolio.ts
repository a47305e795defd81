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
import { Table } from "./table.ts";

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
  /** The same as texts, sorted: what an algorithm and the console see. */
  readonly positionTexts: { readonly [sid: string]: string };
  readonly quotes: Table<Decimal>;
  /** The last prices of each instrument, oldest first, as many as the sizing looks back at; for its mathematics only. */
  readonly recent: Table<readonly number[]>;
  /** Cash and what is held at the last quotes. It moves with each of them, so that a price does not count all that is held. */
  readonly equity: Decimal;
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
    positionTexts: Object.freeze({}),
    quotes: Table.of(),
    recent: Table.of(),
    equity: startingCash,
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
  const quotes = portfolio.quotes.has(event.sid) ? portfolio.quotes : portfolio.quotes.with(event.sid, price.value);
  const gone = add(portfolio.cash, worth(portfolio, event.sid));
  const equity = add(subtract(portfolio.equity, gone), add(cash, worth({ positions, quotes }, event.sid)));
  const texts = retold(portfolio.positionTexts, event.sid, now);
  const feesPaid = add(portfolio.feesPaid, feePaid);
  return ok(withPeak({ ...portfolio, cash, positions, positionTexts: texts, filled, quotes, equity, feesPaid }));
}

/** What is held of an instrument at its last quote. */
function worth({ positions, quotes }: Pick<Portfolio, "positions" | "quotes">, sid: string): Decimal {
  const held = positions.get(sid);
  return held === undefined ? zero : multiply(held, quotes.get(sid) ?? zero, "half-even");
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
  return valued({ ...portfolio, ...stated });
}

/** With what follows from the rest, counted anew. */
export function valued(portfolio: Omit<Portfolio, "equity" | "positionTexts">): Portfolio {
  const texts = [...portfolio.positions].map(([sid, quantity]): [string, string] => [sid, formatDecimal(quantity)]);
  return { ...portfolio, equity: equityOf(portfolio), positionTexts: inOrder(texts) };
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
  const quotes = portfolio.quotes.with(sid, quote);
  const moved = subtract(worth({ ...portfolio, quotes }, sid), worth(portfolio, sid));
  const next = { ...portfolio, quotes, equity: add(portfolio.equity, moved) };
  return rewound ? { ...next, peak: next.equity } : withPeak(next);
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
  return recent.with(sid, [...before, Number(formatDecimal(quote))].slice(-pricesKept));
}

function withPeak(portfolio: Portfolio): Portfolio {
  return { ...portfolio, peak: max(portfolio.peak, portfolio.equity) };
}

/** Cash and what is held at the last quotes, counted anew. */
export function equityOf(portfolio: Pick<Portfolio, "cash" | "positions" | "quotes">): Decimal {
  let equity = portfolio.cash;
  for (const sid of portfolio.positions.keys()) equity = add(equity, worth(portfolio, sid));
  return equity;
}

/** Fraction of the peak that is lost, 0 at the peak. */
export function drawdownOf(portfolio: Portfolio): Decimal {
  if (portfolio.peak <= zero) return zero;
  return divide(subtract(portfolio.peak, portfolio.equity), portfolio.peak);
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

/** The positions' texts once one of them has changed. */
function retold(texts: Portfolio["positionTexts"], sid: string, quantity: Decimal): Portfolio["positionTexts"] {
  if (quantity === zero) {
    const { [sid]: _sold, ...rest } = texts;
    return Object.freeze(rest);
  }
  const text = formatDecimal(quantity);
  // One that is there keeps its place.
  return Object.hasOwn(texts, sid)
    ? Object.freeze({ ...texts, [sid]: text })
    : inOrder([...Object.entries(texts), [sid, text]]);
}

function inOrder(texts: readonly (readonly [string, string])[]): Portfolio["positionTexts"] {
  return Object.freeze(Object.fromEntries(texts.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
