import type { TypeShape } from "../cel/compile.ts";
import type { JsonValue } from "../json.ts";
import { pointerTo } from "../pointer.ts";
import { nearest } from "../suggest.ts";
import { isList, isObject } from "./lay.ts";

/** What is wrong with a sample itself, before any expression sees it. */
export interface SampleFault {
  readonly code: "sample-key-unknown" | "sample-malformed";
  readonly message: string;
  readonly fix: string;
  /** Of the value, or of the member whose key is unknown, in the rule's document. */
  readonly pointer: string;
}

/** Holds a part of a sample against what the rule sees there: keys and kinds of values. */
export function checkShape(shape: TypeShape, value: JsonValue, pointer: string): readonly SampleFault[] {
  // Takes the key out.
  if (value === null || shape === "dyn") return [];
  if (!fitsShape(shape, value)) return [mismatch(shape, value, pointer)];
  if (typeof shape === "string") return [];
  if (isList(value)) {
    const inner = "list" in shape ? shape.list : "dyn";
    return value.flatMap((item, index) => checkShape(inner, item, pointerTo(pointer, index)));
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const at = pointerTo(pointer, key);
    if (!("object" in shape)) return checkShape("map" in shape ? shape.map : "dyn", member, at);
    const field = Object.hasOwn(shape.object, key) ? shape.object[key] : undefined;
    return field === undefined ? [unknownKey(key, at, Object.keys(shape.object))] : checkShape(field, member, at);
  });
}

function mismatch(shape: TypeShape, value: JsonValue, pointer: string): SampleFault {
  const quoted = shape === "string" && (typeof value === "number" || typeof value === "boolean");
  return {
    code: "sample-malformed",
    message: `the sample has ${describe(value)} where the rule sees ${wantedText(shape)}`,
    fix: quoted ? `write ${JSON.stringify(String(value))} in quotes` : `write ${wantedText(shape)}`,
    pointer,
  };
}

export function unknownKey(key: string, pointer: string, known: readonly string[]): SampleFault {
  const near = nearest(key, known);
  return {
    code: "sample-key-unknown",
    message: `${key} is nothing that the rule sees here${near === undefined ? "" : `; did you mean "${near}"?`}`,
    fix: near === undefined ? `take it out; known here: ${known.join(", ")}` : `write ${near}`,
    pointer,
  };
}

function fitsShape(shape: TypeShape, value: JsonValue): boolean {
  switch (shape) {
    case "dyn":
      return true;
    case "string":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int":
      return Number.isInteger(value);
    case "double":
      return typeof value === "number";
    default:
      return "list" in shape ? isList(value) : isObject(value);
  }
}

function wantedText(shape: TypeShape): string {
  switch (shape) {
    case "dyn":
      return "any value";
    case "string":
      return "text";
    case "bool":
      return "true or false";
    case "int":
      return "a whole number";
    case "double":
      return "a number";
    default:
      return "list" in shape ? "a list" : "a map";
  }
}

export function describe(value: JsonValue): string {
  if (isList(value)) return "a list";
  if (isObject(value)) return "a map";
  return typeof value === "string" ? `the text ${JSON.stringify(value)}` : String(value);
}
