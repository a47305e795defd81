import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BoundName, boundNames, isWithin } from "#core/bounds.ts";
import {
  compareStrategies,
  directionOf,
  type FieldChange,
  formatChange,
  isTightening,
  type StrategyState,
} from "#core/direction.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { FreezeDocument } from "#core/freeze.ts";
import type { HaltDocument } from "#core/halt.ts";
import type { Parsed } from "#core/parse.ts";
import type { Parts } from "#core/parts.ts";
import { boundsFor, noPolicies, type Policies, teamMayRun, totalsFor } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import { comparePolicies } from "#core/policy-direction.ts";
import type { RuleDocument } from "#core/rule.ts";
import type { TeamsDocument } from "#core/teams.ts";
import type { WaiverDocument } from "#core/waiver.ts";

const opposite = { equal: "equal", tighter: "looser", looser: "tighter", incomparable: "incomparable" } as const;

/** Small sets of values, so that equal and comparable ones come up often. */
const some = <Value>(...values: readonly Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);
const names = (...all: readonly string[]): fc.Arbitrary<string[]> => fc.subarray([...all]);

const numbers = {
  maxOrderNotional: some("100", "100.0", "200", "0.5"),
  maxPositionNotional: some("1000", "2000"),
  orderRate: some("10/1s", "20/1s", "100/10s", "1/1s"),
  maxDrawdown: some("0.1", "0.2", "0.20"),
  cpu: some("100m", "0.1", "1"),
  memory: some("64Mi", "0.125Gi", "128Mi"),
  state: some("64Mi", "1Gi"),
};
const lists = { instruments: names("AAPL", "IBM", "MSFT"), venues: names("paper", "other") };
const bounds = fc.record({ ...numbers, ...lists, rpcAddresses: names("tcp://a:1", "tcp://b:2") });
const totals = { cpu: numbers.cpu, memory: numbers.memory, state: numbers.state };

const { cpu, memory, state, ...limitNumbers } = numbers;
const strategy: fc.Arbitrary<StrategyState | undefined> = fc.option(
  fc.record({
    codeDigest: some("a", "a", "b"),
    effective: fc.record({
      team: fc.constant("momentum"),
      name: fc.constant("sma"),
      environment: fc.constant("paper"),
      owner: some("alice", "alice", "bob"),
      algorithm: fc.constant({ kind: "entry", entry: "a.ts", runtime: "node" } as const),
      running: fc.boolean(),
      channels: some(["quotes"], ["quotes"], ["quotes", "bars"]),
      publishes: fc.constant([]),
      params: some({}, {}, { fast: 1 }),
      portfolio: fc.constant({ startingCash: "1", sizing: { use: "random" } } as const),
      limits: fc.record({ ...limitNumbers, ...lists }),
      resources: fc.record({ cpu, memory, state }),
      errorPolicy: fc.constant("halt" as const),
    }),
  }),
  { nil: undefined, freq: 8 },
);

const environment: fc.Arbitrary<EnvironmentDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Environment"),
  metadata: fc.constant({ name: "paper" }),
  spec: fc.record(
    {
      owner: fc.constant("platform"),
      embedded: fc.boolean(),
      approvals: fc.nat(2),
      bounds,
      defaults: fc.record({ ...numbers, venues: lists.venues.map((all): [string, ...string[]] => ["paper", ...all]) }),
      teamTotals: fc.record({ ...totals, strategies: fc.nat(2) }),
      runtimes: fc.dictionary(
        some("node", "python"),
        fc.record({ language: fc.constant("python"), packages: names("numpy", "scipy"), image: some("x", "x", "y") }),
      ),
      images: fc.constant({ executor: "e", bus: "b", gateway: "g", feed: "f" }),
      venues: fc.dictionary(some("paper"), fc.constant({ kind: "paper", feeBps: "1", slippageBps: "1" })),
      feeds: fc.constant({}),
    },
    {
      requiredKeys: ["owner", "approvals", "bounds", "defaults", "teamTotals", "runtimes", "images", "venues", "feeds"],
    },
  ),
});

const people = names("alice", "bob", "carol");
const teams: fc.Arbitrary<TeamsDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Teams"),
  metadata: fc.constant({ name: "teams" }),
  spec: fc.record(
    {
      groups: fc.dictionary(some("risk", "platform"), people, { maxKeys: 2 }),
      teams: fc.dictionary(
        some("momentum", "seed"),
        fc.record({
          members: people,
          environments: fc.dictionary(
            some("paper", "live"),
            fc.record(
              {
                bounds: fc.record({ ...numbers, ...lists }, { requiredKeys: [] }),
                totals: fc.record({ ...totals, strategies: fc.nat(2) }, { requiredKeys: [] }),
              },
              { requiredKeys: [] },
            ),
            { maxKeys: 2 },
          ),
        }),
        { maxKeys: 2 },
      ),
      unlisted: names("paper", "live"),
      approvals: fc.array(
        fc.record(
          {
            folder: some("strategies/momentum/", "strategies/", "policies/"),
            group: some("risk", "momentum"),
            count: fc.integer({ min: 1, max: 2 }),
            direction: some("any" as const, "looser" as const),
            environments: some<[string, ...string[]]>(["paper"], ["live"], ["paper", "live"]),
          },
          { requiredKeys: ["folder", "group", "count"] },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: ["teams"] },
  ),
});

