import { fitsInt } from "./values.ts";

const nanosPerSecond = 1_000_000_000n;
const nanosPerMinute = 60n * nanosPerSecond;
const nanosPerHour = 60n * nanosPerMinute;
const earliest = -62_135_596_800n * nanosPerSecond;
const latest = 253_402_300_800n * nanosPerSecond - 1n;

/** A span of time in nanoseconds, at most 2^63 of them (292 years). */
export class Duration {
  readonly kind = "duration";
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A moment from year 1 to 9999, and the offset of the zone it was written in. */
export class Timestamp {
  readonly kind = "timestamp";
  readonly nanos: bigint;
  readonly offsetMinutes: number;
  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

export function durationOf(nanos: bigint): Duration | undefined {
  return fitsInt(nanos) ? new Duration(nanos) : undefined;
}

export function timestampOf(nanos: bigint, offsetMinutes = 0): Timestamp | undefined {
  return nanos >= earliest && nanos <= latest ? new Timestamp(nanos, offsetMinutes) : undefined;
}

const units: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1000n],
  ["µs", 1000n],
  ["μs", 1000n],
  ["ms", 1_000_000n],
  ["s", nanosPerSecond],
  ["m", nanosPerMinute],
  ["h", nanosPerHour],
]);

/** Parses `1h30m`, `-1.5s`, `0`, as Go does; undefined if it is no duration or too long a one. */
export function parseDuration(text: string): Duration | undefined {
  const found = /^([+-]?)((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (found === null || text.length > 256) return undefined;
  let nanos = 0n;
  for (const part of (found[2] ?? "").matchAll(/([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const unit = units.get(part[3] ?? "") ?? 0n;
    const fraction = part[2] ?? "";
    nanos += BigInt(part[1] || "0") * unit + (BigInt(fraction || "0") * unit) / 10n ** BigInt(fraction.length);
  }
  return durationOf(found[1] === "-" ? -nanos : nanos);
}

/** In seconds: `5400s`, `0.5s`. */
export function formatDuration(duration: Duration): string {
  return `${decimalText(Number(duration.nanos / nanosPerSecond) + Number(duration.nanos % nanosPerSecond) / 1e9)}s`;
}

/** A double without an exponent. */
function decimalText(value: number): string {
  const text = String(value);
  const parts = /^(-?)([0-9]+)(?:\.([0-9]+))?e([+-][0-9]+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = parts;
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

/** Parses RFC 3339, with at most nine digits of a second heeded. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const found =
    /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,64}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/.exec(
      text,
    );
  if (found === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const [offsetHour, offsetMinute] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  if (offsetHour > 24 || offsetMinute > 59) return undefined;
  const offset = (offsetHour * 60 + offsetMinute) * (found[8] === "-" ? -1 : 1);
  const seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
  const nanos = BigInt((found[7] ?? "").slice(0, 9).padEnd(9, "0"));
  return timestampOf(BigInt(seconds) * nanosPerSecond + nanos, offset);
}

export function formatTimestamp(timestamp: Timestamp): string {
  const parts = civil(timestamp, timestamp.offsetMinutes);
  const digits = (value: number, width: number) => String(value).padStart(width, "0");
  const fraction = parts.nanos === 0n ? "" : `.${String(parts.nanos).padStart(9, "0").replace(/0+$/, "")}`;
  const date = `${digits(parts.year, 4)}-${digits(parts.month, 2)}-${digits(parts.day, 2)}`;
  const clock = `${digits(parts.hour, 2)}:${digits(parts.minute, 2)}:${digits(parts.second, 2)}${fraction}`;
  return `${date}T${clock}${formatOffset(timestamp.offsetMinutes)}`;
}

function formatOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const absolute = Math.abs(minutes);
  const hour = String(Math.floor(absolute / 60)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hour}:${String(absolute % 60).padStart(2, "0")}`;
}

/** Minutes of `+02:00`, `-00:30`, `UTC` or the empty text; undefined for anything else, names of places included. */
export function parseZone(text: string): number | undefined {
  if (text === "" || text === "UTC") return 0;
  const found = /^([+-]?)([0-9]{1,2}):([0-9]{2})$/.exec(text);
  if (found === null) return undefined;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  return found[1] === "-" ? -minutes : minutes;
}

export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 0 is the first of January. */
  readonly dayOfYear: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Of the second. */
  readonly nanos: bigint;
}

export function civil(timestamp: Timestamp, offsetMinutes: number): CivilTime {
  const total = timestamp.nanos + BigInt(offsetMinutes) * nanosPerMinute;
  const nanos = ((total % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  const seconds = Number((total - nanos) / nanosPerSecond);
  const days = Math.floor(seconds / 86_400);
  const inDay = seconds - days * 86_400;
  const date = civilFromDays(days);
  return {
    ...date,
    weekday: (((days + 4) % 7) + 7) % 7,
    dayOfYear: days - daysFromCivil(date.year, 1, 1),
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
    nanos,
  };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

function civilFromDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const part = Math.floor((5 * dayOfYear + 2) / 153);
  const month = part < 10 ? part + 3 : part - 9;
  const day = dayOfYear - Math.floor((153 * part + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
