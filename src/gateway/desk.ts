import type { Log } from "#bus/process.ts";
import { add, compare, type Decimal, decimal, divide, formatDecimal, multiply, subtract } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import {
  isFinal,
  newOrder,
  type Order,
  type OrderEffect,
  type OrderInput,
  openQuantity,
  stepOrder,
} from "#core/order.ts";
import { assert, unreachable } from "#core/result.ts";
import { traceparent } from "#core/trace.ts";
import type { Announcer } from "./announcer.ts";
import type { Book } from "./book.ts";
import type { Entry } from "./book-entry.ts";
import type { BookedState } from "./book-rows.ts";
import type { Clock } from "./clock.ts";
import type { Ledger } from "./ledger.ts";
import type { Prices } from "./prices.ts";
import { equityOf, type OnOrder } from "./risk.ts";
import { missingVenue, type OrderKey, type PlacedOrder, type Venue, type VenueAnswer } from "./venue.ts";

export interface DeskOptions {
  readonly book: Book;
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly announcer: Pick<Announcer, "announce">;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told after each change of an order. */
  readonly changed?: (strategy: StrategyId) => void;
}

/** Counted since the process started. */
export interface DeskCounters {
  fills: number;
  /** Answers that came not, or said nothing. */
  lost: number;
  alarms: number;
}

interface Open extends BookedState {
  /** How often it was asked after since the venue last said something. */
  readonly asks: number;
  /** Cancels what the order waits for. */
  readonly stop: () => void;
}

const zero = decimal("0");
const basis = decimal("10000");
const askLastMs = 15_000;
/** An order that was given up may have arrived after all: when to ask once more. */
const suspicionsMs = [10_000, 60_000, 600_000, 3_600_000];
const suspectedForMs = 2 * 3_600_000;

/**
 * Everything between an order that passed and the venue's last word about it. What happens is written down before it is said or acted on, so a
 * process that dies anywhere goes on where it was: what may be on its way is asked after.
 */
export class Desk {
  readonly #options: DeskOptions;
  readonly #open = new Map<StrategyId, Map<string, Open>>();
  readonly #suspicions = new Set<() => void>();
  readonly counters: DeskCounters = { fills: 0, lost: 0, alarms: 0 };

  constructor(options: DeskOptions) {
    this.#options = options;
    for (const state of options.book.openOrders()) this.#keep({ ...state, asks: 0, stop: () => undefined });
  }

