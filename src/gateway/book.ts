import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Decimal, formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { assert, Fault } from "#core/result.ts";
import type { Account } from "./risk.ts";

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

/** One decision, written whole or not at all. */
export interface Entry {
  readonly strategy: StrategyId;
  readonly clientOrderId: string;
  /** Absent for an answer that is not about an order of this id: a malformed request, or an id used twice. */
  readonly order?: {
    readonly content: string;
    readonly cause: string;
    readonly arrivedMs: number;
    /** The strategy's highest epoch, this request's included. */
    readonly epoch: number;
  };
  readonly fill?: {
    readonly cash: Decimal;
    readonly position: Decimal;
    readonly peak: Decimal;
  };
  /** Without its seq, which the book gives. */
  readonly event: Omit<OrderEventMessage, "seq">;
}

/** `process`: survives kill −9 of the process. `power`: also a power cut, at the price of a disk flush an order. */
export type Durability = "process" | "power";

export interface BookOptions {
  readonly file: string;
  /** Paper money is worth no flush; a venue with real money needs `power`. */
  readonly durability: Durability;
  /** Called before each step of a write, for fault tests: what it throws ends the write as a kill would. */
  readonly onStep?: (step: string) => void;
}

const schemaVersion = 1;
const schema = `
CREATE TABLE strategies (strategy TEXT PRIMARY KEY, epoch INTEGER NOT NULL, event_seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE accounts (strategy TEXT PRIMARY KEY, starting_cash TEXT NOT NULL, cash TEXT NOT NULL, peak TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE positions (strategy TEXT NOT NULL, sid TEXT NOT NULL, quantity TEXT NOT NULL, PRIMARY KEY (strategy, sid)) STRICT, WITHOUT ROWID;
CREATE TABLE orders (strategy TEXT NOT NULL, client_order_id TEXT NOT NULL, content TEXT NOT NULL, cause TEXT NOT NULL, status TEXT NOT NULL,
  accepted INTEGER NOT NULL, arrived_ms INTEGER NOT NULL, event_seq INTEGER NOT NULL, PRIMARY KEY (strategy, client_order_id)) STRICT, WITHOUT ROWID;
CREATE INDEX orders_accepted ON orders (strategy, arrived_ms) WHERE accepted = 1;
CREATE TABLE fills (id INTEGER PRIMARY KEY, strategy TEXT NOT NULL, client_order_id TEXT NOT NULL, sid TEXT NOT NULL, side TEXT NOT NULL,
  quantity TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL, ts INTEGER NOT NULL, arrived_ms INTEGER NOT NULL,
  UNIQUE (strategy, client_order_id)) STRICT;
CREATE TABLE events (id INTEGER PRIMARY KEY, strategy TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, published INTEGER NOT NULL,
  UNIQUE (strategy, seq)) STRICT;
CREATE INDEX events_unpublished ON events (id) WHERE published = 0;
PRAGMA user_version = ${schemaVersion};
`;

/**
 * The gateway's book: what was decided, filled and said. A decision, its fill and its event are one transaction, committed before the
 * event is published; what was not published is published after a restart. Money and quantities are decimal text.
 *
 * @throws Fault `book-unusable`: in use by another gateway, damaged, or the disk failed
 */
export class Book {
  readonly #database: DatabaseSync;
  readonly #onStep: (step: string) => void;
  readonly #statements = new Map<string, StatementSync>();

