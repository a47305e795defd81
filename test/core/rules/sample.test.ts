import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "#core/json.ts";
import type { RuleDocument } from "#core/rule.ts";
import { exampleVariables } from "#core/rules/example.ts";
import { exampleObjects } from "#core/rules/example-objects.ts";
import { lay } from "#core/rules/lay.ts";
import { laySample } from "#core/rules/sample.ts";
import { checkShape } from "#core/rules/sample-shape.ts";
import { shapesOf } from "#core/rules/shapes.ts";
import { schemaChecker } from "../../charts/schemas.ts";

type Over = RuleDocument["spec"]["over"];

function laid(over: Over, sample: JsonObject, kinds?: NonNullable<RuleDocument["spec"]["match"]>["kinds"]): JsonObject {
  const result = laySample(specOf(over, kinds), sample, "/s");
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function faults(over: Over, sample: JsonObject): readonly string[] {
  const result = laySample(specOf(over, ["StatefulSet", "Service"]), sample, "/s");
  return result.ok
    ? []
    : result.error.map(({ code, pointer, message, fix }) => `${code} ${pointer}: ${message}; ${fix}`);
}

function specOf(over: Over, kinds?: NonNullable<RuleDocument["spec"]["match"]>["kinds"]): RuleDocument["spec"] {
  return {
    over,
    ...(kinds === undefined ? {} : { match: { kinds } }),
    expression: "true",
    message: "''",
    fix: "x",
    enforcement: "forbid",
    samples: { allow: [], deny: [] },
  };
}

function at(value: JsonValue, path: string): JsonValue | undefined {
  let found: JsonValue | undefined = value;
  for (const key of path.split(".")) found = (found as Record<string, JsonValue> | undefined)?.[key];
  return found;
}

describe("laying", () => {
  test.each<[name: string, base: JsonValue, over: JsonValue, expected: JsonValue]>([
    ["a scalar takes the place", 1, 2, 2],
    ["maps are merged", { a: 1, b: { c: 1, d: 2 } }, { b: { c: 3 } }, { a: 1, b: { c: 3, d: 2 } }],
    ["null takes a key out", { a: 1, b: 2 }, { a: null }, { b: 2 }],
    ["null of a key that is not there", { a: 1 }, { b: null }, { a: 1 }],
    ["a list takes the place", [1, 2, 3], [4], [4]],
    ["an empty list is empty", [{ a: 1 }], [], []],
    [
      "items get the base's first",
      [{ name: "x", a: 1, b: 1 }],
      [{ b: 2 }, { b: 3 }],
      [
        { name: "x", a: 1, b: 2 },
        { name: "x", a: 1, b: 3 },
      ],
    ],
    [
      "items get the base's of their name",
      [
        { name: "x", a: 1 },
        { name: "y", a: 2 },
      ],
      [{ name: "y", b: 3 }],
      [{ name: "y", a: 2, b: 3 }],
    ],
    [
      "items get the base's of their id",
      [
        { id: "x", a: 1 },
        { id: "y", a: 2 },
      ],
      [{ id: "y", b: 3 }],
      [{ id: "y", a: 2, b: 3 }],
    ],
    ["a map over a scalar", 1, { a: 1 }, { a: 1 }],
    ["a scalar over a map", { a: 1 }, "x", "x"],
    ["items over nothing", 1, [{ a: null, b: 1 }], [{ b: 1 }]],
  ])("%s", (_name, base, over, expected) => expect(lay(base, over)).toEqual(expected));

  test("laying a value over itself changes nothing, and twice is once", () => {
    const json = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.string({ maxLength: 3 }),
        fc.array(fc.integer(), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    fc.assert(
      fc.property(json, json, (base, over) => {
        expect(lay(base, base)).toEqual(base);
        expect(lay(lay(base, over), over)).toEqual(lay(base, over));
      }),
    );
  });
});

describe("a sample", () => {
  test.each(["spec", "fleet", "object"] as const)("that says nothing is the plain example (%s)", (over) => {
    expect(laid(over, {}, ["StatefulSet"])).toEqual(exampleVariables(over, "StatefulSet"));
  });

  test.each(["spec", "fleet", "object"] as const)("the plain example has what the rule sees (%s)", (over) => {
    for (const [name, shape] of Object.entries(shapesOf(over)))
      expect(checkShape(shape, exampleVariables(over, "StatefulSet")[name] ?? null, name)).toEqual([]);
  });

  test("the plain objects are objects of Kubernetes", () => {
    const check = schemaChecker();
    for (const [kind, object] of Object.entries(exampleObjects)) expect([kind, ...check(object)]).toEqual([kind]);
  });

  test("a part of the spec may stand without it", () => {
    const short = laid("spec", { limits: { venues: ["x"] }, running: false });
    expect(short).toEqual(laid("spec", { spec: { limits: { venues: ["x"] }, running: false } }));
    expect(at(short, "spec.limits.venues.0")).toBe("x");
    expect(at(short, "spec.limits.instruments.0")).toBe("AAPL");
  });

  test("parts of several variables", () => {
    const all = laid("spec", {
      team: { listed: false, members: [] },
      environment: { bounds: { cpu: "2" } },
      owner: "eve",
    });
    expect([at(all, "team.listed"), at(all, "environment.bounds.cpu"), at(all, "spec.owner")]).toEqual([
      false,
      "2",
      "eve",
    ]);
    expect(at(all, "environment.bounds.memory")).toBe("256Mi");
  });

  test("null takes out what a document may leave out", () => {
    expect(
      at(laid("spec", { retire: null, algorithm: { entry: null, runtime: null, rpc: "tcp://a:1" } }), "spec"),
    ).toMatchObject({
      algorithm: { rpc: "tcp://a:1" },
    });
    expect(at(laid("spec", { retire: null }), "spec")).not.toHaveProperty("retire");
  });

  test("is laid over the kind that it names", () => {
    expect(at(laid("object", { object: { kind: "Service" } }, ["StatefulSet", "Service"]), "object.spec.type")).toBe(
      "ClusterIP",
    );
    expect(at(laid("object", {}, ["StatefulSet", "Service"]), "object.spec.replicas")).toBe(1);
  });

  test("containers are laid over the example's", () => {
    const object = laid(
      "object",
      { object: { spec: { template: { spec: { containers: [{ image: "x:latest" }] } } } } },
      ["StatefulSet"],
    );
    const container = at(object, "object.spec.template.spec.containers.0");
    expect(container).toMatchObject({ image: "x:latest", securityContext: { privileged: false } });
  });

  test("a fleet's sums are those of its strategies", () => {
    const fleet = laid("fleet", {
      strategies: [
        { id: "a/x", limits: { maxPositionNotional: "0.1", instruments: ["AAPL"] } },
        { id: "b/x", owner: "carol", limits: { maxPositionNotional: "0.2" } },
        { id: "b/y", running: false },
      ],
    });
    expect(at(fleet, "fleet.totals")).toMatchObject({ strategies: 3, running: 2, maxPositionNotional: "0.3" });
    expect(at(fleet, "fleet.teams")).toMatchObject([
      { name: "a", totals: { running: 1 } },
      { name: "b", totals: { strategies: 2 } },
    ]);
    expect(at(fleet, "fleet.instruments")).toEqual([
      { name: "AAPL", strategies: ["a/x", "b/x"], maxPositionNotional: "0.3" },
      { name: "MSFT", strategies: ["b/x"], maxPositionNotional: "0.2" },
    ]);
    expect(at(fleet, "fleet.names")).toEqual([
      { name: "x", strategies: ["a/x", "b/x"] },
      { name: "y", strategies: ["b/y"] },
    ]);
  });

  test("a fleet's strategies get names of their own, and a sum may be said", () => {
    const fleet = laid("fleet", {
      fleet: { strategies: [{}, {}, { team: "b" }], totals: { cpu: "7" } },
      environment: { name: "live" },
    });
    expect((at(fleet, "fleet.strategies") as readonly JsonObject[]).map(({ id }) => id)).toEqual([
      "b/example-3",
      "desk/example",
      "desk/example-2",
    ]);
    expect([
      at(fleet, "fleet.totals.cpu"),
      at(fleet, "fleet.totals.strategies"),
      at(fleet, "environment.name"),
    ]).toEqual(["7", 3, "live"]);
  });

  test.each<[over: Over, sample: JsonObject, faults: readonly string[]]>([
    [
      "spec",
      { limit: {} },
      ['sample-key-unknown /s/limit: limit is nothing that the rule sees here; did you mean "limits"?; write limits'],
    ],
    [
      "spec",
      { spec: { limits: { maxOrder: "1" } } },
      [
        "sample-key-unknown /s/spec/limits/maxOrder: maxOrder is nothing that the rule sees here; take it out; known here: instruments, venues, maxOrderNotional, maxPositionNotional, orderRate, maxDrawdown",
      ],
    ],
    [
      "spec",
      { running: "yes" },
      [
        'sample-malformed /s/running: the sample has the text "yes" where the rule sees true or false; write true or false',
      ],
    ],
    [
      "spec",
      { limits: { maxDrawdown: 1 } },
      ['sample-malformed /s/limits/maxDrawdown: the sample has 1 where the rule sees text; write "1" in quotes'],
    ],
    [
      "spec",
      { channels: "quotes" },
      ['sample-malformed /s/channels: the sample has the text "quotes" where the rule sees a list; write a list'],
    ],
    [
      "spec",
      { channels: [1, true] },
      [
        'sample-malformed /s/channels/0: the sample has 1 where the rule sees text; write "1" in quotes',
        'sample-malformed /s/channels/1: the sample has true where the rule sees text; write "true" in quotes',
      ],
    ],
    ["spec", { spec: [] }, ["sample-malformed /s/spec: the sample has a list where the rule sees a map; write a map"]],
    [
      "spec",
      { fleet: {} },
      [
        "sample-key-unknown /s/fleet: fleet is nothing that the rule sees here; take it out; known here: spec, metadata, team, environment, owner, algorithm, channels, publishes, params, portfolio, limits, resources, running, onError, retire",
      ],
    ],
    [
      "fleet",
      { fleet: { environment: {} } },
      [
        "sample-key-unknown /s/fleet/environment: environment is nothing that the rule sees here; take it out; known here: strategies, totals, teams, owners, instruments, venues, names",
      ],
    ],
    [
      "fleet",
      { totals: { running: 1.5 } },
      [
        "sample-malformed /s/totals/running: the sample has 1.5 where the rule sees a whole number; write a whole number",
      ],
    ],
    [
      "fleet",
      { strategies: [{ limits: { maxOrderNotional: "much" } }] },
      [
        "sample-malformed /s/strategies/0/limits/maxOrderNotional: the sample's fleet cannot be added up: limits.maxOrderNotional of this strategy is missing or malformed; write it as a strategy's document would, or leave it out",
      ],
    ],
    [
      "fleet",
      { strategies: [{ limits: { venues: null } }] },
      [
        "sample-malformed /s/strategies/0/limits/venues: the sample's fleet cannot be added up: limits.venues of this strategy is missing or malformed; write it as a strategy's document would, or leave it out",
      ],
    ],
    [
      "fleet",
      { strategies: [{ running: null }] },
      [
        "sample-malformed /s/strategies/0/running: the sample's fleet cannot be added up: running of this strategy is missing or malformed; write it as a strategy's document would, or leave it out",
      ],
    ],
    [
      "object",
      { spec: {} },
      [
        "sample-key-unknown /s/spec: spec is nothing that the rule sees here; take it out; known here: object, environment",
      ],
    ],
    [
      "object",
      { object: { kind: "Pod" } },
      [
        'sample-malformed /s/object/kind: the sample\'s kind is the text "Pod", and the rule matches StatefulSet, Service; name a kind of spec.match, or add this one there',
      ],
    ],
    [
      "object",
      { environment: { defaults: {} } },
      [
        "sample-key-unknown /s/environment/defaults: defaults is nothing that the rule sees here; take it out; known here: name, embedded, bounds",
      ],
    ],
  ])("%s %j", (over, sample, expected) => expect(faults(over, sample)).toEqual(expected));
});
