import { add, type Decimal, decimal, formatDecimal, min, multiply, parseDecimal, subtract } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonValue } from "#core/json.ts";
import type {
  CommandMessage,
  ExecutorState,
  OrderEventMessage,
  OrderRequestMessage,
  OrderStatementMessage,
  OrderStatus,
} from "#core/messages.ts";
import type { Heard } from "#core/rewind.ts";
import type {
  AlgorithmCommand,
  AlgorithmLog,
  OpenOrder,
  Outcome,
  PortfolioNow,
  TimerSpec,
  TimerTurn,
} from "./algorithm.ts";
import type { Decision } from "./decisions.ts";
import type { Line } from "./line.ts";
import type { MarketEvent } from "./messages.ts";
import { drawdownOf, type Portfolio, type Reserved } from "./portfolio.ts";
import { lookUp } from "./recent.ts";
import { optimize } from "./sizing.ts";
import type { Checked, ProposedOrder, Sized, Wager } from "./slots.ts";
import type { Table } from "./table.ts";
import type { Timers } from "./timers.ts";

/** Counters since the strategy's first start. */
export interface Counters {
  readonly events: number;
  readonly orders: number;
  readonly fills: number;
  readonly denied: number;
  readonly errors: number;
  readonly conflated: number;
  readonly gaps: number;
  readonly badPayloads: number;
}

export const noCounters: Counters = {
  events: 0,
  orders: 0,
  fills: 0,
  denied: 0,
  errors: 0,
  conflated: 0,
  gaps: 0,
  badPayloads: 0,
};

/** A request without a final answer. */
export interface Pending {
  readonly request: OrderRequestMessage;
  /** The last answer; undefined when there is none. */
  readonly status: OrderStatus | undefined;
  readonly askedAtMs: number;
}

export interface Seen extends Heard {
  readonly seq: number;
}

/** The last of the gateway's numbered events. */
export interface Told {
  /** 0 before the first. */
  readonly seq: number;
  /** Of that event; undefined before the first. */
  readonly digest: string | undefined;
}

/** The question to the gateway's book. */
export interface Asking {
  /** Unanswered, or to be asked anew. */
  readonly due: boolean;
  readonly tries: number;
  /** When it was asked last: the answer names it. */
  readonly atMs: number;
  /** The question that was asked last has its answer. */
  readonly answered: boolean;
}

/** What survives the process. */
export interface Kept {
  readonly portfolio: Portfolio;
  readonly counters: Counters;
  readonly pending: ReadonlyMap<string, Pending>;
  /** Per channel, the last event that the algorithm was given. */
  readonly processed: Table<Seen>;
  readonly timers: Timers;
  /** Ids of the last commands that the algorithm was given, newest last: one that comes again is not carried out again. */
  readonly commands: readonly string[];
  /** The last order event that is booked, with all before it; undefined until the gateway has said what its book has. */
  readonly told: Told | undefined;
}

export const commandsMax = 100;

export interface Settings {
  readonly effective: EffectiveStrategy;
  /** `<team>/<name>`. */
  readonly strategy: string;
  readonly epoch: number;
  readonly seed: number;
  readonly hooks: ReadonlySet<string>;
  readonly timers: readonly TimerSpec[];
  readonly digest: string | undefined;
}

export type Item =
  | { readonly kind: "market"; readonly event: MarketEvent }
  | { readonly kind: "order"; readonly event: OrderEventMessage }
  | { readonly kind: "command"; readonly command: CommandMessage };

/** Where the decisions of one event stand, while code of the strategy's own is asked about one of them. */
export interface Deciding {
  readonly cause: { readonly id: string; readonly ts: number };
  readonly decisions: readonly Decision[];
  /** The one in question. */
  readonly index: number;
  /** How many orders have come of the event. */
  readonly sent: number;
}

