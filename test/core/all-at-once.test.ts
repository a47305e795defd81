import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEnvironment } from "#core/environment.ts";
import type { JsonValue } from "#core/json.ts";
import { knownBoundsFor, noPolicies, type Policies } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import { byPlace, type Finding, formatPlace } from "#core/refusal.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { parseStrategy } from "#core/strategy.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";

// A document's form and its bounds are judged in one run: each mistake once, and nothing that follows from another.

const spec = "strategies/momentum/sma-cross/strategy.yaml";
const policy = "policies/environments/paper.yaml";
const teams = "policies/teams.yaml";
const waiver = "policies/waivers/more-cpu.yaml";
const good = new Map([
  [spec, readFileSync(new URL("fixtures/strategy.yaml", import.meta.url), "utf8")],
  [policy, readFileSync(new URL("fixtures/environment.yaml", import.meta.url), "utf8")],
  [
    teams,
    `apiVersion: slipway.dev/v1
kind: Teams
metadata: { name: teams }
spec:
  groups: { risk: [alice, bob] }
  teams:
    momentum:
      members: [carol]
      environments:
        paper: { bounds: { maxPositionNotional: "15000", venues: [paper] } }
  approvals:
    - { folder: policies/, group: risk, count: 2 }
`,
  ],
  [
    waiver,
    `apiVersion: slipway.dev/v1
kind: Waiver
metadata: { name: more-cpu }
spec:
  waives: { bound: cpu, to: "2" }
  scope: { environment: paper, strategy: momentum/sma-cross }
  owner: alice
  reason: Twice the symbols until the new host is there.
  until: "2026-12-04"
`,
  ],
]);

/** A change of one file's text. */
interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function changed(changes: readonly Change[]): ReadonlyMap<string, string> {
  const texts = new Map(good);
  for (const { file, from, to } of changes) {
    const text = texts.get(file) ?? "";
    expect(text).toContain(from);
    texts.set(
      file,
      text.replace(from, () => to),
    );
  }
  return texts;
}

function judge(texts: ReadonlyMap<string, string>): readonly Finding[] {
  const text = (file: string): string => texts.get(file) ?? "";
  const strategy = parseStrategy(spec, text(spec));
  const environment = parseEnvironment(policy, text(policy));
  const policies: Policies = {
    ...noPolicies,
    environments: new Map([["paper", environment]]),
    teams: parseTeams(teams, text(teams)),
    waivers: new Map([["more-cpu", parseWaiver(waiver, text(waiver))]]),
  };
  const bounds = knownBoundsFor(policies, "paper", { team: "momentum", name: "sma-cross" }, 0);
  const resolved = resolveStrategy(strategy, environment, "paper", bounds);
  const findings = [
    ...environment.findings,
    ...(policies.teams?.findings ?? []),
    ...[...policies.waivers.values()].flatMap((parsed) => parsed.findings),
    ...checkPolicies(policies),
    ...strategy.findings,
    ...resolved.findings,
  ];
  // Nothing that has a finding is ever run.
  if (strategy.findings.length + environment.findings.length + resolved.findings.length > 0)
    expect(resolved.effective).toBeUndefined();
  return findings;
}

const shown = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ code, place }) => `${place === undefined ? "-" : formatPlace(place)} ${code}`);

const inSpec = (from: string, to: string): Change => ({ file: spec, from, to });
const inPolicy = (from: string, to: string): Change => ({ file: policy, from, to });
const inTeams = (from: string, to: string): Change => ({ file: teams, from, to });
const inWaiver = (from: string, to: string): Change => ({ file: waiver, from, to });

