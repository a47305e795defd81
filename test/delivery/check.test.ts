import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Finding, formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { createMemo } from "#delivery/memo.ts";
import { summarize, titleOf } from "#delivery/summarize.ts";
import { claimedTrailers, formatMessage, trailerValues } from "#delivery/trailers.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, edit, file, paperPolicy, randomTs, root, sma, spec, withFiles, withoutRules } from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;

let workspace: SourceTree;
beforeAll(async () => {
  workspace = await checkout();
});

const shown = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ code, place }) => `${place === undefined ? "-" : formatPlace(place)} ${code}`);
const code = (id: string): string => `strategies/${id}/algorithm.ts`;
const changed = (
  tree: SourceTree,
  changes: readonly (readonly [path: string, from: string, to: string, ...rest: readonly string[]])[],
): SourceTree => changes.reduce((result, [path, from, to]) => edit(result, path, from, to), tree);
const lineOf = (tree: SourceTree, path: string, text: string): number =>
  new TextDecoder().decode(tree.get(path)?.bytes).split(text, 1)[0]?.split("\n").length ?? 0;
const policyFiles = (): readonly string[] => [...workspace.keys()].filter((path) => /^policies\/.*\.yaml$/.test(path));
const textOf = (path: string): string => new TextDecoder().decode(workspace.get(path)?.bytes);

