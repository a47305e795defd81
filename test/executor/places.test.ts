import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { bundleAlgorithm } from "#delivery/bundle.ts";
import { Places } from "#executor/places.ts";
import { file, value } from "../delivery/fixture.ts";
import { effective, rigOf, until } from "./rig.ts";

const rule = `// The rule of this strategy.
import type { Data } from "slipway/sdk";

export interface Rule { readonly sid: string }

export function decide(data: Data): Rule {
  if (data.quote === "13") throw new RangeError("unlucky");
  return { sid: data.sid };
}
`;
const algorithm = (body: string): string => `import type { Context, Data } from "slipway/sdk";
import { decide } from "./rules/decide.ts";

export default class A {
  initialize(): readonly string[] {
    return ["quotes"];
  }

  ${body}
}
`;

async function bundleOf(files: Readonly<Record<string, string>>): Promise<{ text: string; map: string }> {
  const folder = {
    id: "me/first" as StrategyId,
    folder: "strategies/me/first",
    files: new Map(Object.entries(files).map(([path, text]) => [path, file(text)])),
  };
  const runtime = { language: "typescript", packages: [] } as const;
  const reference = { kind: "entry", entry: "algorithm.ts", runtime: "node" } as const;
  const { bundle } = value(await bundleAlgorithm(folder, reference, runtime));
  if (bundle.kind !== "module") throw new Error(bundle.kind);
  return { text: bundle.text, map: bundle.map ?? "" };
}

async function rig(spec: Parameters<typeof effective>[0], body: string, changeMap = (map: string) => map) {
  const bench = rigOf(effective(spec));
  await bench.open();
  const { text, map } = await bundleOf({ "algorithm.ts": algorithm(body), "rules/decide.ts": rule });
  writeFileSync(join(bench.folder, "spec/algorithm.mjs.map"), changeMap(map));
  return { bench, module: bench.module(text) };
}

describe("an executor names places in the author's files", () => {
  const calls = "event(data: Data) { return decide(data); }";

  test("of what is thrown on an event, with the way there and without our own frames", async () => {
    const { bench, module } = await rig({}, calls);
    const executor = await bench.spawn(module);
    await bench.state("running");
    await bench.say("AAPL", "13");
    expect(await executor.exited).toBe(1);
    expect((await bench.state("faulted")).reason).toBe("RangeError: unlucky at rules/decide.ts:7:34");
    expect(executor.output()).toContain(
      String.raw`RangeError: unlucky\n    at decide (rules/decide.ts:7:34)\n    at A.event (algorithm.ts:9:30)"`,
    );
    expect(executor.output()).not.toMatch(/algorithm\.mjs/);
  });

  test.each(["halt", "skip"] as const)("of what is thrown while it is warmed (onError: %s)", async (errorPolicy) => {
    const { bench, module } = await rig({ errorPolicy }, calls);
    await bench.history("AAPL", ["1", "13", "3"]);
    const executor = await bench.spawn(module);
    const said = "the algorithm failed at rules/decide.ts:7:34 while it was warmed: RangeError: unlucky";
    await until("the place", () => executor.output().includes(said));
    if (errorPolicy === "halt") {
      expect(await executor.exited).toBe(1);
      expect((await bench.state("faulted")).reason).toBe(said);
    } else await bench.state("running");
  });

  test.each([
    { name: "a timer", body: `event() { setTimeout(() => { throw new Error("late"); }, 1); }` },
    { name: "a promise", body: `event() { Promise.resolve().then(() => { throw new Error("late"); }); }` },
  ])("of what is thrown by $name", async ({ body }) => {
    const { bench, module } = await rig({}, body);
    const executor = await bench.spawn(module);
    await bench.state("running");
    await bench.say("AAPL", "1");
    expect(await executor.exited).toBe(1);
    const place = `algorithm.ts:9:${`  ${body}`.indexOf("new Error") + 1}`;
    expect(executor.output()).toContain(`the algorithm failed at ${place} outside of its calls: Error: late`);
  });

  test("and the entry, where there is no frame", async () => {
    const { bench, module } = await rig({}, `event() { throw "a string"; }`);
    await bench.spawn(module);
    await bench.state("running");
    await bench.say("AAPL", "1");
    expect((await bench.state("faulted")).reason).toBe("threw a string at algorithm.ts");
  });

  test.each([
    { name: "of other code", change: (map: string) => map.replace(/"code":"./, '"code":"x') },
    { name: "that is no JSON", change: (map: string) => map.slice(0, -1) },
  ])("and those of the module, with a map $name", async ({ change }) => {
    const { bench, module } = await rig({}, calls, change);
    await bench.spawn(module);
    await bench.state("running");
    await bench.say("AAPL", "13");
    expect((await bench.state("faulted")).reason).toMatch(/^RangeError: unlucky at algorithm\.mjs:\d+:\d+$/);
  });
});

test("what an algorithm does to its own errors breaks nothing", () => {
  const folder = mkdtempSync(join(tmpdir(), "places-"));
  const places = new Places({ file: join(folder, "a b.mjs"), sha256: "", mapFile: join(folder, "x"), entry: "a.ts" });
  const odd = Object.assign(new Error("odd"), { stack: 5 });
  const spaced = Object.assign(new Error("spaced"), {
    stack: `Error\n    at f (file://${folder}/a%20b.mjs:1:2)\n at g`,
  });
  expect(places.blame(odd)).toMatchObject({ message: "Error: odd", place: "a.ts" });
  expect(places.blame(spaced)).toMatchObject({ place: "a b.mjs:1:2", traceback: "Error\n    at f (a b.mjs:1:2)" });
  expect([odd, spaced, "text"].map((thrown) => places.concerns(thrown))).toEqual([false, true, true]);
  rmSync(folder, { recursive: true });
});
