import { boundPattern } from "./bound-pattern.ts";
import type { BoundValues } from "./bound-table.ts";
import { type BoundName, type BoundValue, boundNames, formatBound, isWithin } from "./bounds.ts";
import type { EnvironmentDocument } from "./environment.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { assert } from "./result.ts";

/** Whose bounds they are. */
export interface BoundedFor {
  readonly environment: string;
  readonly team?: string;
}

/**
 * The schema of a strategy with the bounds of an environment in it, so that an editor shows a value that is beyond one while it is typed. A value of
 * the spec counts only where the environment's own entry has no other; a spec that is not in the environment is held to nothing.
 */
export function boundedSchema(
  schema: JsonObject,
  bounds: BoundValues,
  defaults: EnvironmentDocument["spec"]["defaults"],
  whose: BoundedFor,
): JsonObject {
  const definitions = objectAt(schema, "$defs");
  const spec = objectAt(definitions, "spec");
  const described = describe(definitions, bounds, whose);
  const held = boundNames.map((name) => {
    const fallback = name === "instruments" || name === "rpcAddresses" ? undefined : defaults[name];
    const mustSay = fallback !== undefined && !isWithin(name, bounds[name], fallback);
    return holding(name, bounds[name], whose.environment, mustSay);
  });
  const suffix = whose.team === undefined ? "" : `&team=${whose.team}`;
  return {
    ...schema,
    $id: `${String(schema["$id"])}?environment=${whose.environment}${suffix}`,
    $defs: { ...described, spec: { ...spec, allOf: held } },
  };
}

/** `limits`, `resources`, or for RPC addresses the algorithm. */
function groupOf(name: BoundName): "limits" | "resources" | "algorithm" {
  if (name === "rpcAddresses") return "algorithm";
  return name === "cpu" || name === "memory" || name === "state" ? "resources" : "limits";
}

function fieldOf(name: BoundName): string {
  return name === "rpcAddresses" ? "rpc" : name;
}

/** @param mustSay whether the environment's default is beyond the bound, so that the spec cannot leave the field out */
function holding(name: BoundName, bound: BoundValue, environment: string, mustSay: boolean): JsonObject {
  const [group, field] = [groupOf(name), fieldOf(name)];
  const value = properties({ [group]: properties({ [field]: within(name, bound) }) });
  const said = mustSay ? laid(value, { [group]: { required: [field] } }, [group]) : value;
  const isThere = (entry: JsonObject): JsonObject => ({
    required: ["environments"],
    ...properties({ environments: { required: [environment], ...properties({ [environment]: entry }) } }),
  });
  if (group === "algorithm") return conditional(isThere({}), value, {});
  const overridden = {
    required: [group],
    ...properties({ [group]: { required: [field], ...properties({ [field]: {} }) } }),
  };
  const override = properties({ environments: properties({ [environment]: value }) });
  return conditional(isThere({ not: overridden }), said, override);
}

function conditional(test: JsonObject, holds: JsonObject, otherwise: JsonObject): JsonObject {
  // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema.
  return { if: test, then: holds, else: otherwise };
}

/** The schema of an object with more said of some of its fields, which are required. */
function laid(
  schema: JsonObject,
  more: { readonly [field: string]: JsonObject },
  required: readonly string[],
): JsonObject {
  const fields = objectAt(schema, "properties");
  const all = Object.entries(fields).map(([key, field]) => [key, { ...(field as JsonObject), ...more[key] }] as const);
  return { ...schema, required, properties: Object.fromEntries(all) };
}

function properties(fields: JsonObject): JsonObject {
  return { type: "object", properties: fields };
}

function within(name: BoundName, bound: BoundValue): JsonObject {
  if (typeof bound !== "string") {
    const item: JsonObject = bound.length === 0 ? { not: {} } : { enum: [...bound] };
    return name === "rpcAddresses" ? item : { type: "array", items: item };
  }
  const pattern = boundPattern(name, bound);
  return pattern === undefined ? {} : { type: "string", pattern };
}

/** The fields' descriptions, which editors show, with the bound at their end. */
function describe(definitions: JsonObject, bounds: BoundValues, { environment, team }: BoundedFor): JsonObject {
  const whose = team === undefined ? environment : `${environment} for team ${team}`;
  const places = { limits: ["limits", "limitsOverride"], resources: ["resources"], algorithm: ["algorithmRpc"] };
  const described: { [name: string]: JsonValue } = { ...definitions };
  for (const name of boundNames) {
    for (const place of places[groupOf(name)]) {
      const definition = objectAt(described, place);
      const fields = objectAt(definition, "properties");
      const field = objectAt(fields, fieldOf(name));
      const bound = bounds[name];
      const most = typeof bound === "string" ? `At most ${bound}` : `Allowed: ${formatBound(bound)}`;
      const description = `${String(field["description"])} ${most} in ${whose}.`;
      described[place] = {
        ...definition,
        properties: { ...fields, [fieldOf(name)]: { ...field, description } },
      };
    }
  }
  return described;
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  assert(value !== null && typeof value === "object" && !Array.isArray(value), `the schema has no ${key}`);
  return value as JsonObject;
}