const rule: fc.Arbitrary<RuleDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Rule"),
  metadata: fc.record({
    name: fc.constant("forbid-x"),
    owner: some("risk", "risk", "bob"),
    severity: some("low", "high"),
  }),
  spec: fc.record(
    {
      over: fc.constant("spec"),
      expression: some("true", "true", "false"),
      message: some("'a'", "'b'"),
      fix: fc.constant("mend"),
      enforcement: some("advise", "require-approval", "forbid"),
      environments: some<[string, ...string[]]>(["paper"], ["live"], ["paper", "live"]),
      samples: fc.constant({ allow: [{}], deny: [{}] }),
    },
    { requiredKeys: ["over", "expression", "message", "fix", "enforcement", "samples"] },
  ),
}) as fc.Arbitrary<RuleDocument>;

const waives = fc.oneof(
  fc.record({ rule: some("forbid-x", "forbid-y") }),
  ...(["maxOrderNotional", "orderRate", "instruments", "cpu"] as const).map((bound) =>
    fc.record({ bound: fc.constant(bound), to: { ...numbers, ...lists }[bound] }),
  ),
);
const waiver: fc.Arbitrary<WaiverDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Waiver"),
  metadata: fc.constant({ name: "w" }),
  spec: fc.record({
    waives,
    scope: some({ environment: "paper", strategy: "momentum/sma" }, { environment: "paper", team: "momentum" }),
    owner: fc.constant("risk"),
    reason: some("this", "that"),
    until: some("2026-12-01", "2026-12-02", "2026-12-01T23:59:59Z"),
  }),
}) as fc.Arbitrary<WaiverDocument>;

const freeze: fc.Arbitrary<FreezeDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Freeze"),
  metadata: fc.constant({ name: "f" }),
  spec: fc.record({
    from: some("2026-12-24T18:00", "2026-12-24T17:00"),
    until: some("2027-01-02T08:00", "2027-01-03T08:00:00"),
    timeZone: some("UTC", "Europe/Berlin"),
    environments: some<[string, ...string[]]>(["paper"], ["live"], ["paper", "live"]),
    owner: fc.constant("risk"),
    reason: fc.constant("rest"),
  }),
});

const halt: fc.Arbitrary<HaltDocument> = fc.record({
  apiVersion: fc.constant("slipway.dev/v1"),
  kind: fc.constant("Halt"),
  metadata: fc.constant({ name: "h" }),
  spec: fc.record({
    verb: some("halt", "reduce", "flatten"),
    scope: some({ environment: "paper", team: "momentum" }, { environment: "paper", strategies: "all" }),
    by: fc.constant("alice"),
    reason: some("this", "that"),
    at: fc.constant("2026-12-24T18:00:00Z"),
  }),
}) as fc.Arbitrary<HaltDocument>;

function parsed<Document>(file: string, document: Document): Parsed<Document> {
  const parts = document as Parts<Document>;
  return { document, parts, whole: () => true, findings: [], locate: () => ({ file }), locateInside: () => ({ file }) };
}

function named<Document>(documents: Readonly<Record<string, Document>>): ReadonlyMap<string, Parsed<Document>> {
  return new Map(Object.entries(documents).map(([name, document]) => [name, parsed(name, document)]));
}

const none = {
  environments: fc.constant({}),
  rules: fc.constant({}),
  waivers: fc.constant({}),
  freezes: fc.constant({}),
  halts: fc.constant({}),
};

function policiesOf(parts: {
  readonly environments?: fc.Arbitrary<Record<string, EnvironmentDocument>>;
  readonly rules?: fc.Arbitrary<Record<string, RuleDocument>>;
  readonly teams?: fc.Arbitrary<TeamsDocument | undefined>;
  readonly waivers?: fc.Arbitrary<Record<string, WaiverDocument>>;
  readonly freezes?: fc.Arbitrary<Record<string, FreezeDocument>>;
  readonly halts?: fc.Arbitrary<Record<string, HaltDocument>>;
}): fc.Arbitrary<Policies> {
  return fc
    .record({ ...none, teams: fc.constant(undefined), ...parts })
    .map(({ environments, rules, teams: who, waivers, freezes, halts }) => ({
      environments: named(environments),
      rules: named(rules),
      teams: who === undefined ? undefined : parsed("policies/teams.yaml", who),
      waivers: named(waivers),
      freezes: named(freezes),
      halts: named(halts),
    }));
}

const dictionary = <Value>(value: fc.Arbitrary<Value>) => fc.dictionary(some("a", "b"), value, { maxKeys: 2 });

