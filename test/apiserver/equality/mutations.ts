// What can be done to an object by hand, one change at a time.
import type { JsonObject, JsonValue } from "#core/json.ts";
import { asObject } from "../client.ts";

export interface Mutant {
  /** For example `/spec/replicas dropped`. */
  readonly about: string;
  readonly object: JsonObject;
}

/** What the object is found by, and what it is. */
const identity = ["/apiVersion", "/kind", "/metadata", "/metadata/name", "/metadata/namespace"];

/** Every field below `under` dropped, and changed in each way that its value has. */
export function mutants(object: JsonObject, under = ""): readonly Mutant[] {
  const found: Mutant[] = [];
  const walk = (value: JsonValue, path: readonly string[]): void => {
    const pointer = path.map((part) => `/${part}`).join("");
    if (path.length > 0 && pointer.startsWith(under) && !identity.includes(pointer)) {
      found.push({ about: `${pointer} dropped`, object: asObject(changed(object, path, undefined)) });
      for (const [about, other] of others(value))
        found.push({ about: `${pointer} ${about}`, object: asObject(changed(object, path, other)) });
    }
    if (Array.isArray(value)) for (const [index, item] of value.entries()) walk(item, [...path, String(index)]);
    else if (value !== null && typeof value === "object")
      for (const [key, item] of Object.entries(value)) walk(item, [...path, key]);
  };
  walk(object, []);
  return found;
}

function others(value: JsonValue): readonly (readonly [about: string, value: JsonValue])[] {
  if (typeof value === "boolean") return [["flipped", !value]];
  if (typeof value === "number")
    return [
      ["one more", value + 1],
      ["zero", 0],
    ];
  if (typeof value === "string") return textOthers(value);
  if (Array.isArray(value)) {
    const [first] = value as readonly JsonValue[];
    return first === undefined
      ? []
      : [
          ["emptied", []],
          ["twice the first", [...(value as readonly JsonValue[]), first]],
        ];
  }
  return value === null || Object.keys(value).length === 0 ? [] : [["emptied", {}]];
}

function textOthers(value: string): readonly (readonly [about: string, value: JsonValue])[] {
  const quantity = /^(\d+)(m|Ki|Mi|Gi)?$/.exec(value);
  if (quantity !== null) {
    const [, number = "", unit = ""] = quantity;
    return [
      ["one more", `${Number(number) + 1}${unit}`],
      ["a thousandfold", `${number}000${unit}`],
      ["zero", "0"],
    ];
  }
  return [
    ["longer", `${value}x`],
    ["empty", ""],
  ];
}

function changed(
  value: JsonValue,
  [first, ...rest]: readonly string[],
  to: JsonValue | undefined,
): JsonValue | undefined {
  if (first === undefined) return to;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return items.flatMap((item, index) => {
      const next = String(index) === first ? changed(item, rest, to) : item;
      return next === undefined ? [] : [next];
    });
  }
  const entries = Object.entries(asObject(value)).flatMap(([key, item]) => {
    const next = key === first ? changed(item, rest, to) : item;
    return next === undefined ? [] : [[key, next] as const];
  });
  return Object.fromEntries(entries);
}

/** The object with parts laid over it; a list takes the place of the list. */
export function laid(object: JsonObject, parts: JsonObject): JsonObject {
  const result: { [key: string]: JsonValue } = { ...object };
  for (const [key, part] of Object.entries(parts)) {
    const isMap = part !== null && typeof part === "object" && !Array.isArray(part);
    result[key] = isMap ? laid(asObject(object[key]), part as JsonObject) : part;
  }
  return result;
}