  constructor({ file, durability, onStep }: BookOptions) {
    this.#onStep = onStep ?? (() => undefined);
    try {
      this.#database = new DatabaseSync(file, { timeout: 1_000 });
      // One gateway a book: the lock is held until the process ends.
      this.#database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;");
      this.#database.exec(
        `PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}; PRAGMA foreign_keys = ON;`,
      );
      this.#migrate();
    } catch (cause) {
      throw unusable(cause);
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Every account that was opened. */
  accounts(): ReadonlyMap<StrategyId, Account> {
    const positions = new Map<string, Map<string, Decimal>>();
    for (const row of this.#all("SELECT strategy, sid, quantity FROM positions ORDER BY strategy, sid")) {
      const held = positions.get(text(row, "strategy")) ?? new Map<string, Decimal>();
      positions.set(text(row, "strategy"), held.set(text(row, "sid"), amount(row, "quantity")));
    }
    const accounts = new Map<StrategyId, Account>();
    for (const row of this.#all("SELECT strategy, cash, peak FROM accounts")) {
      const strategy = strategyOf(row);
      const held = positions.get(strategy) ?? new Map<string, Decimal>();
      accounts.set(strategy, { cash: amount(row, "cash"), peak: amount(row, "peak"), positions: held });
    }
    return accounts;
  }

  /** Opens an account once; another starting cash later changes nothing. */
  openAccount(strategy: StrategyId, startingCash: Decimal): void {
    const cash = formatDecimal(startingCash);
    this.#write(() => {
      this.#run("INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", strategy, cash, cash, cash);
    });
  }

  savePeaks(peaks: ReadonlyMap<StrategyId, Decimal>): void {
    if (peaks.size === 0) return;
    this.#write(() => {
      for (const [strategy, peak] of peaks) {
        this.#run("UPDATE accounts SET peak = ? WHERE strategy = ?", formatDecimal(peak), strategy);
      }
    });
  }

  order(strategy: StrategyId, clientOrderId: string): BookedOrder | undefined {
    const row = this.#get(
      "SELECT o.content, e.body FROM orders o JOIN events e ON e.strategy = o.strategy AND e.seq = o.event_seq WHERE o.strategy = ? AND o.client_order_id = ?",
      strategy,
      clientOrderId,
    );
    return row === undefined ? undefined : { content: text(row, "content"), event: eventOf(row) };
  }

  /** The highest epoch seen; 0 before the first request. */
  epoch(strategy: StrategyId): number {
    const row = this.#get("SELECT epoch FROM strategies WHERE strategy = ?", strategy);
    return row === undefined ? 0 : integer(row, "epoch");
  }

  /** Orders that passed and arrived later than `afterMs`. A clock that was set back counts too many, never too few. */
  acceptedAfter(strategy: StrategyId, afterMs: number): number {
    const row = this.#get(
      "SELECT count(*) AS count FROM orders WHERE strategy = ? AND accepted = 1 AND arrived_ms > ?",
      strategy,
      afterMs,
    );
    return row === undefined ? 0 : integer(row, "count");
  }

  /** Writes one decision. @returns its event with the strategy's next seq */
  record(entry: Entry): OrderEventMessage {
    const { strategy, clientOrderId, order, fill } = entry;
    return this.#write(() => {
      const seq = this.#nextSeq(strategy, order?.epoch ?? 0);
      const event: OrderEventMessage = { ...entry.event, seq };
      if (order !== undefined) {
        const { content, cause, arrivedMs } = order;
        const values = [content, cause, event.status, fill === undefined ? 0 : 1, arrivedMs, seq];
        this.#step("order");
        this.#run("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", strategy, clientOrderId, ...values);
      }
      if (fill !== undefined) this.#applyFill(entry, fill);
      this.#step("event");
      this.#run(
        "INSERT INTO events (strategy, seq, body, published) VALUES (?, ?, ?, 0)",
        strategy,
        seq,
        JSON.stringify(event),
      );
      return event;
    });
  }

  /** Events that no broker has acknowledged, in the order they were decided. */
  unpublished(): readonly BookedEvent[] {
    return this.#all("SELECT strategy, body FROM events WHERE published = 0 ORDER BY id").map((row) => ({
      strategy: strategyOf(row),
      event: eventOf(row),
    }));
  }

  markPublished({ strategy, event }: BookedEvent): void {
    this.#write(() => {
      this.#run("UPDATE events SET published = 1 WHERE strategy = ? AND seq = ?", strategy, event.seq);
    });
  }

  #nextSeq(strategy: StrategyId, epoch: number): number {
    this.#step("seq");
    const row = this.#get(
      `INSERT INTO strategies VALUES (?, ?, 1)
       ON CONFLICT DO UPDATE SET epoch = max(epoch, excluded.epoch), event_seq = event_seq + 1 RETURNING event_seq`,
      strategy,
      epoch,
    );
    assert(row !== undefined, "an upsert returns its row");
    return integer(row, "event_seq");
  }

  #applyFill({ strategy, clientOrderId, order, event }: Entry, fill: NonNullable<Entry["fill"]>): void {
    const { price, fee } = event;
    assert(price !== undefined && fee !== undefined && order !== undefined, "a fill has an order, a price and a fee");
    assert(fill.cash >= 0n && fill.position >= 0n, "a fill leaves neither debt nor a short position");
    this.#step("fill");
    this.#run(
      "INSERT INTO fills (strategy, client_order_id, sid, side, quantity, price, fee, ts, arrived_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[strategy, clientOrderId, event.sid, event.side, event.filledQuantity, price, fee, event.ts, order.arrivedMs],
    );
    this.#step("position");
    if (fill.position === 0n) {
      this.#run("DELETE FROM positions WHERE strategy = ? AND sid = ?", strategy, event.sid);
    } else {
      const quantity = formatDecimal(fill.position);
      this.#run(
        "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
        ...[strategy, event.sid, quantity],
      );
    }
    this.#step("cash");
    const [cash, peak] = [formatDecimal(fill.cash), formatDecimal(fill.peak)];
    this.#run("UPDATE accounts SET cash = ?, peak = ? WHERE strategy = ?", cash, peak, strategy);
  }

  #migrate(): void {
    const row = this.#database.prepare("PRAGMA user_version").get();
    const version = row === undefined ? 0 : integer(row, "user_version");
    if (version === schemaVersion) return;
    if (version !== 0) throw new Error(`its format is ${version}, this gateway knows ${schemaVersion}`);
    this.#write(() => this.#database.exec(schema));
  }

  #write<Value>(work: () => Value): Value {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      this.#step("begin");
      const value = work();
      this.#step("commit");
      this.#database.exec("COMMIT");
      this.#step("committed");
      return value;
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw cause;
    }
  }

  #step(name: string): void {
    this.#onStep(name);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #all(sql: string): readonly Row[] {
    return this.#prepare(sql).all();
  }

  #get(sql: string, ...values: readonly (string | number)[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  #run(sql: string, ...values: readonly (string | number)[]): void {
    this.#prepare(sql).run(...values);
  }
}

