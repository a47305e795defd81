import type { JsonValue } from "#core/json.ts";
import type { CommandMessage, OrderEventMessage, OrderRequestMessage, OrderStatementMessage } from "#core/messages.ts";
import type { AlgorithmCommand, AlgorithmLog, Outcome, PortfolioNow, TimerTurn } from "./algorithm.ts";
import type { MarketEvent } from "./messages.ts";
import type { Checked, ProposedOrder, Sized, Wager } from "./slots.ts";
import type { GatewayHeard, Kept, State } from "./state.ts";

// What can happen to an executor, and what is done about it.

/** What is written down between two snapshots, before it takes effect outside. */
export type JournalEntry =
  | { readonly kind: "request"; readonly request: OrderRequestMessage }
  | { readonly kind: "order-event"; readonly event: OrderEventMessage }
  | { readonly kind: "account"; readonly statement: OrderStatementMessage }
  | { readonly kind: "timer"; readonly name: string; readonly time: number }
  | { readonly kind: "command"; readonly id: string }
  | { readonly kind: "error" };

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
  | { readonly type: "bad-payload"; readonly topic: string; readonly nowMs: number }
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

/** One step after the other. */
export function andThen([state, effects]: Step, next: (state: State) => Step): Step {
  const [after, more] = next(state);
  return [after, more.length === 0 ? effects : [...effects, ...more]];
}
