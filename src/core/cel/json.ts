import type { JsonValue } from "../json.ts";
import type { TypeShape } from "./types.ts";
import { type CelMap, type CelValue, Failure, fitsInt, isList, isMap, Uint } from "./values.ts";

/** What goes into an evaluation: JSON, with whole numbers of any size. Absent and `undefined` are the same. */
export type InputValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly InputValue[]
  | { readonly [key: string]: InputValue | undefined };

/** What comes out: JSON, with a `bigint` for a whole number that a double could not hold exactly. */
export type OutputValue = JsonValue | bigint | readonly OutputValue[] | { readonly [key: string]: OutputValue };

/** No document is nested this deeply, and every walk over a value recurses. */
const depthMax = 256;

/** Ends an evaluation whose variables are nested too deeply; caught where it began, so that no operator can absorb it. */
export class NestedTooDeeply extends Error {
  override readonly name = "NestedTooDeeply";
}

/**
 * The value of a JSON value. Whole numbers become ints and others doubles, as in the API server; where the shape says
 * `double`, all do. Objects are converted when they are read.
 */
export function fromJson(value: InputValue, shape: TypeShape, depth = 0): CelValue {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? value : value.toWellFormed();
    case "number":
      return shape !== "double" && Number.isInteger(value) && fitsInt(BigInt(value)) ? BigInt(value) : value;
    case "bigint":
      return shape !== "double" && fitsInt(value) ? value : Number(value);
    case "boolean":
      return value;
    default:
      if (value === null) return null;
      if (depth > depthMax) throw new NestedTooDeeply(`a variable is nested deeper than ${depthMax} levels`);
      if (isArray(value)) {
        const inner = typeof shape === "object" && "list" in shape ? shape.list : "dyn";
        return value.map((item) => fromJson(item, inner, depth + 1));
      }
      return new JsonMap(value, shape, depth);
  }
}

function isArray(value: InputValue): value is readonly InputValue[] {
  return Array.isArray(value);
}

class JsonMap implements CelMap {
  readonly isCelMap = true;
  readonly #object: { readonly [key: string]: InputValue | undefined };
  readonly #shape: TypeShape;
  readonly #depth: number;
  readonly #read = new Map<string, CelValue>();
  #keys: readonly string[] | undefined;

  constructor(object: { readonly [key: string]: InputValue | undefined }, shape: TypeShape, depth: number) {
    this.#object = object;
    this.#shape = shape;
    this.#depth = depth;
  }

  get size(): number {
    return this.keys().length;
  }

  keys(): readonly string[] {
    this.#keys ??= Object.keys(this.#object).filter((key) => this.#object[key] !== undefined);
    return this.#keys;
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== "string") return undefined;
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const value = Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
    if (value === undefined) return undefined;
    const converted = fromJson(value, fieldShape(this.#shape, key), this.#depth + 1);
    this.#read.set(key, converted);
    return converted;
  }
}

function fieldShape(shape: TypeShape, key: string): TypeShape {
  if (typeof shape === "string" || "list" in shape) return "dyn";
  if ("map" in shape) return shape.map;
  return (Object.hasOwn(shape.object, key) ? shape.object[key] : undefined) ?? "dyn";
}

/** The map of `{key: value}` in an expression. Numbers are keys by their value, whatever their type. */
export class LiteralMap implements CelMap {
  readonly isCelMap = true;
  readonly #entries: ReadonlyMap<string | number | bigint | boolean, readonly [CelValue, CelValue]>;

  constructor(entries: ReadonlyMap<string | number | bigint | boolean, readonly [CelValue, CelValue]>) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): readonly CelValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  get(key: CelValue): CelValue | undefined {
    const index = mapIndex(key);
    return index === undefined ? undefined : this.#entries.get(index)?.[1];
  }
}

/** What a key is found by; undefined if it can be none. */
export function mapIndex(key: CelValue): string | number | bigint | boolean | undefined {
  if (typeof key === "string" || typeof key === "boolean" || typeof key === "bigint") return key;
  if (typeof key === "number") return Number.isInteger(key) ? BigInt(key) : undefined;
  return key instanceof Uint ? key.value : undefined;
}

/** Values share parts; written out, a short expression's can be endless. */
const outputMax = 100_000;

interface Room {
  left: number;
}

/** The JSON of a value, or a failure if it holds something that JSON has no form for. */
export function toJson(value: CelValue, room: Room = { left: outputMax }): OutputValue | Failure {
  room.left -= 1;
  if (room.left < 0) return new Failure(`the result has more than ${outputMax} parts`);
  switch (typeof value) {
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    case "object":
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (isList(value)) return listToJson(value, room);
  if (isMap(value)) return mapToJson(value, room);
  if (value instanceof Uint) return toJson(value.value, room);
  return new Failure("the result is no JSON value; turn it into text or a number");
}

function listToJson(list: readonly CelValue[], room: Room): OutputValue | Failure {
  const items: OutputValue[] = [];
  for (const item of list) {
    const converted = toJson(item, room);
    if (converted instanceof Failure) return converted;
    items.push(converted);
  }
  return items;
}

function mapToJson(map: CelMap, room: Room): OutputValue | Failure {
  const entries: [string, OutputValue][] = [];
  for (const key of map.keys()) {
    const converted = toJson(map.get(key) ?? null, room);
    if (converted instanceof Failure) return converted;
    entries.push([String(mapIndex(key)), converted]);
  }
  return Object.fromEntries(entries);
}