export type InFlight =
  | { readonly kind: "event"; readonly cause: string; readonly ts: number }
  | { readonly kind: "sizing"; readonly deciding: Deciding }
  | { readonly kind: "guard"; readonly deciding: Deciding; readonly quantity: Decimal }
  | { readonly kind: "stop" }
  | { readonly kind: "snapshot" /** After the stop hook: then it ends. */; readonly last: boolean };

export interface State extends Kept {
  readonly settings: Settings;
  readonly status: ExecutorState;
  readonly reason: string | undefined;
  readonly gatewayOnline: boolean;
  /** Why it is not, in its own words or those of its will. */
  readonly gatewayReason: string | undefined;
  /** It said so itself, so an answer of it does not mean that it takes orders. A will may come late. */
  readonly gatewayDeclines: boolean;
  /** What waits for the algorithm, in order. A quote's key is its channel, so a newer one takes its place. */
  readonly inbox: Line<Item>;
  readonly arrivals: number;
  readonly inFlight: InFlight | undefined;
  /** Per channel, the last event that arrived. */
  readonly received: Table<Seen>;
  readonly stopping: string | undefined;
  /** The last order event that arrived; those after `told` wait in line. */
  readonly heard: Told | undefined;
  readonly asking: Asking;
  /** Channels that a replay which began anew has not come to yet. Not kept: what it has not come to begins it again after a restart. */
  readonly earlier: ReadonlySet<string>;
  readonly lastEventTs: number | undefined;
  /** What was skipped last; undefined: nothing since this process started. */
  readonly lastError: { readonly message: string; readonly atMs: number } | undefined;
  readonly warmedBy: number | undefined;
  /** Something that a metric shows has changed since the last one. */
  readonly dirty: boolean;
  readonly metricAtMs: number;
  /** Something that a snapshot holds has changed since the last one. */
  readonly unsaved: boolean;
  readonly snapshotDue: boolean;
  readonly snapshotAtMs: number;
}

/** What is written down between two snapshots, before it takes effect outside. */
export type JournalEntry =
  | { readonly kind: "request"; readonly request: OrderRequestMessage }
  | { readonly kind: "order-event"; readonly event: OrderEventMessage }
  | { readonly kind: "account"; readonly statement: OrderStatementMessage }
  | { readonly kind: "timer"; readonly name: string; readonly time: number }
  | { readonly kind: "command"; readonly id: string }
  | { readonly kind: "error" };

/** What `gw/state` said. */
export interface GatewayHeard {
  readonly online: boolean;
  readonly reason?: string;
  /** The broker said it in the gateway's place. */
  readonly isWill?: boolean;
}

/** Everything that can happen to a running executor. Times are wall time in milliseconds. */
export type Event =
  /** `errors`: how often the algorithm threw on its way here, and was let pass; `trouble`: what is to be said of it. */
  | {
      readonly type: "ready";
      readonly history: readonly MarketEvent[];
      readonly errors?: number;
      readonly trouble?: string;
      readonly nowMs: number;
    }
  /** `superseded`: how many older quotes of its channel it took the place of before anybody looked at them. */
  | { readonly type: "market"; readonly event: MarketEvent; readonly superseded?: number }
  /** It came before this process did: the warm-up shows it. */
  | { readonly type: "earlier"; readonly event: MarketEvent }
  | { readonly type: "order-event"; readonly event: OrderEventMessage }
  | { readonly type: "statement"; readonly statement: OrderStatementMessage; readonly nowMs: number }
  /** To the bus, again. */
  | { readonly type: "connected"; readonly nowMs: number }
  | { readonly type: "command"; readonly command: CommandMessage }
  | ({ readonly type: "gateway"; readonly nowMs: number } & GatewayHeard)
  | { readonly type: "bad-payload"; readonly topic: string }
  | { readonly type: "decided"; readonly outcome: Outcome; readonly nowMs: number }
  | { readonly type: "sized"; readonly sized: Sized; readonly nowMs: number }
  | { readonly type: "checked"; readonly checked: Checked; readonly nowMs: number }
  | { readonly type: "failed"; readonly message: string; readonly place: string | undefined; readonly nowMs: number }
  | { readonly type: "snapshotted"; readonly algorithm: JsonValue; readonly nowMs: number }
  | { readonly type: "fault"; readonly message: string; readonly nowMs: number }
  | { readonly type: "stop"; readonly reason: string; readonly nowMs: number }
  | ({ readonly type: "tick"; readonly nowMs: number } & Ticked);

