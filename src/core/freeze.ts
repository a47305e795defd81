import freezeSchema from "#schemas/freeze.schema.json" with { type: "json" };
import type { FreezeDocument } from "./freeze.generated.ts";
import { checkFileName, type Known, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { assert } from "./result.ts";
import { nearest } from "./suggest.ts";
import { findTimeZone, parseLocalTime, type TimeZone, timeZoneNames } from "./time-zone.ts";
import { validateFreeze } from "./validators.generated.js";

export type { FreezeDocument } from "./freeze.generated.ts";

/** The longest freeze; a longer one is a decision that belongs into bounds. */
export const freezeDaysMax = 366;

/** When a freeze holds: from its first second to before `untilSeconds`, both since the epoch. */
export interface FreezeWindow {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}

/**
 * Reads and checks a freeze by itself: its zone, that both its times exist once there, that it ends after it starts.
 *
 * @param file the path for places, which also says the name: `policies/freezes/<name>.yaml`
 */
export function parseFreeze(file: string, text: string): Parsed<FreezeDocument> {
  return parseDocument<FreezeDocument>(file, text, {
    schema: freezeSchema,
    validate: validateFreeze,
    checkPath: (source) => checkFileName(source, "freezes", "a freeze"),
    check,
  });
}

/** Of a checked freeze. */
export function freezeWindow({ spec }: FreezeDocument): FreezeWindow {
  const zone = findTimeZone(spec.timeZone);
  assert(zone.ok, `a checked freeze is in ${JSON.stringify(spec.timeZone)}`);
  const [from, until] = [parseLocalTime(spec.from, zone.value), parseLocalTime(spec.until, zone.value)];
  assert(from.ok && until.ok, `a checked freeze lasts from ${spec.from} to ${spec.until}`);
  return { fromSeconds: from.value, untilSeconds: until.value };
}

/** Whether a freeze is in force at an instant; its end is the first second in which it is not. */
export function isFrozen(freeze: FreezeDocument, atSeconds: number): boolean {
  const { fromSeconds, untilSeconds } = freezeWindow(freeze);
  return fromSeconds <= atSeconds && atSeconds < untilSeconds;
}

type Locate = Known<FreezeDocument>["locate"];

function check({ parts, locate }: Known<FreezeDocument>): readonly Finding[] {
  const { timeZone, from: start, until: end } = parts.spec ?? {};
  const zone = timeZone === undefined ? undefined : findTimeZone(timeZone);
  if (zone === undefined || timeZone === undefined) return [];
  if (!zone.ok) {
    const near = nearest(timeZone, timeZoneNames());
    const fix =
      near === undefined ? "write UTC, or a place of the IANA database such as Europe/Berlin" : `write ${near}`;
    return [finding(locate, "timeZone", zone.error.code, `timeZone ${timeZone} ${zone.error.why}`, fix)];
  }
  const times = [readTime(start, "from", zone.value, locate), readTime(end, "until", zone.value, locate)];
  const [from, until] = times;
  if (typeof from !== "number" || typeof until !== "number") return times.filter((time) => typeof time === "object");
  if (until <= from)
    return [
      finding(
        locate,
        "until",
        "freeze-empty",
        `the freeze ends at ${end}, not after it starts at ${start}`,
        "write a later end",
      ),
    ];
  if (until - from > freezeDaysMax * 86_400)
    return [
      finding(
        locate,
        "until",
        "freeze-too-long",
        `the freeze lasts ${Math.ceil((until - from) / 86_400)} days, above the limit of ${freezeDaysMax}`,
        "end it earlier; what shall hold for longer is a bound",
      ),
    ];
  return [];
}

function readTime(
  text: string | undefined,
  key: "from" | "until",
  zone: TimeZone,
  locate: Locate,
): number | Finding | undefined {
  if (text === undefined) return undefined;
  const parsed = parseLocalTime(text, zone);
  if (parsed.ok) return parsed.value;
  return finding(locate, key, parsed.error.code, `${key} ${text} ${parsed.error.why}`, parsed.error.fix);
}

function finding(locate: Locate, key: string, code: string, message: string, fix: string): Finding {
  const pointer = `/spec/${key}`;
  return { code, severity: "error", message, fix, pointer, place: locate(pointer) };
}