describe("form and bounds together", () => {
  test("three mistakes of form and four of bounds, each with its place, in the order of the text", () => {
    const texts = changed([
      inSpec("owner: alice", "ownr: alice"),
      inSpec("runtime: node", "runtime: nodee"),
      inSpec('startingCash: "10000"', "startingCash: 10000"),
      inSpec("GOOG", "GOGG"),
      inSpec('maxOrderNotional: "2000"', 'maxOrderNotional: "6000"'),
      inSpec('"0.6"', '"60%"'),
      inSpec("memory: 128Mi", "memory: 1Gi"),
    ]);
    expect(
      judge(texts)
        .toSorted(byPlace)
        .map(({ place, code, message }) => `${place?.line}:${place?.column} ${code} ${message}`),
    ).toEqual([
      '6:3 key-unknown ownr is not a key that is known here; did you mean "owner"?',
      "7:46 runtime-unknown algorithm.runtime is nodee, which paper does not have; it has: node, python",
      "11:30 type-mismatch portfolio.startingCash is the number 10000; allowed: text",
      '13:36 outside-bound limits.instruments[3] is GOGG, which paper does not allow; allowed: MSFT, AMZN, IBM, GOOG, AAPL; did you mean "GOOG"?',
      "15:23 above-bound limits.maxOrderNotional is 6000, above the bound 5000 of paper",
      '18:18 value-malformed limits.maxDrawdown is "60%"; allowed: a fraction above 0 and at most 1 with at most 8 digits after the point',
      "19:35 above-bound resources.memory is 1Gi, above the bound 256Mi of paper",
    ]);
  });

  test.each<{ name: string; changes: readonly Change[]; found: readonly string[] }>([
    {
      name: "an environment's form, what it must be in itself, and a strategy above its bound",
      changes: [
        inPolicy("approvals: 0", "approvals: -1"),
        inPolicy("venues: [paper]\n", "venues: [paper, x]\n"),
        inPolicy("    memory: 128Mi", "    memory: 512Mi"),
        inPolicy('feeBps: "1"', "feeBps: 1"),
        inSpec('maxPositionNotional: "5000"', 'maxPositionNotional: "20001"'),
      ],
      found: [
        `${policy}:9:14 value-out-of-range`,
        `${policy}:13:21 venue-unknown`,
        `${policy}:30:13 above-bound`,
        `${policy}:43:35 type-mismatch`,
        `${spec}:16:26 above-bound`,
      ],
    },
    {
      name: "the teams' form, what they must be in themselves and beside the environment, and their strategies",
      changes: [
        inTeams("members: [carol]", "members: carol"),
        inTeams("count: 2", "count: 3"),
        inTeams('"15000"', '"20001"'),
        inSpec('maxPositionNotional: "5000"', 'maxPositionNotional: "20002"'),
        inSpec("orderRate", "orderRat"),
      ],
      found: [
        `${teams}:8:16 type-mismatch`,
        `${teams}:12:35 group-too-small`,
        `${teams}:10:49 bound-looser`,
        `${spec}:17:5 key-unknown`,
        `${spec}:16:26 above-bound`,
      ],
    },
    {
      name: "a waiver that is refused, and what it does not lift",
      changes: [inWaiver("owner: alice", "ownr: alice"), inSpec("memory: 128Mi", "memory: 1Gi")],
      found: [`${waiver}:7:3 key-unknown`, `${spec}:19:35 above-bound`],
    },
    {
      name: "an environment under another name",
      changes: [inPolicy("name: paper", "name: live"), inSpec("cpu: 100m", 'cpu: "3"')],
      found: [`${policy}:4:19 metadata-not-file`, `${spec}:19:21 above-bound`],
    },
    {
      name: "an environment of a spec that is empty, and one that lacks its word",
      changes: [inSpec("{ paper: { running: true } }", "{ paper:  }"), inSpec("cpu: 100m", 'cpu: "3"')],
      found: [`${spec}:20:19 value-empty`, `${spec}:19:21 above-bound`],
    },
    {
      name: "one item of a list refused, one outside, one good",
      changes: [inSpec("[MSFT, AMZN", "[MSFT/, AMZM")],
      found: [`${spec}:13:19 value-malformed`, `${spec}:13:26 outside-bound`],
    },
    {
      name: "an override above the bound beside a refused one",
      changes: [inSpec("running: true", 'running: yes, limits: { maxDrawdown: "0.7", orderRate: 10/s }')],
      found: [`${spec}:20:37 yaml-boolean-word`, `${spec}:20:83 value-malformed`, `${spec}:20:65 above-bound`],
    },
    {
      name: "an anchor is no reason to say nothing of its neighbours",
      changes: [inSpec("cpu: 100m, memory: 128Mi", "cpu: &c 100m, memory: 1Gi")],
      found: [`${spec}:19:21 yaml-anchor`, `${spec}:19:38 above-bound`],
    },
    {
      name: "a mistyped entry does not excuse the runtime",
      changes: [inSpec("entry: algorithm.ts, runtime: node", "entri: algorithm.ts, runtime: nodee")],
      found: [`${spec}:7:16 key-unknown`, `${spec}:7:46 runtime-unknown`],
    },
  ])("$name", ({ changes, found }) => {
    expect(shown(judge(changed(changes)))).toEqual(found);
  });
});

