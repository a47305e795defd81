import type { TimeSource } from "#gateway/clock.ts";

/** Time that stands still until a test lets it pass. */
export interface TestClock extends TimeSource {
  /** What clocks on the wall show; setting it moves no timer. */
  wall: number;
  /** Lets time pass: timers fire in their order, each at its moment. */
  advance(ms: number): void;
}

/** Time that passes by itself. */
export function realClock(): TestClock {
  return {
    wall: 0,
    wallMs: Date.now,
    elapsedMs: () => performance.now(),
    after(ms, work) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    advance() {
      throw new Error("real time passes by itself");
    },
  };
}

export function testClock(startMs = 1_000): TestClock {
  let timers: { readonly atMs: number; readonly work: () => void }[] = [];
  let elapsedMs = 0;
  const clock: TestClock = {
    wall: startMs,
    wallMs: () => clock.wall,
    elapsedMs: () => elapsedMs,
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
        clock.wall += next.atMs - elapsedMs;
        elapsedMs = next.atMs;
        next.work();
      }
      clock.wall += endMs - elapsedMs;
      elapsedMs = endMs;
    },
  };
  return clock;
}
