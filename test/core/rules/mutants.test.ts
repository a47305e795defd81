import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileExpression } from "#core/cel/compile.ts";
import { parse } from "#core/cel/parser.ts";
import { mutantsOf } from "#core/rules/mutants.ts";
import { mutationScore } from "#core/rules/mutation.ts";
import { printExpression } from "#core/rules/print.ts";
import { compiled } from "./fixture.ts";

const mutants = (text: string): readonly string[] => mutantsOf(text).map(({ text: mutant }) => mutant);

describe("a weakened expression", () => {
  test.each<[text: string, mutants: readonly string[]]>([
    ["a", ["true", "!a"]],
    ["a == 1", ["true", "a != 1", "a == 2", "a == 0"]],
    ["a < b", ["true", "a >= b", "a <= b"]],
    ["a <= b", ["true", "a > b"]],
    ["!(a <= b)", ["true", "a <= b", "!(a > b)", "!(a < b)"]],
    ["!a", ["true", "a"]],
    ["a && b", ["true", "a || b", "b", "a", "(!a) && b", "a && (!b)"]],
    ["a || b", ["true", "(!a) || b", "a || (!b)"]],
    ["!(a || b)", ["true", "a || b", "!(a && b)", "!b", "!a", "!((!a) || b)", "!(a || (!b))"]],
    [
      "a && b && c",
      ["true", "a || b || c", "b && c", "a && c", "a && b", "(!a) && b && c", "a && (!b) && c", "a && b && (!c)"],
    ],
    ["a.all(x, x)", ["true", "a.exists(x, x)", "a.all(x, !x)"]],
    ["a.exists(x, x)", ["true", "a.exists(x, !x)"]],
    ["!a.exists(x, x)", ["true", "a.exists(x, x)", "!a.all(x, x)", "!a.exists(x, !x)"]],
    ["a.exists_one(x, x)", ["true", "a.exists(x, x)", "a.exists_one(x, !x)"]],
    [
      "['a', 'b'].all(x, x)",
      ["true", "['a', 'b'].exists(x, x)", "['b'].all(x, x)", "['a'].all(x, x)", "['a', 'b'].all(x, !x)"],
    ],
    ["a in ['x', 'y']", ["true", "!(a in ['x', 'y'])"]],
    ["!(a in ['x', 'y'])", ["true", "a in ['x', 'y']", "!(a in ['y'])", "!(a in ['x'])"]],
    ["a ? b : c", ["true", "b", "c", "(!a) ? b : c"]],
    ["a.matches('^x$')", ["true", "!a.matches('^x$')", "a.matches('x$')", "a.matches('^x')"]],
    ["a.startsWith('x')", ["true", "!a.startsWith('x')", "a.contains('x')"]],
    ["sets.contains(a, b)", ["true", "!sets.contains(a, b)", "sets.intersects(a, b)"]],
    [
      "quantity('9Mi').isLessThan(a)",
      ["true", "!quantity('9Mi').isLessThan(a)", "quantity('10Mi').isLessThan(a)", "quantity('8Mi').isLessThan(a)"],
    ],
    ["quantity('0.50') == a", ["true", "quantity('0.50') != a", "quantity('0.51') == a", "quantity('0.49') == a"]],
    ["quantity('0') == a", ["true", "quantity('0') != a", "quantity('1') == a"]],
    [
      "size(a.filter(x, x > 1)) == 0",
      [
        "true",
        "size(a.filter(x, x > 1)) != 0",
        "size(a.filter(x, x > 1)) == 1",
        "size(a.filter(x, x > 1)) == (-1)",
        "size(a.filter(x, x <= 1)) == 0",
        "size(a.filter(x, x >= 1)) == 0",
        "size(a.filter(x, x > 2)) == 0",
        "size(a.filter(x, x > 0)) == 0",
      ],
    ],
    ["has(a.b)", ["true", "!has(a.b)"]],
  ])("%s", (text, expected) => expect(mutants(text)).toEqual(expected));

  test("says what was changed, where, and how a sample tells", () => {
    expect(mutantsOf("a.b == 'x' && c").at(-1)).toEqual({
      text: "(a.b == 'x') && (!c)",
      from: "c",
      to: "!c",
      offset: 14,
      length: 1,
      hint: "a sample in which c is true and one in which it is false",
    });
  });
});

