import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { channelPattern } from "#core/channels.ts";
import { parseEnvironment } from "#core/environment.ts";
import { knownBoundsFor, noPolicies } from "#core/policies.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { parseStrategy } from "#core/strategy.ts";
import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import freezeSchema from "#schemas/freeze.schema.json" with { type: "json" };
import haltSchema from "#schemas/halt.schema.json" with { type: "json" };
import ruleSchema from "#schemas/rule.schema.json" with { type: "json" };
import strategySchema from "#schemas/strategy.schema.json" with { type: "json" };
import teamsSchema from "#schemas/teams.schema.json" with { type: "json" };
import waiverSchema from "#schemas/waiver.schema.json" with { type: "json" };
import { generate } from "../../scripts/generate.ts";

const root = new URL("../../", import.meta.url);
const schemas = [
  ["strategy", strategySchema],
  ["environment", environmentSchema],
  ["rule", ruleSchema],
  ["teams", teamsSchema],
  ["waiver", waiverSchema],
  ["freeze", freezeSchema],
  ["halt", haltSchema],
] as const;

describe.each(schemas)("%s.schema.json", (kind, schema) => {
  test("compiles in ajv's strict mode, and has the address that editors use", () => {
    expect(() => new Ajv2020({ strict: true }).compile(schema)).not.toThrow();
    expect(schema.$id).toBe(`https://slipway.dev/schemas/${kind}.schema.json`);
  });

  test("describes every property and closes every object", () => {
    const bare: string[] = [];
    const open: string[] = [];
    walk(schema, "", (node, path) => {
      if (node["type"] === "object" && node["additionalProperties"] === undefined) open.push(path);
      for (const [name, property] of Object.entries(
        (node["properties"] ?? {}) as Record<string, { description?: string }>,
      )) {
        if (!property.description) bare.push(`${path}/${name}`);
      }
    });
    expect({ bare, open }).toEqual({ bare: [], open: [] });
  });
});

test("a definition that stands in several schemas is the same in all", () => {
  const own = new Set(["spec", "bounds", "teamTotals"]);
  const seen = new Map<string, string>();
  const different: string[] = [];
  for (const [kind, { $defs }] of schemas) {
    for (const [name, definition] of Object.entries($defs)) {
      const text = JSON.stringify(definition);
      if (!own.has(name) && (seen.get(name) ?? text) !== text) different.push(`${kind} ${name}`);
      seen.set(name, text);
    }
  }
  expect(different).toEqual([]);
});

test("the schema's channels are the code's", () => expect(strategySchema.$defs.channel.pattern).toBe(channelPattern()));

test("the generated files are those that npm run generate writes", async () => {
  for (const [path, text] of await generate())
    expect(readFileSync(new URL(path, root), "utf8") === text, path).toBe(true);
});

test("every strategy and environment of this repository is good, and names its schema for editors", () => {
  const environments = readdirSync(new URL("policies/environments/", root)).map((name) => {
    const file = `policies/environments/${name}`;
    const text = readFileSync(new URL(file, root), "utf8");
    expect(text).toMatch(/^# yaml-language-server: \$schema=.*environment\.schema\.json$/m);
    const parsed = parseEnvironment(file, text);
    expect(parsed.findings).toEqual([]);
    return parsed;
  });
  for (const path of readdirSync(new URL("strategies/", root), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith("strategy.yaml")) continue;
    const text = readFileSync(new URL(`strategies/${path}`, root), "utf8");
    expect(text).toMatch(/^# yaml-language-server: \$schema=.*strategy\.schema\.json$/m);
    const parsed = parseStrategy(`strategies/${path}`, text);
    expect(parsed.findings).toEqual([]);
    for (const environment of environments) {
      const name = environment.document?.metadata.name ?? "";
      const policies = { ...noPolicies, environments: new Map([[name, environment]]) };
      const bounds = knownBoundsFor(policies, name, { team: "any", name: "any" }, 0);
      expect(resolveStrategy(parsed, environment, name, bounds).findings).toEqual([]);
    }
  }
});

function walk(value: unknown, path: string, visit: (node: Record<string, unknown>, path: string) => void): void {
  if (typeof value !== "object" || value === null) return;
  visit(value as Record<string, unknown>, path);
  for (const [key, item] of Object.entries(value)) walk(item, `${path}/${key}`, visit);
}
