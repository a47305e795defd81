import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { exceeds } from "#core/limits.ts";
import {
  type CpuMillicores,
  cpuOf,
  formatCpu,
  formatMemory,
  type MemoryBytes,
  memoryOf,
  parseCpu,
  parseMemory,
} from "#core/quantity.ts";
import { formatRate, mostIn, parseRate, type Rate } from "#core/rate.ts";
import { Bug } from "#core/result.ts";

describe("cpu", () => {
  test.each([
    ["100m", 100, "100m"],
    ["1", 1000, "1"],
    ["0.5", 500, "500m"],
    ["1.25", 1250, "1250m"],
    ["1000m", 1000, "1"],
    ["0", 0, "0"],
  ])("%s is %d millicores, canonical %s", (text, millicores, canonical) => {
    expect(parseCpu(text)).toEqual({ ok: true, value: millicores });
    expect(formatCpu(millicores as CpuMillicores)).toBe(canonical);
  });
  test.each(["", "100M", "0.0001", "1.5m", "-1", "1e3", " 1", "01", "1 ", "1u"])("%j is refused", (text) =>
    expect(parseCpu(text).ok).toBe(false),
  );
  test("canonical texts read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e8 }), (value) => {
        expect(cpuOf(formatCpu(value as CpuMillicores))).toBe(value);
      }),
    );
    expect(() => cpuOf("x")).toThrow(Bug);
  });
});

describe("memory", () => {
  test.each([
    ["128Mi", 134_217_728, "128Mi"],
    ["1Gi", 1_073_741_824, "1Gi"],
    ["1.5Gi", 1_610_612_736, "1536Mi"],
    ["1024Mi", 1_073_741_824, "1Gi"],
    ["64M", 64_000_000, "62500Ki"],
    ["1000", 1000, "1000"],
    ["0.001Ki", 2, "2"],
    ["0", 0, "0"],
  ])("%s is %d bytes, canonical %s", (text, bytes, canonical) => {
    expect(parseMemory(text)).toEqual({ ok: true, value: bytes });
    expect(formatMemory(bytes as MemoryBytes)).toBe(canonical);
  });
  test.each(["", "128MB", "128mi", "128m", "1e3", "-1Mi", "1.0001Mi", "9007199254740993", "8192Ti", "1Pi"])(
    "%j is refused",
    (text) => expect(parseMemory(text).ok).toBe(false),
  );
  test("canonical texts read back", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(memoryOf(formatMemory(value as MemoryBytes))).toBe(value);
      }),
    );
    expect(() => memoryOf("x")).toThrow(Bug);
  });
});

describe("rate", () => {
  test.each(["10/1s", "999999/86400s", "1/1s"])("%s reads back", (text) => {
    const parsed = parseRate(text);
    expect(parsed.ok && formatRate(parsed.value)).toBe(text);
  });
  test.each(["", "0/1s", "1/0s", "10/s", "10/1m", "1000000/1s", "1/86401s", "1.5/1s", "-1/1s", "10 / 1s"])(
    "%j is refused",
    (text) => expect(parseRate(text).ok).toBe(false),
  );

  test.each([
    ["20/1s", "20/1s", false],
    ["20/1s", "21/1s", true],
    ["20/1s", "100/10s", true], // a burst of 100 in one second
    ["20/1s", "20/10s", false],
    ["100/10s", "10/1s", false],
    ["100/10s", "11/1s", true],
    ["10/3s", "5/2s", false],
    ["9/3s", "5/2s", true],
  ])("bound %s, value %s: exceeds is %s", (bound, value, expected) => {
    const [a, b] = [parseRate(bound), parseRate(value)];
    expect(a.ok && b.ok && exceeds.orderRate(a.value, b.value)).toBe(expected);
  });

  test("a value within its bound never lets a stream through that breaks the bound", () => {
    const rate = fc.record({ count: fc.integer({ min: 1, max: 6 }), seconds: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(rate, rate, (bound, value) => {
        // The greediest stream: all that the value allows, as early as it allows.
        const times: number[] = [];
        for (let second = 0; second < 30; second += 1) {
          while (times.filter((time) => time > second - value.seconds).length < value.count) times.push(second);
        }
        const worst = Math.max(
          ...times.map((start) => times.filter((time) => time >= start && time < start + bound.seconds).length),
        );
        expect(worst > bound.count).toBe(exceeds.orderRate(bound, value));
        expect(worst).toBe(mostIn(value as Rate, bound.seconds));
      }),
    );
  });
});

describe("exceeds, at the bound and one step past it", () => {
  test.each(["maxOrderNotional", "maxPositionNotional", "maxDrawdown"] as const)("%s", (name) => {
    expect(exceeds[name](decimal("1000"), decimal("1000"))).toBe(false);
    expect(exceeds[name](decimal("1000"), decimal("1000.00000001"))).toBe(true);
  });
  test.each(["memory", "state"] as const)("%s", (name) => {
    expect(exceeds[name](memoryOf("1Gi"), memoryOf("1024Mi"))).toBe(false);
    expect(exceeds[name](memoryOf("1Gi"), (memoryOf("1Gi") + 1) as MemoryBytes)).toBe(true);
  });
  test("cpu", () => {
    expect(exceeds.cpu(cpuOf("1"), cpuOf("1000m"))).toBe(false);
    expect(exceeds.cpu(cpuOf("1"), cpuOf("1001m"))).toBe(true);
  });
  test.each(["instruments", "venues", "rpcAddresses"] as const)("%s match exactly", (name) => {
    expect(exceeds[name](["AAPL"], "AAPL")).toBe(false);
    expect(exceeds[name](["AAPL"], "aapl")).toBe(true);
    expect(exceeds[name](["+"], "AAPL")).toBe(true);
    expect(exceeds[name]([], "AAPL")).toBe(true);
  });
});
