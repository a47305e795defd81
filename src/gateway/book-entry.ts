import type { Decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import type { BookedState } from "./book-rows.ts";
import type { PlacedOrder } from "./venue.ts";

/** An order as it was decided: what answers its repetitions. */
export interface BookedOrder {
  readonly content: string;
  /** The order event, as it was and will be published. */
  readonly event: OrderEventMessage;
}

export interface BookedEvent {
  readonly strategy: StrategyId;
  readonly event: OrderEventMessage;
}

/** One decision or one thing that happened to an order, written whole or not at all. */
export interface Entry {
  readonly strategy: StrategyId;
  readonly clientOrderId: string;
  /** Of an order that is new to the book. */
  readonly opened?: {
    readonly content: string;
    readonly arrivedMs: number;
    /** The strategy's highest epoch, this request's included. */
    readonly epoch: number;
    /** The gateway's own orders close what it was told to close; they do not count against a strategy's rate. */
    readonly origin: "executor" | "gateway";
  };
  /** What the order is now; absent of an answer that is not about an order of this id: a malformed request, or an id used twice. */
  readonly state?: BookedState | { readonly denied: PlacedOrder };
  /** What was filled since the last entry, and what the account is then. */
  readonly fill?: {
    readonly quantity: Decimal;
    readonly notional: Decimal;
    readonly fee: Decimal;
    readonly ts: number;
    readonly arrivedMs: number;
    readonly cash: Decimal;
    readonly position: Decimal;
    readonly peak: Decimal;
  };
  /** Without its seq, which the book gives. Absent: nothing that an executor must hear. */
  readonly event?: Omit<OrderEventMessage, "seq">;
}