/** What a metric says beside the state. */
export interface Ticked {
  readonly rssBytes: number;
  readonly logLinesDropped?: number;
  readonly refilled?: number;
}

export type OwnTopic = "signal" | "order/request" | "order/resend" | "state" | "metric";

export type Effect =
  | { readonly do: "call-event"; readonly event: MarketEvent; readonly portfolio: PortfolioNow }
  | { readonly do: "call-order"; readonly event: OrderEventMessage; readonly portfolio: PortfolioNow }
  | { readonly do: "call-timer"; readonly turn: TimerTurn; readonly portfolio: PortfolioNow }
  | {
      readonly do: "call-command";
      readonly command: AlgorithmCommand;
      readonly ts: number;
      readonly portfolio: PortfolioNow;
    }
  | { readonly do: "call-optimize"; readonly wager: Wager; readonly ts: number; readonly portfolio: PortfolioNow }
  | { readonly do: "call-check"; readonly order: ProposedOrder; readonly ts: number; readonly portfolio: PortfolioNow }
  | { readonly do: "call-stop"; readonly reason: string }
  | { readonly do: "call-snapshot" }
  | { readonly do: "journal"; readonly entry: JournalEntry }
  | {
      readonly do: "save";
      readonly kept: Kept;
      readonly algorithm: JsonValue;
      readonly queued: readonly JournalEntry[];
    }
  | {
      readonly do: "publish";
      readonly topic: OwnTopic;
      readonly message: object;
      readonly qos: 0 | 1;
      readonly retain: boolean;
    }
  | { readonly do: "log"; readonly level: AlgorithmLog["level"]; readonly message: string }
  /** A line of the process's own log, with fields to search for; the bus does not hear it. */
  | { readonly do: "note"; readonly message: string; readonly fields: { readonly [name: string]: string } }
  /** Another executor has this epoch: the next process here is to have a higher one. */
  | { readonly do: "fence"; readonly epoch: number }
  | { readonly do: "exit"; readonly code: 0 | 1 };

/** A state and what is to be done. */
export type Step = readonly [State, readonly Effect[]];

/** How long ago something was, by a clock on the wall. One that was set back counts as long enough: nothing may wait for it to catch up. */
export function elapsedMs(sinceMs: number, nowMs: number): number {
  return nowMs < sinceMs ? Number.POSITIVE_INFINITY : nowMs - sinceMs;
}

/** One step after the other. */
export function andThen([state, effects]: Step, next: (state: State) => Step): Step {
  const [after, more] = next(state);
  return [after, more.length === 0 ? effects : [...effects, ...more]];
}

export function initialState(settings: Settings, kept: Kept, nowMs: number): State {
  return {
    ...kept,
    settings,
    status: "warming-up",
    reason: undefined,
    gatewayOnline: false,
    gatewayReason: undefined,
    gatewayDeclines: false,
    inbox: [],
    arrivals: 0,
    inFlight: undefined,
    received: kept.processed,
    heard: kept.told,
    asking: { due: true, tries: 0, atMs: 0, answered: false },
    stopping: undefined,
    earlier: new Set(),
    lastEventTs: undefined,
    lastError: undefined,
    warmedBy: undefined,
    dirty: true,
    metricAtMs: 0,
    unsaved: true,
    snapshotDue: false,
    snapshotAtMs: nowMs,
  };
}

