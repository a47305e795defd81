import type { Decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage, OrderStatus } from "#core/messages.ts";
import type { Order, OrderReason } from "#core/order.ts";
import { Fault } from "#core/result.ts";
import type { PlacedOrder } from "./venue.ts";

// The book wrote its rows, so they are what they were: in one that is not the file is damaged.

export type Row = { readonly [column: string]: unknown };

/** An order that passed, as a row has it: the part for the venue, and what became of it. */
export interface BookedState {
  readonly placed: PlacedOrder;
  readonly order: Order;
}

function require(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Fault("book-damaged", `the book is damaged: ${what}`);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  require(typeof value === "string", `the book's ${column} is not text`);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  require(typeof value === "number", `the book's ${column} is not a number`);
  return value;
}

export function amount(row: Row, column: string): Decimal {
  // formatDecimal wrote it; a parser for foreign text would refuse an account that has grown beyond its digits.
  const parts = /^(-?)([0-9]+)(?:\.([0-9]{1,8}))?$/.exec(text(row, column));
  require(parts !== null, `the book's ${column} is not a decimal`);
  const magnitude = BigInt(`${parts[2] ?? ""}${(parts[3] ?? "").padEnd(8, "0")}`);
  return (parts[1] === "-" ? -magnitude : magnitude) as Decimal;
}

export function strategyOf(row: Row): StrategyId {
  return text(row, "strategy") as StrategyId;
}

export function eventOf(row: Row): OrderEventMessage {
  return json(text(row, "body")) as OrderEventMessage;
}

function json(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    throw new Fault("book-damaged", "the book is damaged: one of its texts is no JSON");
  }
}

export function stateOf(row: Row): BookedState {
  const cancelMs = row["cancel_ms"] === null ? undefined : integer(row, "cancel_ms");
  const quantity = amount(row, "quantity");
  return {
    placed: {
      strategy: strategyOf(row),
      clientOrderId: text(row, "client_order_id"),
      venue: text(row, "venue"),
      sid: text(row, "sid"),
      side: text(row, "side") === "sell" ? "sell" : "buy",
      quantity,
      cause: text(row, "cause"),
      last: amount(row, "last"),
      arrivedMs: integer(row, "arrived_ms"),
      cancelMs,
      venueOrderId: row["venue_order_id"] === null ? undefined : text(row, "venue_order_id"),
    },
    order: {
      status: text(row, "status") as OrderStatus,
      quantity,
      filled: amount(row, "filled"),
      notional: amount(row, "notional"),
      fee: amount(row, "fee"),
      reason: row["reason"] === null ? undefined : (json(text(row, "reason")) as OrderReason),
      acknowledged: integer(row, "acknowledged") === 1,
      cancelWanted: cancelMs !== undefined,
      // Whether the request went out is what nobody knows after a restart.
      cancelSent: false,
      missing: undefined,
    },
  };
}
