// A gateway on paper without a bus, for programs of their own: the child that kills itself, and the benches. No test framework is loaded.
import { decimal } from "#core/decimal.ts";
import { type Assembled, assemble, start } from "#gateway/assemble.ts";
import type { Book } from "#gateway/book.ts";
import type { BookedEvent } from "#gateway/book-entry.ts";
import { parseLimits, type StrategyLimits, strategyOfKey } from "#gateway/limits.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";

/** @param key `<team>.<name>` @param text the file of that name in the limits directory */
export function readLimits(key: string, text: string): StrategyLimits {
  const strategy = strategyOfKey(key);
  if (strategy === undefined) throw new Error(`${key} is no strategy`);
  const limits = parseLimits(strategy, Buffer.from(text));
  if (!limits.ok) throw new Error(limits.error.message);
  return limits.value;
}

export interface PaperGatewayOptions {
  readonly book: Book;
  /** Of its one strategy, which nothing halts. */
  readonly limits: StrategyLimits;
  /** Takes what it says to the executor, repetitions too. */
  readonly say: (booked: BookedEvent) => void;
  /** Takes all else that it publishes, statements first of all. Default: nobody does. */
  readonly tell?: (topic: string, message: object) => Promise<void>;
  readonly nowMs: () => number;
}

/** Started. Its timers never fire. */
export function startPaperGateway({ book, limits, say, tell, nowMs }: PaperGatewayOptions): Assembled {
  const { strategy } = limits;
  const clock = { nowMs, elapsedMs: nowMs, after: () => () => undefined };
  const rules = {
    ...{ feeBps: decimal("1"), slippageBps: decimal("2"), collarBps: undefined },
    ...{ maxOpenOrders: 9, hours: undefined },
  };
  const assembled = assemble({
    ...{ book, clock, wallMs: nowMs, bus: { publish: tell ?? (async () => undefined) }, log: () => undefined },
    announcer: { announce: say, repeat: say },
    venues: new Map([["paper", new PaperVenue("paper", rules, undefined, clock)]]),
    limits: () => ({ kind: "limits", limits }),
    strategies: () => [strategy],
    git: () => ({ halts: new Map(), refused: new Set(), strategies: new Map([[strategy, "cancel"]]) }),
  });
  start(assembled);
  return assembled;
}
