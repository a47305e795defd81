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

/** Where an order stands, in the words of FIX, with `denied` (a limit, before any venue) and `unknown` (an answer that was lost). */
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

/** What became of an order. Amounts are of the whole order so far. */
export interface OrderEvent {
  readonly clientOrderId: string;
  readonly status: OrderStatus;
  readonly sid: string;
  readonly venue: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  readonly filledQuantity: string;
  /** The average of the fills. */
  readonly price?: string;
  /** What the fills cost together, without the fee. */
  readonly notional?: string;
  /** In quote currency. */
  readonly fee?: string;
  /** The gateway's number for this strategy: one more each time. */
  readonly seq: number;
  /** Event time. */
  readonly ts: number;
  readonly reason?: { readonly code: string; readonly message: string };
}

/** A timer's turn. Timers run by event time: replay and live see the same ones. */
export interface Timer {
  readonly name: string;
  /** The instant that it stands for, a multiple of its interval, microseconds UTC. Of several that passed at once the last one. */
  readonly time: number;
}

/** What an operator asks of the algorithm. */
export interface Command {
  readonly id: string;
  /** As in the topic `strat/<team>/<name>/cmd/<verb>`. */
  readonly verb: string;
  readonly arguments: { readonly [name: string]: unknown };
}

/** An order without a final answer. */
export interface OpenOrder {
  readonly clientOrderId: string;
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  readonly filledQuantity: string;
  /** The last answer; absent while there is none. */
  readonly status?: OrderStatus;
}

/** A read-only view of what the strategy holds. It changes on fills only. Decimals are strings. */
export interface PortfolioView {
  readonly cash: string;
  /** Cash and positions at the last prices. */
  readonly equity: string;
  /** Quantity by instrument, without those of which nothing is held. */
  readonly positions: { readonly [sid: string]: string };
  /** Orders that may still be filled, oldest first. */
  readonly orders: readonly OpenOrder[];
  /** How much cash the configured sizing would bet on this data now, as a decimal string; at most `limits.maxOrderNotional`. */
  optimize(data: Data): string;
}

/** An incremental computation over a stream of numbers; `undefined` until it has seen enough of them. */
export interface RunningIndicator {
  /** Takes the next value, a finite number, and answers what the indicator is now. */
  update(value: number): number | undefined;
  readonly value: number | undefined;
  readonly warm: boolean;
}

/**
 * Indicators that both languages compute to the same doubles. Each is made once for its name and length, and is kept across restarts
 * without `snapshot`. All windows together hold at most 20,000 values.
 */
export interface Indicators {
  /** The mean of the last `length` values. @param name what it is computed of, for example an instrument */
  sma(name: string, length: number): RunningIndicator;
  /** The exponential moving average: each value weighs 2 / (length + 1). */
  ema(name: string, length: number): RunningIndicator;
  /** The sample standard deviation of the last `length` values, at least two. */
  stdev(name: string, length: number): RunningIndicator;
  /** What the last value is above the one `length` values ago, as a fraction of that one. */
  returns(name: string, length: number): RunningIndicator;
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
  /** The spec's, with the defaults of `describe()` and with `starting_cash`; frozen. */
  readonly params: Params;
  readonly portfolio: PortfolioView;
  readonly indicators: Indicators;
  /**
   * Asks for `onTimer` each so many seconds of event time. In `initialize` only, for at most 10 timers.
   *
   * @param seconds a whole number from 1 to 31,536,000
   * @param name what `onTimer` is told; the seconds if left out
   */
  every(seconds: number, name?: string): void;
  readonly mode: "replay" | "paper" | "live";
}

export type Decision = Signal | Order;
// biome-ignore lint/suspicious/noConfusingVoidType: an `event` that decides nothing may be declared to return void.
export type Decisions = undefined | void | Decision | readonly Decision[];

export type ParameterType = "integer" | "number" | "string" | "boolean" | "list" | "object";

/** What an algorithm says of one of its parameters. */
export interface Parameter {
  readonly type: ParameterType;
  /** Used where the spec says nothing. A parameter without one must be given. */
  readonly default?: unknown;
  /** Of numbers: the least and the greatest that it takes. */
  readonly min?: number;
  readonly max?: number;
  /** Of strings: the ones that it takes. */
  readonly choices?: readonly string[];
  readonly description?: string;
}

/** What an algorithm says of itself. With it, `slipway check` holds the spec's params to it, and other params are refused. */
export interface Description {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly params: { readonly [name: string]: Parameter };
  /** What `initialize` may ask for: `slipway check` holds it to the spec's `channels`. */
  readonly channels?: readonly string[];
  /** The verbs of `onCommand`, each with a sentence. */
  readonly commands?: { readonly [verb: string]: string };
}