/** What pending orders may still take: cash at the last quotes for buys, shares for sells. */
export function reservedBy({ pending, portfolio }: Pick<Kept, "pending" | "portfolio">): Reserved {
  let cash = decimal("0");
  const buying = new Map<string, Decimal>();
  const selling = new Map<string, Decimal>();
  for (const { request } of pending.values()) {
    const quantity = parseDecimal(request.quantity);
    if (!quantity.ok) continue;
    const filled = lookUp(portfolio.filled, request.clientOrderId)?.quantity ?? decimal("0");
    const open = subtract(quantity.value, filled);
    if (request.side === "sell") selling.set(request.sid, add(selling.get(request.sid) ?? decimal("0"), open));
    else {
      const price = portfolio.quotes.get(request.sid) ?? decimal("0");
      const costs = multiply(open, price, "ceiling");
      cash = add(cash, costs);
      buying.set(request.sid, add(buying.get(request.sid) ?? decimal("0"), costs));
    }
  }
  return { cash, buying, selling };
}

/**
 * The cash that the sizing bets on the event `cause`: never more than one order may be worth.
 *
 * @param sid the instrument; undefined where the event is about none
 */
export function betOn(
  state: Pick<State, "pending" | "portfolio" | "settings">,
  cause: string,
  sid: string | undefined,
): Decimal {
  const { effective, seed } = state.settings;
  const wager = { sid, instruments: effective.limits.instruments.length, seed, cause };
  const bet = optimize(state.portfolio, effective.portfolio.sizing, reservedBy(state), wager);
  return min(bet, decimal(effective.limits.maxOrderNotional));
}

export function portfolioNow(state: State, cause: string, sid?: string): PortfolioNow {
  return {
    cash: formatDecimal(state.portfolio.cash),
    equity: formatDecimal(state.portfolio.equity),
    positions: state.portfolio.positionTexts,
    ...(state.pending.size === 0 ? {} : { orders: openOrders(state) }),
    bet: formatDecimal(betOn(state, cause, sid)),
  };
}

/** For whom an instrument's price is worth a field. */
export function priceOf({ portfolio }: Pick<State, "portfolio">, sid: string): { readonly price?: string } {
  const price = portfolio.quotes.get(sid);
  return price === undefined ? {} : { price: formatDecimal(price) };
}

function openOrders({ pending, portfolio }: State): readonly OpenOrder[] {
  return [...pending.values()].map(({ request, status }) => ({
    clientOrderId: request.clientOrderId,
    sid: request.sid,
    side: request.side,
    quantity: request.quantity,
    filledQuantity: formatDecimal(lookUp(portfolio.filled, request.clientOrderId)?.quantity ?? decimal("0")),
    ...(status === undefined ? {} : { status }),
  }));
}

/** The `state` message. */
export function stateMessage(
  state: Pick<State, "status" | "reason" | "warmedBy"> & { readonly settings: Pick<Settings, "epoch" | "digest"> },
  nowMs: number,
): object {
  const { epoch, digest } = state.settings;
  return {
    v: 1,
    type: "state",
    state: state.status,
    ...(state.reason === undefined ? {} : { reason: state.reason.slice(0, 4_000) }),
    epoch,
    ...(digest === undefined ? {} : { algorithm: digest }),
    ...(state.warmedBy === undefined ? {} : { warmedBy: state.warmedBy }),
    atMs: nowMs,
  };
}

/** The `metric` message. */
export function metricMessage(
  state: State,
  { rssBytes, logLinesDropped, refilled, nowMs }: Ticked & { readonly nowMs: number },
): object {
  return {
    v: 1,
    type: "metric",
    ...state.counters,
    cash: formatDecimal(state.portfolio.cash),
    equity: formatDecimal(state.portfolio.equity),
    drawdown: formatDecimal(drawdownOf(state.portfolio)),
    positions: state.portfolio.positionTexts,
    rssBytes,
    ...(logLinesDropped === undefined ? {} : { logLinesDropped }),
    ...(refilled === undefined ? {} : { refilled }),
    ...(state.lastEventTs === undefined ? {} : { lastEventTs: state.lastEventTs }),
    atMs: nowMs,
  };
}
