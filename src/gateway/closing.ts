import { createHash } from "node:crypto";
import type { Log } from "#bus/process.ts";
import { abs, type Decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { canonicalJson } from "#core/json.ts";
import { isOpen } from "#core/trading-hours.ts";
import type { Book } from "./book.ts";
import type { Clock } from "./clock.ts";
import type { Desk } from "./desk.ts";
import type { Ledger } from "./ledger.ts";
import type { Prices } from "./prices.ts";
import type { PlacedOrder, Venue } from "./venue.ts";

export interface ClosingOptions {
  readonly book: Book;
  readonly desk: Desk;
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly clock: Clock;
  readonly wallMs: () => number;
  readonly log: Log;
}

/** Ids of the gateway's own orders start so; those of executors may not. */
export const ownPrefix = "gw-";

const againFirstMs = 1_000;
const againLastMs = 60_000;

/**
 * Sends the orders that close a strategy's positions, one an instrument at a time, until nothing is held. It is asked again and again and sends
 * nothing twice: an order that is on its way is waited for, one that came to nothing is tried again ever more seldom.
 */
export class Closing {
  readonly #options: ClosingOptions;
  readonly #said = new Set<string>();

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  /** @param why the halt's id, or `retire` */
  close(strategy: StrategyId, why: string): void {
    const { desk, ledger } = this.#options;
    const open = new Set(desk.onOrder(strategy).map(({ sid }) => sid));
    for (const [sid, quantity] of ledger.get(strategy)?.positions ?? []) {
      if (!open.has(sid)) this.#closeOne(strategy, sid, quantity, why);
    }
  }

  #closeOne(strategy: StrategyId, sid: string, quantity: Decimal, why: string): void {
    const { book, desk, prices, venues, clock, wallMs } = this.#options;
    const name = book.venueOf(strategy, sid) ?? "";
    const venue = venues.get(name);
    if (venue === undefined) {
      this.#say(`${sid} of ${strategy} cannot be closed: it was traded at ${name}, which is not in the settings`);
      return;
    }
    const { hours } = venue.rules;
    const last = prices.get(sid)?.price;
    if (last === undefined || (hours !== undefined && !isOpen(hours, Math.floor(wallMs() / 1000)))) return;
    const cause = `gw:${why}:${sid}`;
    const { times, lastMs } = book.halts.closings(strategy, cause);
    const nowMs = clock.nowMs();
    if (times > 0 && nowMs < lastMs + Math.min(againFirstMs * 2 ** (times - 1), againLastMs)) return;
    if (times > 0) this.#say(`closing ${sid} of ${strategy} takes another order, number ${times + 1}`);
    const placed: PlacedOrder = {
      ...{ strategy, clientOrderId: idOf(strategy, cause, times), venue: name, sid },
      ...{ side: quantity < 0n ? "buy" : "sell", quantity: abs(quantity), cause, last, arrivedMs: nowMs },
      ...{ cancelMs: undefined, venueOrderId: undefined },
    };
    const content = canonicalJson({ closes: sid, cause, times });
    desk.accept(placed, { content, arrivedMs: nowMs, epoch: 0, origin: "gateway" });
  }

  #say(message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#options.log("error", `alarm: ${message}`);
  }
}

/** The same attempt has the same id, whoever makes it again. */
function idOf(strategy: StrategyId, cause: string, times: number): string {
  return `${ownPrefix}${createHash("sha256").update(`${strategy}\0${cause}\0${times}`).digest("hex").slice(0, 24)}`;
}
