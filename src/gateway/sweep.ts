import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import type { Archive } from "./archive.ts";
import type { Retention } from "./book-retention.ts";

export interface SweepOptions {
  readonly retention: Pick<Retention, "strategies" | "find" | "forget">;
  readonly archive: Pick<Archive, "append">;
  readonly nowMs: () => number;
  readonly log: Log;
  /** Between two parts: orders come first. */
  readonly pauseMs?: number;
}

/**
 * Moves what the book may forget to the archive, a little at a time. What is forgotten is in the archive's files before; a kill between the two leaves it in
 * both.
 */
export class Sweep {
  readonly #options: SweepOptions;
  #running = false;
  #stopped = false;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /**
   * One pass over all strategies, unless one is under way. What cannot be archived stays in the book.
   *
   * @throws Fault as the book does
   */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (const strategy of this.#options.retention.strategies()) await this.#sweep(strategy);
    } catch (cause) {
      if (!(cause instanceof Fault && cause.code === "archive-unwritable")) throw cause;
      this.#options.log("error", cause.message, { code: cause.code });
    } finally {
      this.#running = false;
    }
  }

  /** After this the book is not touched. */
  stop(): void {
    this.#stopped = true;
  }

  async #sweep(strategy: StrategyId): Promise<void> {
    const { retention, archive, nowMs, pauseMs = 10 } = this.#options;
    for (let from: number | undefined = 0; from !== undefined && !this.#stopped; ) {
      const old = retention.find(strategy, from, nowMs());
      if (old.orders.length > 0) await archive.append(old.orders.map(({ record }) => record));
      if (this.#stopped) return;
      if (old.orders.length + old.events.length > 0) retention.forget(old, nowMs());
      from = old.next;
      await sleep(pauseMs);
    }
  }
}
