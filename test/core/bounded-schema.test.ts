import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundPattern } from "#core/bound-pattern.ts";
import { boundTable } from "#core/bound-table.ts";
import { isValueOf } from "#core/bound-value.ts";
import { boundedSchema } from "#core/bounded-schema.ts";
import { type BoundName, isWithin } from "#core/bounds.ts";
import { parseEnvironment } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import { boundsFor, noPolicies } from "#core/policies.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { parseStrategy } from "#core/strategy.ts";
import strategySchema from "#schemas/strategy.schema.json" with { type: "json" };
import { paper } from "../charts/inputs.ts";

const { $defs } = strategySchema;

describe("a pattern takes what is within the bound, and nothing else", () => {
  const matching = (pattern: string) => fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?!.*?\$\)/g, "")));
  const amount = matching($defs.amount.pattern);
  const kinds: readonly (readonly [name: BoundName, texts: fc.Arbitrary<string>, form: RegExp])[] = [
    ["maxOrderNotional", amount, new RegExp($defs.amount.pattern)],
    ["maxDrawdown", matching("^(0\\.[0-9]{1,8}|1(\\.0{1,8})?)$"), new RegExp($defs.fraction.pattern)],
    ["orderRate", matching("^[1-9][0-9]{0,5}/[1-9][0-9]{0,4}s$"), new RegExp($defs.orderRate.pattern)],
    ["cpu", matching("^((0|[1-9][0-9]{0,8})m|(0|[1-9][0-9]{0,5})(\\.[0-9]{1,3})?)$"), new RegExp($defs.cpu.pattern)],
    ["memory", matching("^(0|[1-9][0-9]{0,6})(\\.[0-9]{1,3})?[KMGT]i$"), new RegExp($defs.memory.pattern)],
  ];

  test.each(kinds)("%s", (name, texts, form) => {
    const valid = texts.filter((text) => form.test(text) && isValueOf(name, text));
    fc.assert(
      fc.property(valid, valid, (bound, text) => {
        const pattern = boundPattern(name, bound);
        if (pattern !== undefined)
          expect(new RegExp(pattern).test(text), `${text} in ${bound}`).toBe(isWithin(name, bound, text));
      }),
      // The patterns of rates are long.
      { numRuns: name === "orderRate" ? 300 : 2000 },
    );
  });

  test.each<[BoundName, string, readonly string[], readonly string[]]>([
    [
      "maxOrderNotional",
      "5000",
      ["5000", "5000.0", "4999.99999999", "0.5", "999"],
      ["5000.00000001", "5001", "10000", "05000"],
    ],
    ["maxOrderNotional", "1500.5", ["1500.5", "1500.49999999", "1500", "1500.50"], ["1500.50000001", "1500.6", "1501"]],
    ["maxOrderNotional", "0.00000001", ["0.00000001", "0"], ["0.00000002", "0.1", "1"]],
    ["maxDrawdown", "0.6", ["0.6", "0.60", "0.59999999"], ["0.60000001", "0.61", "1", "1.0"]],
    ["maxDrawdown", "1", ["1", "1.0", "0.99999999"], ["1.1"]],
    ["orderRate", "20/1s", ["20/1s", "20/86400s", "1/60s"], ["21/1s", "100/10s", "20/0s", "20/86401s"]],
    [
      "orderRate",
      "100/7s",
      ["100/7s", "50/4s", "33/3s", "25/2s", "14/1s"],
      ["101/7s", "51/4s", "34/3s", "26/2s", "15/1s"],
    ],
    ["orderRate", "1/60s", ["1/60s", "1/61s"], ["1/59s", "2/60s"]],
    ["cpu", "1", ["1", "1000m", "0.999", "1.000"], ["1001m", "1.001", "2"]],
    ["memory", "256Mi", ["256Mi", "262144Ki", "0.25Gi", "255.999Mi"], ["256.001Mi", "257Mi", "0.251Gi", "1Ti"]],
  ])("%s up to %s", (name, bound, inside, outside) => {
    const pattern = new RegExp(boundPattern(name, bound) ?? "");
    for (const text of inside) expect(pattern.test(text), text).toBe(true);
    for (const text of outside) expect(pattern.test(text), text).toBe(false);
  });
});

