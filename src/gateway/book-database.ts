import { statSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Fault } from "#core/result.ts";
import { integer, type Row } from "./book-rows.ts";
import { migrations } from "./book-schema.ts";

/** `process`: survives kill −9 of the process. `power`: also a power cut, at the price of a disk flush an order. */
export type Durability = "process" | "power";

export interface BookOptions {
  readonly file: string;
  /** Paper money is worth no flush; a venue with real money needs `power`. */
  readonly durability: Durability;
  /** Called before each step of a write, for fault tests: what it throws ends the write as a kill would. */
  readonly onStep?: (step: string) => void;
  /** What the file may grow to; beyond it the disk counts as full. */
  readonly bytesMax?: number;
  /** How many events of a strategy back its orders are remembered at least. */
  readonly eventsKept?: number;
}

const pageBytes = 4096;
/**
 * How many pages wait in the log before a commit also moves them into the main file, which takes tens of milliseconds; a quiet moment does it sooner
 * (`tidy`). 16 MB.
 */
const logPagesMax = 4_000;
const untidyCommitsMin = 100;
/** A larger book is not read through at its start: that takes some seconds. */
const checkedBytesMax = 256 * 2 ** 20;

/** A value that a row holds. */
type Value = string | number | null;

/**
 * The file of the gateway's book. One gateway has it at a time, and a write is whole or not at all.
 *
 * @throws Fault `book-unusable`: in use by another gateway, or the disk failed; `book-damaged`; `book-full`
 */
export class BookDatabase {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #onStep: (step: string) => void;
  readonly #statements = new Map<string, StatementSync>();
  /** Of the group that is open: whether something was written, and what is to be done once it is on disk. */
  #group: { begun: boolean; failure: unknown; readonly effects: (() => void)[] } | undefined;

  #untidyCommits = 0;
  #flush = false;

  constructor({ file, durability, onStep, bytesMax }: BookOptions) {
    this.#file = file;
    this.#onStep = onStep ?? (() => undefined);
    let opened: DatabaseSync | undefined;
    try {
      opened = new DatabaseSync(file, { timeout: 1_000 });
      this.#database = opened;
      // One gateway a book: the lock is held until the process ends.
      this.#database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;");
      this.#database.exec(
        `PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = ${logPagesMax}`,
      );
      this.#migrate();
      this.#check();
      if (bytesMax !== undefined) this.#database.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / pageBytes)}`);
    } catch (cause) {
      opened?.close();
      throw this.#unusable(cause);
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Reads all pages once: what is damaged is said now, and not with the order that comes by it first. */
  #check(): void {
    if (statSync(this.#file).size > checkedBytesMax) return;
    const row = this.#database.prepare("PRAGMA quick_check(1)").get();
    const found = row === undefined ? "ok" : Object.values(row)[0];
    if (found !== "ok") throw damaged(this.#file, String(found));
  }

  #migrate(): void {
    const row = this.#database.prepare("PRAGMA user_version").get();
    const version = row === undefined ? 0 : integer(row, "user_version");
    if (version === migrations.length) return;
    if (version > migrations.length)
      throw new Error(`its format is ${version}, this gateway knows ${migrations.length}`);
    this.write(() => {
      for (const migrate of migrations.slice(version)) migrate(this.#database);
      this.#database.exec(`PRAGMA user_version = ${migrations.length}`);
    });
  }

  /**
   * From here to `commitGroup` all writes are one: who asks here reads them, and nothing of them is on disk. A disk flush costs milliseconds, and
   * one tick makes many strategies order at once. A write that throws takes the whole group back, and `commitGroup` throws the same.
   */
  openGroup(): void {
    this.#group ??= { begun: false, failure: undefined, effects: [] };
  }

  /** Writes what the group holds, then does what waited for it. */
  commitGroup(): void {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    if (group.failure !== undefined) throw group.failure;
    if (group.begun) this.#guard(() => this.#commit());
    for (const effect of group.effects) effect();
  }

  /** Does it once everything that was written before is on disk: at once, or with the open group. What tells the outside goes this way. */
  afterCommit(effect: () => void): void {
    if (this.#group === undefined) effect();
    else this.#group.effects.push(effect);
  }

  write<Result>(work: () => Result): Result {
    return this.#guard(() => {
      const group = this.#group;
      if (group?.failure !== undefined) throw group.failure;
      if (group?.begun !== true) {
        this.#database.exec("BEGIN IMMEDIATE");
        this.step("begin");
      }
      if (group !== undefined) group.begun = true;
      const value = work();
      if (group === undefined) this.#commit();
      return value;
    });
  }

  #commit(): void {
    this.step("commit");
    this.#database.exec("COMMIT");
    this.#untidyCommits += 1;
    if (this.#flush) {
      this.#flush = false;
      this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    }
    this.step("committed");
  }

  /** What is written now survives a power cut, whatever the durability is, before anything is said of it. For what is seldom. */
  flushNext(): void {
    this.#flush = true;
  }

  /** Moves what waits in the log into the main file, if it is much: for a moment when nobody waits for an answer. */
  tidy(): void {
    if (this.#untidyCommits < untidyCommitsMin) return;
    this.#untidyCommits = 0;
    this.#guard(() => this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)"));
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      const failure = isSqliteError(cause) ? this.#unusable(cause) : cause;
      if (this.#group !== undefined) this.#group.failure = failure;
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw failure;
    }
  }

  /** Told to fault tests. */
  step(name: string): void {
    this.#onStep(name);
  }

  all(sql: string, ...values: readonly Value[]): readonly Row[] {
    return this.#ask(sql, (statement) => statement.all(...values));
  }

  get(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.#ask(sql, (statement) => statement.get(...values));
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: readonly Value[]): number {
    return this.#ask(sql, (statement) => Number(statement.run(...values).changes));
  }

  #ask<Answer>(sql: string, work: (statement: StatementSync) => Answer): Answer {
    try {
      const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
      this.#statements.set(sql, statement);
      return work(statement);
    } catch (cause) {
      throw isSqliteError(cause) ? this.#unusable(cause) : cause;
    }
  }

  #unusable(cause: unknown): Fault {
    if (cause instanceof Fault) return cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const code = isSqliteError(cause) ? cause.errcode & 0xff : undefined;
    if (code === resultCodes.full) {
      const message = `the book ${this.#file} cannot be written, the disk is full (${why}): give its volume room, and the gateway goes on where it was`;
      return new Fault("book-full", message, { cause });
    }
    if (code === resultCodes.corrupt || code === resultCodes.notADatabase) return damaged(this.#file, why, cause);
    const busy = why.includes("locked");
    return new Fault("book-unusable", busy ? "another gateway uses this book" : `the book cannot be used: ${why}`, {
      cause,
    });
  }
}

/** https://www.sqlite.org/rescode.html */
const resultCodes = { corrupt: 11, full: 13, notADatabase: 26 };

function damaged(file: string, why: string, cause?: unknown): Fault {
  const text = why.replace(/\s+/g, " ").trim().slice(0, 120);
  return new Fault("book-damaged", `the book ${file} is damaged (${text})`, { cause });
}

function isSqliteError(cause: unknown): cause is Error & { readonly errcode: number } {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_SQLITE_ERROR";
}
