// How late a neighbour's orders come: from its tick to the gateway's book.
import { availableParallelism, loadavg } from "node:os";
import type { Life } from "./life.ts";

/** The feed's step, as `hostile.ts` sets it. */
export const stepMs = 150;
/** So many orders make a p99. */
export const ordersMin = 100;
/** What one process that waits for a core more than there are cores may cost anybody: the scheduler's turns, a container's start. */
const noiseMs = 100;

/** Of at least `ordersMin` orders, milliseconds. */
export interface Lateness {
  readonly p99: number;
  readonly slowest: number;
  readonly orders: number;
}

interface Ordered {
  readonly channel: string;
  readonly arrivedMs: number;
  /** When it arrived, less when its tick was to come. */
  readonly offset: number;
}

/** Each order that was asked for, denied or not: its cause is the feed's session, the channel and the number of a tick. */
export async function orderedSince({ id, watch }: Life, fromMs: number): Promise<readonly Ordered[]> {
  const rows = await watch.book(
    "SELECT cause, arrived_ms FROM orders WHERE strategy = ? AND arrived_ms >= ? AND origin = 'executor' ORDER BY arrived_ms",
    id,
    fromMs,
  );
  return rows.flatMap((row) => {
    const cause = String(row["cause"]);
    const at = cause.lastIndexOf(":");
    const [seq, arrivedMs] = [Number(cause.slice(at + 1)), Number(row["arrived_ms"])];
    return Number.isSafeInteger(seq)
      ? [{ channel: cause.slice(0, at), arrivedMs, offset: arrivedMs - seq * stepMs }]
      : [];
  });
}

/**
 * How much later than the soonest of its channel each came: the feed says one tick a step of each channel and numbers them, so what is left of the
 * arrival without them is the same for all, but for what they waited.
 *
 * @param orders those between which the soonest is looked for
 */
export function latenessOf(orders: readonly Ordered[], fromMs: number, toMs: number): Lateness {
  const soonest = new Map<string, number>();
  for (const { channel, offset } of orders) soonest.set(channel, Math.min(offset, soonest.get(channel) ?? offset));
  const late = orders
    .filter(({ arrivedMs }) => arrivedMs >= fromMs && arrivedMs < toMs)
    .map(({ channel, offset }) => offset - (soonest.get(channel) ?? offset))
    .sort((a, b) => a - b);
  return {
    p99: late[Math.ceil(late.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY,
    slowest: late.at(-1) ?? Number.POSITIVE_INFINITY,
    orders: late.length,
  };
}

/**
 * What a neighbour's p99 may be beside an attack: twice what it was, or what is noise on a machine with as much to do as this one has now.
 *
 * @param calm the worst p99 of so many orders while nobody attacked: what this machine does by itself
 */
export function p99Max(before: Lateness, calm: number): number {
  return Math.max(2 * before.p99, 2 * calm, noiseMs * crowding());
}

/** The worst p99 of `ordersMin` orders in a row. */
export function worstOf(orders: readonly Ordered[]): number {
  const windows = Array.from({ length: Math.floor(orders.length / ordersMin) }, (_, index) =>
    orders.slice(index * ordersMin, (index + 1) * ordersMin),
  );
  return Math.max(...windows.map((window) => latenessOf(window, 0, Number.POSITIVE_INFINITY).p99));
}

/** How many processes there are for each core of this machine now, at least 1: what is promised of a machine of its own takes so much longer. */
export function crowding(): number {
  const [load = 0] = loadavg();
  return Math.max(1, load / availableParallelism());
}

export function describeLateness({ p99, slowest, orders }: Lateness): string {
  return `p99 ${p99} ms, slowest ${slowest} (${orders})`;
}
