import type { Ip } from "./addresses.ts";
import { compareQuantities } from "./resource-quantity.ts";
import { type CelMap, type CelValue, isList, isMap, kindOf, TypeValue, Uint } from "./values.ts";

/** Values share parts, so that one written in a line can have more of them than could ever be compared. */
export interface Tally {
  /** Values compared so far. */
  visits: number;
  readonly visitsMax: number;
}

/** CEL's `==`: numbers by value whatever their type, everything else only within its type. False once the tally is full. */
export function equal(a: CelValue, b: CelValue, tally: Tally): boolean {
  tally.visits += 1;
  if (tally.visits > tally.visitsMax) return false;
  if (typeof a === "string" || typeof a === "boolean" || a === null) return a === b;
  if (typeof a === "bigint" && typeof b === "bigint") return a === b;
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0;
  if (isList(a)) return isList(b) && equalLists(a, b, tally);
  if (isMap(a)) return isMap(b) && equalMaps(a, b, tally);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (typeof b !== "object" || b === null || !("kind" in b) || a.kind !== b.kind) return false;
  if (a.kind === "timestamp" && b.kind === "timestamp") return a.nanos === b.nanos;
  if (a.kind === "duration" && b.kind === "duration") return a.nanos === b.nanos;
  if (a.kind === "quantity" && b.kind === "quantity") return compareQuantities(a, b) === 0;
  if (a.kind === "ip" && b.kind === "ip") return sameIp(a, b);
  if (a.kind === "cidr" && b.kind === "cidr") return a.prefix === b.prefix && sameIp(a.address, b.address);
  if (a.kind === "url" && b.kind === "url") return a.canonical === b.canonical;
  if (a.kind === "format" && b.kind === "format") return a.name === b.name;
  if (a.kind !== "optional" || b.kind !== "optional") return false;
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equal(a.value, b.value, tally);
}

function sameIp(a: Ip, b: Ip): boolean {
  return a.family === b.family && a.bits === b.bits;
}

function equalLists(a: readonly CelValue[], b: readonly CelValue[], tally: Tally): boolean {
  if (a.length !== b.length) return false;
  for (const [index, item] of a.entries()) {
    const other = b[index];
    if (other === undefined || !equal(item, other, tally)) return false;
  }
  return true;
}

function equalMaps(a: CelMap, b: CelMap, tally: Tally): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const left = a.get(key);
    const right = b.get(key);
    if (left === undefined || right === undefined || !equal(left, right, tally)) return false;
  }
  return true;
}

type CelNumber = bigint | number | Uint;

export function isNumber(value: CelValue): value is CelNumber {
  return typeof value === "bigint" || typeof value === "number" || value instanceof Uint;
}

/**
 * A whole number against a double is compared as doubles, which is what Kubernetes does.
 *
 * @returns NaN if one of them is none
 */
function compareNumbers(a: CelNumber, b: CelNumber): number {
  const left = a instanceof Uint ? a.value : a;
  const right = b instanceof Uint ? b.value : b;
  if (typeof left === typeof right) return order(left, right);
  return order(Number(left), Number(right));
}

function order<T extends bigint | number | string>(a: T, b: T): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return a === b ? 0 : Number.NaN;
}

/** By code points, as UTF-8 sorts; JavaScript's own order differs above U+FFFF. */
export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right)
      return isSurrogate(left) === isSurrogate(right) ? left - right : Number(isSurrogate(left)) - 0.5;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xe000;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** CEL's `<` and its kin; undefined if the two have no order. NaN if one of them is none. */
export function compare(a: CelValue, b: CelValue): number | undefined {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  const kind = kindOf(a);
  if ((kind === "timestamp" || kind === "duration") && kind === kindOf(b)) return order(nanosOf(a), nanosOf(b));
  return undefined;
}

function nanosOf(value: CelValue): bigint {
  return typeof value === "object" && value !== null && "nanos" in value ? value.nanos : 0n;
}
