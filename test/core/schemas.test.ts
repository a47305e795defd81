import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { channelPattern } from "#core/channels.ts";
import { parseEnvironment } from "#core/environment.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { parseStrategy } from "#core/strategy.ts";
import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import strategySchema from "#schemas/strategy.schema.json" with { type: "json" };
import { generate } from "../../scripts/generate.ts";

const root = new URL("../../", import.meta.url);
const schemas = [
  ["strategy", strategySchema],
  ["environment", environmentSchema],
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

test("a definition that stands in both schemas is the same in both", () => {
  const theirs: Record<string, unknown> = environmentSchema.$defs;
  const different = Object.entries(strategySchema.$defs).filter(([name, definition]) => {
    const other = theirs[name];
    return name !== "spec" && other !== undefined && JSON.stringify(other) !== JSON.stringify(definition);
  });
  expect(different.map(([name]) => name)).toEqual([]);
});

test("the schema's channels are the code's", () => expect(strategySchema.$defs.channel.pattern).toBe(channelPattern()));

test("the generated files are those that npm run generate writes", { timeout: 60_000 }, async () => {
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
    for (const environment of environments) expect(resolveStrategy(parsed, environment).findings).toEqual([]);
  }
});

function walk(value: unknown, path: string, visit: (node: Record<string, unknown>, path: string) => void): void {
  if (typeof value !== "object" || value === null) return;
  visit(value as Record<string, unknown>, path);
  for (const [key, item] of Object.entries(value)) walk(item, `${path}/${key}`, visit);
}
