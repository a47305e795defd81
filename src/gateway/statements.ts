import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { RateCap } from "#bus/rate-cap.ts";
import { formatDecimal } from "#core/decimal.ts";
import { eventDigest } from "#core/event-digest.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage, OrderResendMessage, OrderStatementMessage } from "#core/messages.ts";
import type { Announcer } from "./announcer.ts";
import type { Book } from "./book.ts";
import type { Clock } from "./clock.ts";
import type { Desk } from "./desk.ts";
import type { Account } from "./risk.ts";

export interface StatementsOptions {
  readonly book: Book;
  readonly desk: Pick<Desk, "openFills">;
  readonly announcer: Pick<Announcer, "repeat">;
  readonly bus: Pick<Bus, "publish">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly wallMs: () => number;
  readonly log: Log;
}

/** Events told again at once; who misses more asks again. */
const pageMax = 200;
/** One question of a hundred bytes is worth a page, so whoever asks all the time must not be told all the time: what was told a moment ago is on its way. */
const pagesPerSecondMax = 1;

/**
 * Tells executors what they have missed, and what the book says that they hold. A broker that dies loses what it had acknowledged, an executor's disk
 * what the machine failed with: the book is the one place that has it all.
 */
export class Statements {
  readonly #options: StatementsOptions;
  readonly #pages = new Map<StrategyId, RateCap>();

  constructor(options: StatementsOptions) {
    this.#options = options;
  }

  /** Fences off every older executor, and answers. @throws Fault if the book fails */
  answer(strategy: StrategyId, asked: OrderResendMessage, account: Account): void {
    const { book, announcer, log } = this.#options;
    book.raiseEpoch(strategy, asked.epoch);
    const last = book.lastSeq(strategy);
    const missing = this.#missing(strategy, asked, last);
    if (missing === undefined && asked.after > 0) {
      const { after, epoch } = asked;
      log("warn", "an executor's events are not the book's", { strategy, epoch, after, last });
    }
    const lastEvent = last === 0 ? undefined : book.eventsAfter(strategy, last - 1, 1)[0];
    const statement = this.#statement(strategy, asked, { account, last, lastEvent, resent: missing !== undefined });
    const events = missing === undefined || missing.length === 0 || this.#mayBeTold(strategy) ? missing : [];
    book.afterCommit(() => {
      this.#publish(strategy, statement);
      for (const event of events ?? []) announcer.repeat({ strategy, event });
    });
  }

  #mayBeTold(strategy: StrategyId): boolean {
    const cap = this.#pages.get(strategy) ?? new RateCap(pagesPerSecondMax);
    this.#pages.set(strategy, cap);
    return cap.pass(this.#options.clock.nowMs()).passes;
  }

  /** What comes after the event that the executor has; undefined if the book does not know that one, or not all that came after. */
  #missing(
    strategy: StrategyId,
    { after, digest, anew }: OrderResendMessage,
    last: number,
  ): readonly OrderEventMessage[] | undefined {
    const { book } = this.#options;
    if (anew) return last === 0 ? [] : undefined;
    if (after > last) return undefined;
    const found = book.eventsAfter(strategy, Math.max(0, after - 1), pageMax + 1);
    const [known] = found;
    if (after > 0 && (known?.seq !== after || eventDigest(known) !== digest)) return undefined;
    const events = after > 0 ? found.slice(1) : found.slice(0, pageMax);
    const whole = events.length === Math.min(last - after, pageMax);
    return whole && events.every(({ seq }, index) => seq === after + 1 + index) ? events : undefined;
  }

  #statement(
    strategy: StrategyId,
    { atMs }: OrderResendMessage,
    told: {
      readonly account: Account;
      readonly last: number;
      readonly lastEvent: OrderEventMessage | undefined;
      readonly resent: boolean;
    },
  ): OrderStatementMessage {
    const { book, desk, wallMs } = this.#options;
    const { cash, peak, positions } = told.account;
    return {
      ...{ v: 1, type: "order-statement", epoch: book.epoch(strategy), asked: atMs, resent: told.resent },
      last: told.last,
      ...(told.lastEvent === undefined ? {} : { digest: eventDigest(told.lastEvent) }),
      ...{ cash: formatDecimal(cash), peak: formatDecimal(peak) },
      positions: Object.fromEntries([...positions].map(([sid, quantity]) => [sid, formatDecimal(quantity)])),
      open: desk.openFills(strategy).map(({ clientOrderId, filled, notional, fee }) => ({
        ...{ clientOrderId, filledQuantity: formatDecimal(filled) },
        ...{ notional: formatDecimal(notional), fee: formatDecimal(fee) },
      })),
      atMs: wallMs(),
    };
  }

  #publish(strategy: StrategyId, statement: OrderStatementMessage): void {
    const { bus, log } = this.#options;
    bus.publish(`strat/${strategy}/order/statement`, statement, { qos: 1 }).catch((cause: unknown) => {
      log("warn", "a statement was not published, the executor will ask again", { strategy, error: String(cause) });
    });
  }
}
