import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareStrategies,
  directionOf,
  type FieldChange,
  formatChange,
  isTightening,
  type StrategyState,
} from "#core/direction.ts";
import { noPolicies, type Policies } from "#core/policies.ts";
import { comparePolicies } from "#core/policy-direction.ts";
import type { WaiverDocument } from "#core/waiver.ts";
import { grafted, kinds, parsed, strategy, waiver } from "./random-policies.ts";

const opposite = { equal: "equal", tighter: "looser", looser: "tighter", incomparable: "incomparable" } as const;
const runs = { numRuns: 2_000 };

describe.each([
  { name: "strategies", make: strategy as fc.Arbitrary<unknown>, compare: compareStrategies as unknown },
  ...Object.entries(kinds).map(([name, make]) => ({
    name,
    make: make as fc.Arbitrary<unknown>,
    compare: comparePolicies as unknown,
  })),
])("$name", ({ make, compare: untyped }) => {
  const compare = untyped as (before: unknown, after: unknown) => readonly FieldChange[];

  test("reflexive: the same is no change", () => {
    fc.assert(
      fc.property(make, (one) => {
        expect(compare(one, structuredCloneOf(one))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("antisymmetric: backwards is the opposite", () => {
    fc.assert(
      fc.property(make, make, (a, b) => {
        expect(directionOf(compare(b, a))).toBe(opposite[directionOf(compare(a, b))]);
      }),
      runs,
    );
  });

  test("transitive: tighter twice is tighter", () => {
    const path = fc.array(fc.nat(30), { minLength: 1, maxLength: 9 });
    let chains = 0;
    fc.assert(
      fc.property(fc.tuple(make, make, make), fc.tuple(path, path), ([a, x, y], [first, second]) => {
        const b = grafted(a, x, first);
        const c = grafted(b, y, second);
        if (!isTightening(compare(a, b)) || !isTightening(compare(b, c))) return;
        chains += directionOf(compare(a, b)) === "tighter" && directionOf(compare(b, c)) === "tighter" ? 1 : 0;
        expect(isTightening(compare(a, c))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(chains).toBeGreaterThan(20);
  });
});

/** A copy that shares nothing but functions. */
function structuredCloneOf(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, structuredCloneOf(item)]));
  if (Array.isArray(value)) return value.map(structuredCloneOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCloneOf(item)]));
}

describe("what is said", () => {
  const base: StrategyState = {
    codeDigest: `sha256:${"a".repeat(64)}`,
    effective: {
      team: "momentum",
      name: "sma",
      environment: "paper",
      owner: "alice",
      algorithm: { kind: "entry", entry: "a.ts", runtime: "node" },
      running: true,
      channels: ["quotes"],
      publishes: [],
      params: { fast: 10, slow: 30 },
      portfolio: { startingCash: "1", sizing: { use: "random" } },
      limits: {
        instruments: ["AAPL", "IBM"],
        venues: ["paper"],
        maxOrderNotional: "2000",
        maxPositionNotional: "5000",
        orderRate: "10/1s",
        maxDrawdown: "0.2",
      },
      resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
      errorPolicy: "halt",
    },
  };
  const { effective } = base;
  const limits = (more: Partial<typeof effective.limits>): StrategyState => ({
    ...base,
    effective: { ...effective, limits: { ...effective.limits, ...more } },
  });

  test.each<readonly [string, StrategyState | undefined, readonly string[]]>([
    ["a lower limit", limits({ maxOrderNotional: "1500" }), ["limits.maxOrderNotional 2000 → 1500 is tighter"]],
    ["a higher one", limits({ maxOrderNotional: "2500" }), ["limits.maxOrderNotional 2000 → 2500 is looser"]],
    [
      "a list with one exchanged",
      limits({ instruments: ["AAPL", "MSFT"] }),
      ["limits.instruments AAPL, IBM → AAPL, MSFT cannot be compared"],
    ],
    ["a list in another order", limits({ instruments: ["IBM", "AAPL"] }), []],
    [
      "a rate over another time",
      limits({ orderRate: "90/10s" }),
      ["limits.orderRate 10/1s → 90/10s cannot be compared"],
    ],
    ["a stop", { ...base, effective: { ...effective, running: false } }, ["running true → false is tighter"]],
    [
      "a parameter",
      { ...base, effective: { ...effective, params: { fast: 12 } } },
      ["params.fast 10 → 12 cannot be compared", "params.slow 30, removed, cannot be compared"],
    ],
    ["other code", { ...base, codeDigest: `sha256:${"b".repeat(64)}` }, ["code aaaaaaa → bbbbbbb cannot be compared"]],
    ["its end", undefined, ["strategy running, removed, is tighter"]],
  ])("%s", (_name, after, said) => {
    expect(compareStrategies(base, after).map(formatChange)).toEqual(said);
  });

  test("a new strategy is looser, even a stopped one", () => {
    expect(compareStrategies(undefined, base).map(formatChange)).toEqual(["strategy running, added, is looser"]);
  });

  test("policies, with the file and where it counts", () => {
    const document = {
      spec: {
        ...fc.sample(waiver, 1)[0]?.spec,
        scope: { environment: "paper", team: "momentum" },
        waives: { bound: "cpu", to: "1" },
      },
    };
    const after: Policies = {
      ...noPolicies,
      waivers: new Map([["w", parsed("w", document as unknown as WaiverDocument)]]),
    };
    expect(comparePolicies(noPolicies, after)).toEqual([
      {
        file: "policies/waivers/w.yaml",
        environments: ["paper"],
        field: "waiver",
        before: undefined,
        after: "cpu 1 for team momentum",
        direction: "looser",
      },
    ]);
  });

  test("what cannot be read on one side cannot be compared", () => {
    const bad: Policies = { ...noPolicies, rules: new Map([["x", { ...parsed("x", undefined as never) }]]) };
    expect(comparePolicies(noPolicies, bad).map(({ direction }) => direction)).toEqual(["incomparable"]);
    expect(comparePolicies(bad, bad)).toEqual([]);
  });
});