describe("the schema with bounds", () => {
  const environment = parseEnvironment("policies/environments/paper.yaml", JSON.stringify(paper));
  const policies = { ...noPolicies, environments: new Map([["paper", environment]]) };
  const table = boundTable(policies, "paper", 0);
  const narrow = {
    ...table!.everyone,
    maxOrderNotional: "500",
    instruments: ["AAPL"],
    rpcAddresses: ["service:models"],
  };
  const schema = boundedSchema(strategySchema as JsonObject, table!.everyone, paper.spec.defaults, {
    environment: "paper",
  });
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

  const document = (spec: object) => ({
    apiVersion: "slipway.dev/v1",
    kind: "Strategy",
    metadata: { name: "x", team: "momentum" },
    spec: {
      owner: "alice",
      algorithm: { entry: "algorithm.ts", runtime: "node" },
      channels: ["quotes"],
      portfolio: { startingCash: "1", sizing: { use: "random" } },
      ...spec,
    },
  });

  test("is one that editors can use, and says the bounds in words", () => {
    expect(schema["$id"]).toBe("https://slipway.dev/schemas/strategy.schema.json?environment=paper");
    const { limits } = schema["$defs"] as unknown as {
      limits: { properties: Record<string, { description: string }> };
    };
    expect(limits.properties["maxOrderNotional"]?.description).toMatch(/\. At most 5000 in paper\.$/);
    expect(limits.properties["venues"]?.description).toMatch(/ Allowed: paper in paper\.$/);
    const ofTeam = boundedSchema(strategySchema as JsonObject, narrow, paper.spec.defaults, {
      environment: "paper",
      team: "momentum",
    });
    expect(JSON.stringify(ofTeam)).toContain("At most 500 in paper for team momentum.");
    const validateTeam = new Ajv2020({ strict: true }).compile(ofTeam);
    const limited = (more: object) =>
      document({ limits: { instruments: ["AAPL"], ...more }, environments: { paper: { running: true } } });
    // The environment's default would be beyond the team's bound.
    expect(validateTeam(limited({}))).toBe(false);
    expect(validateTeam(limited({ maxOrderNotional: "500" }))).toBe(true);
    expect(validateTeam(limited({ maxOrderNotional: "501" }))).toBe(false);
  });

  test("refuses what the gate refuses for a bound", () => {
    const bounds = boundsFor(policies, "paper", { team: "momentum", name: "x" }, 0);
    const some = <Of>(values: readonly Of[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
    const limits = fc.record({
      instruments: fc.constantFrom(["AAPL"], ["AAPL", "IBM"], ["DOGE"], ["AAPL", "DOGE"]),
      venues: some([["paper"], ["live"]]),
      maxOrderNotional: some(["1", "5000", "5000.00000001", "6000"]),
      maxPositionNotional: some(["20000", "20000.5"]),
      orderRate: some(["20/1s", "21/1s", "100/10s"]),
      maxDrawdown: some(["0.6", "0.61"]),
    });
    const resources = fc.record({
      cpu: some(["1", "1.001"]),
      memory: some(["256Mi", "257Mi"]),
      state: some(["0.25Gi", "1Gi"]),
    });
    const entry = fc.record({
      running: fc.boolean(),
      limits: fc.option(limits, { nil: undefined }),
      resources: fc.option(resources, { nil: undefined }),
    });
    const spec = fc.record({
      limits,
      resources: fc.option(resources, { nil: undefined }),
      algorithm: fc.constantFrom({ entry: "algorithm.ts", runtime: "node" }, { rpc: "service:models" }),
      environments: fc.constantFrom("paper", "live").chain((name) => entry.map((value) => ({ [name]: value }))),
    });
    fc.assert(
      fc.property(spec, (parts) => {
        const text = JSON.stringify(document(parts));
        const parsed = parseStrategy("strategies/momentum/x/strategy.yaml", text);
        expect(parsed.findings).toEqual([]);
        const { findings } = resolveStrategy(parsed, environment, "paper", bounds!);
        const beyond = findings.filter(({ code }) => code === "above-bound" || code === "outside-bound");
        expect(validate(JSON.parse(text)), `${text} ${JSON.stringify(beyond.map(({ message }) => message))}`).toBe(
          beyond.length === 0,
        );
      }),
      { numRuns: 1000 },
    );
  });
});
