import { err, ok, type Result } from "./result.ts";
import { findTimeZone, type TimeZone } from "./time-zone.ts";

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];

/** When a venue takes orders, as its clocks show it: the same hours on each of its days. */
export interface TradingHours {
  readonly zone: TimeZone;
  readonly days: readonly Weekday[];
  /** Minutes since midnight: the first minute in which it takes orders, and the first in which it does not any more. */
  readonly fromMinute: number;
  readonly untilMinute: number;
}

export interface TradingHoursRefused {
  readonly code: "time-zone-unknown" | "trading-hours-empty" | "trading-hours-malformed";
  /** The key that is wrong. */
  readonly key: "timeZone" | "from" | "until";
  readonly message: string;
}

const daySeconds = 86_400;

/** @param hours `from` and `until` as `HH:MM`; `until` may be `24:00` */
export function parseTradingHours(hours: {
  readonly timeZone: string;
  readonly days: readonly Weekday[];
  readonly from: string;
  readonly until: string;
}): Result<TradingHours, TradingHoursRefused> {
  const zone = findTimeZone(hours.timeZone);
  if (!zone.ok) {
    const message = `timeZone ${hours.timeZone} ${zone.error.why}`;
    return err({ code: "time-zone-unknown", key: "timeZone", message });
  }
  const [fromMinute, untilMinute] = [minuteOf(hours.from), minuteOf(hours.until)];
  if (fromMinute === undefined) return malformed("from", hours.from);
  if (untilMinute === undefined) return malformed("until", hours.until);
  if (untilMinute <= fromMinute) {
    const message = `the hours end at ${hours.until}, not after they start at ${hours.from}`;
    return err({ code: "trading-hours-empty", key: "until", message });
  }
  return ok({ zone: zone.value, days: hours.days, fromMinute, untilMinute });
}

/** @param atSeconds since the epoch */
export function isOpen({ zone, days, fromMinute, untilMinute }: TradingHours, atSeconds: number): boolean {
  const shown = atSeconds + zone.offsetAt(atSeconds);
  const day = Math.floor(shown / daySeconds);
  // 1 January 1970 was a Thursday.
  const weekday = weekdays[(((day + 3) % 7) + 7) % 7];
  const minute = (shown - day * daySeconds) / 60;
  return weekday !== undefined && days.includes(weekday) && fromMinute <= minute && minute < untilMinute;
}

/** `mon, tue 09:30–16:00 America/New_York` */
export function formatTradingHours({ zone, days, fromMinute, untilMinute }: TradingHours): string {
  const time = (minute: number): string =>
    [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return `${days.join(", ")} ${time(fromMinute)}–${time(untilMinute)} ${zone.name}`;
}

function minuteOf(text: string): number | undefined {
  const parts = /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text);
  if (text === "24:00") return 1_440;
  return parts === null ? undefined : Number(parts[1]) * 60 + Number(parts[2]);
}

function malformed(key: "from" | "until", text: string): Result<never, TradingHoursRefused> {
  return err({
    code: "trading-hours-malformed",
    key,
    message: `${key} is ${JSON.stringify(text)}, not a time as HH:MM`,
  });
}
