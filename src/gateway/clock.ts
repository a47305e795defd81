/** Time and timers for orders and venues. */
export interface Clock {
  /** Milliseconds since the epoch that never run backwards, also over restarts: close to wall time, unless that was set back. */
  readonly nowMs: () => number;
  /** Since any moment; no clock that is set moves it. */
  readonly elapsedMs: () => number;
  /** @returns a function that cancels it */
  readonly after: (ms: number, work: () => void) => () => void;
}

export interface TimeSource {
  readonly wallMs: () => number;
  readonly elapsedMs: Clock["elapsedMs"];
  readonly after: Clock["after"];
}

/**
 * A clock that is set forward moves this one, too; one that is set back does not: then time goes on from where it was. What is in the book is
 * never later than now, so the order of what happened to an order is what its times say.
 *
 * @param lastMs the latest time in the book
 */
export function steadyClock({ wallMs, elapsedMs, after }: TimeSource, lastMs: number): Clock {
  let last = { nowMs: Math.max(wallMs(), lastMs), elapsedMs: elapsedMs() };
  const nowMs = (): number => {
    const elapsed = elapsedMs();
    const gone = Math.max(0, Math.floor(elapsed - last.elapsedMs));
    const now = Math.max(wallMs(), last.nowMs + gone);
    // The part of a millisecond that is left over counts next time.
    last = { nowMs: now, elapsedMs: last.elapsedMs + gone };
    return now;
  };
  return { nowMs, elapsedMs, after };
}
