import { describe, expect, test } from "vitest";
import { formatPlace } from "#core/refusal.ts";
import { parseRule } from "#core/rule.ts";
import { evaluateRule } from "#core/rules/compile.ts";
import { exampleVariables } from "#core/rules/example.ts";
import { compiled, faultsOf, readRule } from "./fixture.ts";

const spec = exampleVariables("spec", "StatefulSet");
const fleet = exampleVariables("fleet", "StatefulSet");

describe("samples at load", () => {
  test.each([
    ["both as they should", { expression: "spec.running", deny: [{ running: false }] }, []],
    [
      "an allow sample that is denied",
      {
        expression: "spec.running",
        message: "'stands in ' + environment.name",
        allow: [{ running: false }],
        deny: [{ running: false }],
      },
      ["sample-contradicts /spec/samples/allow/0: the sample allow[0] is denied by the rule: stands in paper"],
    ],
    [
      "a deny sample that is allowed",
      { expression: "spec.running", deny: [{ running: false }, {}] },
      ["sample-contradicts /spec/samples/deny/1: the sample deny[1] is allowed by the rule"],
    ],
    [
      "an allow sample that fails",
      { expression: "spec.retire == 'flatten'", allow: [{ retire: null }], deny: [{ retire: "keep" }] },
      ["sample-contradicts /spec/samples/allow/0: the sample allow[0] cannot be evaluated: no such key: retire"],
    ],
    [
      "a deny sample that fails is no denial",
      { expression: "spec.retire == 'flatten'", deny: [{ retire: null }] },
      ["sample-contradicts /spec/samples/deny/0: the sample deny[0] cannot be evaluated: no such key: retire"],
    ],
    [
      "a message that fails",
      { expression: "has(spec.retire)", message: "'retires by ' + spec.retire", deny: [{ retire: null }] },
      [
        "sample-contradicts /spec/samples/deny/0: the sample deny[0] is denied, but the message fails: no such key: retire",
      ],
    ],
    [
      "an empty message",
      { expression: "spec.running", message: "' '", deny: [{ running: false }] },
      ["sample-contradicts /spec/samples/deny/0: the sample deny[0] is denied, but the message fails: it is empty"],
    ],
    [
      "a sample that is none",
      { expression: "spec.running", deny: [{ runing: false }] },
      [
        'sample-key-unknown /spec/samples/deny/0/runing: runing is nothing that the rule sees here; did you mean "running"?',
      ],
    ],
    [
      "a blame that fails",
      {
        over: "fleet" as const,
        expression: "size(fleet.strategies) < 3",
        blame: "[fleet.strategies[9].id]",
        deny: [{ strategies: [{}, {}, {}] }],
      },
      [
        "sample-contradicts /spec/samples/deny/0: the sample deny[0] cannot be evaluated: its blame: index out of bounds: 9",
      ],
    ],
  ])("%s", (_name, parts, expected) => expect(faultsOf(parts)).toEqual(expected));

  test.each([
    ["match without objects", { expression: "true", kinds: ["Service"] }, "rule-shape /spec/match"],
    ["objects without match", { over: "object" as const, expression: "true" }, "rule-shape /spec"],
    ["blame without a fleet", { expression: "true", blame: "[]" }, "rule-shape /spec/blame"],
  ])("%s", (_name, parts, expected) => expect(faultsOf(parts).map((fault) => fault.split(":")[0])).toEqual([expected]));

  test("a rule with any finding is not compiled", () => {
    expect(readRule({ expression: "spec.running" })).toMatchObject({ document: undefined, compiled: undefined });
  });
});

describe("mistakes in expressions", () => {
  test.each([
    ["no bool", { expression: "spec.owner" }, "expression-type /spec/expression"],
    ["any value", { expression: "spec.params.x" }, "expression-type /spec/expression"],
    ["no text", { expression: "true", message: "1" }, "expression-type /spec/message"],
    ["an unknown variable", { expression: "fleet.totals.running > 1" }, "expression-unknown-variable /spec/expression"],
    ["an unknown field", { expression: "spec.limits.maxOrder == '1'" }, "expression-unknown-field /spec/expression"],
    ["a type", { expression: "spec.running == 1" }, "expression-type /spec/expression"],
    ["an unknown function", { expression: "now() == 1" }, "expression-unknown-function /spec/expression"],
    [
      "outside of the profile",
      { expression: "spec.?retire.hasValue()" },
      "expression-outside-profile /spec/expression",
    ],
    ["a broken pattern", { expression: "spec.owner.matches('(')" }, "expression-invalid-literal /spec/expression"],
    ["another syntax", { expression: "spec.running and true" }, "expression-syntax /spec/expression"],
    ["blame of numbers", { over: "fleet" as const, expression: "true", blame: "[1]" }, "expression-type /spec/blame"],
    ["blame of one text", { over: "fleet" as const, expression: "true", blame: "'a'" }, "expression-type /spec/blame"],
    [
      "an object's rule sees no defaults",
      { over: "object" as const, kinds: ["Service"], expression: "environment.defaults.cpu == '1'" },
      "expression-unknown-field /spec/expression",
    ],
  ])("%s", (_name, parts, expected) => expect(faultsOf(parts)[0]?.split(":")[0]).toBe(expected));

  test("point into the file, in each style and with both line ends", () => {
    const text = (expression: string): string =>
      `apiVersion: slipway.dev/v1\nkind: Rule\nmetadata: { name: require-it, owner: risk, severity: low }\nspec:\n  over: spec\n  expression: ${expression}\n  message: "'x'"\n  fix: mend it\n  enforcement: advise\n  samples: { allow: [{}], deny: [{}] }\n`;
    const placeOf = (expression: string, lineEnd: string): string => {
      const [found] = parseRule("policies/rules/require-it.yaml", text(expression).replaceAll("\n", lineEnd)).findings;
      return `${formatPlace(found?.place ?? { file: "" }).replace(/^.*yaml:/, "")}:${found?.place?.length} ${found?.code}`;
    };
    for (const lineEnd of ["\n", "\r\n"]) {
      expect(placeOf("spec.running && spec.runing", lineEnd)).toBe("6:36:6 expression-unknown-field");
      expect(placeOf("'spec.owner != ''a'' && spec.runing'", lineEnd)).toBe("6:44:6 expression-unknown-field");
      expect(placeOf('"spec.owner != \\"a\\" && spec.runing"', lineEnd)).toBe("6:44:6 expression-unknown-field");
      expect(placeOf("|\n    spec.running\n      && spec.runing\n", lineEnd)).toBe("8:15:6 expression-unknown-field");
      expect(placeOf(">-\n    spec.running\n    && spec.runing\n", lineEnd)).toBe("8:13:6 expression-unknown-field");
      expect(placeOf("|\n    spec.running &&\n", lineEnd)).toBe("7:20:1 expression-syntax");
    }
  });
});

