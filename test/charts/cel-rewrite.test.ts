import { describe, expect, test } from "vitest";
import { celLiteral, celSet, celSets, celString, celTyped } from "#charts/cel.ts";
import { celFields, rewriteCel, variableName } from "#charts/cel-rewrite.ts";
import { compileExpression } from "#core/cel/compile.ts";
import type { JsonValue } from "#core/json.ts";

function evaluate(text: string): unknown {
  const program = compileExpression(text, { variables: new Map() }, "dyn");
  const value = program.ok ? program.value.evaluate({}) : program;
  return value.ok ? value.value : value;
}

describe("literals mean what they were made of", () => {
  test.each<[JsonValue]>([
    ["plain"],
    ["it's \\ \" a 'quote'\n\ttab \u0000 \u2028 \u00e9 \u{1f600}"],
    [0],
    [-5],
    [1.5],
    [true],
    [null],
    [["a", "b"]],
    [["a", 1, ["b"], { c: null }]],
    [{ a: "b", "c'd": "e" }],
    [{ a: "b", c: ["d"], e: { f: 1 } }],
    [[]],
    [{}],
  ])("%j", (value) => {
    expect(evaluate(celLiteral(value))).toEqual(value);
    expect(evaluate(celTyped(value))).toEqual(value);
  });

  test("sets are in order, and empty ones are sets too", () => {
    expect(celSet(["b", "a"])).toBe("{'a': true, 'b': true}");
    expect(evaluate(`'a' in (${celSet([])})`)).toBe(false);
    expect(celSets([])).toHaveLength(1);
  });

  test("long sets are cut, and nothing is lost", () => {
    const names = Array.from({ length: 9000 }, (_, index) => `name-${index}`);
    const sets = celSets(names);
    expect(sets.length).toBeGreaterThan(1);
    for (const set of sets) expect(set.length).toBeLessThan(60_000);
    const found = sets.flatMap((set) => [...set.matchAll(/'([^']+)': true/g)].map(([, name]) => name));
    expect(found.toSorted()).toEqual(names.toSorted());
    expect(celString("a")).toBe("'a'");
  });
});

describe("an expression is rewritten at its variables", () => {
  const rewrite = (text: string) =>
    rewriteCel(text, ({ path, asks }) => {
      if (path?.[0] !== "spec") return undefined;
      if (asks) return "ASKS";
      if (path.length > 3) return undefined;
      return path.length === 1 ? { reason: "whole" } : variableName(path);
    });

  test.each([
    ["spec.owner == 'spec.owner'", "specOwner == 'spec.owner'"],
    ["spec . owner + spec\n.team", "specOwner + specTeam"],
    ["spec['owner'] + spec[\"team\"]", "specOwner + specTeam"],
    ["!has(spec.a.b) || has( spec.c )", "!ASKS || ASKS"],
    ["spec.limits.items.all(i, i in spec.allowed)", "specLimitsItems.all(i, i in specAllowed)"],
    ["other.all(spec, spec.a == 1) && spec.b == 2", "other.all(spec, spec.a == 1) && specB == 2"],
    ["spec.list.exists(spec, spec.x) ? spec.y : [spec.z]", "specList.exists(spec, spec.x) ? specY : [specZ]"],
    ["{'k': spec.a}[spec.b] + size(spec.c)", "{'k': specA}[specB] + size(specC)"],
    ["list.map(x, x > spec.low, x + spec.high)", "list.map(x, x > specLow, x + specHigh)"],
    ["object.spec.owner", "object.spec.owner"],
    ["spec.a // why\n  && spec.b\n", "specA && specB"],
    ["'// no comment' == spec.a\n||\n'tcp://x' == 'y'", "'// no comment' == specA || 'tcp://x' == 'y'"],
    ["-spec.a + (spec.b)", "-specA + (specB)"],
  ])("%s", (text, expected) => {
    expect(rewrite(text)).toEqual({ text: expected });
  });

  test.each([
    ["spec == spec.owner", "whole"],
    ["(spec).owner == ''", "there are parentheses around a part of spec.owner"],
    ["spec.owner ==", "it cannot be parsed"],
  ])("%s is given up", (text, reason) => {
    expect(rewrite(text)).toEqual({ reason });
  });

  test("and its fields are known", () => {
    expect([...celFields("a.b.all(x, has(x.c) && x['d'] == [1][0])")].sort()).toEqual(["b", "c", "d"]);
  });
});
