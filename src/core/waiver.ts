import waiverSchema from "#schemas/waiver.schema.json" with { type: "json" };
import { parseEnd } from "./instant.ts";
import { checkFileName, type Known, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { assert } from "./result.ts";
import { validateWaiver } from "./validators.generated.js";
import type { WaiverDocument } from "./waiver.generated.ts";

export type { Scope, WaiverDocument } from "./waiver.generated.ts";

/** The longest that an exception may last, from the commit that brings it. */
export const waiverDaysMax = 90;

/**
 * Reads and checks a waiver by itself; `checkPolicies` then looks for what it waives.
 *
 * @param file the path for places, which also says the name: `policies/waivers/<name>.yaml`
 */
export function parseWaiver(file: string, text: string): Parsed<WaiverDocument> {
  return parseDocument<WaiverDocument>(file, text, {
    schema: waiverSchema,
    validate: validateWaiver,
    checkPath: (source) => checkFileName(source, "waivers", "a waiver"),
    check,
  });
}

/** The first second in which the waiver no longer holds, since the epoch. */
export function waiverEnd({ spec }: WaiverDocument): number {
  const end = parseEnd(spec.until);
  assert(end.ok, `a checked waiver ends at ${JSON.stringify(spec.until)}`);
  return end.value;
}

/** A date that cannot be read would be an exception without an end. */
function check({ parts, locate }: Known<WaiverDocument>): readonly Finding[] {
  const { until } = parts.spec ?? {};
  const end = until === undefined ? undefined : parseEnd(until);
  if (end === undefined || end.ok) return [];
  const pointer = "/spec/until";
  return [
    {
      code: "waiver-end-malformed",
      severity: "error",
      message: `until is ${JSON.stringify(until)}, which ${end.error.why}; a waiver must end`,
      fix: 'write a day ("2026-12-04", included whole, UTC) or an instant ("2026-12-04T17:00:00Z")',
      pointer,
      place: locate(pointer),
    },
  ];
}
