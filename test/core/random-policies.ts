import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { StrategyState } from "#core/direction.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { FreezeDocument } from "#core/freeze.ts";
import type { HaltDocument } from "#core/halt.ts";
import type { Parsed } from "#core/parse.ts";
import type { Parts } from "#core/parts.ts";
import type { Policies } from "#core/policies.ts";
import type { RuleDocument } from "#core/rule.ts";
import type { TeamsDocument } from "#core/teams.ts";
import type { WaiverDocument } from "#core/waiver.ts";

// Specs and policies by chance, of few values each, so that many of two are equal or comparable.

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
export const bounds = fc.record({ ...numbers, ...lists, rpcAddresses: names("tcp://a:1", "tcp://b:2") });
const totals = { cpu: numbers.cpu, memory: numbers.memory, state: numbers.state };

const { cpu, memory, state, ...limitNumbers } = numbers;
export const strategy: fc.Arbitrary<StrategyState | undefined> = fc.option(
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

export const environment: fc.Arbitrary<EnvironmentDocument> = fc.record({
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
export const teams: fc.Arbitrary<TeamsDocument> = fc.record({
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
export const waiver: fc.Arbitrary<WaiverDocument> = fc.record({
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

export function parsed<Document>(file: string, document: Document): Parsed<Document> {
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

export function policiesOf(parts: {
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

export const dictionary = <Value>(value: fc.Arbitrary<Value>) => fc.dictionary(some("a", "b"), value, { maxKeys: 2 });

/** Each kind by itself, where chains are frequent, and all together. */
export const kinds = {
  environments: policiesOf({ environments: environment.map((paper) => ({ paper })) }),
  teams: policiesOf({ teams: fc.option(teams, { nil: undefined, freq: 5 }) }),
  rules: policiesOf({ rules: dictionary(rule) }),
  waivers: policiesOf({ waivers: dictionary(waiver) }),
  freezes: policiesOf({ freezes: dictionary(freeze) }),
  halts: policiesOf({ halts: dictionary(halt) }),
};

/** `value` with the part that the path picks taken from `other`, so that most of both is the same. */
export function grafted(value: unknown, other: unknown, [pick = 0, ...rest]: readonly number[]): unknown {
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

/** The policies with each document's parts made from it anew. */
export function reread(policies: Policies): Policies {
  const documents = <Document>(all: ReadonlyMap<string, Parsed<Document>>): ReadonlyMap<string, Parsed<Document>> =>
    new Map([...all].map(([name, { document }]) => [name, parsed(name, document as Document)]));
  return {
    ...policies,
    environments: documents(policies.environments),
    waivers: documents(policies.waivers),
    teams: policies.teams?.document && parsed("policies/teams.yaml", policies.teams.document),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Map);
}
