import { type Decimal, formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { isFinal, neverArrived, type Order } from "#core/order.ts";
import { assert } from "#core/result.ts";
import { BookDatabase, type BookOptions } from "./book-database.ts";
import type { BookedEvent, BookedOrder, Entry } from "./book-entry.ts";
import { HaltTable } from "./book-halts.ts";
import { Retention } from "./book-retention.ts";
import { amount, type BookedState, eventOf, integer, stateOf, strategyOf, text } from "./book-rows.ts";
import type { Account } from "./risk.ts";
import type { PlacedOrder } from "./venue.ts";

export type { BookOptions, Durability } from "./book-database.ts";

/**
 * The gateway's book: what was decided, filled and said. A decision, its fill and its event are one transaction, committed before the
 * event is published; what was not published is published after a restart. Money and quantities are decimal text.
 *
 * @throws Fault `book-unusable`: in use by another gateway, or the disk failed; `book-damaged`; `book-full`
 */
export class Book {
  readonly #database: BookDatabase;
  readonly halts: HaltTable;
  readonly retention: Retention;

  constructor(options: BookOptions) {
    this.#database = new BookDatabase(options);
    this.halts = new HaltTable(this.#database);
    this.retention = new Retention(this.#database, options.eventsKept);
  }

  close(): void {
    this.#database.close();
  }

  /** Makes one write of all until `commitGroup`. */
  openGroup(): void {
    this.#database.openGroup();
  }

  commitGroup(): void {
    this.#database.commitGroup();
  }

  /** Does it once what was written is on disk. Whatever tells the outside of it goes this way: an order to a venue, an event to the bus. */
  afterCommit(effect: () => void): void {
    this.#database.afterCommit(effect);
  }

  /** For a quiet moment: it takes as long as the disk does. */
  tidy(): void {
    this.#database.tidy();
  }

  /** How large its file is, without the log beside it. */
  bytes(): number {
    const row = this.#database.get(
      "SELECT page_count * page_size AS bytes FROM pragma_page_count() JOIN pragma_page_size()",
    );
    assert(row !== undefined, "a database has pages");
    return integer(row, "bytes");
  }

  /** Every account that was opened. */
  accounts(): ReadonlyMap<StrategyId, Account> {
    const positions = new Map<string, Map<string, Decimal>>();
    for (const row of this.#database.all("SELECT strategy, sid, quantity FROM positions ORDER BY strategy, sid")) {
      const held = positions.get(text(row, "strategy")) ?? new Map<string, Decimal>();
      positions.set(text(row, "strategy"), held.set(text(row, "sid"), amount(row, "quantity")));
    }
    const accounts = new Map<StrategyId, Account>();
    for (const row of this.#database.all("SELECT strategy, cash, peak FROM accounts")) {
      const strategy = strategyOf(row);
      const held = positions.get(strategy) ?? new Map<string, Decimal>();
      accounts.set(strategy, { cash: amount(row, "cash"), peak: amount(row, "peak"), positions: held });
    }
    return accounts;
  }

  /**
   * Opens an account once; another starting cash later changes nothing. No power cut takes it back, so a book without the account of an executor that
   * was told something is not the book that told it.
   */
  openAccount(strategy: StrategyId, startingCash: Decimal): void {
    const cash = formatDecimal(startingCash);
    this.#database.write(() => {
      this.#database.flushNext();
      this.#database.run("INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", strategy, cash, cash, cash);
    });
  }

  savePeaks(peaks: ReadonlyMap<StrategyId, Decimal>): void {
    if (peaks.size === 0) return;
    this.#database.write(() => {
      for (const [strategy, peak] of peaks) {
        this.#database.run("UPDATE accounts SET peak = ? WHERE strategy = ?", formatDecimal(peak), strategy);
      }
    });
  }

  order(strategy: StrategyId, clientOrderId: string): BookedOrder | undefined {
    const row = this.#database.get(
      "SELECT o.content, e.body FROM orders o JOIN events e ON e.strategy = o.strategy AND e.seq = o.event_seq WHERE o.strategy = ? AND o.client_order_id = ?",
      strategy,
      clientOrderId,
    );
    return row === undefined ? undefined : { content: text(row, "content"), event: eventOf(row) };
  }

  /** The highest epoch seen; 0 before the first request. */
  epoch(strategy: StrategyId): number {
    const row = this.#database.get("SELECT epoch FROM strategies WHERE strategy = ?", strategy);
    return row === undefined ? 0 : integer(row, "epoch");
  }

  /** From here on every lower one is fenced off. */
  raiseEpoch(strategy: StrategyId, epoch: number): void {
    if (epoch <= this.epoch(strategy)) return;
    this.#database.write(() => {
      this.#database.run(
        "INSERT INTO strategies VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch)",
        ...[strategy, epoch],
      );
    });
  }

  /** The number of a strategy's last event; 0 before the first. */
  lastSeq(strategy: StrategyId): number {
    const row = this.#database.get("SELECT event_seq FROM strategies WHERE strategy = ?", strategy);
    return row === undefined ? 0 : integer(row, "event_seq");
  }

  /** A strategy's events after a number, in order, as far as they are not forgotten. */
  eventsAfter(strategy: StrategyId, seq: number, max: number): readonly OrderEventMessage[] {
    return this.#database
      .all("SELECT body FROM events WHERE strategy = ? AND seq > ? ORDER BY seq LIMIT ?", strategy, seq, max)
      .map(eventOf);
  }

  /** Orders that passed and arrived later than `afterMs`. A clock that was set back counts too many, never too few. */
  acceptedAfter(strategy: StrategyId, afterMs: number): number {
    const row = this.#database.get(
      "SELECT count(*) AS count FROM orders WHERE strategy = ? AND accepted = 1 AND arrived_ms > ?",
      strategy,
      afterMs,
    );
    const counted = row === undefined ? 0 : integer(row, "count");
    return counted + this.retention.acceptedAfter(strategy, afterMs);
  }

  /** Orders of which something is awaited. */
  openOrders(): readonly BookedState[] {
    return this.#database.all("SELECT * FROM orders WHERE open = 1 ORDER BY arrived_ms, client_order_id").map(stateOf);
  }

  /** Orders that were given up lately because the venue did not know them. */
  givenUp(afterMs: number): readonly BookedState[] {
    const reason = `%"${neverArrived}"%`;
    return this.#database
      .all(
        "SELECT * FROM orders WHERE arrived_ms > ? AND accepted = 1 AND status = 'rejected' AND reason LIKE ?",
        afterMs,
        reason,
      )
      .map(stateOf);
  }

  /** An order that passed, whatever became of it. */
  state({ strategy, clientOrderId }: Pick<PlacedOrder, "strategy" | "clientOrderId">): BookedState | undefined {
    const row = this.#database.get(
      "SELECT * FROM orders WHERE strategy = ? AND client_order_id = ?",
      strategy,
      clientOrderId,
    );
    return row === undefined || text(row, "status") === "denied" ? undefined : stateOf(row);
  }

  /** The latest time in the book, of the gateway's own clock; 0 of an empty one. */
  lastMs(): number {
    const row = this.#database.get(
      `SELECT max(last) AS last FROM (SELECT max(arrived_ms) AS last FROM orders UNION ALL SELECT max(cancel_ms) FROM orders
         UNION ALL SELECT max(arrived_ms) FROM fills UNION ALL SELECT max(started_ms) FROM gateway)`,
    );
    return row === undefined || row["last"] === null ? 0 : integer(row, "last");
  }

  /** Where a strategy's last fill of an instrument was that it holds. */
  venueOf(strategy: StrategyId, sid: string): string | undefined {
    const row = this.#database.get("SELECT venue FROM positions WHERE strategy = ? AND sid = ?", strategy, sid);
    return row === undefined ? undefined : text(row, "venue");
  }

  /** A person takes the book as it is, though executors know more. */
  accept(atMs: number, reason: string): void {
    this.#database.write(() => {
      this.#database.flushNext();
      this.#database.run("INSERT INTO acceptances VALUES (?, ?)", atMs, reason);
    });
  }

  isAccepted(): boolean {
    return this.#database.get("SELECT 1 AS found FROM acceptances LIMIT 1") !== undefined;
  }

  /** Proves that the book can be written. @throws Fault `book-full`, `book-unusable` */
  noteStart(nowMs: number): void {
    this.#database.write(() => {
      this.#database.run(
        "INSERT INTO gateway VALUES (1, ?) ON CONFLICT DO UPDATE SET started_ms = excluded.started_ms",
        nowMs,
      );
    });
  }

  /** Writes one entry. @returns its event with the strategy's next seq; undefined if it has none */
  record(entry: Entry): OrderEventMessage | undefined {
    return this.#database.write(() => {
      const { event } = entry;
      const seq = event === undefined ? undefined : this.#nextSeq(entry.strategy, entry.opened?.epoch ?? 0);
      this.#writeOrder(entry, seq);
      if (entry.fill !== undefined) this.#writeFill(entry, entry.fill);
      if (event === undefined || seq === undefined) return undefined;
      const numbered: OrderEventMessage = { ...event, seq };
      this.#database.step("event");
      const body = JSON.stringify(numbered);
      this.#database.run(
        "INSERT INTO events (strategy, seq, body, published) VALUES (?, ?, ?, 0)",
        entry.strategy,
        seq,
        body,
      );
      return numbered;
    });
  }

  /** Events that no broker has acknowledged, in the order they were decided. */
  unpublished(): readonly BookedEvent[] {
    return this.#database.all("SELECT strategy, body FROM events WHERE published = 0 ORDER BY id").map((row) => ({
      strategy: strategyOf(row),
      event: eventOf(row),
    }));
  }

  markPublished(said: readonly BookedEvent[]): void {
    if (said.length === 0) return;
    this.#database.write(() => {
      for (const { strategy, event } of said)
        this.#database.run("UPDATE events SET published = 1 WHERE strategy = ? AND seq = ?", strategy, event.seq);
    });
  }

  #nextSeq(strategy: StrategyId, epoch: number): number {
    this.#database.step("seq");
    const row = this.#database.get(
      `INSERT INTO strategies VALUES (?, ?, 1)
       ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch), event_seq = event_seq + 1 RETURNING event_seq`,
      strategy,
      epoch,
    );
    assert(row !== undefined, "an upsert returns its row");
    return integer(row, "event_seq");
  }

  #writeOrder({ strategy, clientOrderId, opened, state }: Entry, seq: number | undefined): void {
    if (state === undefined) return;
    const denied = "denied" in state;
    const { placed, order } = denied ? { placed: state.denied, order: undefined } : state;
    if (opened !== undefined) {
      assert(seq !== undefined, "a new order has an event");
      const { content, arrivedMs, origin } = opened;
      const accepted = denied || origin === "gateway" ? 0 : 1;
      const { venue, sid, side, quantity, cause, last } = placed;
      this.#database.step("order");
      this.#database.run(
        `INSERT INTO orders (strategy, client_order_id, content, cause, status, accepted, arrived_ms, event_seq, origin, venue, sid, side, quantity, last)
         VALUES (?, ?, ?, ?, 'denied', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[strategy, clientOrderId, content, cause, accepted, arrivedMs, seq, origin],
        ...[venue, sid, side, formatDecimal(quantity), formatDecimal(last)],
      );
    }
    if (order === undefined) return;
    this.#database.step("state");
    this.#database.run(
      `UPDATE orders SET status = ?, filled = ?, notional = ?, fee = ?, reason = ?, acknowledged = ?, cancel_ms = ?, venue_order_id = ?, open = ?,
         event_seq = coalesce(?, event_seq) WHERE strategy = ? AND client_order_id = ?`,
      ...[order.status, ...totals(order), order.reason === undefined ? null : JSON.stringify(order.reason)],
      ...[Number(order.acknowledged), placed.cancelMs ?? null, placed.venueOrderId ?? null],
      ...[Number(!isFinal(order.status)), seq ?? null, strategy, clientOrderId],
    );
  }

  #writeFill({ strategy, clientOrderId, state }: Entry, fill: NonNullable<Entry["fill"]>): void {
    assert(state !== undefined && "placed" in state, "a fill has an order");
    const { sid, side, venue } = state.placed;
    this.#database.step("fill");
    this.#database.run(
      "INSERT INTO fills (strategy, client_order_id, sid, side, quantity, notional, fee, ts, arrived_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[strategy, clientOrderId, sid, side, ...[fill.quantity, fill.notional, fill.fee].map(formatDecimal)],
      ...[fill.ts, fill.arrivedMs],
    );
    this.#database.step("position");
    if (fill.position === 0n) {
      this.#database.run("DELETE FROM positions WHERE strategy = ? AND sid = ?", strategy, sid);
    } else {
      this.#database.run(
        "INSERT INTO positions VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity, venue = excluded.venue",
        ...[strategy, sid, formatDecimal(fill.position), venue],
      );
    }
    this.#database.step("cash");
    const [cash, peak] = [formatDecimal(fill.cash), formatDecimal(fill.peak)];
    this.#database.run("UPDATE accounts SET cash = ?, peak = ? WHERE strategy = ?", cash, peak, strategy);
  }
}

function totals({ filled, notional, fee }: Order): readonly string[] {
  return [filled, notional, fee].map(formatDecimal);
}
