import { err, ok, type Result } from "./result.ts";

export interface TimeZoneUnknown {
  readonly code: "time-zone-unknown";
  readonly timeZone: string;
  /** Why, as the end of a sentence. */
  readonly why: string;
}

export interface LocalTimeRefused {
  /** `skipped`: clocks jump over it; `ambiguous`: they show it twice. */
  readonly code: "local-time-malformed" | "local-time-skipped" | "local-time-ambiguous";
  readonly text: string;
  readonly why: string;
  readonly fix: string;
}

/** Where clocks stand against UTC. Its rules are those of the pinned Node (`process.versions.tz`), the same on every machine. */
export interface TimeZone {
  readonly name: string;
  /** What a clock there shows at an instant, less UTC. Both in seconds. */
  offsetAt(seconds: number): number;
}

const daySeconds = 86_400;
const yearMin = 1970;

/**
 * Looks a time zone up. Names are `UTC` or those of places (`Europe/Berlin`), exactly as the IANA database writes them: `EST` knows no summer, and
 * `Etc/GMT+5` lies west of Greenwich, which hardly anyone means.
 */
export function findTimeZone(name: string): Result<TimeZone, TimeZoneUnknown> {
  const refuse = (why: string): Result<never, TimeZoneUnknown> =>
    err({ code: "time-zone-unknown", timeZone: name, why });
  if (name.startsWith("Etc/")) return refuse("counts hours the other way round than people do");
  if (name !== "UTC" && !name.includes("/")) return refuse("is neither UTC nor the name of a place");
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return refuse("is not in the time zone database");
  }
  const known = format.resolvedOptions().timeZone;
  if (known !== name && known.toLowerCase() === name.toLowerCase()) return refuse(`is written ${known}`);
  return ok({ name, offsetAt: (seconds) => shownAt(format, seconds) - seconds });
}

/** All names of places, for suggestions. */
export function timeZoneNames(): readonly string[] {
  return [
    "UTC",
    ...Intl.supportedValuesOf("timeZone").filter((name) => name.includes("/") && !name.startsWith("Etc/")),
  ];
}

function shownAt(format: Intl.DateTimeFormat, seconds: number): number {
  const shown = new Map(format.formatToParts(new Date(seconds * 1000)).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => shown.get(type) ?? Number.NaN;
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second")) / 1000;
}

/**
 * The instant at which clocks of a time zone show a local time (`2026-12-24T18:00`, seconds optional, 1970 or later). A time that they jump over
 * or show twice is refused: whatever we chose, someone would mean the other.
 *
 * @returns seconds since the epoch
 */
export function parseLocalTime(text: string, zone: TimeZone): Result<number, LocalTimeRefused> {
  const parts = /^(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})T(?<time>[0-9]{2}:[0-9]{2})(?<seconds>:[0-9]{2})?$/.exec(
    text,
  )?.groups;
  const plain = `${parts?.["date"]}T${parts?.["time"]}${parts?.["seconds"] ?? ":00"}`;
  const local = Date.parse(`${plain}Z`) / 1000;
  // 31 February and 24:00 are carried over by `Date`; what comes back differs then.
  if (!Number.isInteger(local) || formatLocal(local) !== plain || new Date(local * 1000).getUTCFullYear() < yearMin) {
    return err({
      code: "local-time-malformed",
      text,
      why: "is no local time that exists",
      fix: `write a day and a time of ${yearMin} or later, for example "2026-12-24T18:00"`,
    });
  }
  // No offset is as long as a day, so a change of clocks that matters lies between these two.
  const offsets = [...new Set([zone.offsetAt(local - daySeconds), zone.offsetAt(local + daySeconds)])];
  const instants = offsets
    .map((offset) => local - offset)
    .filter((instant) => instant + zone.offsetAt(instant) === local);
  const [first, second] = instants.sort((a, b) => a - b);
  const [before = 0, after = 0] = offsets;
  if (first === undefined) {
    return err({
      code: "local-time-skipped",
      text,
      why: `does not exist in ${zone.name}: clocks are put forward over it`,
      fix: `write ${JSON.stringify(formatLocal(local + after - before).slice(0, text.length))}, or a time before the change`,
    });
  }
  if (second === undefined) return ok(first);
  return err({
    code: "local-time-ambiguous",
    text,
    why: `comes twice in ${zone.name}, at ${formatOffset(before)} and at ${formatOffset(after)}: clocks are put back over it`,
    fix: `write a time before or after the change, or ${JSON.stringify(formatLocal(first).slice(0, text.length))} or ${JSON.stringify(formatLocal(second).slice(0, text.length))} with timeZone: UTC`,
  });
}

/** `2026-12-24T18:00:00`, of seconds that a clock shows. */
function formatLocal(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

/** `+01:00` */
function formatOffset(seconds: number): string {
  const minutes = Math.abs(Math.trunc(seconds / 60));
  const digits = [Math.trunc(minutes / 60), minutes % 60].map((number) => String(number).padStart(2, "0"));
  return `${seconds < 0 ? "-" : "+"}${digits.join(":")}`;
}
