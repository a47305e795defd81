import { compare, type Decimal } from "./decimal.ts";
import type { CpuMillicores, MemoryBytes } from "./quantity.ts";
import { mostIn, type Rate } from "./rate.ts";

/**
 * One function a limit, used by the gate before a deploy and by the gateway before each order, so that both mean the same.
 * A value equal to its bound is inside.
 */
export const exceeds = {
  /** Price times quantity of one order, in quote currency. */
  maxOrderNotional: above,
  /** Value of what is held and on order of one instrument, in quote currency. */
  maxPositionNotional: above,
  /** Fraction of the equity's peak. */
  maxDrawdown: above,
  /** Whether some stream of orders that keeps to `value` breaks `bound`: bursts count, not averages. */
  orderRate(bound: Rate, value: Rate): boolean {
    return mostIn(value, bound.seconds) > bound.count;
  },
  instruments: outside,
  venues: outside,
  rpcAddresses: outside,
  /** How far a price is from the last one, in hundredths of a percent of that. A venue's, not a strategy's. */
  collarBps: above,
  /** Orders of one strategy that a venue may still fill. A venue's, too. */
  maxOpenOrders(bound: number, value: number): boolean {
    return value > bound;
  },
  cpu(bound: CpuMillicores, value: CpuMillicores): boolean {
    return value > bound;
  },
  memory: moreBytes,
  state: moreBytes,
} as const;

function above(bound: Decimal, value: Decimal): boolean {
  return compare(value, bound) > 0;
}

/** Names match exactly: no case folding, no wildcards. */
function outside(bound: readonly string[], value: string): boolean {
  return !bound.includes(value);
}

function moreBytes(bound: MemoryBytes, value: MemoryBytes): boolean {
  return value > bound;
}
