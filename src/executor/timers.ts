import type { TimerSpec, TimerTurn } from "./algorithm.ts";

/** By name, the last instant that a timer had its turn at, or was set at. Microseconds. */
export type Timers = ReadonlyMap<string, number>;

/**
 * The next timer whose instant has come with an event at `ts`, the earliest first; of one that missed several instants only the last.
 * A timer that was not set yet has none.
 */
export function dueTimer(specs: readonly TimerSpec[], timers: Timers, ts: number): TimerTurn | undefined {
  let due: TimerTurn | undefined;
  for (const { name, everySeconds } of specs) {
    const last = timers.get(name);
    const time = instantOf(everySeconds, ts);
    if (last !== undefined && time > last && (due === undefined || time < due.time)) due = { name, time };
  }
  return due;
}

/** @param anew sets all, as when a replay began anew; else those that are not set yet */
export function setTimers(specs: readonly TimerSpec[], timers: Timers, ts: number, anew: boolean): Timers {
  if (specs.length === 0 || (!anew && specs.every(({ name }) => timers.has(name)))) return timers;
  const set = new Map(timers);
  for (const { name, everySeconds } of specs) {
    if (anew || !set.has(name)) set.set(name, instantOf(everySeconds, ts));
  }
  return set;
}

function instantOf(everySeconds: number, ts: number): number {
  const everyUs = everySeconds * 1_000_000;
  return Math.floor(ts / everyUs) * everyUs;
}
