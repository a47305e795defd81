import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { Archive } from "#gateway/archive.ts";
import { Sweep } from "#gateway/sweep.ts";
import { type Bench, cleanUp, openBench, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const minute = 60_000;

function sweepOf(bench: Bench, archive: Pick<Archive, "append">): Sweep {
  const log = (): void => undefined;
  return new Sweep({ retention: bench.book.retention, archive, nowMs: () => bench.nowMs, log, pauseMs: 0 });
}

/** Remembers what it was given. */
function memory(): { readonly ids: string[]; append(records: readonly object[]): Promise<void> } {
  const ids: string[] = [];
  return {
    ids,
    async append(records) {
      for (const record of records) ids.push((record as { readonly clientOrderId: string }).clientOrderId);
    },
  };
}

function rowsOf(file: string): { readonly [table: string]: number } {
  const database = new DatabaseSync(file, { readOnly: true });
  const count = (table: string): number => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  const rows = Object.fromEntries(["orders", "events", "fills"].map((table) => [table, count(table)]));
  database.close();
  return rows;
}

/** Buys and sells one share, so that nothing accumulates. */
function trade(bench: Bench, from: number, count: number): void {
  for (let index = from; index < from + count; index += 1) {
    bench.nowMs += 1_000;
    const side = index % 2 === 0 ? "buy" : "sell";
    const answer = bench.send({
      ...{ clientOrderId: `order-${index}`, side, quantity: "1", expiresAtMs: bench.nowMs + minute },
      cause: `s:c:${index}`,
    });
    expect(answer?.status).toBe("filled");
    bench.book.markPublished([{ strategy, event: answer as OrderEventMessage }]);
  }
}

describe("a book that forgets", () => {
  test("has what was said last, and all of it is either there or in the archive", async () => {
    const folder = temporaryFolder();
    const bench = openBench({ folder, eventsKept: 50 });
    bench.price("AAPL", "100");
    const archive = memory();
    for (let round = 0; round < 5; round += 1) {
      trade(bench, round * 100, 100);
      bench.nowMs += 3 * minute;
      await sweepOf(bench, archive).run();
    }
    expect(archive.ids).toEqual(Array.from({ length: 450 }, (_, index) => `order-${index}`));
    // The last 50 are answered from the book, and change nothing.
    const before = bench.book.accounts();
    const known = bench.send({ clientOrderId: "order-450", side: "buy", quantity: "1", cause: "s:c:450" });
    expect(known).toMatchObject({ status: "filled", seq: 451 });
    expect(bench.book.accounts()).toEqual(before);
    bench.close();
    expect(rowsOf(join(folder, "book.sqlite"))).toEqual({ orders: 50, events: 50, fills: 50 });
  });

  test("keeps what is open, unpublished, young or the gateway's own", async () => {
    const archive = memory();
    const open = openBench({ eventsKept: 1, simulation: { delayMs: 1_000_000_000 } });
    open.price("AAPL", "100");
    for (const id of ["a", "b", "c"]) open.send({ clientOrderId: id, quantity: "1" });
    for (const event of open.events) open.book.markPublished([{ strategy, event }]);
    open.nowMs += 10 * minute;
    await sweepOf(open, archive).run();
    expect(open.book.openOrders()).toHaveLength(3);

    const unpublished = openBench({ eventsKept: 1 });
    unpublished.price("AAPL", "100");
    for (const id of ["a", "b", "c"]) unpublished.send({ clientOrderId: id, quantity: "1" });
    unpublished.nowMs += 10 * minute;
    await sweepOf(unpublished, archive).run();
    expect(unpublished.book.unpublished()).toHaveLength(3);

    const young = openBench({ eventsKept: 1 });
    young.price("AAPL", "100");
    trade(young, 0, 10);
    await sweepOf(young, archive).run();
    expect(young.book.order(strategy, "order-0")).toBeDefined();

    const closing = openBench({ eventsKept: 1, limits: { orderRate: { count: 1_000, seconds: 1 } } });
    closing.price("AAPL", "100");
    closing.send({ quantity: "1", expiresAtMs: closing.nowMs + minute });
    closing.command({ verb: "flatten", expiresAtMs: closing.nowMs + minute });
    closing.halts.enforce();
    const own = closing.events.find(({ clientOrderId }) => clientOrderId.startsWith("gw-"));
    expect(own).toBeDefined();
    for (const { clientOrderId } of closing.events) {
      const event = closing.book.order(strategy, clientOrderId)?.event;
      if (event !== undefined) closing.book.markPublished([{ strategy, event }]);
    }
    for (let index = 0; index < 5; index += 1) closing.send({ clientOrderId: `no-${index}` });
    closing.nowMs += 10 * minute;
    await sweepOf(closing, archive).run();
    expect(closing.book.order(strategy, own?.clientOrderId ?? "")).toBeDefined();
    expect(archive.ids).toEqual(["order-1"]);
  });

  test("an order of which something was heard meanwhile is not forgotten", async () => {
    const bench = openBench({ eventsKept: 2 });
    bench.price("AAPL", "100");
    trade(bench, 0, 3);
    const old = bench.book.retention.find(strategy, 0, bench.nowMs + 10 * minute);
    expect(old.orders.map(({ clientOrderId }) => clientOrderId)).toEqual(["order-0"]);
    // As if its venue had said one more thing of it between the two.
    const changed = { ...old, orders: old.orders.map((order) => ({ ...order, eventSeq: order.eventSeq + 100 })) };
    bench.book.retention.forget(changed, bench.nowMs);
    expect(bench.book.order(strategy, "order-0")).toBeDefined();
    bench.book.retention.forget(old, bench.nowMs);
    expect(bench.book.order(strategy, "order-0")).toBeUndefined();
  });

  test("what cannot be archived stays in the book", async () => {
    const folder = temporaryFolder();
    const bench = openBench({ eventsKept: 10 });
    bench.price("AAPL", "100");
    trade(bench, 0, 50);
    bench.nowMs += 10 * minute;
    const file = join(folder, "archive");
    writeFileSync(file, "in its place");
    await sweepOf(bench, new Archive({ folder: file, nowMs: () => 1, log: () => undefined })).run();
    expect(bench.book.order(strategy, "order-0")).toBeDefined();
  });

  test("a position knows its venue when all of its fills are forgotten", async () => {
    const bench = openBench({ eventsKept: 1, limits: { orderRate: { count: 1_000, seconds: 1 } } });
    bench.price("AAPL", "100");
    bench.send({ quantity: "1", expiresAtMs: Number.MAX_SAFE_INTEGER });
    for (let index = 0; index < 3; index += 1) bench.send({ clientOrderId: `no-${index}`, quantity: "100000" });
    for (const event of bench.events) bench.book.markPublished([{ strategy, event }]);
    bench.nowMs += 10 * minute;
    await sweepOf(bench, memory()).run();
    expect(bench.book.order(strategy, "order-1")).toBeUndefined();
    expect(bench.book.venueOf(strategy, "AAPL")).toBe("paper");
  });

  test("property: however it is swept, a rate counts no order too few, and exactly in windows of a minute or less", async () => {
    const pauses = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pauses, async (seconds) => {
        const bench = openBench({ eventsKept: 2 });
        bench.price("AAPL", "100");
        const arrivals: number[] = [];
        for (const [index, pause] of seconds.entries()) {
          bench.nowMs += (pause - 1) * 1_000;
          trade(bench, index, 1);
          arrivals.push(bench.nowMs);
          if (index % 5 === 4) await sweepOf(bench, memory()).run();
          for (const windowMs of [1_000, 60_000, 600_000, 3_600_000]) {
            const after = bench.nowMs - windowMs;
            const truth = arrivals.filter((ms) => ms > after).length;
            const counted = bench.book.acceptedAfter(strategy, after);
            if (windowMs <= minute) expect(counted).toBe(truth);
            else {
              expect(counted).toBeGreaterThanOrEqual(truth);
              expect(counted).toBeLessThanOrEqual(arrivals.filter((ms) => ms > after - minute).length);
            }
          }
        }
        bench.close();
      }),
      { numRuns: 20 },
    );
  });
});

