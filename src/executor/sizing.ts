import { add, type Decimal, decimal, divide, max, min, multiply, subtract } from "#core/decimal.ts";
import type { Sizing } from "#core/effective.ts";
import type { Portfolio, Reserved } from "./portfolio.ts";
import { drawFor } from "./random.ts";

const zero = decimal("0");
/**
 * What a bet leaves of the free cash, for the fee and for a fill that is worse than the last price: the gateway reckons with both, and would deny all of
 * it. A venue that takes more than this denies still.
 */
const room = decimal("0.01");

/** What a bet is about. */
export interface Wager {
  /** The instrument; undefined where nothing in particular is asked about. */
  readonly sid: string | undefined;
  /** How many instruments the strategy may trade. */
  readonly instruments: number;
  readonly seed: number;
  readonly cause: string;
}

/** How many prices of each instrument a sizing looks back at: one more than changes. */
export function pricesKept(sizing: Sizing): number {
  return sizing.use === "volatility-target" ? Number(sizing.lookback) + 1 : 0;
}

/**
 * How much cash the sizing bets now: `fixed-fraction` a part of the equity, `fixed-cash` an amount, `equal-weight` what is missing to an equal part
 * of the equity in the instrument, `volatility-target` what is missing to a position that moves the equity by the target, `random` a part of the
 * free cash that is drawn per event. Never more than 99 % of the free cash, never less than nothing.
 */
export function optimize(portfolio: Portfolio, sizing: Sizing, reserved: Reserved, wager: Wager): Decimal {
  const free = max(subtract(portfolio.cash, reserved.cash), zero);
  const most = subtract(free, multiply(free, room, "ceiling"));
  return max(min(wanted(portfolio, sizing, { ...reserved, free }, wager), most), zero);
}

function wanted(
  portfolio: Portfolio,
  sizing: Sizing,
  { free, buying }: Reserved & { readonly free: Decimal },
  wager: Wager,
): Decimal {
  const missingTo = (worth: Decimal): Decimal => subtract(worth, takenBy(portfolio, buying, wager.sid));
  switch (sizing.use) {
    case "fixed-cash":
      return decimal(sizing.cash);
    case "fixed-fraction":
      return multiply(portfolio.equity, decimal(sizing.fraction), "floor");
    case "equal-weight":
      return missingTo(divide(portfolio.equity, decimal(String(wager.instruments))));
    case "volatility-target":
      return missingTo(multiply(portfolio.equity, weightFor(portfolio, sizing, wager.sid), "floor"));
    case "file":
      // Its own code decides, within this.
      return free;
    case "random":
      return multiply(free, fromFraction(drawFor(wager.seed, wager.cause)), "floor");
  }
}

/** What is held of an instrument and on its way, at the last price. */
function takenBy({ positions, quotes }: Portfolio, buying: Reserved["buying"], sid: string | undefined): Decimal {
  if (sid === undefined) return zero;
  const held = multiply(positions.get(sid) ?? zero, quotes.get(sid) ?? zero, "half-even");
  return add(held, buying.get(sid) ?? zero);
}

/** The part of the equity that moves it by the target when the instrument moves as it did; all of it at most, nothing while that is not known. */
function weightFor(
  { recent }: Portfolio,
  { target, lookback }: Extract<Sizing, { use: "volatility-target" }>,
  sid: string | undefined,
): Decimal {
  const prices = sid === undefined ? [] : (recent.get(sid) ?? []);
  if (prices.length <= Number(lookback)) return zero;
  const deviation = deviationOf(prices);
  const wanted = Number(target) / deviation;
  // A price that never moved says nothing of how it will.
  return deviation > 0 && Number.isFinite(wanted) ? fromFraction(Math.min(wanted, 1)) : zero;
}

/** The sample standard deviation of the changes from one price to the next. */
function deviationOf(prices: readonly number[]): number {
  const changes: number[] = [];
  for (let index = 1; index < prices.length; index += 1) {
    changes.push((prices[index] ?? 0) / (prices[index - 1] ?? 0) - 1);
  }
  let sum = 0;
  for (const change of changes) sum += change;
  const mean = sum / changes.length;
  let squares = 0;
  for (const change of changes) squares += (change - mean) * (change - mean);
  return Math.sqrt(squares / (changes.length - 1));
}

/** A double of 0 to 1 as an exact decimal of 8 digits: money is never a float. */
function fromFraction(fraction: number): Decimal {
  const parts = BigInt(Math.floor(fraction * 1e8));
  return decimal(`${parts / 100_000_000n}.${(parts % 100_000_000n).toString().padStart(8, "0")}`);
}
