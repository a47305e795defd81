import { err, ok, type Result } from "./result.ts";

export interface InstantMalformed {
  readonly code: "instant-malformed";
  readonly text: string;
  /** Why, as the end of a sentence: `has no such day`. */
  readonly why: string;
}

const grammar =
  /^(?<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T(?<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?<offset>Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/**
 * Parses the end of something: an instant with its offset (RFC 3339, seconds optional), or a day, which is included whole and ends at the
 * next midnight UTC. Days and times that do not exist are refused, not carried over.
 *
 * @returns seconds since the epoch
 */
export function parseEnd(text: string): Result<number, InstantMalformed> {
  const parts = grammar.exec(text)?.groups;
  const day = parts?.["day"];
  if (day === undefined) return refused(text, "is neither a day nor an instant with its offset");
  if (!isDay(day)) return refused(text, "names a day that does not exist");
  const { time, offset } = parts ?? {};
  if (time === undefined || offset === undefined) return ok(Date.parse(`${day}T00:00:00Z`) / 1000 + 86_400);
  const seconds = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}${offset}`) / 1000;
  if (!Number.isInteger(seconds)) return refused(text, "names a time that does not exist");
  return ok(seconds);
}

/** `2026-12-04 17:00:00 UTC` */
export function formatInstant(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

function refused(text: string, why: string): Result<never, InstantMalformed> {
  return err({ code: "instant-malformed", text, why });
}
