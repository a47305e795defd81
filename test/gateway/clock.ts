import type { Clock } from "#gateway/venue.ts";

/** Time that stands still until a test lets it pass. */
export interface TestClock extends Clock {
  /** Wall time; setting it moves no timer. */
  wallMs: number;
  /** Lets time pass: timers fire in their order, each at its moment. */
  advance(ms: number): void;
  readonly waiting: () => number;
}

export function testClock(startMs = 1_000): TestClock {
  let timers: { readonly atMs: number; readonly work: () => void }[] = [];
  // Timers follow their own time, so that a wall clock that jumps does not move them.
  let elapsedMs = 0;
  const clock: TestClock = {
    wallMs: startMs,
    nowMs: () => clock.wallMs,
    after(ms, work) {
      const timer = { atMs: elapsedMs + Math.max(0, ms), work };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      const endMs = elapsedMs + ms;
      for (;;) {
        const [next] = timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        clock.wallMs += next.atMs - elapsedMs;
        elapsedMs = next.atMs;
        next.work();
      }
      clock.wallMs += endMs - elapsedMs;
      elapsedMs = endMs;
    },
    waiting: () => timers.length,
  };
  return clock;
}
