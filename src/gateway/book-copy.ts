import {
  closeSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#core/result.ts";

const triesMax = 50;
const pauseMs = 100;
/** A file's time is as fine as the kernel's tick: one that was changed within it may be changed again unnoticed. */
const restedMsMin = 50;
/** With the salts that a log gets when it begins anew. */
const logHeaderBytes = 32;

/**
 * Writes a whole copy of a book that a gateway has open, which lets nobody else read it by SQLite. The main file changes only when the gateway moves the
 * log into it, seconds apart, and between two such moments the log grows at its end alone; so copies of both are one book if nothing was moved meanwhile.
 * The copy is folded into one file and read through before its first byte is written.
 *
 * @param file the book; its copy stands beside it for a moment, and takes as much room
 * @throws Fault `book-missing`, `book-busy`, `book-damaged`
 */
export async function copyBook(file: string, target: Writable): Promise<void> {
  if (!existsSync(file)) throw new Fault("book-missing", `there is no book ${file}`);
  const copy = `${file}.copy-${process.pid}`;
  try {
    await copyStill(file, copy);
    fold(`the book ${file}`, copy);
    await pipeline(createReadStream(copy), target, { end: false });
    // Its last bytes have left this process.
    await new Promise<void>((resolve, reject) => target.write("", (cause) => (cause ? reject(cause) : resolve())));
  } finally {
    remove(copy);
  }
}

async function copyStill(file: string, copy: string): Promise<void> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const before = traceOf(file);
    if (before.restedMs >= restedMsMin) {
      copyFileSync(file, copy);
      rmSync(`${copy}-wal`, { force: true });
      if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`);
      if (traceOf(file).trace === before.trace) return;
    }
    await delay(pauseMs);
  }
  throw new Fault("book-busy", `the book ${file} is written to all the time: no copy of it is whole; try again`);
}

function traceOf(file: string): { readonly trace: string; readonly restedMs: number } {
  const { ino, size, mtimeNs, mtimeMs } = statSync(file, { bigint: true });
  return { trace: `${ino}:${size}:${mtimeNs}:${saltsOf(`${file}-wal`)}`, restedMs: Date.now() - Number(mtimeMs) };
}

function saltsOf(log: string): string {
  if (!existsSync(log)) return "";
  const descriptor = openSync(log, "r");
  const header = Buffer.alloc(logHeaderBytes);
  readSync(descriptor, header, 0, logHeaderBytes, 0);
  closeSync(descriptor);
  return header.toString("hex");
}

/** Makes one file of a book and its log, and reads all of it. */
function fold(what: string, copy: string): void {
  try {
    const database = new DatabaseSync(copy);
    database.exec("PRAGMA journal_mode = DELETE");
    const found = firstFault(database);
    // Its own table: an empty file is sound, and no book.
    database.prepare("SELECT count(*) FROM strategies").get();
    database.close();
    if (found !== "ok") throw new Error(String(found));
  } catch (cause) {
    throw new Fault("book-damaged", `${what} is damaged, or no book: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Puts a copy in the place of a book that is gone or damaged; the gateway that waits for it goes on with it. A log that the lost one has left would be
 * taken for the copy's, and goes.
 *
 * @throws Fault `book-sound`: one that can be read is there, which a gateway may have open; `book-damaged`: the copy is none
 */
export async function putBook(file: string, source: Readable): Promise<void> {
  const part = `${file}.part-${process.pid}`;
  try {
    await pipeline(source, createWriteStream(part));
    fold("the copy", part);
    if (isSound(file))
      throw new Fault("book-sound", `the book ${file} is there and can be read; nothing was put in its place`);
    for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
    renameSync(part, file);
  } finally {
    remove(part);
  }
}

/** Also one that cannot be looked at, since a gateway has it open. */
function isSound(file: string): boolean {
  if (!existsSync(file) || statSync(file).size === 0) return false;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return firstFault(database) === "ok";
  } catch (cause) {
    return /locked|busy/.test((cause as Error).message);
  } finally {
    database.close();
  }
}

/** Reads all pages. @returns `ok`, or the first thing that is wrong */
function firstFault(database: DatabaseSync): unknown {
  return Object.values(database.prepare("PRAGMA quick_check(1)").get() ?? {})[0];
}

/** With what SQLite has put beside it. */
function remove(book: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${book}${suffix}`, { force: true });
}
