import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import { formatBound, isListBound, isWithin, knownBound } from "./bounds.ts";
import type { EnvironmentDocument } from "./environment.generated.ts";
import { checkFileName, type Known, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { validateEnvironment } from "./validators.generated.js";
import { checkVenues } from "./venue-checks.ts";

export type { EnvironmentDocument } from "./environment.generated.ts";
export type { Parsed } from "./parse.ts";

/** As much of an environment as something depends on. */
export interface EnvironmentPart<Field extends keyof EnvironmentDocument["spec"]> {
  readonly metadata: EnvironmentDocument["metadata"];
  readonly spec: Pick<EnvironmentDocument["spec"], Field>;
}

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

/** What a strategy need not say of itself. */
export const defaultNames = [
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
function check(known: Known<EnvironmentDocument>): readonly Finding[] {
  const { parts, whole, locate } = known;
  const findings: Finding[] = [];
  const add = (code: string, pointer: string, message: string, fix: string, bound?: string): void => {
    const place = locate(pointer);
    findings.push({
      code,
      severity: "error",
      message,
      fix,
      pointer,
      place,
      ...(bound === undefined ? {} : { bound: locate(bound) }),
    });
  };
  const { bounds = {}, defaults = {}, venues } = parts.spec ?? {};
  for (const name of defaultNames) {
    const bound = knownBound(known, `/spec/bounds/${name}`, bounds[name]);
    const value = knownBound(known, `/spec/defaults/${name}`, defaults[name]);
    if (bound === undefined || value === undefined || isWithin(name, bound, value)) continue;
    const message = `defaults.${name} is ${formatBound(value)}, ${isListBound(name) ? "outside" : "above"} the environment's own bound ${formatBound(bound)}`;
    const fix = isListBound(name)
      ? `drop it, or add it to bounds.${name}`
      : `lower it to ${formatBound(bound)}, or raise bounds.${name}`;
    add("above-bound", `/spec/defaults/${name}`, message, fix, `/spec/bounds/${name}`);
  }
  for (const [group, { maxOrderNotional: order, maxPositionNotional: position }] of Object.entries({
    bounds,
    defaults,
  })) {
    if (order === undefined || position === undefined || isWithin("maxOrderNotional", position, order)) continue;
    const base = `/spec/${group}`;
    const message = `${group}.maxOrderNotional is ${order}, above ${group}.maxPositionNotional ${position}`;
    const fix = `lower it to ${position}`;
    add("order-above-position", `${base}/maxOrderNotional`, message, fix, `${base}/maxPositionNotional`);
  }
  for (const [index, venue] of (bounds.venues ?? []).entries()) {
    if (venue === undefined || venues === undefined || Object.hasOwn(venues, venue) || !whole("/spec/venues")) continue;
    const names = Object.keys(venues).join(", ") || "none";
    add(
      "venue-unknown",
      `/spec/bounds/venues/${index}`,
      `bounds.venues[${index}] is ${venue}, which spec.venues does not describe; it has: ${names}`,
      `add ${venue} to spec.venues, or take it out here`,
    );
  }
  const bus = parts.spec?.cluster?.bus;
  if (bus?.nodes === 2) {
    const message =
      "cluster.bus.nodes is 2: two are worse than one, since a majority of two is two, and neither goes on without the other";
    add("bus-nodes-two", "/spec/cluster/bus/nodes", message, "say nodes: 1, or nodes: 3");
  }
  if (parts.spec?.embedded === true && bus?.nodes === 3) {
    const message = "cluster.bus.nodes is 3, and this environment is embedded: the embedded cluster runs one bus";
    const fix = "take embedded: true out, or say nodes: 1";
    add("bus-nodes-embedded", "/spec/cluster/bus/nodes", message, fix, "/spec/embedded");
  }
  return [...findings, ...checkVenues(known)];
}
