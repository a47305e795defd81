import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { TypeShape } from "#core/cel/compile.ts";
import { parseRule } from "#core/rule.ts";
import { shapesOf } from "#core/rules/shapes.ts";

const guide = readFileSync(new URL("../../docs/policies.md", import.meta.url), "utf8");
const section = guide.slice(guide.indexOf("\n## Rules\n"), guide.indexOf("\n## Time\n"));

/** Every name that a rule may write behind a dot. */
function namesIn(shape: TypeShape): readonly string[] {
  if (typeof shape === "string") return [];
  if ("list" in shape) return namesIn(shape.list);
  if ("map" in shape) return namesIn(shape.map);
  return Object.entries(shape.object).flatMap(([name, inner]) => [name, ...namesIn(inner)]);
}

test("the reference names every variable and field that a rule sees", () => {
  // Limits, resources, bounds and defaults have the names that specs and environments have.
  const known = ["limits", "resources", "bounds", "defaults"].flatMap((name) => [
    ...namesIn(shapeOf("spec", "spec", name)),
    ...namesIn(shapeOf("spec", "environment", name)),
  ]);
  const missing = (["spec", "fleet", "object"] as const)
    .flatMap((over) => Object.entries(shapesOf(over)).flatMap(([name, shape]) => [name, ...namesIn(shape)]))
    .filter((name) => !known.includes(name) && !section.includes(`\`${name}\``));
  expect([...new Set(missing)]).toEqual([]);
});

function shapeOf(over: "spec", variable: string, field: string): TypeShape {
  const shape = shapesOf(over)[variable];
  return typeof shape === "object" && "object" in shape ? (shape.object[field] ?? "dyn") : "dyn";
}

test("the rule of the reference is one", () => {
  const text = /```yaml\n(# yaml-language-server[\s\S]*?)```/.exec(section)?.[1] ?? "";
  const { metadata } = parse(text) as { readonly metadata: { readonly name: string } };
  expect(parseRule(`policies/rules/${metadata.name}.yaml`, text).findings).toEqual([]);
});