describe("checkTree", () => {
  test("passes this checkout and counts what passed", async () => {
    const report = await checkTree(workspace, { atSeconds });
    expect(report.findings).toEqual([]);
    const policies = policyFiles();
    expect(report.checks).toEqual({
      layout: 1,
      spec: 3,
      policy: policies.length,
      bounds: 3,
      rules: policies.filter((path) => path.startsWith("policies/rules/")).length,
      algorithm: 3,
      totals: 2,
      names: 1,
    });
    expect(report.strategies.map(({ id, environments }) => [id, environments.map(({ name }) => name)])).toEqual([
      ["momentum/sma-cross", ["paper"]],
      ["seed/random-py", ["paper"]],
      ["seed/random-ts", ["paper"]],
    ]);
  });

  test("finds everything at once, in the order of files and lines", async () => {
    let tree = edit(workspace, spec(sma), 'maxOrderNotional: "2000"', 'maxOrderNotional: "5000.01"');
    tree = edit(tree, spec(sma), 'maxPositionNotional: "5000"', 'maxPositionNotional: "20000.01"');
    tree = edit(tree, "strategies/momentum/sma-cross/algorithm.ts", "export default class", "class");
    tree = edit(tree, spec(randomTs), "memory: 128Mi", "memory: 128MB");
    const { findings } = await checkTree(tree, { atSeconds });
    expect(shown(findings)).toEqual([
      "strategies/momentum/sma-cross/algorithm.ts:1:1 algorithm-no-default-export",
      "strategies/momentum/sma-cross/strategy.yaml:15:23 above-bound",
      "strategies/momentum/sma-cross/strategy.yaml:16:26 above-bound",
      `strategies/seed/random-ts/strategy.yaml:${
        textOf(spec(randomTs))
          .split("\n")
          .findIndex((line) => line.includes("memory")) + 1
      }:35 ${findings.at(-1)?.code}`,
    ]);
  });

  test("judges a spec's form, its bounds, its environments, its code and the policy in one run", async () => {
    const tree = changed(workspace, [
      [paperPolicy, "approvals: 0", "approvals: -1"],
      [spec(sma), "owner: alice", "ownr: alice"],
      [spec(sma), 'maxOrderNotional: "2000"', 'maxOrderNotional: "5000.01"'],
      [spec(sma), 'maxDrawdown: "', 'maxDrawdown: "1'],
      [spec(sma), "{ paper: { running: true } }", "{ paper: { running: true }, papr: { running: true } }"],
      [code(sma), "export default class", "import fs from 'node:fs';\nexport const x = fs;\nclass"],
    ]);
    const { findings, strategies, checks } = await checkTree(tree, { atSeconds });
    expect(shown(findings)).toEqual([
      `${paperPolicy}:9:14 value-out-of-range`,
      `${code(sma)}:${lineOf(tree, code(sma), "node:fs")}:16 import-refused`,
      `${spec(sma)}:6:3 key-unknown`,
      `${spec(sma)}:15:23 above-bound`,
      `${spec(sma)}:18:18 value-malformed`,
      `${spec(sma)}:20:51 environment-unknown`,
    ]);
    expect(strategies.map(({ id, environments }) => [id, environments])).toEqual([
      [sma, []],
      ["seed/random-py", []],
      ["seed/random-ts", []],
    ]);
    expect(checks).toMatchObject({ spec: 2, policy: policyFiles().length - 1, bounds: 0, algorithm: 2 });
  });

  test.each<{ name: string; path: string; from: string; to: string; found: string }>([
    { name: "is not there", path: spec(sma), from: "runtime: node", to: "runtime: nodee", found: "runtime-unknown" },
    { name: "is not said", path: spec(sma), from: ", runtime: node", to: "", found: "key-missing" },
    {
      name: "is another language's",
      path: spec(sma),
      from: "runtime: node",
      to: "runtime: python",
      found: "runtime-language",
    },
    { name: "is in no environment", path: spec(sma), from: "paper:", to: "papr:", found: "environment-unknown" },
    {
      name: "is in none that can be read",
      path: spec(sma),
      from: "{ paper: { running: true } }",
      to: "[paper]",
      found: "type-mismatch",
    },
    { name: "is in none that can be named", path: spec(sma), from: "paper:", to: "Pa-per:", found: "key-malformed" },
    {
      name: "is refused",
      path: paperPolicy,
      from: "language: typescript, packages: []",
      to: "language: typescript, packages: [1]",
      found: "type-mismatch",
    },
  ])("judges code whose runtime $name, but for packages that it might have", async ({ path, from, to, found }) => {
    const text =
      'import a from "left-pad";\nimport b from "node:fs";\nimport c from "./gone.ts";\nexport default [a, b, c];\n';
    const tree = withFiles(edit(workspace, path, from, to), { [code(sma)]: text });
    const { findings } = await checkTree(tree, { atSeconds, strategies: [sma] });
    expect(findings.map(({ code }) => code).filter((code) => !code.startsWith("import-"))).toEqual([found]);
    expect(shown(findings.filter(({ code }) => code.startsWith("import-")))).toEqual([
      `${code(sma)}:2:15 import-refused`,
      `${code(sma)}:3:15 import-missing`,
    ]);
  });

  test("says of any set of independent mistakes exactly what it says of each", async () => {
    const mistakes: readonly (readonly [path: string, from: string, to: string, found: string])[] = [
      [paperPolicy, "approvals: 0", "approvals: -1", `${paperPolicy}:9:14 value-out-of-range`],
      [spec(sma), "name: sma-cross", "name: other", `${spec(sma)}:4:19 metadata-not-folder`],
      [spec(sma), "owner: alice", "ownr: alice", `${spec(sma)}:6:3 key-unknown`],
      [spec(sma), "runtime: node", "runtime: nodee", `${spec(sma)}:7:46 runtime-unknown`],
      [spec(sma), "GOOG", "GOGG", `${spec(sma)}:13:36 outside-bound`],
      [spec(sma), '"2000"', '"5001"', `${spec(sma)}:15:23 above-bound`],
      [spec(sma), '"10/1s"', '"10/s"', `${spec(sma)}:17:16 value-malformed`],
      [spec(sma), "memory: 128Mi", "memory: 1Gi", `${spec(sma)}:19:35 above-bound`],
      [spec(sma), "true } }", "true }, papr: { running: true } }", `${spec(sma)}:20:51 environment-unknown`],
      [code(sma), "export default class", "class", `${code(sma)}:1:1 algorithm-no-default-export`],
      [spec(randomTs), "entry: algorithm.ts", "entry: gone.ts", `${spec(randomTs)}:7:23 entry-missing`],
      [spec("seed/random-py"), "cpu: 100m", "cpu: 1", `${spec("seed/random-py")}:19:21 type-mismatch`],
    ];
    const memo = createMemo();
    await fc.assert(
      fc.asyncProperty(fc.subarray([...mistakes]), async (some) => {
        const { findings } = await checkTree(changed(workspace, some), { atSeconds, memo });
        expect([...shown(findings)].sort()).toEqual(some.map(([, , , found]) => found).sort());
      }),
      { numRuns: 40, examples: [[[...mistakes]]] },
    );
  });

  test("says that an entry is missing beside whatever else is wrong", async () => {
    const tree = edit(
      workspace,
      spec(sma),
      "{ entry: algorithm.ts, runtime: node }",
      "{ entry: gone.ts, runtime: nodee }",
    );
    expect(shown((await checkTree(tree, { atSeconds, strategies: [sma] })).findings)).toEqual([
      `${spec(sma)}:7:23 entry-missing`,
      `${spec(sma)}:7:41 runtime-unknown`,
    ]);
  });

  test("a channel on which nobody will speak is said, and stops nobody", async () => {
    const channel = (name: string): readonly [string, string, string] => [
      spec(randomTs),
      "channels: [quotes]",
      `channels: [quotes, strat/${name}/signal]`,
    ];
    const sharing = [
      paperPolicy,
      "  approvals: 0",
      '  approvals: 0\n  sharing: { "momentum/*": [seed/random-ts] }',
    ] as const;
    const check = async (...changes: readonly (readonly [string, string, string])[]) =>
      (await checkTree(changed(workspace, [sharing, ...changes]), { atSeconds })).findings;
    expect(await check(channel("momentum/sma-cross"))).toEqual([]);
    const silent = [spec(sma), "  publishes: [signal]\n", ""] as const;
    for (const changes of [[channel("momentum/sma-cross"), silent], [channel("momentum/gone")]]) {
      const findings = await check(...changes);
      expect(findings).toMatchObject([
        { code: "signal-unpublished", severity: "warning", pointer: "/spec/channels/1" },
      ]);
    }
  });

  test.each([
    { change: "channels: [quotes, md/replay/AAPL/quote, md/+/+/quote]", found: [] },
    {
      change: "channels: [quotes, md/replay/AAPL/trade, md/+/AAPL/bar/1d]",
      found: ["/spec/channels/1", "/spec/channels/2"],
    },
    { change: "channels: [quotes, md/other/AAPL/quote]", found: ["/spec/channels/1"] },
    { change: "channels: [quotes, ind/+/AAPL/sma/10]", found: ["/spec/channels/1"] },
  ])("what no feed publishes is said, and stops nobody: $change", async ({ change, found }) => {
    const tree = edit(withoutRules(workspace), spec(randomTs), "channels: [quotes]", change);
    const { findings } = await checkTree(tree, { atSeconds, strategies: [randomTs] });
    expect(findings.map(({ code, severity, pointer }) => [code, severity, pointer])).toEqual(
      found.map((pointer) => ["channel-unfed", "warning", pointer]),
    );
  });

  test("so are instruments without a price, by the feeds of each environment", async () => {
    const feed = "stocks: { source: vega-stocks, venue: replay, msPerStep: 1000, warmup: 30 }";
    const sp500 = edit(withoutRules(workspace), paperPolicy, feed, feed.replace("vega-stocks", "vega-sp500"));
    const { findings } = await checkTree(sp500, { atSeconds, strategies: [sma] });
    expect(findings).toMatchObject([
      {
        code: "channel-unfed",
        pointer: "/spec/limits/instruments",
        message: expect.stringContaining("no feed of paper publishes quotes of"),
      },
    ]);
    const unknown = edit(withoutRules(workspace), paperPolicy, "vega-stocks", "our-own");
    expect((await checkTree(unknown, { atSeconds, strategies: [sma] })).findings).toEqual([]);
  });

  test("a strategy that names no environment is said, and stops nobody", async () => {
    const tree = edit(withoutRules(workspace), spec(randomTs), /environments: .*/, "environments: {}");
    expect((await checkTree(tree, { atSeconds, strategies: [randomTs] })).findings).toMatchObject([
      { code: "environments-empty", severity: "warning", pointer: "/spec/environments" },
    ]);
  });

  test("of some strategies says nothing about the others", async () => {
    const tree = edit(workspace, spec(randomTs), "memory: 128Mi", "memory: 1Ti");
    expect((await checkTree(tree, { atSeconds, strategies: [sma] })).findings).toEqual([]);
    expect((await checkTree(tree, { atSeconds, strategies: [randomTs] })).findings).toHaveLength(1);
  });

  const total = (name: string, at: string, above: string): readonly (readonly [string, string, number])[] => [
    [`${name} at the total`, at, 0],
    [`${name} above it`, above, 1],
  ];
  test.each([
    ...total("cpu", 'cpu: "4"|cpu: 200m', 'cpu: "4"|cpu: 199m'),
    ...total("memory", "memory: 4Gi|memory: 256Mi", "memory: 4Gi|memory: 255Mi"),
    ...total("state", "state: 4Gi|state: 128Mi", "state: 4Gi|state: 127Mi"),
    ...total("count", "strategies: 20|strategies: 2", "strategies: 20|strategies: 1"),
  ])("a team's %s", async (_name, change, expected) => {
    const [from = "", to = ""] = change.split("|");
    const [head, tail = ""] = textOf(paperPolicy).split("teamTotals:");
    const { findings } = await checkTree(
      withFiles(workspace, { [paperPolicy]: `${head}teamTotals:${tail.replace(from, to)}` }),
      { atSeconds },
    );
    expect(findings.map(({ code }) => code)).toEqual(Array.from({ length: expected }, () => "team-total-exceeded"));
    for (const finding of findings)
      expect(finding).toMatchObject({ bound: { file: paperPolicy }, place: { file: spec("seed/random-py") } });
  });

  test.each<{ name: string; files: Record<string, string | null>; found: readonly string[] }>([
    {
      name: "names that meet in Argo CD",
      files: clone("a-b", "c", "a", "b-c"),
      found: ["strategies/a/b-c/strategy.yaml:4:19 name-taken"],
    },
    {
      name: "a strategy that would be a team",
      files: { ...clone("team-a", "b"), ...clone("a-b", "c") },
      found: ["strategies/team-a/b/strategy.yaml:4:19 name-taken"],
    },
    {
      name: "a team that halts would take for all",
      files: clone("all", "x"),
      found: ["strategies/all/x name-malformed"],
    },
    { name: "a reserved team", files: clone("kube", "x"), found: ["strategies/kube/x name-malformed"] },
    {
      name: "files that differ by case",
      files: { "strategies/momentum/sma-cross/Lib.ts": "", "strategies/momentum/sma-cross/lib.ts": "" },
      found: ["strategies/momentum/sma-cross/lib.ts file-case-clash"],
    },
    {
      name: "an environment with a hyphen",
      files: { "policies/environments/pre-live.yaml": "x" },
      found: ["policies/environments/pre-live.yaml name-malformed"],
    },
    {
      name: "a spec with another ending",
      files: { [spec(sma)]: null, "strategies/momentum/sma-cross/strategy.yml": "x" },
      found: ["strategies/momentum/sma-cross/strategy.yml strategy-spec-missing"],
    },
  ])("refuses $name", async ({ files, found }) => {
    expect(shown((await checkTree(withFiles(workspace, files), { atSeconds })).findings)).toEqual(found);
  });

  test("200 files are a folder, 201 are too many; bytes that are no text are refused", async () => {
    const many = (count: number): SourceTree =>
      withFiles(
        workspace,
        Object.fromEntries(
          Array.from({ length: count - 2 }, (_, index) => [`strategies/momentum/sma-cross/d${index}.json`, "{}"]),
        ),
      );
    expect((await checkTree(many(200), { atSeconds })).findings).toEqual([]);
    expect(shown((await checkTree(many(201), { atSeconds })).findings)).toEqual([
      "strategies/momentum/sma-cross folder-too-big",
    ]);
    const broken = new Map(workspace).set(spec(sma), { mode: "100644", bytes: new Uint8Array([0xff, 0xfe, 0x00]) });
    expect(shown((await checkTree(broken, { atSeconds })).findings)).toEqual([`${spec(sma)} text-not-utf8`]);
  });

  test("any file among a strategy's gives findings, never an exception", async () => {
    const path = fc.constantFrom("strategy.yaml", "algorithm.ts", "a.ts", "x/y.json", "data.bin", "tsconfig.json");
    await fc.assert(
      fc.asyncProperty(path, fc.uint8Array({ maxLength: 200 }), async (name, bytes) => {
        const tree = new Map(workspace).set(`strategies/momentum/sma-cross/${name}`, { mode: "100644", bytes });
        const { findings } = await checkTree(tree, { atSeconds, strategies: [sma] });
        for (const finding of findings) expect(finding.message).not.toBe("");
      }),
      { numRuns: 40 },
    );
  });

  test("brings neither simple-git into the process, nor the charts unless there are rules over objects", async () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, name] of readFileSync(join(root, path), "utf8").matchAll(
        /^(?:import|export)\s(?!type\s)[^;]*?from "([^"]+)"/gm,
      )) {
        if (name === undefined) continue;
        if (name.startsWith("#charts/") || /^(?:cdk8s|simple-git|constructs)/.test(name))
          throw new Error(`${path} imports ${name}`);
        if (name.startsWith("./")) visit(join(path, "..", name));
        else if (/^#(?:core|delivery|git|forge)\/.*\.ts$/.test(name)) visit(`src/${name.slice(1)}`);
      }
    };
    visit("src/delivery/check.ts");
    expect(seen.size).toBeGreaterThan(10);
  });
});

