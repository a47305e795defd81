import { describe, expect, test } from "vitest";
import { compileExpression, type Declarations, type TypeShape } from "#core/cel/compile.ts";

const limits: TypeShape = { object: { instruments: { list: "string" }, maxOrders: "int", share: "double" } };
const spec: TypeShape = { object: { name: "string", limits, labels: { map: "string" }, replicas: "int" } };
const declarations: Declarations = {
  variables: new Map<string, TypeShape>([
    ["spec", spec],
    ["object", "dyn"],
  ]),
};
const variables = {
  spec: {
    name: "sma",
    limits: { instruments: ["AAPL", "DOGE"], maxOrders: 10, share: 1 },
    labels: { team: "quant" },
    replicas: 1,
  },
  object: { metadata: { name: "x" }, spec: { replicas: 3, ratio: 0.5 } },
};

describe("values", () => {
  test.each<readonly [string, unknown]>([
    ["spec.limits.instruments.all(i, i in ['AAPL', 'DOGE'])", true],
    ["spec.limits.instruments.filter(i, i != 'AAPL').join(', ')", "DOGE"],
    ["has(spec.labels.team) && !has(spec.labels.owner)", true],
    ["object.spec.replicas + 1", 4],
    ["object.spec.ratio", 0.5],
    // A declared double takes a whole number.
    ["spec.limits.share / 4.0", 0.25],
    ["spec['name'] + '!'", "sma!"],
    ["quantity('1.5Gi').isGreaterThan(quantity('1Gi'))", true],
    ["[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]],
    ["{'a': 1}.map(k, k)", ["a"]],
  ])("%s", (text, value) => {
    const program = compileExpression(text, declarations, "dyn");
    expect(program.ok && program.value.evaluate(variables)).toEqual({ ok: true, value });
  });
});

describe("evaluation faults", () => {
  test.each([
    {
      text: "object.metadata.labels.team == 'x'",
      code: "evaluation-error",
      offset: 16,
      message: "no such key: labels",
    },
    {
      text: "object.spec.replicas + 'x'",
      code: "evaluation-error",
      offset: 21,
      message: "no such overload: _+_(int, string)",
    },
    { text: "1 / (spec.replicas - 1) == 0", code: "evaluation-error", offset: 2, message: "divide by zero" },
  ])("$text", ({ text, ...error }) => {
    const program = compileExpression(text, declarations, "dyn");
    expect(program.ok && program.value.evaluate(variables)).toEqual({ ok: false, error });
  });

  test("a value that is not what was declared is no answer", () => {
    const flag = { variables: new Map<string, TypeShape>([["flag", "bool"]]) };
    const program = compileExpression("flag", flag, "bool");
    expect(program.ok && program.value.evaluate({ flag: true })).toEqual({ ok: true, value: true });
    expect(program.ok && program.value.evaluate({ flag: "true" })).toMatchObject({
      ok: false,
      error: { code: "evaluation-error", message: "the value is no bool but string" },
    });
  });

  test("a declared variable that is absent fails where it is read", () => {
    const program = compileExpression("spec.replicas == 1 || true", declarations, "bool");
    expect(program.ok && program.value.evaluate({})).toEqual({ ok: true, value: true });
  });
});