describe("one finding a mistake", () => {
  const lowered = inSpec('maxOrderNotional: "2000"', 'maxOrderNotional: "6000"');
  const override = (text: string): Change => inSpec("running: true", `running: true, ${text}`);
  const outside = inSpec("GOOG", "DOGE");
  test.each<{ name: string; changes: readonly Change[]; found: string }>([
    {
      name: "a number in place of text, above the bound",
      changes: [inSpec('maxOrderNotional: "2000"', "maxOrderNotional: 6000")],
      found: `${spec}:15:23 type-mismatch`,
    },
    {
      name: "a malformed amount",
      changes: [inSpec('maxOrderNotional: "2000"', 'maxOrderNotional: "6,000"')],
      found: `${spec}:15:23 value-malformed`,
    },
    {
      name: "a limit that is missing",
      changes: [inSpec("    instruments: [MSFT, AMZN, IBM, GOOG, AAPL]\n", "")],
      found: `${spec}:12:3 key-missing`,
    },
    {
      name: "a mistyped limit",
      changes: [inSpec('maxPositionNotional: "5000"', 'maxPositionNotionl: "50"')],
      found: `${spec}:16:5 key-unknown`,
    },
    {
      name: "a limit that stands one level too high",
      changes: [
        inSpec('    maxOrderNotional: "2000"\n', ""),
        inSpec("  resources:", '  maxOrderNotional: "6000"\n  resources:'),
      ],
      found: `${spec}:18:3 key-unknown`,
    },
    {
      name: "a limit that stands twice",
      changes: [inSpec('maxOrderNotional: "2000"', 'maxOrderNotional: "6000"\n    maxOrderNotional: "2000"')],
      found: `${spec}:16:5 yaml-duplicate-key`,
    },
    {
      name: "an order above a position that is refused",
      changes: [inSpec('maxPositionNotional: "5000"', "maxPositionNotional: 500")],
      found: `${spec}:16:26 type-mismatch`,
    },
    {
      name: "a refused override of a value above the bound",
      changes: [lowered, override("limits: { maxOrderNotional: 100 }")],
      found: `${spec}:20:71 type-mismatch`,
    },
    {
      name: "a mistyped override of it",
      changes: [lowered, override('limits: { maxOrderNotionl: "100" }')],
      found: `${spec}:20:53 key-unknown`,
    },
    {
      name: "an override of it one level too high",
      changes: [lowered, override('maxOrderNotional: "100"')],
      found: `${spec}:20:43 key-unknown`,
    },
    {
      name: "overrides that cannot be read",
      changes: [lowered, override("limits: 100")],
      found: `${spec}:20:51 type-mismatch`,
    },
    {
      name: "resources that cannot be read",
      changes: [inSpec("{ cpu: 100m, memory: 128Mi, state: 64Mi }", "2Gi")],
      found: `${spec}:19:14 type-mismatch`,
    },
    {
      name: "an instrument outside that stands twice",
      changes: [inSpec("GOOG", "MSFT")],
      found: `${spec}:13:36 list-repeats`,
    },
    {
      name: "a runtime beside an address: which of the two is not known",
      changes: [inSpec("entry: algorithm.ts, runtime: node", "rpc: 'tcp://h:1', runtime: nodee")],
      found: `${spec}:7:16 key-unknown`,
    },
    {
      name: "a bound that is refused",
      changes: [inSpec('"10/1s"', '"50/1s"'), inPolicy('orderRate: "20/1s"', "orderRate: 20")],
      found: `${policy}:16:16 type-mismatch`,
    },
    {
      name: "a bound that is missing",
      changes: [outside, inPolicy("    instruments: [MSFT, AMZN, IBM, GOOG, AAPL]\n", "")],
      found: `${policy}:11:3 key-missing`,
    },
    {
      name: "an allowed instrument that is refused: it may be the one",
      changes: [outside, inPolicy("GOOG", '"DO GE"')],
      found: `${policy}:12:36 value-malformed`,
    },
    {
      name: "a runtime whose name is refused: it may be the one",
      changes: [inSpec("runtime: node", "runtime: deno"), inPolicy("    node:", "    Deno:")],
      found: `${policy}:35:5 key-malformed`,
    },
    {
      name: "a runtime that is refused is there all the same",
      changes: [inPolicy("language: typescript", "language: javascript")],
      found: `${policy}:35:23 value-not-allowed`,
    },
    {
      name: "a venue whose name is refused: it may be the one",
      changes: [inPolicy("    paper: { kind", "    Paper: { kind")],
      found: `${policy}:43:5 key-malformed`,
    },
    {
      name: "a default above the environment's own bound is not the strategy's",
      changes: [
        inSpec("  resources: { cpu: 100m, memory: 128Mi, state: 64Mi }\n", ""),
        inPolicy("    memory: 128Mi", "    memory: 512Mi"),
      ],
      found: `${policy}:30:13 above-bound`,
    },
    {
      name: "a team's bound that is refused, whatever the environment allows",
      changes: [
        inSpec('maxPositionNotional: "5000"', 'maxPositionNotional: "30000"'),
        inTeams('maxPositionNotional: "15000"', "maxPositionNotional: 40000"),
      ],
      found: `${teams}:10:49 type-mismatch`,
    },
    {
      name: "a team whose name is refused: it may be the one",
      changes: [inSpec("venues: [paper]", "venues: [nyse]"), inTeams("    momentum:", "    Momentum:")],
      found: `${teams}:7:5 key-malformed`,
    },
    {
      name: "a waiver that lifts the bound, until a day that is none",
      changes: [inSpec("cpu: 100m", "cpu: 1500m"), inWaiver('"2026-12-04"', '"2026-12-00"')],
      found: `${waiver}:9:10 waiver-end-malformed`,
    },
    {
      name: "a waiver without a reason",
      changes: [
        inSpec("cpu: 100m", "cpu: 1500m"),
        inWaiver("  reason: Twice the symbols until the new host is there.\n", ""),
      ],
      found: `${waiver}:4:1 key-missing`,
    },
    {
      name: "a scope that is refused in one of its words",
      changes: [inWaiver("environment: paper, strategy: momentum/sma-cross", "environment: Paper, team: momentum")],
      found: `${waiver}:6:25 value-malformed`,
    },
    {
      name: "a default above a bound that is refused",
      changes: [inPolicy("    memory: 256Mi", "    memory: 64")],
      found: `${policy}:19:13 type-mismatch`,
    },
  ])("$name", ({ changes, found }) => {
    expect(shown(judge(changed(changes)))).toEqual([found]);
  });
});