function clone(...names: readonly string[]): Record<string, string> {
  const source = readFileSync(join(root, "strategies/seed/random-ts/strategy.yaml"), "utf8");
  const code = readFileSync(join(root, "strategies/seed/random-ts/algorithm.ts"), "utf8");
  const files: Record<string, string> = {};
  for (let index = 0; index < names.length; index += 2) {
    const [team = "", name = ""] = names.slice(index, index + 2);
    files[spec(`${team}/${name}`)] = source.replace("name: random-ts, team: seed", `name: ${name}, team: ${team}`);
    files[`strategies/${team}/${name}/algorithm.ts`] = code;
  }
  return files;
}

describe("titles and trailers", () => {
  test.each<{ change: (tree: SourceTree) => SourceTree; title: string }>([
    {
      change: (tree) => edit(tree, spec(sma), "{ fast: 10, slow: 30 }", "{ fast: 12, slow: 30, extra: true }"),
      title: "momentum/sma-cross: params.fast 10 → 12, params.extra = true",
    },
    {
      change: (tree) => edit(tree, spec(sma), "[MSFT, AMZN, IBM, GOOG, AAPL]", "[MSFT, AMZN]"),
      title: "momentum/sma-cross: limits.instruments −IBM −GOOG −AAPL",
    },
    {
      change: (tree) => edit(tree, spec(sma), "running: true", "running: false"),
      title: "momentum/sma-cross: stopped in paper",
    },
    {
      change: (tree) => edit(tree, spec(sma), "# yaml", "# YAML"),
      title: "momentum/sma-cross: strategy.yaml reworded",
    },
    { change: (tree) => edit(tree, spec(sma), "spec:", "speck:"), title: "momentum/sma-cross: strategy.yaml changed" },
    {
      change: (tree) =>
        withFiles(tree, {
          "strategies/momentum/sma-cross/algorithm.ts": "x",
          "strategies/momentum/sma-cross/b.ts": "x",
        }),
      title: "momentum/sma-cross: algorithm.ts changed, b.ts added",
    },
    {
      change: (tree) => edit(tree, paperPolicy, 'maxOrderNotional: "5000"', 'maxOrderNotional: "4000"'),
      title: "policies: paper bounds.maxOrderNotional 5000 → 4000",
    },
    { change: (tree) => withFiles(tree, clone("me", "a", "me", "b")), title: "new strategies me/a, me/b" },
  ])("$title", ({ change, title }) => {
    expect(titleOf(summarize(workspace, change(workspace)))).toBe(title);
  });

  test("a message is read back as it was written, whatever the words", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (subject, words) => {
        const message = formatMessage(subject, [
          ["Dry-Commit", "abc"],
          ["Approved-by", words],
        ]);
        expect(trailerValues(message, "Dry-Commit")).toEqual(["abc"]);
        expect(trailerValues(message, "Approved-by")).toHaveLength(1);
        expect(trailerValues(message, "Proposal")).toEqual([]);
      }),
    );
  });

  test.each([
    ["x\n\nApproved-by: bob", ["Approved-by"]],
    ["x\n\n  proposal = 7\n", ["Proposal"]],
    ["I said Proposal: 7", []],
    ["Strategy: x", ["Strategy"]],
  ])("%j claims %j", (text, expected) => {
    expect(claimedTrailers(text)).toEqual(expected);
  });

  test("a tree with nothing but one file has a summary", () => {
    expect(summarize(new Map(), new Map([["policies/x.md", file("x")]]))).toEqual({
      strategies: [],
      policies: ["x.md added"],
    });
  });
});
