import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "./context.ts";

/** Seconds that a person gave, as milliseconds: more than 0, at most a day. */
export function parseSeconds(option: string, text: string): Result<number, Finding> {
  const seconds = /^\d{1,5}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= 86_400) return ok(Math.round(seconds * 1000));
  return err(
    finding(
      "seconds-malformed",
      `${option} ${JSON.stringify(text)} is no time`,
      "write seconds, more than 0 and at most 86400",
    ),
  );
}
