import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseEnvironment } from "#core/environment.ts";
import { checkLeast } from "#core/least.ts";
import { noPolicies } from "#core/policies.ts";
import { comparePolicies } from "#core/policy-direction.ts";
import { formatPlace } from "#core/refusal.ts";
import { parseStrategy } from "#core/strategy.ts";

const folder = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(folder, path), "utf8");
const file = "strategies/seed/random-ts/strategy.yaml";
const spec = read(file);
const paperFile = "policies/environments/paper.yaml";
const paper = read(paperFile);

const edited = (text: string, ...edits: readonly (readonly [from: string, to: string])[]): string => {
  let next = text;
  for (const [from, to] of edits) {
    if (!next.includes(from)) throw new Error(`there is no ${from}`);
    next = next.replace(from, to);
  }
  return next;
};

function said(strategy: string, policy = paper): readonly string[] {
  const findings = checkLeast(parseStrategy(file, strategy), parseEnvironment(paperFile, policy), "paper");
  return findings.map(({ code, place, message }) => `${place && formatPlace(place)} ${code}: ${message}`);
}
const resources = "resources: { cpu: 100m, memory: 128Mi, state: 64Mi }";
const asks = (cpu: string, memory: string): string =>
  edited(spec, [resources, `resources: { cpu: ${cpu}, memory: ${memory} }`]);
const python = (text: string): string => edited(text, ["algorithm.ts, runtime: node", "algorithm.py, runtime: python"]);
const rpc = (text: string): string =>
  edited(text, ["{ entry: algorithm.ts, runtime: node }", '{ rpc: "tcp://10.0.0.1:4242" }']);

describe("a strategy has what it can start with", () => {
  test.each([
    ["TypeScript, the least", asks("10m", "32Mi"), []],
    [
      "TypeScript, a step less",
      asks("9m", "32767Ki"),
      ["cpu is 9m, and runtime node needs 10m", "memory is 32767Ki, and runtime node needs 32Mi"],
    ],
    ["Python, the least", python(asks("10m", "16Mi")), []],
    [
      "Python, a step less",
      python(asks("9m", "16383Ki")),
      ["cpu is 9m, and runtime python needs 10m", "memory is 16383Ki, and runtime python needs 16Mi"],
    ],
    [
      "elsewhere, a step less",
      rpc(asks("9m", "32767Ki")),
      ["cpu is 9m, and an executor needs 10m", "memory is 32767Ki, and an executor needs 32Mi"],
    ],
    ["in another unit", asks("0.01", "33554432"), []],
    ["of a runtime that is not there", edited(asks("1m", "1Mi"), ["runtime: node", "runtime: nod"]), []],
    ["of a value that is refused", asks("lots", "1Mi"), ["memory is 1Mi, and runtime node needs 32Mi"]],
    ["in another environment", edited(asks("1m", "1Mi"), ["paper: {", "live: {"]), []],
  ])("%s", (_name, text, messages) => {
    expect(said(text)).toEqual(
      messages.map((message) => expect.stringContaining(`below-least: resources.${message} at least to start`)),
    );
  });

  test("the place is where the value is said: the environment's part, or the default", () => {
    const own = edited(spec, ["paper: { running: true }", "paper: { running: true, resources: { memory: 8Mi } }"]);
    expect(said(own)).toEqual([
      expect.stringMatching(
        /^strategies\/seed\/random-ts\/strategy\.yaml:20:\d+ below-least: environments\.paper\.resources\.memory is 8Mi/,
      ),
    ]);
    const low = edited(paper, ["    memory: 128Mi", "    memory: 8Mi"]);
    const silent = edited(spec, [resources, "resources: { cpu: 100m }"]);
    const [finding, ...others] = checkLeast(parseStrategy(file, silent), parseEnvironment(paperFile, low), "paper");
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      message: "resources.memory is the default 8Mi of paper, and runtime node needs 32Mi at least to start",
      fix: `say memory: 32Mi, or propose a higher default in ${paperFile}:30:13`,
    });
  });

  test("the executor beside an algorithm in Python has the environment's defaults", () => {
    const low = edited(paper, ["    memory: 128Mi", "    memory: 31Mi"]);
    expect(said(asks("10m", "32Mi"), low)).toEqual([]);
    expect(said(python(asks("10m", "32Mi")), low)).toEqual([
      expect.stringContaining("the executor beside it has the default memory of paper, 31Mi, and needs 32Mi at least"),
    ]);
  });
});

describe("a runtime that needs more", () => {
  const more = edited(paper, ["python: { language: python,", "python: { language: python, needs: { memory: 96Mi },"]);

  test("is held to it, and the finding says where it stands", () => {
    expect(said(python(asks("10m", "96Mi")), more)).toEqual([]);
    const [finding] = checkLeast(
      parseStrategy(file, python(asks("10m", "95Mi"))),
      parseEnvironment(paperFile, more),
      "paper",
    );
    expect(finding).toMatchObject({
      code: "below-least",
      fix: "raise it to 96Mi",
      bound: { file: paperFile, line: 36 },
    });
    expect(said(asks("10m", "32Mi"), more)).toEqual([]);
  });

  test("cannot need less than its language", () => {
    const less = edited(paper, [
      "node: { language: typescript,",
      "node: { language: typescript, needs: { cpu: 1m, memory: 1Mi },",
    ]);
    expect(said(asks("9m", "32Mi"), less)).toHaveLength(1);
  });

  test("has a direction: to need more is tighter", () => {
    const changes = (before: string, after: string) => {
      const policies = [before, after].map((text) => ({
        ...noPolicies,
        environments: new Map([["paper", parseEnvironment(paperFile, text)]]),
      }));
      return comparePolicies(policies[0] ?? noPolicies, policies[1] ?? noPolicies).map(
        ({ field, before: old, after: now, direction }) => `${field} ${old} ${now} ${direction}`,
      );
    };
    expect(changes(paper, more)).toEqual(["runtimes.python.needs.memory 0 96Mi tighter"]);
    expect(changes(more, edited(more, ["96Mi", "64Mi"]))).toEqual(["runtimes.python.needs.memory 96Mi 64Mi looser"]);
  });
});