  /** Opens the venues and asks after all that an earlier process left. */
  start(): void {
    const { venues, book, clock } = this.#options;
    for (const venue of venues.values()) venue.open((key, answer) => this.#answer(key, answer));
    for (const orders of [...this.#open.values()]) {
      for (const open of [...orders.values()]) this.#apply(open, { type: "restart" });
    }
    for (const { placed } of book.givenUp(clock.nowMs() - suspectedForMs)) this.#suspect(placed, 0);
  }

  stop(): void {
    for (const orders of this.#open.values()) for (const { stop } of orders.values()) stop();
    for (const stop of this.#suspicions) stop();
    for (const venue of this.#options.venues.values()) venue.close();
  }

  /** What a strategy's open orders may still do to its account. */
  onOrder(strategy: StrategyId): readonly OnOrder[] {
    return [...(this.#open.get(strategy)?.values() ?? [])].map(({ placed, order }) => {
      const quantity = openQuantity(order);
      const { venue, sid, side } = placed;
      return { venue, sid, side, quantity, cash: side === "sell" ? zero : this.#mostOf(placed, quantity) };
    });
  }

  /** What is filled of the open orders that something is filled of. */
  openFills(strategy: StrategyId): readonly (Pick<Order, "filled" | "notional" | "fee"> & OrderKey)[] {
    return [...(this.#open.get(strategy)?.values() ?? [])]
      .filter(({ order }) => order.filled !== zero)
      .map(({ placed: { clientOrderId }, order: { filled, notional, fee } }) => ({
        ...{ strategy, clientOrderId, filled, notional, fee },
      }));
  }

  openCount(strategy: StrategyId): number {
    return this.#open.get(strategy)?.size ?? 0;
  }

  strategiesWithOrders(): readonly StrategyId[] {
    return [...this.#open.keys()];
  }

  /** Books an order that passed, says so and sends it. */
  accept(placed: PlacedOrder, opened: NonNullable<Entry["opened"]>): void {
    const venue = this.#venue(placed);
    const fresh = newOrder(placed.quantity);
    const report = venue.immediate(placed);
    const [order, effects] = report === undefined ? [fresh, []] : stepOrder(fresh, { type: "report", report });
    this.#write({ placed, order }, effects, { opened, visible: true });
    if (isFinal(order.status)) return;
    this.#keep({ placed, order, asks: 0, stop: this.#awaitAnswer(placed) });
    this.#options.book.afterCommit(() => venue.place(placed));
  }

  /** Asks the venues to cancel open orders. @returns how many it was not asked about before */
  cancel(strategy: StrategyId, which: (placed: PlacedOrder) => boolean = () => true): number {
    const orders = [...(this.#open.get(strategy)?.values() ?? [])];
    const chosen = orders.filter(({ placed, order }) => !order.cancelWanted && which(placed));
    for (const open of chosen) this.#apply(open, { type: "cancel" });
    return chosen.length;
  }

  #answer(key: OrderKey, answer: VenueAnswer): void {
    const { book, log } = this.#options;
    const open = this.#open.get(key.strategy)?.get(key.clientOrderId);
    const state = open ?? book.state(key);
    if (state === undefined) {
      log("error", "alarm: a venue speaks of an order that is not in the book", { ...key });
      this.counters.alarms += 1;
      return;
    }
    if (answer.type === "lost") {
      this.counters.lost += 1;
      const error = answer.message;
      if (open !== undefined)
        log("warn", "a venue's answer is lost", { traceparent: traceOf(open.placed), ...key, error });
    }
    const known: Open = open ?? { ...state, asks: 0, stop: () => undefined };
    this.#apply(known, this.#inputOf(known.placed, answer), answer.type === "report" ? answer.venueOrderId : undefined);
  }

  #inputOf(placed: PlacedOrder, answer: VenueAnswer): OrderInput {
    switch (answer.type) {
      case "report":
        return { type: "report", report: answer.report };
      case "not-found":
        return { type: "not-found", atMs: this.#options.clock.nowMs(), settling: this.#venue(placed).settling };
      case "lost":
      case "cancel-refused":
        return { type: answer.type };
      default:
        return unreachable(answer);
    }
  }

  /** The one way in which an order changes. */
  #apply(open: Open, input: OrderInput, venueOrderId?: string): void {
    const [order, effects] = stepOrder(open.order, input);
    const { placed: before } = open;
    const cancelMs = order.cancelWanted ? (before.cancelMs ?? this.#options.clock.nowMs()) : before.cancelMs;
    const placed: PlacedOrder = { ...before, cancelMs, venueOrderId: venueOrderId ?? before.venueOrderId };
    const visible = isVisible(open.order, order);
    const kept = cancelMs !== before.cancelMs || placed.venueOrderId !== before.venueOrderId;
    if (visible || kept || order.acknowledged !== open.order.acknowledged)
      this.#write({ placed, order }, effects, { visible });
    open.stop();
    const silent = input.type !== "report" && input.type !== "cancel-refused";
    const next: Open = { placed, order, asks: silent ? open.asks : 0, stop: () => undefined };
    if (isFinal(order.status)) {
      this.#forget(placed);
      if (!isFinal(open.order.status) && input.type === "not-found") this.#suspect(placed, 0);
    } else this.#keep({ ...next, ...this.#act(next, effects) });
    for (const effect of effects) if (effect.do === "alarm") this.#alarm(placed, effect);
  }

  /** Sends what an open order's step asks for, and waits for the answer. */
  #act({ placed, order, asks }: Open, effects: readonly OrderEffect[]): Pick<Open, "asks" | "stop"> {
    const { book, clock } = this.#options;
    const venue = this.#venue(placed);
    const askAfter = (ms: number): (() => void) => {
      let stop = clock.after(ms, () => {
        const open = this.#open.get(placed.strategy)?.get(placed.clientOrderId);
        if (open === undefined) return;
        stop = this.#awaitAnswer(placed);
        venue.ask(open.placed);
      });
      return () => stop();
    };
    if (effects.some((effect) => effect.do === "cancel")) {
      book.afterCommit(() => venue.cancel(placed));
      return { asks, stop: this.#awaitAnswer(placed) };
    }
    if (effects.some((effect) => effect.do === "ask"))
      return { asks: asks + 1, stop: askAfter(Math.min(venue.askFirstMs * 2 ** asks, askLastMs)) };
    if (order.status === "pending-new") return { asks, stop: this.#awaitAnswer(placed) };
    return { asks, stop: venue.pollMs === undefined ? () => undefined : askAfter(venue.pollMs) };
  }

  /** No answer in time is a lost one. */
  #awaitAnswer({ strategy, clientOrderId, venue }: PlacedOrder): () => void {
    const { clock } = this.#options;
    const { answerMs } = this.#options.venues.get(venue) ?? missingVenue(venue);
    return clock.after(answerMs, () => {
      this.#answer({ strategy, clientOrderId }, { type: "lost", message: `no answer in ${answerMs} ms` });
    });
  }

  /** Asks after an order that was given up, ever more seldom. */
  #suspect(placed: PlacedOrder, times: number): void {
    const waitMs = suspicionsMs[times];
    if (waitMs === undefined) return;
    const stop = this.#options.clock.after(waitMs, () => {
      this.#suspicions.delete(stop);
      this.#venue(placed).ask(placed);
      this.#suspect(placed, times + 1);
    });
    this.#suspicions.add(stop);
  }

  #write(
    state: BookedState,
    effects: readonly OrderEffect[],
    { opened, visible }: { readonly opened?: NonNullable<Entry["opened"]>; readonly visible: boolean },
  ): void {
    const { book, ledger, announcer, log } = this.#options;
    const { strategy, clientOrderId, sid } = state.placed;
    const fill = this.#fillOf(state.placed, effects);
    const event = book.record({
      ...{ strategy, clientOrderId, state },
      ...(opened === undefined ? {} : { opened }),
      ...(fill === undefined ? {} : { fill }),
      ...(visible ? { event: this.#eventOf(state) } : {}),
    });
    if (fill !== undefined) {
      this.counters.fills += 1;
      ledger.applyFill(strategy, sid, fill);
      if (compare(fill.cash, zero) < 0 || compare(fill.position, zero) < 0) {
        this.counters.alarms += 1;
        const [cash, position] = [formatDecimal(fill.cash), formatDecimal(fill.position)];
        log("error", "alarm: an account is below nothing", { strategy, clientOrderId, cash, sid, position });
      }
    }
    book.afterCommit(() => {
      if (event !== undefined) {
        const { status, side, quantity, filledQuantity, price, fee, reason, traceparent: trace } = event;
        const fills = price === undefined ? {} : { price, fee };
        const why = reason === undefined ? {} : { code: reason.code, reason: reason.message };
        log("info", "order", {
          ...{ traceparent: trace, strategy, clientOrderId, status, side, sid, quantity, filledQuantity },
          ...{ ...fills, ...why },
        });
        announcer.announce({ strategy, event });
      }
      this.#options.changed?.(strategy);
    });
  }

  #fillOf({ strategy, sid, side, arrivedMs }: PlacedOrder, effects: readonly OrderEffect[]): Entry["fill"] {
    const effect = effects.find((each) => each.do === "fill");
    if (effect === undefined) return undefined;
    const { ledger, prices, clock } = this.#options;
    const account = ledger.get(strategy);
    assert(account !== undefined, `${strategy} has an order and no account`);
    const { quantity, notional, fee } = effect;
    const buys = side === "buy";
    const held = account.positions.get(sid) ?? zero;
    const position = buys ? add(held, quantity) : subtract(held, quantity);
    const cash = subtract(buys ? subtract(account.cash, notional) : add(account.cash, notional), fee);
    const positions = new Map(account.positions).set(sid, position);
    const equity = equityOf({ ...account, cash, positions }, (other) => prices.get(other));
    const peak = equity !== undefined && compare(equity, account.peak) > 0 ? equity : account.peak;
    const ts = prices.get(sid)?.ts ?? arrivedMs * 1000;
    return { quantity, notional, fee, ts, arrivedMs: clock.nowMs(), cash, position, peak };
  }

  #eventOf({ placed, order }: BookedState): Omit<OrderEventMessage, "seq"> {
    const { clientOrderId, sid, venue, side, arrivedMs } = placed;
    const { status, filled, notional, fee, reason } = order;
    const quantity = formatDecimal(placed.quantity);
    const fills = filled === zero ? {} : { price: averagePrice(notional, filled), ...formatted({ notional, fee }) };
    return {
      ...{ v: 1, type: "order-event", clientOrderId, status, sid, venue, side, quantity },
      ...{ filledQuantity: formatDecimal(filled), ...fills },
      ...(reason === undefined ? {} : { reason }),
      traceparent: traceOf(placed),
      ts: this.#options.prices.get(sid)?.ts ?? arrivedMs * 1000,
    };
  }

  /** What an open purchase may still cost: at the price it was accepted at, with slippage and fee, rounded up. */
  #mostOf(placed: PlacedOrder, quantity: Decimal): Decimal {
    const { slippageBps, feeBps } = this.#venue(placed).rules;
    const value = multiply(multiply(quantity, placed.last, "ceiling"), add(basis, slippageBps), "ceiling");
    return divide(divide(multiply(value, add(basis, feeBps), "ceiling"), basis, "ceiling"), basis, "ceiling");
  }

  #alarm(placed: PlacedOrder, { code, message }: OrderEffect & { do: "alarm" }): void {
    this.counters.alarms += 1;
    const { strategy, clientOrderId, venue } = placed;
    const fields = { code, traceparent: traceOf(placed), strategy, clientOrderId, venue };
    this.#options.log("error", `alarm: ${message}`, fields);
  }

  /** An order outlives its venue's settings: then nobody can be asked, and it stays what it was. */
  #venue({ venue }: PlacedOrder): Venue {
    return this.#options.venues.get(venue) ?? missingVenue(venue);
  }

  #keep(open: Open): void {
    const { strategy, clientOrderId } = open.placed;
    const orders = this.#open.get(strategy) ?? new Map<string, Open>();
    this.#open.set(strategy, orders.set(clientOrderId, open));
  }

  #forget({ strategy, clientOrderId }: PlacedOrder): void {
    const orders = this.#open.get(strategy);
    orders?.delete(clientOrderId);
    if (orders?.size === 0) this.#open.delete(strategy);
  }
}

function traceOf({ cause, clientOrderId }: PlacedOrder): string {
  return traceparent(cause, clientOrderId);
}

/** What executors hear of. */
function isVisible(before: Order, after: Order): boolean {
  return before.status !== after.status || before.filled !== after.filled || before.fee !== after.fee;
}

export function averagePrice(notional: Decimal, filled: Decimal): string {
  return formatDecimal(divide(notional, filled, "half-even"));
}

function formatted({ notional, fee }: { readonly notional: Decimal; readonly fee: Decimal }): {
  readonly notional: string;
  readonly fee: string;
} {
  return { notional: formatDecimal(notional), fee: formatDecimal(fee) };
}
