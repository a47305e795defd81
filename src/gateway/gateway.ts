import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { Receiver } from "#bus/receiver.ts";
import {
  validateBar,
  validateGatewayCommand,
  validateOrderResend,
  validateQuote,
  validateTurnRequest,
} from "#core/bus-validators.generated.js";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type {
  GatewayCommandMessage,
  MarketMessage,
  OrderEventMessage,
  OrderResendMessage,
  TurnRequestMessage,
} from "#core/messages.ts";
import type { Result } from "#core/result.ts";
import { kindOfTopic } from "#core/topic-kinds.ts";
import { traceparent } from "#core/trace.ts";
import type { Announcer } from "./announcer.ts";
import type { Book } from "./book.ts";
import type { Entry } from "./book-entry.ts";
import type { Claims } from "./claims.ts";
import type { Clock } from "./clock.ts";
import type { Desk } from "./desk.ts";
import type { Ledger } from "./ledger.ts";
import type { LimitsEntry } from "./limits-directory.ts";
import { type Prices, priceOf } from "./prices.ts";
import { contentOf, type OrderRequest, parseRequest, type RequestMalformed, strategyOfTopic } from "./request.ts";
import { type Accepted, type Account, type Denial, judge, type Standing } from "./risk.ts";
import { Statements } from "./statements.ts";
import type { Turns } from "./turns.ts";
import type { PlacedOrder, Venue } from "./venue.ts";

