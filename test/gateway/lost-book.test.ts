import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Log } from "#bus/process.ts";
import { eventDigest } from "#core/event-digest.ts";
import { Book } from "#gateway/book.ts";
import { BookFiles, type NoBook } from "#gateway/book-files.ts";
import type { Clock } from "#gateway/clock.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import {
  type Bench,
  type BenchOptions,
  bytes,
  cleanUp,
  openBench,
  rulesOf,
  strategy,
  temporaryFolder,
} from "./fixtures.ts";

cleanUp();

const asking = { after: 0, digest: undefined as string | undefined, anew: false, epoch: 2 };

function ask(bench: Bench, change: Partial<typeof asking> = {}): Bench["statements"][number] | undefined {
  const before = bench.statements.length;
  const asked = { v: 1, type: "order-resend", ...asking, ...change, atMs: 77 };
  bench.gateway.receive(`strat/${strategy}/order/resend`, bytes(asked));
  return bench.statements[before];
}

/** Two fills, the executor has asked before. @returns what it knows then */
function trade(bench: Bench): Partial<typeof asking> {
  bench.price("AAPL", "100");
  ask(bench, { epoch: 1 });
  for (const id of ["a", "b"]) bench.send({ clientOrderId: id, quantity: "2" });
  const last = bench.events.at(-1);
  return { after: 2, digest: eventDigest(last!) };
}

const live: BenchOptions["venue"] = (clock: Clock) =>
  Object.assign(new PaperVenue("paper", rulesOf(), undefined, clock), { live: true });

describe("an executor that was told more than the book has", () => {
  test("of a book that began anew stands still, and gets neither an answer nor an account", () => {
    const told = trade(openBench());
    const anew = openBench();
    anew.price("AAPL", "100");
    expect(ask(anew, told)).toBeUndefined();
    expect(anew.logs.filter((line) => line.startsWith("alarm: "))).toHaveLength(1);
    const denied = anew.send({ clientOrderId: "c", epoch: 2 });
    expect(denied?.reason?.code).toBe("book-behind");
    expect(denied?.reason?.message).toContain("order event 2, and the book has no account of it");
    expect(anew.book.accounts().size).toBe(0);
    // Also when it forgets meanwhile what it knew.
    expect(ask(anew, { anew: true })).toBeUndefined();
  });

  test("of a book that began anew is not served by what it had asked for before", () => {
    const told = trade(openBench());
    const anew = openBench();
    anew.price("AAPL", "100");
    expect(anew.send({ clientOrderId: "b", epoch: 2, quantity: "2" })).toBeUndefined();
    anew.send({ clientOrderId: "b", epoch: 1, quantity: "2" });
    expect(ask(anew, told)).toBeUndefined();
    expect(anew.send({ clientOrderId: "c" })?.reason?.code).toBe("book-behind");
  });

  test("takes over the book once a person has accepted it, also when that is over a restart", () => {
    const told = trade(openBench());
    const folder = temporaryFolder();
    const anew = openBench({ folder });
    anew.price("AAPL", "100");
    ask(anew, told);
    anew.claims.accept("alice: the disk is lost, nothing is open");
    expect(ask(anew, told)).toMatchObject({ resent: false, last: 0, cash: "10000", positions: {} });
    expect(anew.send({ clientOrderId: "c", epoch: 2, quantity: "1" })?.status).toBe("filled");
    anew.close();
    const next = openBench({ folder });
    rmSync(folder, { recursive: true });
    expect(ask(next, { after: 1, digest: "0".repeat(32), epoch: 3 })).toMatchObject({ resent: false });
  });

  test("on paper takes over a book from which a power cut took the last events back", () => {
    const bench = openBench();
    trade(bench);
    expect(ask(bench, { after: 9, digest: "0".repeat(32) })).toMatchObject({ resent: false, last: 2 });
  });

  test.each([
    ["a later event", { after: 9, digest: "0".repeat(32) }, "and the book ends with 2"],
    ["another event", { after: 2, digest: "0".repeat(32) }, "another order event 2 than the book has"],
  ])("with real money stands still for %s too", (_name, change, says) => {
    const bench = openBench({ venue: live });
    trade(bench);
    expect(ask(bench, change)).toBeUndefined();
    expect(bench.send({ clientOrderId: "c", epoch: 2 })?.reason?.message).toContain(says);
    bench.claims.accept("alice: checked at the exchange");
    expect(ask(bench, change)).toMatchObject({ resent: false, cash: "9600" });
    expect(bench.send({ clientOrderId: "d", epoch: 2, quantity: "1" })?.status).toBe("filled");
  });

  test("an account is there after a power cut that takes all the rest", () => {
    const folder = temporaryFolder();
    const bench = openBench({ folder });
    const told = trade(bench);
    const other = join(temporaryFolder());
    // The file alone: what is in the log beside it had not reached the disk.
    copyFileSync(join(folder, "book.sqlite"), join(other, "book.sqlite"));
    const after = openBench({ folder: other });
    expect(ask(after, told)).toMatchObject({ resent: false, last: 0, cash: "10000" });
  });
});

