import { join } from "node:path";
import { decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { Book } from "#gateway/book.ts";
import { steadyClock, type TimeSource } from "#gateway/clock.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import { runGateway } from "#gateway/run.ts";
import { realClock } from "../gateway/clock.ts";
import { limitsOf, rulesOf } from "../gateway/fixtures.ts";
import { gateway, passwords } from "./bus-bench.ts";

export interface RealGateway {
  readonly book: Book;
  /** What it logged: message and fields. */
  readonly logs: readonly string[];
  /** @returns what it counted */
  stop(): Promise<{ readonly [name: string]: number } | undefined>;
}

/** A gateway on paper as its process runs it, at a broker; each strategy may ask as often as the gateway looks. */
export function startGateway(
  port: number,
  folder: string,
  strategies: readonly StrategyId[],
  time: TimeSource = realClock(),
): RealGateway {
  const clock = steadyClock(time, 0);
  const book = new Book({ file: join(folder, "book.sqlite"), durability: "process" });
  const limits = (strategy: StrategyId) => ({
    kind: "limits" as const,
    limits: limitsOf({ strategy, maxDrawdown: decimal("1"), orderRate: { count: 999, seconds: 1 } }),
  });
  const logs: string[] = [];
  let stop: () => void = () => undefined;
  const running = runGateway({
    ...{ environment: "paper", identity: gateway.identity, book, clock, wallMs: Date.now },
    log: (_level, message, fields) => void logs.push(`${message} ${JSON.stringify(fields)}`),
    bus: { url: `mqtt://127.0.0.1:${port}`, password: () => passwords.get(gateway.identity) ?? "" },
    venues: new Map([["paper", new PaperVenue("paper", rulesOf(), undefined, clock)]]),
    files: {
      ...{ limits, strategies: () => strategies, onStanding: () => undefined },
      ...{ problem: undefined, onChange: () => undefined },
      standing: { halts: new Map(), refused: new Set(), strategies: new Map(strategies.map((id) => [id, "cancel"])) },
    },
    stopping: new Promise((resolve) => {
      stop = () => resolve(undefined);
    }),
    end: (cause) => {
      throw cause;
    },
    progress: () => undefined,
  });
  return {
    ...{ book, logs },
    async stop() {
      stop();
      const counted = await running;
      book.close();
      return counted;
    },
  };
}
