import { expect, test } from "vitest";
import { Watchdog } from "#executor/watchdog.ts";

const forever = (): never => {
  for (;;);
};

test("a call that never returns is ended, past its own handlers", () => {
  const seen: string[] = [];
  const call = (): void => {
    try {
      forever();
    } catch {
      seen.push("caught");
    } finally {
      seen.push("finally");
    }
  };
  expect(() => new Watchdog().call("initialize()", 50, call)).toThrow(
    expect.objectContaining({
      code: "algorithm-silent",
      message: "the algorithm's initialize() did not return within 0.05 s",
    }),
  );
  expect(seen).toEqual([]);
});

test("what a call returns and throws comes through as it is, also from a call inside of one", async () => {
  const watchdog = new Watchdog();
  const thrown = new TypeError("boom");
  const { stack } = thrown;
  expect(watchdog.call("outer", 5_000, () => watchdog.call("inner", 5_000, () => 7))).toBe(7);
  expect(await watchdog.call("a promise", 5_000, async () => 8)).toBe(8);
  const fail = (): never => {
    throw thrown;
  };
  expect(() => watchdog.call("throws", 5_000, fail)).toThrow(thrown);
  expect(thrown.stack).toBe(stack);
  expect(Reflect.ownKeys(globalThis)).not.toContain(Symbol.for("slipway.call"));
});
