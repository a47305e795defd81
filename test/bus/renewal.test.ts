import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Renewal } from "#bus/renewal.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A token that ends so long from now, by the client's clock. */
function token(endsInMs: number, id: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ exp: Math.round((Date.now() + endsInMs) / 1_000), jti: id })}.x`;
}

test.each([
  ["right: long before its end", 3_600_000, 61_000],
  ["ten minutes behind", 3_600_000 + 600_000, 61_000],
  ["a day behind", 90_000_000, 61_000],
  ["right: near its end", 60_000, 52_500],
  ["ahead: it has ended", -3_600_000, 1_500],
])("a newer token is taken soon where the clock is %s, once", (_clock, endsInMs, withinMs) => {
  const old = token(endsInMs, "old");
  let now = old;
  let due = 0;
  const renewal = new Renewal(
    () => now,
    () => {
      due += 1;
    },
  );
  renewal.plan(old);
  vi.advanceTimersByTime(withinMs - 1_400);
  expect(due).toBe(0);
  now = token(endsInMs + 3_600_000, "new");
  vi.advanceTimersByTime(withinMs);
  expect(due).toBe(1);
  vi.advanceTimersByTime(10 * 60_000);
  expect(due).toBe(1);
});

test("a password that does not end is never looked for, and nothing is after stop", () => {
  let looked = 0;
  const renewal = new Renewal(
    () => {
      looked += 1;
      return "another";
    },
    () => undefined,
  );
  renewal.plan("password");
  vi.advanceTimersByTime(600_000);
  renewal.plan(token(3_600_000, "a"));
  renewal.stop();
  vi.advanceTimersByTime(600_000);
  expect(looked).toBe(0);
});

test("a file that is just being replaced is looked at again", () => {
  let [reads, due] = [0, 0];
  const old = token(1_000, "old");
  const renewal = new Renewal(
    () => {
      reads += 1;
      if (reads < 3) throw new Error("ENOENT");
      return "newer";
    },
    () => {
      due += 1;
    },
  );
  renewal.plan(old);
  vi.advanceTimersByTime(10_000);
  expect([reads, due]).toEqual([3, 1]);
});
