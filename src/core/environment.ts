import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import { formatBound, isListBound, isWithin } from "./bounds.ts";
import { decimal, formatDecimal } from "./decimal.ts";
import type { SourceDocument } from "./document.ts";
import type { EnvironmentDocument } from "./environment.generated.ts";
import { exceeds } from "./limits.ts";
import { checkFileName, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { validateEnvironment } from "./validators.generated.js";

export type { EnvironmentDocument } from "./environment.generated.ts";
export type { Parsed } from "./parse.ts";

/**
 * Reads and checks an environment.
 *
 * @param file the path for places, which also says the name: `policies/environments/<environment>.yaml`
 */
export function parseEnvironment(file: string, text: string): Parsed<EnvironmentDocument> {
  return parseDocument<EnvironmentDocument>(file, text, {
    schema: environmentSchema,
    validate: validateEnvironment,
    checkPath: (source) => checkFileName(source, "environments", "an environment"),
    check,
  });
}

const defaultNames = [
  "venues",
  "maxOrderNotional",
  "maxPositionNotional",
  "orderRate",
  "maxDrawdown",
  "cpu",
  "memory",
  "state",
] as const;

/** What an environment says must be possible in itself. */
function check({ spec }: EnvironmentDocument, source: SourceDocument): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, pointer: string, message: string, fix: string, bound?: string): void => {
    const place = source.locate(pointer);
    findings.push({
      code,
      severity: "error",
      message,
      fix,
      pointer,
      place,
      ...(bound === undefined ? {} : { bound: source.locate(bound) }),
    });
  };
  const { bounds, defaults } = spec;
  for (const name of defaultNames) {
    const within = isWithin(name, bounds[name], defaults[name]);
    if (within) continue;
    const message = `defaults.${name} is ${formatBound(defaults[name])}, ${isListBound(name) ? "outside" : "above"} the environment's own bound ${formatBound(bounds[name])}`;
    const fix = isListBound(name)
      ? `drop it, or add it to bounds.${name}`
      : `lower it to ${formatBound(bounds[name])}, or raise bounds.${name}`;
    add("above-bound", `/spec/defaults/${name}`, message, fix, `/spec/bounds/${name}`);
  }
  const position = decimal(bounds.maxPositionNotional);
  if (exceeds.maxOrderNotional(position, decimal(bounds.maxOrderNotional))) {
    const message = `bounds.maxOrderNotional is ${bounds.maxOrderNotional}, above bounds.maxPositionNotional ${formatDecimal(position)}`;
    add(
      "order-above-position",
      "/spec/bounds/maxOrderNotional",
      message,
      `lower it to ${formatDecimal(position)}`,
      "/spec/bounds/maxPositionNotional",
    );
  }
  if (exceeds.maxOrderNotional(decimal(defaults.maxPositionNotional), decimal(defaults.maxOrderNotional))) {
    add(
      "order-above-position",
      "/spec/defaults/maxOrderNotional",
      `defaults.maxOrderNotional is ${defaults.maxOrderNotional}, above defaults.maxPositionNotional ${defaults.maxPositionNotional}`,
      `lower it to ${defaults.maxPositionNotional}`,
      "/spec/defaults/maxPositionNotional",
    );
  }
  for (const [index, venue] of bounds.venues.entries()) {
    if (Object.hasOwn(spec.venues, venue)) continue;
    const known = Object.keys(spec.venues).join(", ") || "none";
    add(
      "venue-unknown",
      `/spec/bounds/venues/${index}`,
      `bounds.venues[${index}] is ${venue}, which spec.venues does not describe; it has: ${known}`,
      `add ${venue} to spec.venues, or take it out here`,
    );
  }
  return findings;
}
