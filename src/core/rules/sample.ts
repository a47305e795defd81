import type { TypeShape } from "../cel/compile.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { pointerTo } from "../pointer.ts";
import { err, ok, type Result } from "../result.ts";
import type { RuleDocument } from "../rule.generated.ts";
import { exampleFleet, exampleVariables } from "./example.ts";
import type { ObjectKind } from "./example-objects.ts";
import { isList, isObject, layObject } from "./lay.ts";
import { sampleStrategies } from "./sample-fleet.ts";
import { checkShape, describe, type SampleFault, unknownKey } from "./sample-shape.ts";
import { type RuleOver, shapesOf } from "./shapes.ts";
import type { RuleVariables } from "./variables.ts";

export type { SampleFault } from "./sample-shape.ts";

/**
 * The variables that a sample stands for: its parts laid over a plain example. A part of the spec or the fleet may stand without `spec:` or `fleet:`
 * around it. The sums of a fleet are those of the sample's strategies, unless the sample says other ones.
 *
 * @param pointer of the sample, for the faults
 */
export function laySample(
  { over, match }: RuleDocument["spec"],
  sample: JsonObject,
  pointer: string,
): Result<RuleVariables, readonly SampleFault[]> {
  const { parts, faults } = partsOf(over, sample, pointer);
  const kind = kindOf(match?.kinds ?? [], parts);
  const found = [
    ...faults,
    ...parts.flatMap((part) => checkShape(shapeOf(part), part.value, part.pointer)),
    ...(kind.ok ? [] : [kind.error]),
  ];
  if (found.length > 0 || !kind.ok) return err(found);
  const strategies = parts.find(({ path }) => path === "fleet.strategies");
  let variables = exampleVariables(over, kind.value);
  if (strategies !== undefined && isList(strategies.value)) {
    const fleet = sampleStrategies(strategies.value, strategies.pointer);
    if (!fleet.ok) return fleet;
    variables = { ...variables, fleet: exampleFleet(fleet.value) };
  }
  for (const part of parts) {
    const [variable = "", field] = part.path.split(".");
    if (part !== strategies)
      variables = layObject(variables, { [variable]: field === undefined ? part.value : { [field]: part.value } });
  }
  return ok(variables);
}

/** Whatever an object holds, it is one. */
function shapeOf({ path, shape }: Part): TypeShape {
  return path === "object" ? { map: "dyn" } : shape;
}

/** A part of a sample, and where it goes: `spec`, `fleet.strategies`. */
interface Part {
  readonly path: string;
  readonly value: JsonValue;
  readonly shape: TypeShape;
  readonly pointer: string;
}

interface Parts {
  readonly parts: readonly Part[];
  readonly faults: readonly SampleFault[];
}

function partsOf(over: RuleOver, sample: JsonObject, pointer: string): Parts {
  const variables = shapesOf(over);
  const fields = fieldsOf(variables[over]);
  const parts: Part[] = [];
  const faults: SampleFault[] = [];
  const add = (key: string, value: JsonValue, at: string, known: Readonly<Record<string, TypeShape>>): void => {
    const shape = Object.hasOwn(known, key) ? known[key] : undefined;
    const path = known === fields ? `${over}.${key}` : key;
    if (shape === undefined) faults.push(unknownKey(key, at, Object.keys(known)));
    else parts.push({ path, value, shape, pointer: at });
  };
  for (const [key, value] of Object.entries(sample)) {
    const at = pointerTo(pointer, key);
    if (over === "fleet" && key === "fleet" && isObject(value)) {
      // Member by member, since the fleet's sums follow from its strategies.
      for (const [member, inner] of Object.entries(value)) add(member, inner, pointerTo(at, member), fields);
    } else if (Object.hasOwn(variables, key)) add(key, value, at, variables);
    else if (Object.hasOwn(fields, key)) add(key, value, at, fields);
    else faults.push(unknownKey(key, at, [...Object.keys(variables), ...Object.keys(fields)]));
  }
  return { parts, faults };
}

function fieldsOf(shape: TypeShape | undefined): Readonly<Record<string, TypeShape>> {
  return typeof shape === "object" && "object" in shape ? shape.object : {};
}

/** The object that a sample is laid over is the one that it names, or the first that the rule matches. */
function kindOf(kinds: readonly ObjectKind[], parts: readonly Part[]): Result<ObjectKind, SampleFault> {
  const object = parts.find(({ path }) => path === "object");
  const asked = object !== undefined && isObject(object.value) ? object.value["kind"] : undefined;
  const [first = "StatefulSet"] = kinds;
  if (object === undefined || asked === undefined) return ok(first);
  const known = kinds.find((kind) => kind === asked);
  if (known !== undefined) return ok(known);
  return err({
    code: "sample-malformed",
    message: `the sample's kind is ${describe(asked)}, and the rule matches ${kinds.join(", ")}`,
    fix: "name a kind of spec.match, or add this one there",
    pointer: pointerTo(object.pointer, "kind"),
  });
}
