import { expect, test } from "vitest";
import type { TypeShape } from "#core/cel/compile.ts";
import { shapesOf } from "#core/rules/shapes.ts";
import { follow, type SchemaNode } from "#core/schema-walk.ts";
import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import strategySchema from "#schemas/strategy.schema.json" with { type: "json" };

/** Names of members, dotted, of a schema; all branches of a choice together. */
function fieldsOf(root: SchemaNode, node: SchemaNode): ReadonlySet<string> {
  const { schema } = follow(root, node);
  const found = new Set<string>();
  for (const branch of schema.oneOf ?? []) for (const field of fieldsOf(root, branch)) found.add(field);
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    found.add(name);
    for (const field of fieldsOf(root, member)) found.add(`${name}.${field}`);
  }
  return found;
}

function namesOf(shape: TypeShape): ReadonlySet<string> {
  const found = new Set<string>();
  if (typeof shape === "string" || !("object" in shape)) return found;
  for (const [name, inner] of Object.entries(shape.object)) {
    found.add(name);
    for (const field of namesOf(inner)) found.add(`${name}.${field}`);
  }
  return found;
}

const member = (root: SchemaNode, ...path: readonly string[]): SchemaNode => {
  let node = root;
  for (const name of path) node = follow(root, node).schema.properties?.[name] ?? {};
  return node;
};

test("a rule sees every field of a spec that can have an effect in one environment", () => {
  const fields = [...fieldsOf(strategySchema, member(strategySchema, "spec"))];
  // `environments` has been applied; `running` is the environment's own.
  const wanted = [...fields.filter((field) => !field.startsWith("environments")), "running"];
  expect([...namesOf(shapesOf("spec")["spec"] ?? "dyn")].sort()).toEqual(wanted.sort());
});

test.each(["bounds", "defaults"])("a rule sees all %s of an environment", (name) => {
  const fields = fieldsOf(environmentSchema, member(environmentSchema, "spec", name));
  const shape = shapesOf("spec")["environment"];
  const seen = typeof shape === "object" && "object" in shape ? (shape.object[name] ?? "dyn") : "dyn";
  expect([...namesOf(seen)].sort()).toEqual([...fields].sort());
});
