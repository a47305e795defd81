import type { Cidr, Ip } from "./addresses.ts";
import type { NamedFormat } from "./named-formats.ts";
import type { Quantity } from "./resource-quantity.ts";
import type { Duration, Timestamp } from "./time.ts";
import type { Url } from "./url.ts";

/** An unsigned integer below 2^64. Integers are `bigint`, doubles `number`. */
export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A type as a value: what `type(x)` gives. */
export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A value that may be absent: what a named format says of a text. */
export class Optional {
  readonly kind = "optional";
  readonly value: CelValue | undefined;
  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

/** Key and value pairs in the order in which they were written. */
export interface CelMap {
  readonly isCelMap: true;
  readonly size: number;
  /** @returns undefined if there is no such key */
  get(key: CelValue): CelValue | undefined;
  keys(): readonly CelValue[];
}

export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint
  | Uint8Array
  | readonly CelValue[]
  | CelMap
  | TypeValue
  | Timestamp
  | Duration
  | Quantity
  | Ip
  | Cidr
  | Url
  | NamedFormat
  | Optional;

/** An error as a value, since `||`, `&&`, `all` and `exists` absorb errors. */
export class Failure {
  readonly message: string;
  /** Of the part that failed; set by the first node that knows it. */
  at = -1;
  constructor(message: string) {
    this.message = message;
  }
}

export type Outcome = CelValue | Failure;

export type ValueKind =
  | "null_type"
  | "bool"
  | "int"
  | "double"
  | "string"
  | "uint"
  | "bytes"
  | "list"
  | "map"
  | "type"
  | "timestamp"
  | "duration"
  | "quantity"
  | "ip"
  | "cidr"
  | "url"
  | "format"
  | "optional";

export function isMap(value: Outcome): value is CelMap {
  return typeof value === "object" && value !== null && "isCelMap" in value;
}

export function isList(value: Outcome): value is readonly CelValue[] {
  return Array.isArray(value);
}

export function kindOf(value: CelValue): ValueKind {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
    default:
      return kindOfObject(value);
  }
}

function kindOfObject(value: Exclude<CelValue, boolean | bigint | number | string>): ValueKind {
  if (value === null) return "null_type";
  if (isList(value)) return "list";
  if (isMap(value)) return "map";
  if (value instanceof Uint) return "uint";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof TypeValue) return "type";
  return value.kind;
}

const intMin = -(2n ** 63n);
const intMax = 2n ** 63n - 1n;
const uintMax = 2n ** 64n - 1n;

export function fitsInt(value: bigint): boolean {
  return value >= intMin && value <= intMax;
}

export function fitsUint(value: bigint): boolean {
  return value >= 0n && value <= uintMax;
}

const leadingSurrogate = /[\ud800-\udbff]/;

/** Characters as CEL counts them: code points. */
export function lengthInCharacters(text: string): number {
  // Most texts have none beyond U+FFFF, which the engine can tell at once.
  const first = text.search(leadingSurrogate);
  if (first < 0) return text.length;
  let count = text.length;
  for (let index = first; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit < 0xdc00) count -= 1;
  }
  return count;
}

/** The length of a text in UTF-8. */
export function bytesOf(value: string): number {
  let bytes = value.length;
  for (let index = 0; index < value.length; index += 1) {
    const unit = value.charCodeAt(index);
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