/** A mistake that changes no line and no other's meaning; `mark` is the text that its one finding points at. */
interface Seed extends Change {
  readonly mark: string;
  readonly code: string;
}

const seed = (change: Change, mark: string, code: string): Seed => ({ ...change, mark, code });

const seeds: readonly Seed[] = [
  seed(inSpec("name: sma-cross", "name: smacross"), "smacross", "metadata-not-folder"),
  seed(inSpec("owner: alice", "ownr: alice"), "ownr", "key-unknown"),
  seed(inSpec("runtime: node", "runtime: nodee"), "nodee", "runtime-unknown"),
  seed(inSpec("[quotes]", "[quots]"), "quots", "value-malformed"),
  seed(inSpec("[signal]", "[signl]"), "signl", "value-not-allowed"),
  seed(inSpec("fast: 10", "fast: 1e1"), "1e1", "yaml-number-form"),
  seed(inSpec('"10000"', "10000"), "10000", "type-mismatch"),
  seed(inSpec('"0.1"', '"10%"'), '"10%"', "value-malformed"),
  seed(inSpec("IBM", "7"), "7", "type-mismatch"),
  seed(inSpec("GOOG", "GOGG"), "GOGG", "outside-bound"),
  seed(inSpec("venues: [paper]", "venues: [nyse]"), "nyse", "outside-bound"),
  seed(inSpec('"2000"', '"5001"'), '"5001"', "above-bound"),
  seed(inSpec('"5000"', '"30001"'), '"30001"', "above-bound"),
  seed(inSpec('"10/1s"', '"21/1s"'), '"21/1s"', "above-bound"),
  seed(inSpec('"0.6"', '"60%"'), '"60%"', "value-malformed"),
  seed(inSpec("memory: 128Mi", "memory: 128MB"), "128MB", "value-malformed"),
  seed(inSpec("state: 64Mi", "state: &s 64Mi"), "&s", "yaml-anchor"),
  seed(inSpec("running: true", 'running: true, limits: { maxDrawdown: "0.7" }'), '"0.7"', "above-bound"),
  seed(inPolicy("embedded: true", "embedded: yes"), "yes", "yaml-boolean-word"),
  seed(inPolicy("approvals: 0", "approvals: 11"), "11", "value-out-of-range"),
  seed(inPolicy("venues: [paper]", "venues: [paper, moon]"), "moon", "venue-unknown"),
  seed(inPolicy("rpcAddresses: []", "rpcAddresses: [localhost]"), "localhost", "value-malformed"),
  seed(inPolicy("    state: 64Mi", "    state: 999Mi"), "999Mi", "above-bound"),
  seed(inPolicy("strategies: 20", "strategies: many"), "many", "type-mismatch"),
  seed(inPolicy("language: python", "language: perl"), "perl", "value-not-allowed"),
  // The kind of a venue is no seed: with it everything about the venue is in doubt, and so is who may name it.
  seed(inPolicy("msPerStep: 1000", "msPerStep: 0"), "0", "value-out-of-range"),
  seed(inTeams("[alice, bob]", "[alice, b b]"), "b b", "value-malformed"),
  seed(inTeams('"15000"', '"20001"'), '"20001"', "bound-looser"),
  seed(inTeams("group: risk", "group: rissk"), "rissk", "group-unknown"),
  seed(inWaiver("owner: alice", "owner: [alice]"), "[alice]", "type-mismatch"),
  seed(inWaiver('"2026-12-04"', '"2026-13-04"'), '"2026-13-04"', "waiver-end-malformed"),
];

