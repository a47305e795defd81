import { fitsInt } from "./values.ts";

/**
 * A Kubernetes quantity: `mantissa * 10^exponent`, exact.
 * Kubernetes keeps small ones in 64 bits and others as big decimals; what can be asked of them depends on which
 * (`asInteger` of `1500m` fails, of `1.5Gi` too), so it is kept here as well.
 */
export class Quantity {
  readonly kind = "quantity";
  readonly mantissa: bigint;
  readonly exponent: number;
  /** Whether Kubernetes has it in 64 bits. */
  readonly small: boolean;
  /** Whether `add` or `sub` made it: Kubernetes fails to compare such a one with `==` when it stands on the right. */
  readonly computed: boolean;
  constructor(mantissa: bigint, exponent: number, small: boolean, computed = false) {
    this.computed = computed;
    this.mantissa = mantissa;
    this.exponent = exponent;
    this.small = small;
  }
}

const decimalSuffixes: ReadonlyMap<string, number> = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const binarySuffixes: ReadonlyMap<string, number> = new Map([
  ["Ki", 10],
  ["Mi", 20],
  ["Gi", 30],
  ["Ti", 40],
  ["Pi", 50],
  ["Ei", 60],
]);
const smallDigitsMax = 18;
const nano = -9;
const binaryMax = 2n ** 63n - 1n;
/** Digits and exponents beyond this are refused here, where Kubernetes would compute for minutes. */
const sizeMax = 1000;

/** Parses as `resource.ParseQuantity` does; undefined if it would refuse. */
export function parseQuantity(text: string): Quantity | undefined {
  const parts = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]+)$/.exec(text);
  const [, sign = "", written = "", fraction = "", suffix = ""] = parts ?? [];
  if (parts === null || text.length > sizeMax) return undefined;
  if (text === "0") return new Quantity(0n, 0, true);
  // A sign alone is zero to Kubernetes.
  if (text === "") return undefined;
  const whole = written.replace(/^0+/, "") || "0";
  const power = suffixPower(suffix);
  if (power === undefined) return undefined;
  const digits = BigInt(whole + fraction);
  const signed = sign === "-" ? -digits : digits;
  const quick = smallQuantity(signed, whole, fraction, power);
  if (quick !== undefined) return quick;
  // A number needs a digit, which the quick way takes for granted.
  if (written === "" && fraction === "") return undefined;
  return bigQuantity(signed, fraction.length, power);
}

interface Power {
  readonly base: 2 | 10;
  readonly exponent: number;
}

function suffixPower(suffix: string): Power | undefined {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { base: 10, exponent: decimal };
  const binary = binarySuffixes.get(suffix);
  if (binary !== undefined) return { base: 2, exponent: binary };
  const exponent = Number(suffix.slice(1));
  return Math.abs(exponent) > sizeMax ? undefined : { base: 10, exponent };
}

/** The form that Kubernetes keeps in 64 bits, if the number's digits leave room. */
function smallQuantity(value: bigint, whole: string, fraction: string, power: Power): Quantity | undefined {
  let room = smallDigitsMax - whole.length - fraction.length;
  let factor = 1n;
  if (power.base === 2) {
    if (fraction !== "") return undefined;
    factor = 2n ** BigInt(power.exponent);
    room = 15 - whole.length - Math.floor((power.exponent * 3) / 10) - 1;
  }
  const exponent = (power.base === 10 ? power.exponent : 0) - fraction.length;
  if (room < 0 || exponent < nano || !fitsInt(value * factor)) return undefined;
  return new Quantity(value * factor, exponent, true);
}

/** Rounded away from zero to billionths; with a binary suffix at most 2^63-1. */
function bigQuantity(value: bigint, places: number, power: Power): Quantity {
  const exponent = (power.base === 10 ? power.exponent : 0) - places;
  const scaled = power.base === 2 ? value * 2n ** BigInt(power.exponent) : value;
  if (scaled === 0n) return new Quantity(0n, exponent, false);
  const rounded = roundAway(scaled, exponent);
  const limit = binaryMax * 10n ** 9n;
  if (power.base !== 2 || (rounded <= limit && rounded >= -limit)) return new Quantity(rounded, nano, false);
  return new Quantity(rounded < 0n ? -binaryMax : binaryMax, 0, false);
}

function roundAway(mantissa: bigint, exponent: number): bigint {
  if (exponent >= nano) return mantissa * 10n ** BigInt(exponent - nano);
  const divisor = 10n ** BigInt(nano - exponent);
  const quotient = mantissa / divisor;
  if (mantissa % divisor === 0n) return quotient;
  return quotient + (mantissa < 0n ? -1n : 1n);
}

export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const exponent = Math.min(a.exponent, b.exponent);
  const left = atExponent(a, exponent);
  const right = atExponent(b, exponent);
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const { mantissa, exponent, small } = sum(a, b);
  return new Quantity(mantissa, exponent, small, true);
}

function sum(a: Quantity, b: Quantity): Quantity {
  const exponent = Math.min(a.exponent, b.exponent);
  if (a.small && b.small) {
    if (b.mantissa === 0n) return a;
    if (a.mantissa === 0n) return b;
    const parts = [atExponent(a, exponent), atExponent(b, exponent)] as const;
    const total = parts[0] + parts[1];
    if (fitsInt(parts[0]) && fitsInt(parts[1]) && fitsInt(total)) return new Quantity(total, exponent, true);
  }
  return new Quantity(atExponent(a, exponent) + atExponent(b, exponent), exponent, false);
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return addQuantities(a, new Quantity(-b.mantissa, b.exponent, b.small));
}

/** As Kubernetes has it: a quantity with decimal places is no integer, even if they are zeros; nor is a big one. */
export function quantityAsInteger(quantity: Quantity): bigint | undefined {
  if (!quantity.small || quantity.exponent < 0) return undefined;
  const value = atExponent(quantity, 0);
  return fitsInt(value) ? value : undefined;
}

export function quantityAsFloat(quantity: Quantity): number {
  const base = Number(quantity.mantissa);
  return quantity.exponent === 0 ? base : base * Number(`1e${quantity.exponent}`);
}

function atExponent(quantity: Quantity, exponent: number): bigint {
  return quantity.mantissa * 10n ** BigInt(quantity.exponent - exponent);
}
