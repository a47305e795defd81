import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { Announcer } from "#gateway/announcer.ts";
import { Book } from "#gateway/book.ts";
import { bytes, cleanUp, openBench, quote, requestOf, requestTopic, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const limitsText = JSON.stringify({
  strategy,
  running: "true",
  startingCash: "10000",
  "limits.instruments": "AAPL",
  "limits.venues": "paper",
  "limits.maxOrderNotional": "2000",
  "limits.maxPositionNotional": "5000",
  "limits.orderRate": "10/1s",
  "limits.maxDrawdown": "0.5",
});

/** Runs the child on a book; `killAt` 0 lets it end. */
function runChild(
  folder: string,
  killAt: number,
): { readonly signal: string | null; readonly events: readonly OrderEventMessage[] } {
  const [topic, payload] = quote("AAPL", "100");
  const request = JSON.stringify(requestOf());
  const fixture = join(import.meta.dirname, "kill-fixture.ts");
  const args = [fixture, folder, String(killAt), limitsText, request, topic, Buffer.from(payload).toString()];
  const child = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (child.signal === null && child.status !== 0) throw new Error(child.stderr);
  const lines = child.stdout.split("\n").filter((line) => line !== "");
  return { signal: child.signal, events: lines.map((line) => JSON.parse(line)) };
}

/** Steps of the book in a run that nothing ends: the migration, the account and the order. */
function countSteps(): number {
  let steps = 0;
  const bench = openBench({
    onStep() {
      steps += 1;
    },
  });
  bench.price("AAPL", "100");
  bench.send();
  return steps;
}

describe("kill −9 at any step", () => {
  const steps = countSteps();

  test("there are steps of each kind", () => {
    expect(steps).toBeGreaterThanOrEqual(15);
  });

  test.each(Array.from({ length: steps }, (_, index) => index + 1))(
    "at step %i: the repeated request has one fill",
    (step) => {
      const folder = temporaryFolder();
      const killed = runChild(folder, step);
      expect(killed).toEqual({ signal: "SIGKILL", events: [] });
      const bench = openBench({ folder, slippageBps: "2", feeBps: "1" });
      const waiting = bench.book.unpublished().map(({ event }) => event);
      bench.price("AAPL", "100");
      const answer = bench.send();
      expect(answer).toMatchObject({ status: "filled", seq: 1, price: "100.02", fee: "0.10002" });
      expect(bench.send()).toEqual(answer);
      // Either nothing was written, or everything was and waits to be said.
      expect([[], [answer]]).toContainEqual(waiting);
      const account = bench.book.accounts().get(strategy);
      expect(formatDecimal(account!.cash)).toBe("8999.69998");
      expect(account?.positions).toEqual(new Map([["AAPL", decimal("10")]]));
      expect(bench.book.unpublished()).toHaveLength(1);
    },
  );
});

test.each(Array.from({ length: 9 }, (_, index) => index + 1))(
  "a fault at step %i of an order leaves nothing half-written",
  (step) => {
    let left = Number.POSITIVE_INFINITY;
    const bench = openBench({
      onStep() {
        left -= 1;
        if (left === 0) throw new Error("disk");
      },
    });
    bench.price("AAPL", "100");
    bench.send({ clientOrderId: "first", quantity: "1" });
    const before = [bench.book.accounts(), bench.book.unpublished()];
    left = step;
    expect(() => bench.send()).toThrow("disk");
    left = Number.POSITIVE_INFINITY;
    expect([bench.book.accounts(), bench.book.unpublished()]).toEqual(before);
  },
);

test("a book has one gateway", () => {
  const folder = temporaryFolder();
  const bench = openBench({ folder });
  expect(() => new Book({ file: join(folder, "book.sqlite"), durability: "process" })).toThrow(
    "another gateway uses this book",
  );
  bench.close();
  openBench({ folder });
});

test("a file that is no book is refused", () => {
  const folder = temporaryFolder();
  const book = new Book({ file: join(folder, "book.sqlite"), durability: "power" });
  book.close();
  expect(() => new Book({ file: folder, durability: "process" })).toThrow("the book cannot be used");
});

test("peaks that prices lifted survive a restart", () => {
  const folder = temporaryFolder();
  const bench = openBench({ folder });
  bench.price("AAPL", "100");
  bench.send();
  bench.price("AAPL", "150");
  bench.price("AAPL", "120");
  bench.gateway.savePeaks();
  bench.close();
  expect(formatDecimal(openBench({ folder }).book.accounts().get(strategy)!.peak)).toBe("10500");
});

test("another starting cash changes nothing for an account that is open", () => {
  const bench = openBench();
  bench.gateway.openAccount(strategy);
  bench.book.openAccount(strategy, decimal("1"));
  expect(formatDecimal(bench.book.accounts().get(strategy)!.cash)).toBe("10000");
});

describe("the announcer", () => {
  test("says what an earlier process left, in order, and marks what was acknowledged", async () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    for (const id of ["a", "b", "c"])
      bench.gateway.receive(requestTopic, bytes(requestOf({ clientOrderId: id, quantity: "1" })));
    const said: string[] = [];
    const bus = {
      publish(topic: string, message: object): Promise<void> {
        said.push(`${topic} ${JSON.stringify(message)}`);
        return said.length === 2 ? Promise.reject(new Error("cut")) : Promise.resolve();
      },
    };
    const announcer = new Announcer(bench.book, bus, () => undefined);
    announcer.start();
    await expect.poll(() => bench.book.unpublished()).toEqual([{ strategy, event: bench.events[1] }]);
    // The failed one is said again by itself.
    await expect.poll(() => bench.book.unpublished(), { timeout: 5000 }).toEqual([]);
    announcer.stop();
    const [first, second, third] = bench.events.map(
      (event) => `strat/${strategy}/order/event ${JSON.stringify(event)}`,
    );
    expect(said).toEqual([first, second, third, second]);
  });

  test("so many are on their way at most: those behind them go when there is room, in their order, and none fails for it", async () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    const first = bench.send({ quantity: "1" });
    if (first === undefined) throw new Error("it has an answer");
    const waiting: (() => void)[] = [];
    const said: number[] = [];
    const bus = {
      publish: (_topic: string, message: object) => {
        said.push(Object(message).seq);
        return new Promise<void>((resolve) => waiting.push(resolve));
      },
    };
    const logs: string[] = [];
    const announcer = new Announcer(bench.book, bus, (_level, message) => void logs.push(message));
    const acknowledge = (): void => {
      for (const one of waiting.splice(0)) one();
    };
    const all = Array.from({ length: 1_200 }, (_, index) => index + 1);
    for (const seq of all) announcer.announce({ strategy, event: { ...first, seq } });
    expect(said).toHaveLength(500);
    // What is told again has room of its own.
    for (const seq of all) announcer.repeat({ strategy, event: { ...first, seq } });
    expect(said.splice(500)).toEqual(all.slice(0, 300));
    await expect
      .poll(() => {
        acknowledge();
        return said;
      })
      .toEqual(all);
    expect(logs).toEqual(["order events were not told again: too many at once, executors ask again"]);
    announcer.repeat({ strategy, event: first });
    expect(said).toHaveLength(1_201);
    announcer.stop();
  });
});
