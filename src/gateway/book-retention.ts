import type { StrategyId } from "#core/identity.ts";
import { neverArrived } from "#core/order.ts";
import type { BookDatabase } from "./book-database.ts";
import { integer, type Row, strategyOf, text } from "./book-rows.ts";

/**
 * How many of a strategy's events back the book remembers all of its orders. Who repeats a request repeats one of its last: an executor has at most
 * 500 without an answer, and brokers keep 1,000 messages for one that is away.
 */
const eventsKept = 5_000;
/** Orders are counted one by one for so long, by the minute after that: no window of a minute or less counts one twice. */
const countedMs = 120_000;
const minuteMs = 60_000;
/** The longest window of a rate. */
const windowMsMax = 86_400_000;
/** A venue may still show an order that was given up. */
const doubtedMs = 2 * 3_600_000;
const batchMax = 100;

/** An order that the book may forget, with all that it had of it. */
export interface OldOrder {
  readonly clientOrderId: string;
  readonly eventSeq: number;
  /** As the archive keeps it. */
  readonly record: { readonly [field: string]: unknown };
}

/** What the book may forget of one strategy. */
export interface Old {
  readonly strategy: StrategyId;
  readonly orders: readonly OldOrder[];
  /** Events that are no order's last word. */
  readonly events: readonly number[];
  /** Where to look next; undefined at the end. */
  readonly next: number | undefined;
}

/**
 * Bounds the book: of each strategy it has the orders of its last 5,000 events and what is open, unpublished, in doubt or the gateway's own. Ids are
 * forgotten by what happened since and not by the clock, so that one which may come again is there however long its executor was away. Epochs and event
 * numbers are never forgotten, positions have their venues, and accepted orders stay in the count of their minute for as long as a rate may look back.
 */
export class Retention {
  readonly #database: BookDatabase;
  readonly #eventsKept: number;

  constructor(database: BookDatabase, kept: number = eventsKept) {
    this.#database = database;
    this.#eventsKept = kept;
  }

  /** Strategies of which there may be something to forget. */
  strategies(): readonly StrategyId[] {
    return this.#database
      .all("SELECT strategy FROM strategies WHERE event_seq > ? ORDER BY strategy", this.#eventsKept)
      .map(strategyOf);
  }

  /** What may be forgotten among a strategy's events from `from` on, a part of it. */
  find(strategy: StrategyId, from: number, nowMs: number): Old {
    const rows = this.#database.all(
      `SELECT e.seq, e.published, e.body, o.* FROM events e LEFT JOIN orders o ON o.strategy = e.strategy AND o.event_seq = e.seq
       WHERE e.strategy = ? AND e.seq >= ? AND e.seq <= (SELECT event_seq FROM strategies WHERE strategy = ?) - ? ORDER BY e.seq LIMIT ?`,
      ...[strategy, from, strategy, this.#eventsKept, batchMax],
    );
    const orders: OldOrder[] = [];
    const events: number[] = [];
    let next: number | undefined;
    for (const row of rows) {
      const seq = integer(row, "seq");
      const hasOrder = row["client_order_id"] !== null;
      // What comes after it is younger still.
      if (hasOrder && integer(row, "arrived_ms") > nowMs - countedMs)
        return { strategy, orders, events, next: undefined };
      next = seq + 1;
      if (integer(row, "published") === 0) continue;
      if (!hasOrder) events.push(seq);
      else if (isOver(row, nowMs)) {
        const fills = this.#fillsOf(strategy, text(row, "client_order_id"));
        orders.push({ clientOrderId: text(row, "client_order_id"), eventSeq: seq, record: recordOf(row, fills) });
      }
    }
    return { strategy, orders, events, next: rows.length < batchMax ? undefined : next };
  }

  /** Forgets it, but for orders of which something was heard meanwhile. */
  forget({ strategy, orders, events }: Old, nowMs: number): void {
    const database = this.#database;
    database.write(() => {
      for (const { clientOrderId, eventSeq, record } of orders) {
        database.step("forget");
        const gone = database.run(
          "DELETE FROM orders WHERE strategy = ? AND client_order_id = ? AND event_seq = ?",
          ...[strategy, clientOrderId, eventSeq],
        );
        if (gone === 0) continue;
        database.run("DELETE FROM fills WHERE strategy = ? AND client_order_id = ?", strategy, clientOrderId);
        database.run("DELETE FROM events WHERE strategy = ? AND seq = ?", strategy, eventSeq);
        if (record["accepted"] !== 1) continue;
        database.run(
          "INSERT INTO accepted_minutes VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
          ...[strategy, Math.floor(Number(record["arrivedMs"]) / minuteMs)],
        );
      }
      for (const seq of events) database.run("DELETE FROM events WHERE strategy = ? AND seq = ?", strategy, seq);
      // No rate looks back to these.
      const before = Math.floor((nowMs - windowMsMax) / minuteMs);
      database.run("DELETE FROM accepted_minutes WHERE strategy = ? AND minute < ?", strategy, before);
    });
  }

  /** Accepted orders later than `afterMs` that the book has forgotten: by the minute, so too many rather than too few. */
  acceptedAfter(strategy: StrategyId, afterMs: number): number {
    const row = this.#database.get(
      "SELECT coalesce(sum(count), 0) AS count FROM accepted_minutes WHERE strategy = ? AND minute >= ?",
      ...[strategy, Math.floor(afterMs / minuteMs)],
    );
    return row === undefined ? 0 : integer(row, "count");
  }

  #fillsOf(strategy: StrategyId, clientOrderId: string): readonly Row[] {
    return this.#database.all(
      "SELECT quantity, notional, fee, ts, arrived_ms AS arrivedMs FROM fills WHERE strategy = ? AND client_order_id = ? ORDER BY id",
      ...[strategy, clientOrderId],
    );
  }
}

/** Nothing is awaited of it, and its id is not counted by who makes the gateway's own. */
function isOver(row: Row, nowMs: number): boolean {
  if (integer(row, "open") === 1 || text(row, "origin") === "gateway") return false;
  const reason = row["reason"];
  const doubted = typeof reason === "string" && reason.includes(neverArrived);
  return !doubted || integer(row, "arrived_ms") < nowMs - doubtedMs;
}

function recordOf(row: Row, fills: readonly Row[]): OldOrder["record"] {
  return {
    strategy: text(row, "strategy"),
    clientOrderId: text(row, "client_order_id"),
    ...{ cause: text(row, "cause"), accepted: integer(row, "accepted"), arrivedMs: integer(row, "arrived_ms") },
    ...{
      venue: text(row, "venue"),
      venueOrderId: row["venue_order_id"],
      sid: text(row, "sid"),
      side: text(row, "side"),
    },
    ...{ quantity: text(row, "quantity"), fills: fills.map((fill) => ({ ...fill })) },
    /** What it became, as it was told. */
    event: JSON.parse(text(row, "body")) as unknown,
  };
}
