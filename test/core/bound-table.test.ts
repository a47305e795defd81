import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundIn, boundTable, pickBounds } from "#core/bound-table.ts";
import { boundNames, canonicalBound } from "#core/bounds.ts";
import { parseEnvironment } from "#core/environment.ts";
import { environmentPolicy, totalsIn } from "#core/environment-policy.ts";
import { boundsFor, noPolicies, type Policies } from "#core/policies.ts";
import { parseRule } from "#core/rule.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";
import { paper } from "../charts/inputs.ts";

const day = 86_400;

function waiver(name: string, waives: object, scope: object, until = "2026-01-10"): ReturnType<typeof parseWaiver> {
  const text = JSON.stringify({
    apiVersion: "slipway.dev/v1",
    kind: "Waiver",
    metadata: { name },
    spec: { waives, scope, owner: "risk", reason: "a test", until },
  });
  const parsed = parseWaiver(`policies/waivers/${name}.yaml`, text);
  expect(parsed.findings).toEqual([]);
  return parsed;
}

function teams(spec: object): ReturnType<typeof parseTeams> {
  const document = { apiVersion: "slipway.dev/v1", kind: "Teams", metadata: { name: "teams" }, spec };
  const parsed = parseTeams("policies/teams.yaml", JSON.stringify(document));
  expect(parsed.findings).toEqual([]);
  return parsed;
}

const narrow = {
  bounds: { maxOrderNotional: "3000.0", instruments: ["AAPL", "IBM"], cpu: "0.5" },
  totals: { cpu: "2", strategies: 3 },
};
const policies: Policies = {
  ...noPolicies,
  environments: new Map([["paper", parseEnvironment("policies/environments/paper.yaml", JSON.stringify(paper))]]),
  teams: teams({
    teams: {
      momentum: { members: ["alice"], environments: { paper: narrow } },
      seed: { members: [], environments: { paper: {} } },
      away: { members: [], environments: {} },
    },
  }),
  waivers: new Map([
    ["a", waiver("a", { bound: "maxOrderNotional", to: "9000" }, { environment: "paper", strategy: "momentum/sma" })],
    ["b", waiver("b", { bound: "instruments", to: ["DOGE"] }, { environment: "paper", team: "seed" })],
    ["c", waiver("c", { bound: "cpu", to: "750m" }, { environment: "paper", strategy: "momentum/sma" }, "2026-01-05")],
    ["d", waiver("d", { bound: "cpu", to: "4" }, { environment: "live", team: "momentum" })],
    ["e", waiver("e", { rule: "require-digest" }, { environment: "paper", strategy: "seed/x" })],
    ["f", waiver("f", { rule: "require-digest" }, { environment: "paper", team: "momentum" }, "2026-01-05")],
  ]),
};
const before = Date.UTC(2026, 0, 3) / 1000;

describe("the table of bounds", () => {
  test("holds what differs, canonical", () => {
    const table = boundTable(policies, "paper", before);
    expect(table?.everyone).toMatchObject({ maxOrderNotional: "5000", cpu: "1", rpcAddresses: [] });
    expect(table?.teams).toEqual({
      momentum: { maxOrderNotional: "3000", instruments: ["AAPL", "IBM"], cpu: "500m" },
      seed: { instruments: ["MSFT", "AMZN", "IBM", "GOOG", "AAPL", "DOGE"] },
    });
    expect(table?.strategies).toEqual({ "momentum/sma": { maxOrderNotional: "9000", cpu: "750m" } });
  });

  test("is that of the instant", () => {
    const after = before + 5 * day;
    expect(boundTable(policies, "paper", after)?.strategies).toEqual({ "momentum/sma": { maxOrderNotional: "9000" } });
    expect(boundTable(policies, "paper", after + 5 * day)?.strategies).toEqual({});
  });

  test("says of each strategy what boundsFor says", () => {
    const name = fc.constantFrom("momentum", "seed", "other", "sma", "x", "constructor");
    const instant = fc.integer({ min: before - day, max: before + 10 * day });
    fc.assert(
      fc.property(name, name, instant, (team, strategy, at) => {
        const table = boundTable(policies, "paper", at);
        const bounds = boundsFor(policies, "paper", { team, name: strategy }, at);
        for (const bound of boundNames) {
          const expected = canonicalBound(bound, bounds?.[bound].value ?? "none");
          expect(table && boundIn(table, { team, name: strategy }, bound)).toEqual(expected);
        }
      }),
    );
  });

  test("can be cut to some bounds", () => {
    const table = boundTable(policies, "paper", before);
    expect(table && pickBounds(table, ["instruments", "maxDrawdown"])).toEqual({
      everyone: { instruments: paper.spec.bounds.instruments, maxDrawdown: "0.6" },
      teams: {
        momentum: { instruments: ["AAPL", "IBM"] },
        seed: { instruments: ["MSFT", "AMZN", "IBM", "GOOG", "AAPL", "DOGE"] },
      },
      strategies: {},
    });
  });

  test("is none where nothing can be held against anything", () => {
    expect(boundTable(policies, "nowhere", before)).toBeUndefined();
    const refused = { ...policies, teams: parseTeams("policies/teams.yaml", "nonsense") };
    expect(boundTable(refused, "paper", before)).toBeUndefined();
    expect(environmentPolicy(refused, "paper", before)).toBeUndefined();
  });
});

describe("the policy of an environment", () => {
  const text = JSON.stringify({
    apiVersion: "slipway.dev/v1",
    kind: "Rule",
    metadata: { name: "require-digest", owner: "platform", severity: "high" },
    spec: {
      over: "object",
      match: { kinds: ["StatefulSet"] },
      expression: "object.spec.replicas <= 1",
      message: "'two'",
      fix: "one",
      enforcement: "forbid",
      samples: { allow: [{ object: {} }], deny: [{ object: { spec: { replicas: 2 } } }] },
    },
  });
  const rules = new Map([["require-digest", parseRule("policies/rules/require-digest.yaml", text)]]);
  const policy = environmentPolicy({ ...policies, rules }, "paper", before);

  test("has each team's totals and rights", () => {
    expect(policy && totalsIn(policy, "momentum")).toEqual({ cpu: "2", memory: "4Gi", state: "4Gi", strategies: 3 });
    expect(policy && totalsIn(policy, "seed")).toEqual({ cpu: "4", memory: "4Gi", state: "4Gi", strategies: 20 });
    for (const team of ["away", "unheard-of"])
      expect(policy && totalsIn(policy, team)).toEqual({ cpu: "0", memory: "0", state: "0", strategies: 0 });
    expect(policy?.teams).toEqual({
      momentum: { members: ["alice"], mayRun: true },
      seed: { members: [], mayRun: true },
      away: { members: [], mayRun: false },
    });
    expect(policy?.unlisted).toBe(false);
  });

  test("has each rule with those it is waived for", () => {
    expect(policy?.rules.map(({ document, waived }) => [document.metadata.name, waived])).toEqual([
      ["require-digest", [{ team: "momentum" }, { team: "seed", name: "x" }]],
    ]);
    const later = environmentPolicy({ ...policies, rules }, "paper", before + 5 * day);
    expect(later?.rules[0]?.waived).toEqual([{ team: "seed", name: "x" }]);
  });
});