describe("a verdict", () => {
  test("holds", () => {
    const rule = compiled({ expression: "spec.running", deny: [{ running: false }] });
    expect(evaluateRule(rule, spec)).toEqual({ outcome: "holds" });
  });

  test("violated, with its message", () => {
    const rule = compiled({
      expression: "!spec.running",
      message: "'owner ' + spec.owner",
      allow: [{ running: false }],
    });
    expect(evaluateRule(rule, spec)).toEqual({ outcome: "violated", message: "owner alice" });
  });

  test("a message that fails falls back to the title, and says so", () => {
    const parts = {
      expression: "spec.params.x != 1",
      message: "spec.params.y + ''",
      allow: [{ params: { x: 2 } }],
      deny: [{ params: { x: 1, y: "b" } }],
    };
    const variables = { ...spec, spec: { params: { x: 1 } } };
    expect(evaluateRule(compiled(parts), variables)).toMatchObject({
      outcome: "violated",
      message: "require-it does not hold (the rule's message failed: no such key: y)",
    });
    expect(evaluateRule(compiled({ ...parts, title: "X is not 1" }), variables)).toMatchObject({
      message: "X is not 1 (the rule's message failed: no such key: y)",
    });
  });

  test("a long message is cut", () => {
    const rule = compiled({ expression: "spec.owner != 'x'", message: "'m' + spec.owner", deny: [{ owner: "x" }] });
    const verdict = evaluateRule(
      { ...rule, expression: compiled({ expression: "spec.owner == 'x'", allow: [{ owner: "x" }] }).expression },
      { ...spec, spec: { owner: "o".repeat(2_000) } },
    );
    expect(verdict).toMatchObject({ outcome: "violated" });
    expect("message" in verdict ? verdict.message.length : 0).toBe(601);
  });

  test("what cannot be evaluated is neither", () => {
    const rule = compiled({ expression: "spec.retire == 'flatten'", deny: [{ retire: "keep" }] });
    expect(evaluateRule(rule, { ...spec, spec: {} })).toEqual({ outcome: "unevaluated", why: "no such key: retire" });
    expect(evaluateRule(rule, {})).toEqual({ outcome: "unevaluated", why: "spec has no value" });
  });

  test("what costs too much is not evaluated", () => {
    const rule = compiled({
      over: "fleet",
      expression: "fleet.strategies.all(a, fleet.strategies.all(b, a.id != b.id || a == b))",
      allow: [{ strategies: [{}] }],
      deny: [{ strategies: [{ id: "a/b" }, { id: "a/b", owner: "eve" }] }],
    });
    const strategies = Array.from({ length: 2_000 }, (_, index) => ({ id: `a/${index}` }));
    expect(evaluateRule(rule, { fleet: { strategies } })).toMatchObject({
      outcome: "unevaluated",
      why: expect.stringContaining("costs more than"),
    });
  });

  test("blame gives ids", () => {
    const rule = compiled({
      over: "fleet",
      expression: "fleet.owners.all(o, o.totals.running < 2)",
      blame:
        "fleet.strategies.filter(s, fleet.owners.exists(o, o.name == s.owner && o.totals.running >= 2)).map(s, s.id)",
      deny: [{ strategies: [{}, {}] }],
    });
    expect(evaluateRule(rule, fleet)).toEqual({ outcome: "holds" });
    const lists = compiled({
      over: "fleet",
      expression: "fleet.names.all(n, size(n.strategies) == 1)",
      blame: "fleet.names.filter(n, size(n.strategies) > 1).map(n, n.strategies)",
      deny: [{ strategies: [{ id: "a/b" }, { id: "c/b" }] }],
    });
    const names = [["a/b", "c/b"], ["a/d"], ["c/b", "e/f"]].map((ids) => ({ name: "x", strategies: ids }));
    expect(evaluateRule(lists, { fleet: { names } })).toMatchObject({ blamed: ["a/b", "c/b", "e/f"] });
    const strategies = [
      { id: "a/b", owner: "eve" },
      { id: "a/c", owner: "bob" },
    ];
    const owners = [
      { name: "eve", totals: { running: 2 } },
      { name: "bob", totals: { running: 1 } },
    ];
    expect(evaluateRule(rule, { fleet: { strategies, owners } })).toMatchObject({
      outcome: "violated",
      blamed: ["a/b"],
    });
  });
});
