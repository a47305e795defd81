import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderAdmission, renderEnvironment, renderPlatform, renderStrategy, renderTeam } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { inputOf, paper, paperPolicy, python, renderInput, fleet as samples, strategyWith } from "./inputs.ts";

describe("names", () => {
  const long = strategyWith({ team: `t${"o".repeat(39)}`, name: `n${"a".repeat(39)}` });

  test("stay within 63 characters where Kubernetes says so", () => {
    const rendered = renderEnvironment(renderInput(long));
    for (const { kind, metadata, spec } of [...rendered.values()].map((text) => parse(text))) {
      // An Application's name is a DNS subdomain; Argo CD tracks by annotation, not by label.
      expect(metadata.name.length, kind).toBeLessThanOrEqual(kind === "Application" ? 253 : 63);
      for (const value of Object.values(metadata.labels)) expect(String(value).length).toBeLessThanOrEqual(63);
      // The controller's own label, `<name>-<ten characters>`, must fit too.
      if (kind === "StatefulSet") expect(spec.serviceName.length + 11).toBeLessThanOrEqual(63);
    }
  });

  test.each([
    {
      name: "a-b/c and a/b-c",
      ids: [
        ["a-b", "c"],
        ["a", "b-c"],
      ],
    },
    {
      name: "the team team",
      ids: [
        ["seed", "x"],
        ["team", "seed"],
      ],
    },
    { name: "the team root", ids: [["root", "x"]] },
  ])("that join to the same Application or project are refused: $name", ({ ids }) => {
    const strategies = ids.map(([team, name]) => strategyWith({ team: team!, name: name! }));
    expect(() => renderEnvironment(renderInput(...strategies))).toThrow("their names join to the same");
  });

  test("two strategies of one name in one team are refused", () => {
    expect(() => renderEnvironment(renderInput(strategyWith(), strategyWith()))).toThrow();
  });

  test("a strategy prepared for another environment is refused", () => {
    expect(() => renderStrategy(inputOf(strategyWith({ environment: "live" })), paper)).toThrow("prepared for live");
  });
});

describe("same tree, same bytes", () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/).filter((text) => !["root", "team"].includes(text));
  const strategy = fc
    .record({
      team: fc.constantFrom("alpha", "beta"),
      name: label,
      running: fc.boolean(),
      algorithm: fc.constantFrom(python, strategyWith().algorithm, { kind: "rpc", rpc: "tcp://10.0.0.1:1" } as const),
      params: fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 1 })),
    })
    .map((changes) => strategyWith(changes as Partial<EffectiveStrategy>));
  const fleet = fc.uniqueArray(strategy, { maxLength: 5, selector: ({ team, name }) => `${team}/${name}` });

  test("whatever the order of the strategies", () => {
    fc.assert(
      fc.property(
        fleet.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          const first = renderEnvironment(renderInput(...all));
          const second = renderEnvironment(renderInput(...shuffled));
          expect([...second]).toEqual([...first]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("a change of one strategy touches its own files, its shards and its team's quota", () => {
    fc.assert(
      fc.property(fleet, strategy, (siblings, changed) => {
        const { team, name } = changed;
        const others = siblings.filter((each) => each.team !== team || each.name !== name);
        const before = renderEnvironment(renderInput(...others, strategyWith({ team, name })));
        const after = renderEnvironment(renderInput(...others, changed));
        const touched = [...new Set([...before.keys(), ...after.keys()])].filter(
          (path) => before.get(path) !== after.get(path),
        );
        const own = new RegExp(
          `^(strategies/${team}/${name}/.*|platform/configmap-(bus-access|gateway-limits)-[0-9a-f]|teams/${team}/resourcequota-${team})`,
        );
        expect(touched.filter((path) => !own.test(path))).toEqual([]);
        expect(touched.filter((path) => path.startsWith("platform/")).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 30 },
    );
  });

  test("the parts make the whole", () => {
    const effective = samples;
    const all = { strategies: effective, held: [] };
    const parts = [
      renderPlatform(paperPolicy, all),
      renderAdmission(paperPolicy, all),
      ...["momentum", "seed"].map((team) => renderTeam(team, paperPolicy, all)),
      ...effective.map((each) => renderStrategy(inputOf(each), paper)),
    ];
    const whole = new Map(parts.flatMap((part) => [...part]));
    const files = renderEnvironment(renderInput(...samples));
    expect([...files.keys()]).toEqual([...whole.keys()].sort());
    for (const [path, text] of whole) expect(files.get(path)).toBe(text);
  });
});