describe("printing", () => {
  const name = fc.constantFrom(
    "a",
    "b",
    "c.d",
    "c['e']",
    "f[0]",
    "true",
    "-1",
    "'x\\'y'",
    '"z"',
    "r'\\d'",
    "[1, 2]",
    "{'k': a}",
  );
  const expression = fc.letrec<{ value: string }>((tie) => {
    const value = tie("value");
    return {
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        name,
        fc
          .tuple(value, fc.constantFrom("&&", "||", "==", "<", "+", "-", "*", "in"), value)
          .map(([a, sign, b]) => `(${a}) ${sign} (${b})`),
        value.map((a) => `!(${a})`),
        fc.tuple(value, value, value).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
        fc
          .tuple(value, fc.constantFrom("all", "exists", "filter", "map"), value)
          .map(([a, macro, b]) => `(${a}).${macro}(x, ${b})`),
        value.map((a) => `has((${a}).g)`),
        value.map((a) => `size(${a})`),
      ),
    };
  }).value;

  /** Without places: the tree alone. */
  const shape = (text: string): string => {
    const parsed = parse(text);
    if (!parsed.ok) throw new Error(`${text}: ${parsed.error[0]?.message}`);
    const places = new Set(["at", "end", "start", "depth"]);
    return JSON.stringify(parsed.value, (key, value: unknown) => {
      if (places.has(key)) return undefined;
      return typeof value === "bigint" ? `${value}n` : value;
    });
  };
  const printed = (text: string): string => {
    const parsed = parse(text);
    return parsed.ok ? printExpression(parsed.value, text) : text;
  };

  test("means the same", () => {
    fc.assert(
      fc.property(expression, (text) => {
        expect(shape(printed(text))).toBe(shape(text));
      }),
      { numRuns: 500 },
    );
  });

  test("every mutant is another expression that can be read", () => {
    fc.assert(
      fc.property(expression, (text) => {
        for (const mutant of mutants(text)) {
          expect(mutant).not.toBe(printed(text));
          expect(parse(mutant).ok).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a score", () => {
  const expression = "spec.running && spec.owner == 'alice'";

  test("is whole when each weakened rule fails its samples", () => {
    const rule = compiled({ expression, deny: [{ running: false }, { owner: "bob" }] });
    expect(mutationScore(rule)).toEqual({ mutants: 6, survivors: [] });
  });

  test("names what no sample notices", () => {
    const { survivors } = mutationScore(compiled({ expression, deny: [{ running: false, owner: "bob" }] }));
    expect(survivors.map(({ from, to, hint }) => [from, to, hint])).toEqual([
      [
        "spec.running && (spec.owner == 'alice')",
        "spec.running || (spec.owner == 'alice')",
        "a sample in which only one side of && is true",
      ],
      [
        "spec.running && (spec.owner == 'alice')",
        "spec.owner == 'alice'",
        "a sample that only condition 1 of 2 decides",
      ],
      ["spec.running && (spec.owner == 'alice')", "spec.running", "a sample that only condition 2 of 2 decides"],
    ]);
  });

  test("counts no mutant that is no expression for Kubernetes either", () => {
    const rule = compiled({
      expression: "size(spec.channels.filter(c, c == 'quotes')) == 1",
      deny: [{ channels: [] }, { channels: ["quotes", "quotes"] }],
    });
    const all = mutantsOf(rule.document.spec.expression);
    const { mutants: counted } = mutationScore(rule);
    expect(counted).toBeLessThanOrEqual(all.length);
    expect(compileExpression("spec.running || 1", { variables: new Map() }, "bool").ok).toBe(false);
  });
});
