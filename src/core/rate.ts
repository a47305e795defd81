import { assert, err, ok, type Result } from "./result.ts";

/** At most `count` orders in any window of `seconds`. */
export interface Rate {
  readonly count: number;
  readonly seconds: number;
}

export interface RateMalformed {
  readonly code: "rate-malformed";
  readonly text: string;
}

/** Parses `10/1s`: at most 999999 orders in at most 86400 seconds, both at least 1. */
export function parseRate(text: string): Result<Rate, RateMalformed> {
  const parts = /^([1-9][0-9]{0,5})\/([1-9][0-9]{0,4})s$/.exec(text);
  const rate = { count: Number(parts?.[1]), seconds: Number(parts?.[2]) };
  if (parts === null || rate.seconds > 86_400) return err({ code: "rate-malformed", text });
  return ok(rate);
}

/** The rate of a text that a schema has already let through. Anything else is a bug. */
export function rateOf(text: string): Rate {
  const parsed = parseRate(text);
  assert(parsed.ok, `not a rate: ${JSON.stringify(text)}`);
  return parsed.value;
}

export function formatRate(rate: Rate): string {
  return `${rate.count}/${rate.seconds}s`;
}

/** The most orders that a rate lets through in any window of `seconds`. */
export function mostIn(rate: Rate, seconds: number): number {
  return rate.count * Math.ceil(seconds / rate.seconds);
}
