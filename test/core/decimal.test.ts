import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  abs,
  add,
  compare,
  type Decimal,
  decimal,
  divide,
  floorTo,
  formatDecimal,
  max,
  min,
  multiply,
  negate,
  parseDecimal,
  type Rounding,
  subtract,
} from "#core/decimal.ts";
import { Bug } from "#core/result.ts";

const anyDecimal = fc.bigInt({ min: -(10n ** 26n) + 1n, max: 10n ** 26n - 1n }).map((units) => units as Decimal);

describe("parseDecimal", () => {
  test.each([
    ["0", "0"],
    ["-0", "0"],
    ["-0.00", "0"],
    ["1500.50", "1500.5"],
    ["0.00000001", "0.00000001"],
    ["-12.3400", "-12.34"],
    ["999999999999999999.99999999", "999999999999999999.99999999"],
  ])("%s is %s", (text, canonical) => {
    const parsed = parseDecimal(text);
    expect(parsed.ok && formatDecimal(parsed.value)).toBe(canonical);
  });

  test.each([
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    ".5",
    "1.",
    "1e3",
    "1,5",
    "--1",
    "0x1",
    "0.000000001",
    "1000000000000000000",
    "NaN",
    "Infinity",
    "１",
    "1\n",
  ])("%j is refused", (text) => {
    expect(parseDecimal(text)).toEqual({ ok: false, error: { code: "decimal-malformed", text } });
    expect(() => decimal(text)).toThrow(Bug);
  });

  test("reads what formatDecimal writes, and equal values have equal texts", () => {
    fc.assert(
      fc.property(anyDecimal, (value) => {
        expect(decimal(formatDecimal(value))).toBe(value);
      }),
    );
  });
});

describe("arithmetic", () => {
  test("add, subtract, negate, abs, min, max and compare agree with each other", () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, (a, b) => {
        expect(subtract(add(a, b), b)).toBe(a);
        expect(add(a, negate(a))).toBe(0n);
        expect(compare(a, b)).toBe(-compare(b, a) + 0);
        expect(compare(min(a, b), max(a, b))).not.toBe(1);
        expect(add(min(a, b), max(a, b))).toBe(add(a, b));
        expect(compare(abs(a), decimal("0"))).not.toBe(-1);
      }),
    );
  });

  test.each<[string, string, Rounding, string]>([
    ["1.5", "2", "exact", "3"],
    ["39.8125", "0.0001", "exact", "0.00398125"],
    ["0.00000001", "0.5", "down", "0"],
    ["-0.00000001", "0.5", "down", "0"],
    ["-0.00000001", "0.5", "floor", "-0.00000001"],
    ["0.00000001", "0.5", "ceiling", "0.00000001"],
    ["-0.00000001", "0.5", "ceiling", "0"],
    ["0.00000001", "0.5", "half-even", "0"],
    ["0.00000003", "0.5", "half-even", "0.00000002"],
    ["-0.00000003", "0.5", "half-even", "-0.00000002"],
    ["0.00000001", "0.51", "half-even", "0.00000001"],
  ])("%s × %s, %s, is %s", (a, b, rounding, product) => {
    expect(formatDecimal(multiply(decimal(a), decimal(b), rounding))).toBe(product);
  });

  test("an exact product that does not fit is a bug", () => {
    expect(() => multiply(decimal("0.00000001"), decimal("0.1"), "exact")).toThrow(Bug);
  });

  test.each([
    ["1", "3", "0.33333333"],
    ["-1", "3", "-0.33333333"],
    ["2", "-3", "-0.66666666"],
    ["10", "4", "2.5"],
  ])("%s ÷ %s is %s", (a, b, quotient) => expect(formatDecimal(divide(decimal(a), decimal(b)))).toBe(quotient));

  test("division by zero is a bug", () => expect(() => divide(decimal("1"), decimal("0"))).toThrow(Bug));

  test("a quotient is within one step of the truth, on the side its rounding names", () => {
    fc.assert(
      fc.property(
        anyDecimal,
        anyDecimal.filter((value) => value !== 0n),
        (a, b) => {
          const exact = a * 10n ** 8n;
          const low = divide(a, b, "floor");
          const high = divide(a, b, "ceiling");
          const sign = b < 0n ? -1n : 1n;
          expect(low * b * sign <= exact * sign && high * b * sign >= exact * sign).toBe(true);
          expect(high - low <= 1n).toBe(true);
          expect([low, high]).toContain(divide(a, b, "half-even"));
          expect(abs(divide(a, b))).toBe(min(abs(low), abs(high)));
        },
      ),
    );
  });

  test("floorTo keeps at most so many digits and never rises", () => {
    fc.assert(
      fc.property(anyDecimal, fc.integer({ min: 0, max: 8 }), (value, places) => {
        const floored = floorTo(value, places);
        const step = 10n ** BigInt(8 - places);
        expect(floored <= value && value - floored < step && floored % step === 0n).toBe(true);
      }),
    );
    expect(formatDecimal(floorTo(decimal("1.99999"), 4))).toBe("1.9999");
    expect(() => floorTo(decimal("1"), 9)).toThrow(Bug);
  });
});
