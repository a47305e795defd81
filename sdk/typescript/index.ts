/**
 * What a strategy's algorithm imports from `slipway/sdk`: types, and nothing that runs. The algorithm knows no transport: it is told its
 * parameters once, names the channels it wants, and is called with each event.
 */

/** A price of one instrument. `quote` is a decimal string, as on the wire; do your own mathematics with `Number(data.quote)`. */
export interface Quote {
  readonly type: "quote";
  /** The instrument, for example `"GOOG"`. */
  readonly sid: string;
  readonly venue: string;
  readonly quote: string;
  /** Event time, microseconds UTC. */
  readonly ts: number;
  readonly session: string;
  readonly seq: number;
}

/** Open, high, low, close and volume of one interval. */
export interface Bar {
  readonly type: "bar";
  readonly sid: string;
  readonly venue: string;
  readonly interval: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly ts: number;
  readonly session: string;
  readonly seq: number;
}

/** A trade that happened at a venue. */
export interface Trade {
  readonly type: "trade";
  readonly sid: string;
  readonly venue: string;
  readonly price: string;
  readonly quantity: string;
  /** Who took; absent where the venue does not say. */
  readonly side?: "buy" | "sell";
  readonly ts: number;
  readonly session: string;
  readonly seq: number;
}

/** A value computed from market data, for example `name: "sma", args: ["10"]`. */
export interface Indicator {
  readonly type: "indicator";
  readonly sid: string;
  readonly venue: string;
  readonly name: string;
  readonly args: readonly string[];
  readonly value: number;
  /** Whether it has seen as many events as it needs. */
  readonly warm: boolean;
  readonly ts: number;
  readonly session: string;
  readonly seq: number;
}

/** What another strategy concluded, from the channel `strat/<team>/<name>/signal`, where the environment shares it. */
export interface SharedSignal extends Signal {
  readonly type: "signal";
  /** Whose: `<team>/<name>`. */
  readonly strategy: string;
  readonly id: string;
  /** The other one's event time. */
  readonly ts: number;
  readonly cause: string;
  readonly session: string;
  readonly seq: number;
}

/** What `event` is called with; which of them is what `initialize` asked for. */
export type Data = Quote | Bar | Trade | Indicator | SharedSignal;

/** An opinion: buy or sell this instrument. The portfolio decides how much. */
export interface Signal {
  readonly sid: string;
  readonly side: "buy" | "sell";
}

/** An opinion with a size of its own: the portfolio is not asked, the gateway's limits hold all the same. */
export interface Order extends Signal {
  /** Shares, at most 4 decimals, for example `"1.5"`. */
  readonly quantity: string;
}

export type Params = { readonly [name: string]: unknown };

/** What became of an order. */
export interface OrderEvent {
  readonly clientOrderId: string;
  readonly status: string;
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  readonly filledQuantity: string;
  readonly price?: string;
  readonly reason?: { readonly code: string; readonly message: string };
}

/** A read-only view of what the strategy holds. It changes on fills only. Decimals are strings. */
export interface PortfolioView {
  readonly cash: string;
  readonly equity: string;
  readonly positions: { readonly [sid: string]: string };
  /** How much cash the configured sizing would bet on this data now, as a decimal string; at most `limits.maxOrderNotional`. */
  optimize(data: Data): string;
}

export interface Context {
  /** Event time in microseconds UTC; there is no other clock. */
  readonly clock: { now(): number };
  /** A number in [0, 1), seeded per strategy: the same events give the same numbers. */
  random(): number;
  readonly log: {
    debug(message: string): void;
    info(message: string): void;
    warn(message: string): void;
    error(message: string): void;
  };
  readonly params: Params;
  readonly portfolio: PortfolioView;
  readonly mode: "replay" | "paper" | "live";
}

export type Decision = Signal | Order;
// biome-ignore lint/suspicious/noConfusingVoidType: an `event` that decides nothing may be declared to return void.
export type Decisions = undefined | void | Decision | readonly Decision[];

/** The contract. Export a class or an object of this shape as the module's default export. */
export interface Algorithm {
  /** Called once. `params` are the spec's, with `starting_cash` added. Returns the channels wanted, for example `["quotes"]`. */
  initialize(params: Params, context: Context): readonly string[] | Promise<readonly string[]>;
  /** Called with each event, one at a time, in order. */
  event(data: Data, context: Context): Decisions | Promise<Decisions>;
  /** Called with each event from before the first live one. Without it, `event` is called and its decisions are dropped. */
  warm?(data: Data, context: Context): void | Promise<void>;
  onOrder?(event: OrderEvent, context: Context): Decisions | Promise<Decisions>;
  /** State to keep across restarts: JSON. */
  snapshot?(): unknown;
  restore?(state: unknown): void;
  stop?(reason: string, context: Context): void | Promise<void>;
}