describe("the book's file", () => {
  const silent: Log = () => undefined;
  const filesIn = (directory: string): BookFiles =>
    new BookFiles({ directory, durability: "process", nowMs: () => 1_000, log: silent });
  const opened = (directory: string): Book => {
    const book = filesIn(directory).open();
    if (!(book instanceof Book)) throw new Error(book.problem);
    return book;
  };
  const problemIn = (directory: string): string | undefined => {
    const found: Book | NoBook = filesIn(directory).open();
    if (!(found instanceof Book)) return found.problem;
    found.close();
    return undefined;
  };

  test("is begun once, and opened after that", () => {
    const directory = join(temporaryFolder(), "state");
    const book = opened(directory);
    book.noteStart(5);
    book.close();
    expect(opened(directory).lastMs()).toBe(5);
  });

  test.each([
    ["empty", (file: string) => writeFileSync(file, ""), "is empty (0 bytes)"],
    ["gone", (file: string) => rmSync(file), "is gone"],
    ["no database", (file: string) => writeFileSync(file, "x".repeat(20_000)), "is damaged (file is not a database)"],
    [
      "damaged inside",
      (file: string) => {
        const content = readFileSync(file);
        content.fill(0x5a, 4_096 * 2, 4_096 * 8);
        writeFileSync(file, content);
      },
      "is damaged (",
    ],
  ])("%s begins nothing anew until a person says so", (_name, harm, says) => {
    const directory = temporaryFolder();
    const book = opened(directory);
    book.noteStart(5);
    book.close();
    const file = join(directory, "book.sqlite");
    copyFileSync(file, join(directory, "copy"));
    harm(file);
    for (const _ of [1, 2]) {
      expect(problemIn(directory)).toContain(`the book ${file} ${says}`);
      expect(problemIn(directory)).toContain(join(directory, "accept-book"));
    }
    writeFileSync(join(directory, "accept-book"), " \n");
    expect(problemIn(directory)).toBeDefined();
    writeFileSync(join(directory, "accept-book"), "alice: nothing is open at the exchange\n");
    const accepted = opened(directory);
    expect(accepted.isAccepted()).toBe(true);
    accepted.close();
    expect(existsSync(join(directory, "accept-book"))).toBe(false);
    expect(problemIn(directory)).toBeUndefined();
  });

  test("put back is the book again", () => {
    const directory = temporaryFolder();
    const book = opened(directory);
    book.noteStart(5);
    book.close();
    const file = join(directory, "book.sqlite");
    copyFileSync(file, join(directory, "copy"));
    writeFileSync(file, "");
    expect(problemIn(directory)).toBeDefined();
    copyFileSync(join(directory, "copy"), file);
    expect(opened(directory).lastMs()).toBe(5);
  });

  test("of an earlier version, gone with only its archive left, is missed too", () => {
    const directory = temporaryFolder();
    mkdirSync(join(directory, "archive"));
    expect(problemIn(directory)).toContain("is gone");
  });

  test("a begin that was killed is begun again", () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, "book.sqlite.part"), "half of it");
    opened(directory).close();
  });
});