/** Each kind by itself, where chains are frequent, and all together. */
const kinds = {
  environments: policiesOf({ environments: environment.map((paper) => ({ paper })) }),
  teams: policiesOf({ teams: fc.option(teams, { nil: undefined, freq: 5 }) }),
  rules: policiesOf({ rules: dictionary(rule) }),
  waivers: policiesOf({ waivers: dictionary(waiver) }),
  freezes: policiesOf({ freezes: dictionary(freeze) }),
  halts: policiesOf({ halts: dictionary(halt) }),
};

const runs = { numRuns: 2_000 };
const within = (changes: readonly FieldChange[]): boolean => isTightening(changes);

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
        if (!within(compare(a, b)) || !within(compare(b, c))) return;
        chains += directionOf(compare(a, b)) === "tighter" && directionOf(compare(b, c)) === "tighter" ? 1 : 0;
        expect(within(compare(a, c))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(chains).toBeGreaterThan(20);
  });
});

/** `value` with the part that the path picks taken from `other`, so that most of both is the same. */
function grafted(value: unknown, other: unknown, [pick = 0, ...rest]: readonly number[]): unknown {
  if (value instanceof Map && other instanceof Map)
    return new Map(
      Object.entries(grafted(Object.fromEntries(value), Object.fromEntries(other), [pick, ...rest]) as object),
    );
  // What is waived is one thing: half of each would be none.
  if (!isRecord(value) || !isRecord(other) || "rule" in value || "bound" in value) return other;
  // A parsed document's parts are the document once more.
  const keys = [...new Set([...Object.keys(value), ...Object.keys(other)])].filter(
    (key) => key !== "parts" && typeof value[key] !== "function" && !isDeepStrictEqual(value[key], other[key]),
  );
  const key = keys[pick % Math.max(1, keys.length)];
  if (key === undefined) return value;
  const { [key]: _, ...without } = value;
  if (!(key in other)) return without;
  return { ...without, [key]: key in value && rest.length > 0 ? grafted(value[key], other[key], rest) : other[key] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** A copy that shares nothing but functions. */
function structuredCloneOf(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, structuredCloneOf(item)]));
  if (Array.isArray(value)) return value.map(structuredCloneOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCloneOf(item)]));
}

describe("monotone", () => {
  const sma = { team: "momentum", name: "sma" };
  const all = policiesOf({
    environments: environment.map((paper) => ({ paper })),
    teams: fc.option(teams, { nil: undefined }),
    waivers: dictionary(waiver),
  });
  /** A policy and one that differs in a few documents, so that tighter ones are frequent. */
  const pairs = fc
    .tuple(all, all, fc.record({ environments: fc.boolean(), teams: fc.boolean(), waivers: fc.boolean() }))
    .map(([before, other, take]): readonly [Policies, Policies] => [
      before,
      {
        ...before,
        ...(take.environments ? { environments: other.environments } : {}),
        ...(take.teams ? { teams: other.teams } : {}),
        ...(take.waivers ? { waivers: other.waivers } : {}),
      },
    ]);

  test("a tighter policy allows nothing that the looser one did not", () => {
    let compared = 0;
    fc.assert(
      fc.property(pairs, ([before, after]) => {
        if (!within(comparePolicies(before, after))) return;
        // What the gate refuses to load holds for nobody.
        if (
          [before, after].some((one) =>
            checkPolicies(one).some(({ code }) => code.startsWith("waiver-") || code === "bound-looser"),
          )
        )
          return;
        compared += 1;
        for (const seconds of [0, Date.parse("2026-12-02T00:00:00Z") / 1000]) {
          const [old, now] = [boundsFor(before, "paper", sma, seconds), boundsFor(after, "paper", sma, seconds)];
          if (old === undefined || now === undefined) throw new Error("the environment is there");
          for (const name of boundNames)
            expect([name, isWithin(name, old[name].value, now[name].value)]).toEqual([name, true]);
        }
        for (const team of ["momentum", "seed", "nobody"]) {
          for (const where of ["paper", "live"])
            expect(teamMayRun(after, team, where) && !teamMayRun(before, team, where)).toBe(false);
          const [old, now] = [totalsFor(before, "paper", team), totalsFor(after, "paper", team)];
          for (const name of ["cpu", "memory", "state"] as const)
            expect(isWithin(name, old?.[name].value ?? "", now?.[name].value ?? "")).toBe(true);
          expect(now?.strategies.value).toBeLessThanOrEqual(old?.strategies.value ?? 0);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  test("a tighter strategy stays within every bound that the looser one kept to", () => {
    const at = (effective: StrategyState["effective"], name: BoundName) =>
      name === "rpcAddresses" ? [] : { ...effective.limits, ...effective.resources }[name];
    let compared = 0;
    fc.assert(
      fc.property(strategy, strategy, bounds, (before, after, allowed) => {
        if (before === undefined || after === undefined || !within(compareStrategies(before, after))) return;
        compared += 1;
        for (const name of boundNames)
          if (isWithin(name, allowed[name], at(before.effective, name)))
            expect(isWithin(name, allowed[name], at(after.effective, name))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(compared).toBeGreaterThan(0);
  });
});

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
