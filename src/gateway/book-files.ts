import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "#bus/process.ts";
import { plainText } from "#core/halt.ts";
import { Fault } from "#core/result.ts";
import { Book, type Durability } from "./book.ts";

/** Why there is no book to go by, for people: the file, what happened, how to mend it. */
export interface NoBook {
  readonly problem: string;
}

const reasonLengthMax = 300;

/**
 * The book's file in the gateway's state directory, and what stands beside it: `book-began` says that there was a book here before, so that a lost one
 * is not taken for a new one; `accept-book`, which a person writes, says who takes the book as it is, and why.
 */
export class BookFiles {
  readonly #directory: string;
  readonly #durability: Durability;
  readonly #nowMs: () => number;
  readonly #log: Log;
  #saidEmpty = false;

  constructor(options: {
    readonly directory: string;
    readonly durability: Durability;
    readonly nowMs: () => number;
    readonly log: Log;
  }) {
    this.#directory = options.directory;
    this.#durability = options.durability;
    this.#nowMs = options.nowMs;
    this.#log = options.log;
    mkdirSync(options.directory, { recursive: true });
  }

  get file(): string {
    return join(this.#directory, "book.sqlite");
  }

  /** What a person writes to take the book as it is. */
  get acceptFile(): string {
    return join(this.#directory, "accept-book");
  }

  /**
   * Opens the book; begins one where there never was one, or a person said so.
   *
   * @throws Fault `book-unusable`: in use by another gateway, or the disk failed; `book-full`
   */
  open(): Book | NoBook {
    const lost = this.#lostBecause();
    const accepted = this.accepted();
    if (lost !== undefined && accepted === undefined) return this.#without(`${lost} though there was a book here`);
    if (lost !== undefined || !existsSync(this.file)) this.#begin();
    const opened = this.#openLegible();
    if (opened instanceof Book) return this.#opened(opened, accepted);
    if (accepted === undefined) return this.#without(opened.message);
    this.#begin();
    return this.#opened(new Book({ file: this.file, durability: this.#durability }), accepted);
  }

  /** Changes when somebody puts another file in its place, or accepts what is there. */
  trace(): string {
    return [this.file, this.acceptFile].map((file) => traceOf(file)).join(" ");
  }

  /** Who takes the book as it is and why; undefined if nobody does. */
  accepted(): string | undefined {
    if (!existsSync(this.acceptFile)) return undefined;
    const text = readFileSync(this.acceptFile, "utf8");
    if (text.trim() !== "") return plainText(text, reasonLengthMax);
    if (!this.#saidEmpty)
      this.#log("error", `${this.acceptFile} is empty: write into it who accepts the book, and why`);
    this.#saidEmpty = true;
    return undefined;
  }

  /** After it was written down in the book. */
  removeAcceptance(): void {
    rmSync(this.acceptFile, { force: true });
  }

  #lostBecause(): string | undefined {
    const size = sizeOf(this.file);
    if (size === 0) return `the book ${this.file} is empty (0 bytes)`;
    const before = existsSync(this.#mark) || existsSync(join(this.#directory, "archive")) || sizeOf(`${this.file}-wal`);
    return size === undefined && before ? `the book ${this.file} is gone` : undefined;
  }

  #without(what: string): NoBook {
    const mend = `put the file back from a copy; or begin an empty book, each account at its starting cash, once nothing is open or held at a venue: write who and why into ${this.acceptFile}`;
    return { problem: `${what}, so nothing is traded: ${mend}` };
  }

  get #mark(): string {
    return join(this.#directory, "book-began");
  }

  /** A whole book takes the place of what is there, which is kept beside it: a process that is killed meanwhile leaves no half of one. */
  #begin(): void {
    const part = `${this.file}.part`;
    for (const file of [part, `${part}-wal`, `${part}-shm`]) rmSync(file, { force: true });
    new Book({ file: part, durability: "power" }).close();
    for (const suffix of ["", "-wal", "-shm"]) {
      const old = `${this.file}${suffix}`;
      if ((sizeOf(old) ?? 0) > 0) renameSync(old, `${this.file}.${this.#nowMs()}.old${suffix}`);
      else rmSync(old, { force: true });
    }
    renameSync(part, this.file);
  }

  /** Everything that is read at a start can be read. */
  #openLegible(): Book | Fault {
    let book: Book | undefined;
    try {
      book = new Book({ file: this.file, durability: this.#durability });
      book.accounts();
      book.openOrders();
      book.unpublished();
      book.halts.active();
      return book;
    } catch (cause) {
      book?.close();
      if (cause instanceof Fault && cause.code === "book-damaged") return cause;
      throw cause;
    }
  }

  #opened(book: Book, accepted: string | undefined): Book {
    if (!existsSync(this.#mark)) writeFileSync(this.#mark, `${new Date(this.#nowMs()).toISOString()}\n`);
    if (accepted === undefined) return book;
    book.accept(this.#nowMs(), accepted);
    this.removeAcceptance();
    this.#log("warn", "the book was accepted as it is", { file: this.file, reason: accepted });
    return book;
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function traceOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino}:${found.size}:${found.mtimeMs}`;
}
