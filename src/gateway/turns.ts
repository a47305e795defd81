import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
import type { TurnAnswerMessage, TurnRequestMessage } from "#core/messages.ts";
import type { LimitsEntry } from "./limits-directory.ts";

export interface TurnsOptions {
  readonly bus: Pick<Bus, "publish">;
  /** Every strategy that has limits. */
  readonly strategies: () => readonly StrategyId[];
  readonly limits: (strategy: StrategyId) => LimitsEntry;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly log: Log;
}

interface Waiting {
  readonly epoch: number;
  readonly heardMs: number;
}

/** One that is not back by then counts no longer: its strategy has a trouble of its own, and must not keep the others. */
export const awayMsMax = 60_000;
/** Executors that wait ask every five seconds; one that does not any more has ended. */
export const waitingMsMax = 15_000;
const countedMs = 1_000;

/**
 * Executors that are to be replaced leave in turns, however many pods Kubernetes ends at once: at most a quarter of those that are to run are away at
 * the same time, and at least one may be. In the order in which they asked. It is a courtesy and no fence: who does not wait, or waits in vain, is
 * ended by the kubelet after its grace, and a gateway that restarts has forgotten who is away.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #away = new Map<StrategyId, { readonly epoch: number; readonly sinceMs: number }>();
  readonly #waiting = new Map<StrategyId, Waiting>();
  #counted = { atMs: Number.NEGATIVE_INFINITY, running: 0 };

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  hear(strategy: StrategyId, { wants, epoch }: TurnRequestMessage): void {
    if (wants === "back") {
      this.#away.delete(strategy);
      this.#waiting.delete(strategy);
      this.#serve();
      return;
    }
    // Its answer was lost.
    if (this.#away.get(strategy)?.epoch === epoch) return void this.#answer(strategy, epoch, true);
    // One that asks again keeps its place.
    this.#waiting.set(strategy, { epoch, heardMs: this.#options.nowMs() });
    this.#serve();
    if (this.#waiting.has(strategy)) this.#answer(strategy, epoch, false);
  }

  #serve(): void {
    const now = this.#options.nowMs();
    for (const [strategy, { sinceMs }] of this.#away) {
      if (now - sinceMs < awayMsMax && this.#isToRun(strategy)) continue;
      this.#away.delete(strategy);
      if (this.#isToRun(strategy))
        this.#options.log("warn", "an executor left in its turn and is not back; the next may leave", { strategy });
    }
    for (const [strategy, { epoch, heardMs }] of this.#waiting) {
      if (now - heardMs >= waitingMsMax) this.#waiting.delete(strategy);
      else if (this.#away.size < this.#awayMax()) {
        this.#waiting.delete(strategy);
        this.#away.set(strategy, { epoch, sinceMs: now });
        this.#answer(strategy, epoch, true);
      }
    }
  }

  #isToRun(strategy: StrategyId): boolean {
    const entry = this.#options.limits(strategy);
    return entry.kind === "limits" && entry.limits.running;
  }

  #awayMax(): number {
    const now = this.#options.nowMs();
    if (now - this.#counted.atMs >= countedMs) {
      const running = this.#options.strategies().filter((strategy) => this.#isToRun(strategy)).length;
      this.#counted = { atMs: now, running };
    }
    return Math.max(1, Math.floor(this.#counted.running / 4));
  }

  #answer(strategy: StrategyId, epoch: number, granted: boolean): void {
    const { bus, wallMs, log } = this.#options;
    const message: TurnAnswerMessage = {
      ...{ v: 1, type: "turn-answer", epoch, granted, away: this.#away.size, awayMax: this.#awayMax() },
      atMs: wallMs(),
    };
    bus.publish(`strat/${strategy}/turn/answer`, message, { qos: 1 }).catch((cause: unknown) => {
      // It asks again.
      log("warn", "a turn was not published", { strategy, error: String(cause) });
    });
  }
}
