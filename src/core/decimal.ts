import { assert, type Brand, err, ok, type Result } from "./result.ts";

/** An exact decimal with at most 8 fraction digits: the integer number of 1e-8. Money, prices, quantities and fractions. */
export type Decimal = Brand<bigint, "Decimal">;

export interface DecimalMalformed {
  readonly code: "decimal-malformed";
  readonly text: string;
}

/**
 * What becomes of digits below 1e-8. `exact`: there may be none (asserted); `down`: towards zero; `floor`: towards minus
 * infinity; `ceiling`: towards plus infinity; `half-even`: to the nearest, a tie to the even digit.
 */
export type Rounding = "exact" | "down" | "floor" | "ceiling" | "half-even";

const decimals = 8;
const scale = 10n ** 8n;
const grammar = /^(?<sign>-?)(?<whole>0|[1-9][0-9]{0,17})(?:\.(?<fraction>[0-9]{1,8}))?$/;

/**
 * Parses a decimal such as `"1500.50"` or `"-0.1"`.
 *
 * @param text at most 18 integer and 8 fraction digits; no plus sign, no exponent, no leading zeros, no bare point
 */
export function parseDecimal(text: string): Result<Decimal, DecimalMalformed> {
  const groups = grammar.exec(text)?.groups;
  if (groups?.["whole"] === undefined) return err({ code: "decimal-malformed", text });
  const magnitude = BigInt(groups["whole"] + (groups["fraction"] ?? "").padEnd(decimals, "0"));
  return ok((groups["sign"] === "-" ? -magnitude : magnitude) as Decimal);
}

/** A decimal that is known to be well formed: a constant in code, or text a parser has already let through. Anything else is a bug. */
export function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  assert(parsed.ok, `not a decimal: ${JSON.stringify(text)}`);
  return parsed.value;
}

/** The canonical text: no exponent, no trailing zeros, no minus zero. Equal values have equal texts. */
export function formatDecimal(value: Decimal): string {
  const sign = value < 0n ? "-" : "";
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -decimals)}${fraction === "" ? "" : `.${fraction}`}`;
}

export function add(a: Decimal, b: Decimal): Decimal {
  return (a + b) as Decimal;
}

/** `a - b`. */
export function subtract(a: Decimal, b: Decimal): Decimal {
  return (a - b) as Decimal;
}

/** `a × b`. With `exact` the product must fit in 8 fraction digits, as that of two factors with 4 each always does. */
export function multiply(a: Decimal, b: Decimal, rounding: Rounding): Decimal {
  return quotient(a * b, scale, rounding) as Decimal;
}

/** `a ÷ b`, cut at 8 fraction digits towards zero unless another rounding is named. Dividing by zero is a bug. */
export function divide(a: Decimal, b: Decimal, rounding: Rounding = "down"): Decimal {
  assert(b !== 0n, "division by zero");
  return quotient(a * scale, b, rounding) as Decimal;
}

export function compare(a: Decimal, b: Decimal): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function min(a: Decimal, b: Decimal): Decimal {
  return a <= b ? a : b;
}

export function max(a: Decimal, b: Decimal): Decimal {
  return a >= b ? a : b;
}

export function abs(value: Decimal): Decimal {
  return value < 0n ? negate(value) : value;
}

export function negate(value: Decimal): Decimal {
  return -value as Decimal;
}

/** The greatest decimal with at most `places` (0 to 8) fraction digits that is not above `value`. */
export function floorTo(value: Decimal, places: number): Decimal {
  assert(Number.isInteger(places) && places >= 0 && places <= decimals, `fraction digits out of range: ${places}`);
  const step = 10n ** BigInt(decimals - places);
  return (quotient(value, step, "floor") * step) as Decimal;
}

function quotient(dividend: bigint, divisor: bigint, rounding: Rounding): bigint {
  const cut = dividend / divisor;
  const rest = dividend % divisor;
  if (rest === 0n) return cut;
  assert(rounding !== "exact", "the result needs more than 8 fraction digits");
  const away = dividend < 0n === divisor < 0n ? 1n : -1n;
  if (rounding === "down") return cut;
  if (rounding === "floor") return away < 0n ? cut + away : cut;
  if (rounding === "ceiling") return away > 0n ? cut + away : cut;
  const double = 2n * magnitude(rest);
  const whole = magnitude(divisor);
  const up = double > whole || (double === whole && cut % 2n !== 0n);
  return up ? cut + away : cut;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
