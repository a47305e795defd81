import type { JsonObject, JsonValue } from "../json.ts";

/**
 * One JSON value over another: maps are merged, and `null` takes a key out. A list takes the place of the list; the maps in it are laid over the
 * base's of the same `name` or `id`, or over its first.
 */
export function lay(base: JsonValue | undefined, over: JsonValue): JsonValue {
  if (isList(over)) {
    const items = base !== undefined && isList(base) ? base : [];
    return over.map((item) => (isObject(item) ? lay(sameItem(items, item), item) : item));
  }
  return isObject(over) ? layObject(base !== undefined && isObject(base) ? base : {}, over) : over;
}

export function layObject(base: JsonObject, over: JsonObject): JsonObject {
  const laid: Record<string, JsonValue> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete laid[key];
    else laid[key] = lay(Object.hasOwn(laid, key) ? laid[key] : undefined, value);
  }
  return laid;
}

function sameItem(items: readonly JsonValue[], wanted: JsonObject): JsonObject | undefined {
  const maps = items.filter(isObject);
  for (const key of ["name", "id"]) {
    const same = maps.find((item) => item[key] !== undefined && item[key] === wanted[key]);
    if (same !== undefined) return same;
  }
  return maps[0];
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return value !== null && typeof value === "object" && !isList(value);
}
