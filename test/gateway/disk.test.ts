import { rmSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { Fault } from "#core/result.ts";
import { type Bench, cleanUp, limitsOf, openBench, strategy, temporaryFolder } from "./fixtures.ts";

// A full disk, as SQLite meets it: the file may not grow any more.

cleanUp();

const limits = limitsOf({
  orderRate: { count: 999_999, seconds: 1 },
  maxDrawdown: decimal("1"),
  maxPositionNotional: decimal("1000000"),
});
const bytesMax = 160 * 1024;

/** Sends orders until the book cannot take one. @returns the one that it could not take */
function fillUp(bench: Bench): number {
  for (let id = 0; id < 5_000; id += 1) {
    try {
      bench.clock.advance(100);
      bench.send({ clientOrderId: `o-${id}`, quantity: "0.01", expiresAtMs: Number.MAX_SAFE_INTEGER });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      expect(thrown).toMatchObject({
        code: "book-full",
        message: expect.stringContaining("the disk is full") as string,
      });
      return id;
    }
  }
  throw new Error("it never was full");
}

test("a full disk stops the gateway before it says or does anything, and nothing is lost or doubled when there is room again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 500), (fills, delayMs) => {
      const folder = temporaryFolder();
      const simulation = { fills: fills + 1, fillEveryMs: 200, delayMs };
      const bench = openBench({ folder, limits, bytesMax, simulation });
      bench.price("AAPL", "100");
      const failed = fillUp(bench);
      expect(failed).toBeGreaterThan(50);
      const said = bench.events.filter(({ clientOrderId }) => clientOrderId === `o-${failed}`);
      expect(said).toEqual([]);
      bench.close();
      // Still full: the next process does not even start.
      const next = openBench({ folder, limits, simulation });
      next.price("AAPL", "100");
      for (let id = 0; id <= failed; id += 1)
        next.send({ clientOrderId: `o-${id}`, quantity: "0.01", expiresAtMs: Number.MAX_SAFE_INTEGER });
      next.clock.advance(60_000);
      const held = next.book.accounts().get(strategy)?.positions.get("AAPL");
      expect(held).toBe(decimal("0.01") * BigInt(failed + 1));
      expect(next.desk.openCount(strategy)).toBe(0);
      next.close();
      rmSync(folder, { recursive: true, force: true });
    }),
    { numRuns: 6 },
  );
});

test("a process that starts again on a full disk answers what it knows, and stops at the same order", () => {
  const folder = temporaryFolder();
  const bench = openBench({ folder, limits, bytesMax });
  bench.price("AAPL", "100");
  const failed = fillUp(bench);
  bench.close();
  const again = openBench({ folder, limits, bytesMax });
  again.price("AAPL", "100");
  expect(fillUp(again)).toBe(failed);
});
