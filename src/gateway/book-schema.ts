import type { DatabaseSync } from "node:sqlite";
import { type Decimal, formatDecimal, multiply } from "#core/decimal.ts";
import { amount, text } from "./book-rows.ts";

// The book's tables, step by step: a new book takes all steps, an older one those that it lacks. What they read and write is decimal text.

type Migration = (database: DatabaseSync) => void;

const first = `
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
`;

/** Orders that stay open: several fills an order, and all that is needed to ask a venue after it. */
const openOrders = `
ALTER TABLE orders ADD COLUMN origin TEXT NOT NULL DEFAULT 'executor';
ALTER TABLE orders ADD COLUMN venue TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN side TEXT NOT NULL DEFAULT 'buy';
ALTER TABLE orders ADD COLUMN quantity TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN last TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN filled TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN notional TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN fee TEXT NOT NULL DEFAULT '0';
ALTER TABLE orders ADD COLUMN reason TEXT;
ALTER TABLE orders ADD COLUMN acknowledged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN cancel_ms INTEGER;
ALTER TABLE orders ADD COLUMN venue_order_id TEXT;
ALTER TABLE orders ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET venue = content ->> '$.venue', sid = content ->> '$.sid', side = content ->> '$.side', quantity = content ->> '$.quantity';
CREATE INDEX orders_open ON orders (strategy) WHERE open = 1;
ALTER TABLE fills RENAME TO fills_before;
CREATE TABLE fills (id INTEGER PRIMARY KEY, strategy TEXT NOT NULL, client_order_id TEXT NOT NULL, sid TEXT NOT NULL, side TEXT NOT NULL,
  quantity TEXT NOT NULL, notional TEXT NOT NULL, fee TEXT NOT NULL, ts INTEGER NOT NULL, arrived_ms INTEGER NOT NULL) STRICT;
CREATE INDEX fills_instrument ON fills (strategy, sid);
CREATE TABLE gateway (one INTEGER PRIMARY KEY CHECK (one = 1), started_ms INTEGER NOT NULL) STRICT;
`;

function keepOpenOrders(database: DatabaseSync): void {
  database.exec(openOrders);
  const keep = database.prepare("INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const order = database.prepare(
    "UPDATE orders SET filled = ?, notional = ?, fee = ?, last = ?, acknowledged = 1 WHERE strategy = ? AND client_order_id = ?",
  );
  for (const row of database.prepare("SELECT * FROM fills_before ORDER BY id").all()) {
    const [quantity, price, fee] = [text(row, "quantity"), text(row, "price"), text(row, "fee")];
    const value: Decimal = multiply(amount(row, "quantity"), amount(row, "price"), "exact");
    const notional = formatDecimal(value);
    const [strategy, id] = [text(row, "strategy"), text(row, "client_order_id")];
    const { id: number, ts, arrived_ms } = row as { id: number; ts: number; arrived_ms: number };
    keep.run(number, strategy, id, text(row, "sid"), text(row, "side"), quantity, notional, fee, ts, arrived_ms);
    order.run(quantity, notional, fee, price, strategy, id);
  }
  database.exec("DROP TABLE fills_before");
}

/** What operators stopped, and what becomes of what deleted strategies hold. */
const halts = `
CREATE TABLE halts (id TEXT PRIMARY KEY, verb TEXT NOT NULL, target TEXT NOT NULL, by_whom TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL,
  recorded INTEGER NOT NULL, lifted INTEGER NOT NULL, strategies INTEGER NOT NULL, canceled INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE retirements (strategy TEXT PRIMARY KEY, retire TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX orders_closing ON orders (strategy, cause) WHERE origin = 'gateway';
`;

/** What a bounded book needs: positions know their venues, and rates the minutes of orders that were forgotten. */
const retention = `
ALTER TABLE positions ADD COLUMN venue TEXT NOT NULL DEFAULT '';
UPDATE positions SET venue = coalesce((SELECT o.venue FROM fills f JOIN orders o ON o.strategy = f.strategy AND o.client_order_id = f.client_order_id
  WHERE f.strategy = positions.strategy AND f.sid = positions.sid ORDER BY f.id DESC LIMIT 1), '');
DROP INDEX fills_instrument;
CREATE INDEX fills_order ON fills (strategy, client_order_id);
CREATE INDEX orders_event ON orders (strategy, event_seq);
CREATE TABLE accepted_minutes (strategy TEXT NOT NULL, minute INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (strategy, minute)) STRICT, WITHOUT ROWID;
`;

/** When a person took a book that knows less than the executors, and why. */
const acceptances = `
CREATE TABLE acceptances (at_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
`;

export const migrations: readonly Migration[] = [
  (database) => database.exec(first),
  keepOpenOrders,
  (database) => database.exec(halts),
  (database) => database.exec(retention),
  (database) => database.exec(acceptances),
];
