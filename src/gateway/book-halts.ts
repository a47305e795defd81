import type { Retirement } from "#core/effective.ts";
import type { Halt, HaltTarget, HaltVerb } from "#core/halt.ts";
import type { StrategyId } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import type { BookDatabase } from "./book-database.ts";
import { type BookedState, integer, type Row, stateOf, strategyOf, text } from "./book-rows.ts";
import { isRetirement } from "./standing.ts";

/** A halt that the gateway was told of over the bus. */
export interface BookedHalt extends Halt {
  /** It was seen in Git: when it is gone from there, it is over. */
  readonly recorded: boolean;
  /** It is over. The row stays, so that its command is not carried out again. */
  readonly lifted: boolean;
  readonly strategies: number;
  readonly canceled: number;
}

/** What operators stopped, and what becomes of what a deleted strategy holds: the part of the book that outlives manifests. */
export class HaltTable {
  readonly #database: BookDatabase;

  constructor(database: BookDatabase) {
    this.#database = database;
  }

  /** Those in force, oldest first. */
  active(): readonly BookedHalt[] {
    return this.#database.all("SELECT * FROM halts WHERE lifted = 0 ORDER BY at_ms, id").map(haltOf);
  }

  get(id: string): BookedHalt | undefined {
    const row = this.#database.get("SELECT * FROM halts WHERE id = ?", id);
    return row === undefined ? undefined : haltOf(row);
  }

  add(halt: BookedHalt): void {
    const { id, verb, target, by, reason, atMs, recorded, lifted, strategies, canceled } = halt;
    this.#database.write(() => {
      this.#database.step("halt");
      this.#database.run(
        "INSERT INTO halts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ...[id, verb, target, by, reason, atMs, Number(recorded), Number(lifted), strategies, canceled],
      );
    });
  }

  /** What changes about a halt after it was told. */
  update({ id, recorded, lifted, canceled }: BookedHalt): void {
    this.#database.write(() => {
      this.#database.step("halt");
      this.#database.run(
        "UPDATE halts SET recorded = ?, lifted = ?, canceled = ? WHERE id = ?",
        ...[Number(recorded), Number(lifted), canceled, id],
      );
    });
  }

  /** What becomes of orders and positions of each strategy that was ever here, as its last spec said. */
  retirements(): ReadonlyMap<StrategyId, Retirement> {
    const rows = this.#database.all("SELECT strategy, retire FROM retirements");
    return new Map(rows.map((row) => [strategyOf(row), retirementOf(row)]));
  }

  saveRetirements(changed: ReadonlyMap<StrategyId, Retirement>): void {
    if (changed.size === 0) return;
    this.#database.write(() => {
      for (const [strategy, retire] of changed) {
        this.#database.run(
          "INSERT INTO retirements VALUES (?, ?) ON CONFLICT DO UPDATE SET retire = excluded.retire",
          ...[strategy, retire],
        );
      }
    });
  }

  /** The gateway's own orders that close something for a halt, oldest first. @param why the halt's id */
  closingOrders(why: string, max: number): readonly BookedState[] {
    return this.#database
      .all(
        "SELECT * FROM orders WHERE origin = 'gateway' AND cause >= ? AND cause < ? ORDER BY arrived_ms, client_order_id LIMIT ?",
        ...[`gw:${why}:`, `gw:${why};`, max],
      )
      .map(stateOf);
  }

  /** How often the gateway itself has sent an order for this cause. */
  closings(strategy: StrategyId, cause: string): { readonly times: number; readonly lastMs: number } {
    const row = this.#database.get(
      "SELECT count(*) AS times, coalesce(max(arrived_ms), 0) AS last FROM orders WHERE strategy = ? AND origin = 'gateway' AND cause = ?",
      strategy,
      cause,
    );
    return row === undefined ? { times: 0, lastMs: 0 } : { times: integer(row, "times"), lastMs: integer(row, "last") };
  }
}

function haltOf(row: Row): BookedHalt {
  return {
    id: text(row, "id"),
    verb: text(row, "verb") as HaltVerb,
    target: text(row, "target") as HaltTarget,
    by: text(row, "by_whom"),
    reason: text(row, "reason"),
    atMs: integer(row, "at_ms"),
    recorded: integer(row, "recorded") === 1,
    lifted: integer(row, "lifted") === 1,
    strategies: integer(row, "strategies"),
    canceled: integer(row, "canceled"),
  };
}

function retirementOf(row: Row): Retirement {
  const retire = text(row, "retire");
  assert(isRetirement(retire), "the book's retire is unknown");
  return retire;
}