test("any set of independent mistakes gives exactly their findings, each at its place", () => {
  fc.assert(
    fc.property(fc.subarray([...seeds]), (some) => {
      const texts = changed(some);
      const expected = some.map(({ file, to, mark, code }) => {
        const text = texts.get(file) ?? "";
        const lines = text.slice(0, text.indexOf(to) + to.lastIndexOf(mark)).split("\n");
        return `${file}:${lines.length}:${(lines.at(-1) ?? "").length + 1} ${code}`;
      });
      expect([...shown(judge(texts))].sort()).toEqual(expected.sort());
    }),
    { numRuns: 150, examples: [[[...seeds]], [[]]] },
  );
});

test("whatever stands in place of a value, judging never throws", () => {
  const paths = [...good].flatMap(([file, text]) =>
    [...text.matchAll(/: (?<value>"[^"]*"|\[[^\]]*\]|\{.*\}|[^\s,{}[\]]+)/g)].map(({ index, groups }) => ({
      file,
      at: index + 2,
      length: groups?.["value"]?.length ?? 0,
    })),
  );
  const anything = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value as JsonValue)),
    fc.constantFrom(
      "",
      "*a",
      "!!str x",
      "{ <<: {} }",
      "{ paper: 1 }",
      "[paper]",
      '"1/1s"',
      "{ use: x }",
      "{ rpc: 1 }",
      "~",
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), anything), { minLength: 1, maxLength: 3 }), (some) => {
      const texts = new Map(good);
      for (const [{ file, at, length }, text] of some.toSorted(([a], [b]) => b.at - a.at)) {
        const before = texts.get(file) ?? "";
        texts.set(file, `${before.slice(0, at)}${text}${before.slice(at + length)}`);
      }
      judge(texts);
    }),
    { numRuns: 300 },
  );
});
