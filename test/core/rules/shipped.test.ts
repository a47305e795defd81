import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseEnvironment } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import { type ParsedRule, parseRule } from "#core/rule.ts";
import { evaluateRule } from "#core/rules/compile.ts";
import { exampleFleet, exampleFleetStrategy, exampleVariables } from "#core/rules/example.ts";
import { mutationScore } from "#core/rules/mutation.ts";
import { objectEnvironment } from "#core/rules/variables.ts";

const root = join(import.meta.dirname, "../../..");
const folder = "policies/rules";
const rules: readonly (readonly [name: string, rule: ParsedRule])[] = readdirSync(join(root, folder))
  .sort()
  .map((name) => [
    name.replace(".yaml", ""),
    parseRule(`${folder}/${name}`, readFileSync(join(root, folder, name), "utf8")),
  ]);

describe("the rules that ship", () => {
  test("are enough for the first day, of each kind", () => {
    const over = rules.map(([, { document }]) => document?.spec.over);
    expect(rules.length).toBeGreaterThanOrEqual(20);
    for (const kind of ["spec", "fleet", "object"])
      expect(over.filter((one) => one === kind).length).toBeGreaterThan(2);
  });

  test.each(rules)("%s is right and says what it is for", (_name, { document, findings }) => {
    expect(findings).toEqual([]);
    expect(document?.metadata.title).toBeDefined();
  });

  test.each(rules)("%s cannot be weakened without its samples noticing", (_name, { compiled }) => {
    const score = compiled === undefined ? undefined : mutationScore(compiled);
    expect(score?.survivors.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
    expect(score?.mutants).toBeGreaterThan(0);
  });
});

test("a rule over the fleet stays within its budget, and so does its blame, for 10,000 strategies that all break it", () => {
  const { limits } = exampleFleetStrategy;
  const strategies = Array.from({ length: 10_000 }, (_, index) => ({
    ...exampleFleetStrategy,
    id: `t${index % 5_000}/s${index % 7}`,
    name: `s${index % 7}`,
    limits: { ...limits, instruments: [`I${index % 3_000}`, "AAPL"], maxPositionNotional: "20000.01" },
  }));
  const variables = { ...exampleVariables("fleet", "StatefulSet"), fleet: exampleFleet(strategies) };
  const outcomes = rules
    .filter(([, { document }]) => document?.spec.over === "fleet")
    .map(([name, { compiled }]) => [
      name,
      compiled === undefined ? "refused" : evaluateRule(compiled, variables).outcome,
    ]);
  expect(outcomes).toEqual(outcomes.map(([name]) => [name, "violated"]));
});

test("the rules hold for every object that ships", () => {
  const text = readFileSync(join(root, "policies/environments/paper.yaml"), "utf8");
  const { document } = parseEnvironment("policies/environments/paper.yaml", text);
  if (document === undefined) throw new Error("the environment is refused");
  const environment = objectEnvironment(document, (bound) => document.spec.bounds[bound]);
  const golden = join(root, "test/golden/paper");
  const asked = new Set<string>();
  for (const file of readdirSync(golden, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    if (!file.isFile() || !/golden\/paper\/(?:teams|strategies)\//.test(path)) continue;
    const object = parse(readFileSync(path, "utf8")) as JsonObject;
    for (const [name, { compiled }] of rules) {
      if (compiled?.document.spec.match?.kinds.some((kind) => kind === object["kind"]) !== true) continue;
      asked.add(name);
      expect([path, name, evaluateRule(compiled, { object, environment })]).toEqual([path, name, { outcome: "holds" }]);
    }
  }
  const overObjects = rules.filter(([, { document: rule }]) => rule?.spec.over === "object").map(([name]) => name);
  expect([...asked].sort()).toEqual(overObjects);
});