type Row = { readonly [column: string]: unknown };

function text(row: Row, column: string): string {
  const value = row[column];
  assert(typeof value === "string", `the book's ${column} is not text`);
  return value;
}

function integer(row: Row, column: string): number {
  const value = row[column];
  assert(typeof value === "number", `the book's ${column} is not a number`);
  return value;
}

function amount(row: Row, column: string): Decimal {
  // formatDecimal wrote it; a parser for foreign text would refuse an account that has grown beyond its digits.
  const parts = /^(-?)([0-9]+)(?:\.([0-9]{1,8}))?$/.exec(text(row, column));
  assert(parts !== null, `the book's ${column} is not a decimal`);
  const magnitude = BigInt(`${parts[2] ?? ""}${(parts[3] ?? "").padEnd(8, "0")}`);
  return (parts[1] === "-" ? -magnitude : magnitude) as Decimal;
}

function strategyOf(row: Row): StrategyId {
  return text(row, "strategy") as StrategyId;
}

/** The book wrote it, so it is what it was. */
function eventOf(row: Row): OrderEventMessage {
  return JSON.parse(text(row, "body")) as OrderEventMessage;
}

function unusable(cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  const busy = why.includes("locked");
  return new Fault("book-unusable", busy ? "another gateway uses this book" : `the book cannot be used: ${why}`, {
    cause,
  });
}
