import { describe, expect, test } from "vitest";
import { formatTradingHours, isOpen, parseTradingHours, type TradingHours } from "#core/trading-hours.ts";

const exchange = {
  timeZone: "America/New_York",
  days: ["mon", "tue", "wed", "thu", "fri"],
  from: "09:30",
  until: "16:00",
} as const;

function hours(change: Partial<Parameters<typeof parseTradingHours>[0]> = {}): TradingHours {
  const parsed = parseTradingHours({ ...exchange, ...change });
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

const at = (text: string): number => Date.parse(text) / 1000;

describe("one second past each end", () => {
  test.each([
    ["before the opening", "2026-11-25T14:29:59Z", false],
    ["at the opening", "2026-11-25T14:30:00Z", true],
    ["the last second", "2026-11-25T20:59:59Z", true],
    ["at the close", "2026-11-25T21:00:00Z", false],
    ["in summer an hour earlier", "2026-07-15T13:30:00Z", true],
    ["in summer too early", "2026-07-15T13:29:59Z", false],
    ["the Monday after clocks were put back", "2026-11-02T14:29:59Z", false],
    ["and open then", "2026-11-02T14:30:00Z", true],
    ["on a Saturday", "2026-11-28T15:00:00Z", false],
    ["on a Sunday", "2026-11-29T15:00:00Z", false],
    ["on a Monday", "2026-11-30T15:00:00Z", true],
    ["before 1970", "1969-12-31T15:00:00Z", true],
  ])("%s", (_name, instant, open) => {
    expect(isOpen(hours(), at(instant))).toBe(open);
  });

  test("a whole day, where the day is another one than in UTC", () => {
    const tokyo = hours({ timeZone: "Asia/Tokyo", days: ["sun"], from: "00:00", until: "24:00" });
    expect(isOpen(tokyo, at("2026-11-28T15:00:00Z"))).toBe(true);
    expect(isOpen(tokyo, at("2026-11-28T14:59:59Z"))).toBe(false);
    expect(isOpen(tokyo, at("2026-11-29T14:59:59Z"))).toBe(true);
    expect(isOpen(tokyo, at("2026-11-29T15:00:00Z"))).toBe(false);
  });
});

test.each([
  [{ timeZone: "EST" }, "timeZone", "time-zone-unknown"],
  [{ until: "09:30" }, "until", "trading-hours-empty"],
  [{ until: "09:29" }, "until", "trading-hours-empty"],
  [{ from: "9:30" }, "from", "trading-hours-malformed"],
  [{ until: "24:01" }, "until", "trading-hours-malformed"],
  [{ until: "12:60" }, "until", "trading-hours-malformed"],
] as const)("%j is refused", (change, key, code) => {
  const parsed = parseTradingHours({ ...exchange, ...change });
  expect(parsed).toMatchObject({ ok: false, error: { key, code } });
});

test("for people", () => {
  expect(formatTradingHours(hours())).toBe("mon, tue, wed, thu, fri 09:30–16:00 America/New_York");
});