export interface GatewayOptions {
  readonly book: Book;
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly announcer: Pick<Announcer, "announce" | "repeat">;
  readonly limits: (strategy: StrategyId) => LimitsEntry;
  readonly standing: (strategy: StrategyId) => Standing;
  /** `group`: whose account it comes from, if the policies name who may. The broker let nobody else publish on its topic. */
  readonly command: (message: GatewayCommandMessage, group: string | undefined) => void;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly desk: Desk;
  readonly claims: Claims;
  readonly turns: Turns;
  /** Takes the dead letters. */
  readonly bus: Pick<Bus, "publish">;
  /** For what others date: expiries and hours. */
  readonly wallMs: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Counted since the process started. */
export interface GatewayCounters {
  requests: number;
  accepted: number;
  denied: number;
  /** Answered from the book. */
  repeated: number;
  malformed: number;
  /** Not looked at: more than any limit could let through. */
  flooded: number;
  prices: number;
  /** Wall time of the last one, milliseconds; 0 before the first. */
  lastPriceMs: number;
  /** Neither a request, a command nor a price: what came went to the dead letters. */
  refused: number;
}

const validators = {
  ...{ quote: validateQuote, bar: validateBar },
  ...{ "gateway-command": validateGatewayCommand, "order-resend": validateOrderResend },
  "turn-request": validateTurnRequest,
};

const zero = decimal("0");
const emptyAccount: Account = { cash: zero, peak: 0n as Account["cash"], positions: new Map() };
/** Requests of one strategy in one second that are looked at. Each costs a row in the book, so a flood must not. */
export const requestsPerSecondMax = 200;
/** And of its questions. An executor asks seconds after its last one, or for a new reason. */
const perSecondMaxOf = { requests: requestsPerSecondMax, questions: 10 } as const;

interface Arrivals {
  readonly second: number;
  count: number;
  /** How many seconds right before this one had too many. */
  readonly before: number;
}

/**
 * Takes orders in, decides, writes the decision down, and only then says it. Everything is synchronous: a request that was acknowledged
 * to the broker is in the book.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #door: Receiver;
  readonly #statements: Statements;
  /** Whose account was opened by an order, before a question. */
  readonly #unasked = new Set<StrategyId>();
  /** In which second it was said last that one floods. */
  readonly #alarmed = new Map<StrategyId, number>();
  readonly #arrivals = { requests: new Map<StrategyId, Arrivals>(), questions: new Map<StrategyId, Arrivals>() };
  readonly counters: GatewayCounters = {
    ...{ requests: 0, accepted: 0, denied: 0, repeated: 0, malformed: 0, flooded: 0 },
    ...{ prices: 0, lastPriceMs: 0, refused: 0 },
  };

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#door = new Receiver(options.bus, {
      validators,
      deadTopic: "gw/dead",
      nowMs: options.wallMs,
      log: options.log,
      refused: () => {
        this.counters.refused += 1;
      },
      take: ({ topic, message }) => {
        if (message.type === "quote" || message.type === "bar") this.#receivePrice(message);
        else if (message.type === "gateway-command") this.#options.command(message, kindOfTopic(topic)?.group);
        else if (message.type === "order-resend") this.#receiveResend(topic, message);
        else if (message.type === "turn-request") this.#receiveTurn(topic, message);
      },
    });
    this.#statements = new Statements(options);
  }

  /** One message from the bus. @throws Fault or Bug if the book fails; then the message must not be acknowledged */
  receive(topic: string, payload: Uint8Array): void {
    const strategy = strategyOfTopic(topic, "request");
    // A request that cannot be read gets an answer, so it does not go through the door.
    if (strategy !== undefined) this.#receiveRequest(strategy, topic, payload);
    else this.#door.receive({ topic, payload, retained: false, qos: 0 });
  }

  /** A message of an executor's that was not even decoded: there were too many before it. */
  overflow(topic: string): void {
    this.counters.requests += 1;
    this.counters.flooded += 1;
    const requester = strategyOfTopic(topic, "request");
    const asker = requester ?? strategyOfTopic(topic, "resend") ?? strategyOfTopic(topic, "turn");
    const what = requester === undefined ? "questions" : "requests";
    if (asker !== undefined) this.#alarm(what, asker, this.#options.clock.nowMs());
  }

  /** Opens an account for a strategy that is seen the first time. */
  openAccount(strategy: StrategyId): Account | undefined {
    const { book, ledger, limits } = this.#options;
    const known = ledger.get(strategy);
    if (known !== undefined) return known;
    const entry = limits(strategy);
    if (entry.kind !== "limits") return undefined;
    book.openAccount(strategy, entry.limits.startingCash);
    return ledger.open(strategy, entry.limits.startingCash);
  }

  /** Writes down the peaks that prices have lifted. */
  savePeaks(): void {
    this.#options.book.savePeaks(this.#options.ledger.takePeaks());
  }

  #receivePrice(message: MarketMessage): void {
    const update = priceOf(message);
    const { prices, ledger } = this.#options;
    this.counters.prices += 1;
    this.counters.lastPriceMs = this.#options.wallMs();
    const rewound = prices.set(update);
    ledger.mark(update.sid, (sid) => prices.get(sid), rewound);
  }

  #receiveResend(topic: string, asked: OrderResendMessage): void {
    const strategy = strategyOfTopic(topic, "resend");
    if (strategy === undefined || this.#floods("questions", strategy)) return;
    const { claims, ledger } = this.#options;
    const known = ledger.get(strategy) !== undefined && !this.#unasked.delete(strategy);
    if (claims.hear(strategy, asked, known)) return;
    const account = this.openAccount(strategy);
    // Whose limits cannot be read gets no account, and asks again.
    if (account !== undefined) this.#statements.answer(strategy, asked, account);
  }

  #receiveTurn(topic: string, asked: TurnRequestMessage): void {
    const strategy = strategyOfTopic(topic, "turn");
    if (strategy === undefined || this.#floods("questions", strategy)) return;
    this.#options.turns.hear(strategy, asked);
  }

  #receiveRequest(strategy: StrategyId, topic: string, payload: Uint8Array): void {
    this.counters.requests += 1;
    const nowMs = this.#options.clock.nowMs();
    if (this.#floods("requests", strategy, nowMs)) return;
    const parsed = parseRequest(payload);
    if (parsed.ok) this.#decide(strategy, parsed.value, nowMs);
    else {
      this.#door.refuse(topic, payload, { code: "payload-malformed", message: parsed.error.message });
      this.#refuseMalformed(strategy, parsed.error, nowMs);
    }
  }

  #decide(strategy: StrategyId, request: OrderRequest, nowMs: number): void {
    const { book } = this.#options;
    const content = contentOf(request);
    const booked = book.order(strategy, request.clientOrderId);
    if (booked !== undefined) {
      this.#answerAgain(strategy, request, content === booked.content ? booked.event : undefined);
      return;
    }
    const account = this.#accountFor(strategy, request);
    if (account === undefined) return;
    const decision = this.#judge(strategy, request, account, nowMs);
    const { clientOrderId, venue, sid, side, quantity, cause, epoch } = request;
    const last = decision.ok ? decision.value.last : (this.#options.prices.get(sid)?.price ?? zero);
    const placed: PlacedOrder = {
      ...{ strategy, clientOrderId, venue, sid, side, quantity, cause, last, arrivedMs: nowMs },
      ...{ cancelMs: undefined, venueOrderId: undefined },
    };
    const opened = { content, arrivedMs: nowMs, epoch, origin: "executor" } as const;
    if (decision.ok) {
      this.counters.accepted += 1;
      this.#options.desk.accept(placed, opened);
      return;
    }
    const event = this.#denialOf(request, decision.error);
    // An executor that was replaced must not use up the ids of the one that replaced it: both make the same of the same event.
    if (decision.error.code === "stale-epoch") this.#record({ strategy, clientOrderId, event });
    else this.#record({ strategy, clientOrderId, opened, state: { denied: placed }, event });
  }

  /**
   * The account that an order is judged by. Executors ask before they order, so of a strategy that the book does not know a request that comes first is
   * an old one: undefined, and no answer, where its epoch tells so; else its account is one until its executor says that it was told more.
   */
  #accountFor(strategy: StrategyId, { clientOrderId, epoch }: OrderRequest): Account | undefined {
    const { ledger, limits, claims, log } = this.#options;
    const known = ledger.get(strategy);
    if (known !== undefined || claims.standingOf(strategy) !== undefined) return known ?? emptyAccount;
    if (epoch > 1 && limits(strategy).kind === "limits") {
      log("warn", "a request came before its executor said what it was told", { strategy, clientOrderId });
      return undefined;
    }
    this.#unasked.add(strategy);
    return this.openAccount(strategy) ?? emptyAccount;
  }

  #judge(strategy: StrategyId, request: OrderRequest, account: Account, nowMs: number): Result<Accepted, Denial> {
    const { book, limits, standing, venues, prices, desk } = this.#options;
    const entry = limits(strategy);
    const windowMs = entry.kind === "limits" ? entry.limits.orderRate.seconds * 1000 : 0;
    return judge(request, {
      nowMs: this.#options.wallMs(),
      entry,
      epoch: book.epoch(strategy),
      acceptedInWindow: windowMs === 0 ? 0 : book.acceptedAfter(strategy, nowMs - windowMs),
      account,
      onOrder: desk.onOrder(strategy),
      standing: standing(strategy),
      venues,
      price: (sid) => prices.get(sid),
    });
  }

  #denialOf(request: OrderRequest, reason: Denial): NonNullable<Entry["event"]> {
    const { clientOrderId, sid, venue, side, cause } = request;
    return {
      ...{ v: 1, type: "order-event", clientOrderId, status: "denied", sid, venue, side },
      ...{ quantity: formatDecimal(request.quantity), filledQuantity: "0", reason },
      traceparent: traceparent(cause, clientOrderId),
      ts: this.#options.prices.get(sid)?.ts ?? request.ts,
    };
  }

  /** A request with an id that the book knows: the same order gets the same answer, another one is an alarm. */
  #answerAgain(strategy: StrategyId, request: OrderRequest, event: OrderEventMessage | undefined): void {
    const { book, announcer, log } = this.#options;
    if (event !== undefined) {
      this.counters.repeated += 1;
      book.afterCommit(() => announcer.repeat({ strategy, event }));
      return;
    }
    const { clientOrderId } = request;
    log("error", "alarm: an order id was used again for another order", { strategy, clientOrderId });
    const message = `the book has another order with the id ${clientOrderId}`;
    const denial: Denial = { code: "order-id-reused", message };
    this.#record({ strategy, clientOrderId, event: this.#denialOf(request, denial) });
  }

  #refuseMalformed(strategy: StrategyId, problem: RequestMalformed, nowMs: number): void {
    const { book, prices } = this.#options;
    const { clientOrderId, sid, venue, side, code, message } = problem;
    this.counters.malformed += 1;
    if (clientOrderId === undefined) return;
    // What an order became stays true when its id comes again in something unreadable.
    const used = book.order(strategy, clientOrderId) !== undefined;
    const reason: Denial = used ? { code: "order-id-reused", message } : { code, message };
    this.#record({
      strategy,
      clientOrderId,
      event: {
        ...{ v: 1, type: "order-event", clientOrderId, status: "denied", sid, venue, side, quantity: "0" },
        ...{ filledQuantity: "0", reason, ts: prices.get(sid)?.ts ?? nowMs * 1000 },
      },
    });
  }

  #record(entry: Entry): void {
    const { book, announcer, log } = this.#options;
    const event = book.record(entry);
    if (event === undefined) return;
    this.counters.denied += 1;
    const { clientOrderId, traceparent: trace, reason } = event;
    book.afterCommit(() => {
      const why = { code: reason?.code, reason: reason?.message };
      log("info", "order denied", { traceparent: trace, strategy: entry.strategy, clientOrderId, ...why });
      announcer.announce({ strategy: entry.strategy, event });
    });
  }

  #floods(what: keyof typeof perSecondMaxOf, strategy: StrategyId, nowMs = this.#options.clock.nowMs()): boolean {
    const second = Math.floor(nowMs / 1000);
    const perSecondMax = perSecondMaxOf[what];
    const arrivals = this.#arrivals[what].get(strategy);
    if (arrivals?.second !== second) {
      const goesOn = arrivals !== undefined && arrivals.second === second - 1 && arrivals.count > perSecondMax;
      this.#arrivals[what].set(strategy, { second, count: 1, before: goesOn ? arrivals.before + 1 : 0 });
      return false;
    }
    arrivals.count += 1;
    if (arrivals.count <= perSecondMax) return false;
    this.counters.flooded += 1;
    // What executors have asked while the gateway was away waits at the broker and comes at once: no flood, which goes on.
    if (what === "requests" || arrivals.before >= 2) this.#alarm(what, strategy, nowMs);
    return true;
  }

  /** Once a second of each strategy. */
  #alarm(what: keyof typeof perSecondMaxOf, strategy: StrategyId, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (this.#alarmed.get(strategy) === second) return;
    this.#alarmed.set(strategy, second);
    const perSecondMax = perSecondMaxOf[what];
    this.#options.log("error", "alarm: a strategy floods the gateway", { strategy, what, perSecondMax });
  }
}
