import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import { decimal, formatDecimal } from "./decimal.ts";
import type { SourceDocument } from "./document.ts";
import type { EnvironmentDocument } from "./environment.generated.ts";
import { exceeds } from "./limits.ts";
import { misplaced, type Parsed, parseDocument } from "./parse.ts";
import { cpuOf, memoryOf } from "./quantity.ts";
import type { Finding } from "./refusal.ts";
import { childOf } from "./schema-walk.ts";
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
    checkPath,
    check,
  });
}

function checkPath(source: SourceDocument): readonly Finding[] {
  const name = /(?:^|[/\\])policies[/\\]environments[/\\]([^/\\]+)\.yaml$/.exec(source.file)?.[1];
  if (name === undefined) {
    return [misplaced(source, "an environment stands in policies/environments/<environment>.yaml, not here")];
  }
  const found = childOf(childOf(source.value, "metadata"), "name");
  if (typeof found !== "string" || found === name) return [];
  const message = `metadata.name is ${JSON.stringify(found)}, but the file says ${JSON.stringify(name)}`;
  return [
    {
      code: "metadata-not-file",
      severity: "error",
      message,
      fix: `write ${name}, or rename the file`,
      pointer: "/metadata/name",
      place: source.locate("/metadata/name"),
    },
  ];
}

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
  const above = {
    cpu: exceeds.cpu(cpuOf(bounds.cpu), cpuOf(defaults.cpu)),
    memory: exceeds.memory(memoryOf(bounds.memory), memoryOf(defaults.memory)),
    state: exceeds.state(memoryOf(bounds.state), memoryOf(defaults.state)),
  };
  for (const name of ["cpu", "memory", "state"] as const) {
    if (!above[name]) continue;
    const message = `defaults.${name} is ${defaults[name]}, above the environment's own bound ${bounds[name]}`;
    add(
      "above-bound",
      `/spec/defaults/${name}`,
      message,
      `lower it to ${bounds[name]}, or raise bounds.${name}`,
      `/spec/bounds/${name}`,
    );
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