describe("the archive", () => {
  const record = (id: string): object => ({ strategy: strategy as StrategyId, clientOrderId: id });

  test("has an object a line, goes on in its last file after a kill, and stays within its bound", async () => {
    const folder = join(temporaryFolder(), "archive");
    const logs: string[] = [];
    let nowMs = 1_000;
    const options = {
      folder,
      nowMs: () => nowMs,
      bytesMax: 60 * 2 ** 20,
      log: (_level: string, message: string) => void logs.push(message),
    };
    expect(await new Archive(options).bytes()).toBe(0);
    await new Archive(options).append([record("a"), record("b")]);
    const again = new Archive(options);
    await again.append([record("c")]);
    const [first = ""] = readdirSync(folder);
    const lines = readFileSync(join(folder, first), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).clientOrderId)).toEqual(["a", "b", "c"]);
    const large = { ...record("large"), text: "x".repeat(17 * 2 ** 20) };
    for (let index = 0; index < 6; index += 1) {
      nowMs += 1_000;
      await again.append([large]);
    }
    const files = readdirSync(folder);
    expect(files).not.toContain(first);
    expect(files.length).toBeLessThanOrEqual(4);
    const sizes = files.map((file) => statSync(join(folder, file)).size);
    expect(await again.bytes()).toBe(sizes.reduce((sum, size) => sum + size, 0));
    expect(logs).toContain("the archive is full, its oldest file is removed");
  });
});
