// What travels on the bus: flat JSON objects, `v: 1`, times in microseconds UTC, money and quantities as decimal strings.

/** `md/{venue}/{symbol}/quote`, QoS 0, not retained. */
export interface QuoteMessage {
  readonly v: 1;
  readonly type: "quote";
  readonly sid: string;
  readonly venue: string;
  readonly quote: string;
  /** The publisher's session; never reused. */
  readonly session: string;
  /** Counts from 1 in each (session, channel); one step an event, so a gap is seen. */
  readonly seq: number;
  /** Event time: when the price held, in the replayed data's own time. */
  readonly ts: number;
}

/** `md/{venue}/{symbol}/bar/1d`. */
export interface BarMessage {
  readonly v: 1;
  readonly type: "bar";
  readonly sid: string;
  readonly venue: string;
  readonly interval: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly session: string;
  readonly seq: number;
  readonly ts: number;
}

export type MarketMessage = QuoteMessage | BarMessage;

/** `md/{venue}/{symbol}/history`, QoS 1, retained: what came before the next event, so that a late subscriber can warm its algorithm. Oldest first. */
export interface HistoryMessage {
  readonly v: 1;
  readonly type: "history";
  readonly sid: string;
  readonly venue: string;
  readonly session: string;
  /** The last event's seq on each channel at this moment; an event with a higher seq is live. */
  readonly events: readonly MarketMessage[];
}

/** `strat/{team}/{name}/signal`: what the algorithm saw, before sizing. For people and other strategies. */
export interface SignalMessage {
  readonly v: 1;
  readonly type: "signal";
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly ts: number;
  readonly cause: string;
}

/** `strat/{team}/{name}/order/request`, QoS 1. */
export interface OrderRequestMessage {
  readonly v: 1;
  readonly type: "order";
  /** `hash(strategy, cause, index)`: the same event gives the same id, whoever runs it again. */
  readonly clientOrderId: string;
  readonly epoch: number;
  readonly sid: string;
  readonly venue: string;
  readonly side: "buy" | "sell";
  readonly orderType: "market";
  /** At most 4 decimals. */
  readonly quantity: string;
  /** `session:channel:seq` of the event that caused it. */
  readonly cause: string;
  /** Wall time after which the gateway must refuse it, milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly ts: number;
}

/** FIX's OrdStatus words (tag 39); `denied` is the gateway's, before the venue; `unknown` is a lost answer. `src/core/order.ts` says how they follow each other. */
export type OrderStatus =
  | "pending-new"
  | "new"
  | "partially-filled"
  | "filled"
  | "pending-cancel"
  | "canceled"
  | "rejected"
  | "expired"
  | "denied"
  | "unknown";

/** `strat/{team}/{name}/order/event`, QoS 1, from the gateway only: full cumulative state each time. */
export interface OrderEventMessage {
  readonly v: 1;
  readonly type: "order-event";
  readonly clientOrderId: string;
  readonly status: OrderStatus;
  readonly sid: string;
  readonly venue: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  readonly filledQuantity: string;
  /** Average fill price, rounded where it must be; absent before a fill. */
  readonly price?: string;
  /** What the fills cost or brought together, exactly; absent before a fill. */
  readonly notional?: string;
  readonly fee?: string;
  /** Why it was denied or rejected: a code and a sentence that names the limit. */
  readonly reason?: { readonly code: string; readonly message: string };
  /** Counts the gateway's events of this strategy from 1, for gaps. */
  readonly seq: number;
  readonly ts: number;
}

export type ExecutorState =
  | "initializing"
  | "restoring"
  | "warming-up"
  | "running"
  | "degraded"
  | "halted"
  | "faulted"
  | "stopping"
  | "stopped"
  | "offline";

/** `strat/{team}/{name}/state`, QoS 1, retained; the will says `offline`. */
export interface StateMessage {
  readonly v: 1;
  readonly type: "state";
  readonly state: ExecutorState;
  readonly reason?: string;
  readonly epoch: number;
  /** Content digest of the algorithm bundle that runs. */
  readonly algorithm?: string;
  readonly warmedBy?: number;
  readonly atMs: number;
}

/** `strat/{team}/{name}/metric`, QoS 0, once a second and at changes. Counters since the strategy's first start. */
export interface MetricMessage {
  readonly v: 1;
  readonly type: "metric";
  readonly events: number;
  readonly orders: number;
  readonly fills: number;
  readonly denied: number;
  readonly errors: number;
  /** Quotes replaced by a newer one while the algorithm was busy. */
  readonly conflated: number;
  readonly gaps: number;
  readonly badPayloads: number;
  readonly cash: string;
  readonly equity: string;
  /** Fraction below the equity's peak. */
  readonly drawdown: string;
  readonly positions: { readonly [sid: string]: string };
  readonly rssBytes: number;
  /** Lines of the algorithm that went lost since its executor started, because they were too many. */
  readonly logLinesDropped?: number;
  readonly lastEventTs?: number;
  readonly atMs: number;
}

/** `strat/{team}/{name}/log`, QoS 0, rate-capped. */
export interface LogMessage {
  readonly v: 1;
  readonly type: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly atMs: number;
}

/** `gw/state`, QoS 1, retained; the will says `offline`. Executors halt themselves while it is not `online`. */
export interface GatewayStateMessage {
  readonly v: 1;
  readonly type: "gateway-state";
  readonly state: "online" | "offline";
  readonly session: string;
  readonly atMs: number;
}

/** `feed/{name}/state`, QoS 1, retained. */
export interface FeedStateMessage {
  readonly v: 1;
  readonly type: "feed-state";
  readonly state: "online" | "offline";
  readonly session: string;
  readonly from: string;
  readonly to: string;
  /** Data time of the last event, microseconds. */
  readonly ts?: number;
  readonly events: number;
  readonly atMs: number;
}