/** Who wrote a state. */
export interface Writer {
  /** SHA-256 of its bundle, hex; absent where it is not known. */
  readonly version?: string;
  /** The spec's params of then, without defaults. */
  readonly params: Params;
  /** Code and params are those of now. */
  readonly same: boolean;
}

/** The contract. Export a class or an object of this shape as the module's default export. Hooks that are left out cost nothing. */
export interface Algorithm {
  /**
   * What the algorithm is and takes. Pure: called before anything else, also by `slipway check` in a process that reaches nothing, and the
   * same each time. It may be static.
   */
  describe?(): Description;
  /** Called once at each start. Returns the channels wanted, for example `["quotes"]`; they must be within the spec's. */
  initialize(params: Params, context: Context): readonly string[] | Promise<readonly string[]>;
  /** Called with each event, one at a time, in order. */
  event(data: Data, context: Context): Decisions | Promise<Decisions>;
  /** Called with each event from before the first live one. Without it, `event` is called and its decisions are dropped. */
  warm?(data: Data, context: Context): void | Promise<void>;
  /** Called with each thing that the gateway says about an order, after the portfolio has booked it. */
  onOrder?(event: OrderEvent, context: Context): Decisions | Promise<Decisions>;
  /** Called when a timer's interval has passed, before the event that shows it. */
  onTimer?(timer: Timer, context: Context): Decisions | Promise<Decisions>;
  /** Called once with each command of an operator that has not expired. */
  onCommand?(command: Command, context: Context): Decisions | Promise<Decisions>;
  /** State to keep across restarts: JSON, at most 1 MiB. Random numbers and indicators are kept without it. */
  snapshot?(): unknown;
  /**
   * Called after `initialize` with what `snapshot` answered, if code and params are the same. One that declares `writer`, too, is also given what another
   * version wrote or other params did, and is not warmed with what that one has seen; without it such a version starts without its old state.
   */
  restore?(state: unknown, writer: Writer): void;
  /** A few seconds to tidy up, before the last snapshot. */
  stop?(reason: string, context: Context): void | Promise<void>;
}

/** What a sizing or a guard is called with: the algorithm's context, with indicators of its own and without timers. */
export type SlotContext = Omit<Context, "every" | "portfolio"> & {
  readonly portfolio: Omit<PortfolioView, "optimize">;
};

/** A signal to buy, as the sizing is asked about it. Decimals are strings. */
export interface Wager {
  /** The instrument; absent where nothing in particular is asked about. */
  readonly sid?: string;
  /** Its last price, if there is one. */
  readonly price?: string;
  /** The most that may be bet: the free cash, and no more than `limits.maxOrderNotional`. What is above it is cut to it. */
  readonly most: string;
}

/** What sizing and guard have in common. Hooks that are left out cost nothing. */
export interface Slot {
  /** Called once at each start, after the algorithm's. @param params those of the algorithm, which describes them */
  initialize?(params: Params, context: SlotContext): void;
  /** Called with each event before the algorithm is, live and while it is warmed. */
  observe?(data: Data, context: SlotContext): void;
  /** State to keep across restarts, as JSON; its indicators are kept without it. */
  snapshot?(): unknown;
  /** As the algorithm's: of another version only where it declares `writer`. */
  restore?(state: unknown, writer: Writer): void;
}

/**
 * How much one signal to buy bets, in place of a sizing with a name: `portfolio.sizing: { use: file, file: sizing.ts }`. Export a class or an
 * object of this shape as that file's default export. It answers at once, not with a promise.
 */
export interface Sizing extends Slot {
  /** @returns cash as a decimal string with at most 8 decimals, for example `"500.25"`; `"0"` bets nothing */
  optimize(wager: Wager, context: SlotContext): string;
}

/** An order before the gateway is asked. */
export interface ProposedOrder {
  readonly sid: string;
  readonly side: "buy" | "sell";
  /** Shares, at most 4 decimals. */
  readonly quantity: string;
  /** The last price, if there is one. */
  readonly price?: string;
}

/** Why an order does not go as it is. It is logged. */
export interface Verdict {
  readonly reason: string;
  /** What is left of it, at most 4 decimals and no more than asked for; without it nothing is. */
  readonly quantity?: string;
}

/**
 * What holds orders back before the gateway is asked, beside the guards with names: `portfolio.guard: { file: guard.ts }`. Export a class or an
 * object of this shape as that file's default export. It answers at once, not with a promise.
 */
export interface Guard extends Slot {
  /** @returns nothing if the order may go as it is */
  // biome-ignore lint/suspicious/noConfusingVoidType: a `check` that lets everything through may be declared to return void.
  check(order: ProposedOrder, context: SlotContext): Verdict | undefined | void;
}
