import { createHash } from "node:crypto";
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkTree } from "#delivery/check.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import { readTool } from "#delivery/renderer.ts";
import { judgeSide, renderPairs } from "#delivery/sides.ts";
import { openSpecIndex } from "#delivery/spec-index-file.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { rule, teams, waiver } from "./documents.ts";
import { checkout, edit, paperPolicy, root, sma, spec, withFiles, withoutRules } from "./fixture.ts";

const tool = "this tool";
const dayOne = Date.UTC(2026, 0, 5) / 1000;
const dayNine = dayOne + 8 * 86_400;
const others = ["many/s00", "many/s01", "more/s02"];
let directory = "";
let fleet: SourceTree = new Map();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "slipway-index-"));
  fleet = fleetOf(withoutRules(await checkout()));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Three strategies beside the examples, and rules that look at all of them. */
function fleetOf(workspace: SourceTree): SourceTree {
  const text = new TextDecoder().decode(workspace.get(spec(sma))?.bytes);
  const code = new TextDecoder().decode(workspace.get(`strategies/${sma}/algorithm.ts`)?.bytes);
  const files = others.map((id): Readonly<Record<string, string>> => {
    const [team, name] = id.split("/");
    return {
      [spec(id)]: text.replace("name: sma-cross, team: momentum", `name: ${name}, team: ${team}`),
      [`strategies/${id}/algorithm.ts`]: code,
    };
  });
  return withFiles(workspace, Object.assign({}, ...files, overFleet));
}

const overFleet = {
  "policies/rules/max-running.yaml": `apiVersion: slipway.dev/v1
kind: Rule
metadata: { name: max-running, owner: risk, severity: high }
spec:
  over: fleet
  expression: fleet.totals.running <= 5 && fleet.instruments.all(one, size(one.strategies) < 6)
  message: "string(fleet.totals.running) + ' run, for ' + fleet.totals.maxPositionNotional"
  fix: stop one
  enforcement: forbid
  samples:
    allow: [{ strategies: [{ id: a/b }] }]
    deny: [{ strategies: [{ id: a/a }, { id: a/b }, { id: a/c }, { id: a/d }, { id: a/e }, { id: a/f }] }]
`,
};

/** All that the gate says of a proposal that changes one strategy: findings, what is resolved and every rendered byte on both sides. */
async function judged(tree: SourceTree, atSeconds: number, memo: Memo): Promise<string> {
  const after = edit(tree, spec(sma), /fast: \d+/, "fast: 12");
  const report = await checkTree(after, { strategies: [sma], atSeconds, memo });
  const sides = [
    await judgeSide(tree, atSeconds, memo, [sma]),
    await judgeSide(after, atSeconds, memo, [sma]),
  ] as const;
  const pairs = renderPairs(...sides, memo).map(({ before, after: now }) => [[...before], [...now]]);
  return JSON.stringify([report, sides.map((side) => side.report), pairs]);
}

/** As a new process in that state directory would, which leaves to the next one what it worked out. */
async function judgedBy(state: string, tree: SourceTree, atSeconds = dayOne): Promise<string> {
  const specs = await openSpecIndex(state, tool);
  const verdict = await judged(tree, atSeconds, createMemo({ specs }));
  await specs.save();
  return verdict;
}

async function stateOf(name: string): Promise<string> {
  return mkdtemp(join(directory, `${name}-`));
}

/** How many specs are parsed: each is what a process that takes over an index need not do again. */
async function parsedBy(state: string, tree: SourceTree, wanted = tool): Promise<number> {
  const made: string[] = [];
  const specs = await openSpecIndex(state, wanted);
  const kept = createMemo({ specs });
  const counting: Memo = {
    ...kept,
    of: (kind, key, make) =>
      kept.of(kind, key, () => {
        made.push(kind);
        return make();
      }),
  };
  await judged(tree, dayOne, counting);
  await specs.save();
  return made.filter((kind) => kind === "strategy").length;
}

describe("an index of effective specs", () => {
  test("says nothing else than no index: whatever is edited, and whichever process worked it out", async () => {
    const narrow = (body: string) => teams(`  unlisted: [paper]\n  teams:\n    many: { members: [mia]${body} }\n`);
    const edits: readonly ((tree: SourceTree) => SourceTree)[] = [
      ...[...others, sma].flatMap((id) => [
        (tree: SourceTree) => edit(tree, spec(id), /maxOrderNotional: .*/, 'maxOrderNotional: "700"'),
        (tree: SourceTree) => edit(tree, spec(id), /maxOrderNotional: .*/, 'maxOrderNotional: "9000"'),
        (tree: SourceTree) => edit(tree, spec(id), /running: \w+/, "running: false # stopped"),
        (tree: SourceTree) => edit(tree, spec(id), "spec:", "spec: ]"),
        (tree: SourceTree) => edit(tree, spec(id), "paper: {", "live: {"),
      ]),
      (tree) => withFiles(tree, { [spec("more/s02")]: null }),
      (tree) => edit(tree, paperPolicy, /maxOrderNotional: "5000"/, 'maxOrderNotional: "1000"'),
      (tree) =>
        edit(tree, paperPolicy, /teamTotals: .*/, 'teamTotals: { cpu: "9", memory: 9Gi, state: 9Gi, strategies: 1 }'),
      (tree) => edit(tree, paperPolicy, "spec:", "spec: # paper"),
      (tree) => withFiles(tree, narrow(', environments: { paper: { bounds: { maxOrderNotional: "800" } } }')),
      (tree) => withFiles(tree, narrow(", environments: {}")),
      (tree) => withFiles(tree, narrow(", environments: 7")),
      (tree) =>
        withFiles(tree, waiver("w", { waives: '{ bound: maxOrderNotional, to: "9500" }', until: "2026-01-12" })),
      (tree) =>
        withFiles(
          tree,
          waiver("w", {
            waives: '{ bound: maxOrderNotional, to: "9500" }',
            scope: "{ environment: paper, team: many }",
            until: "2026-01-12",
          }),
        ),
      (tree) => withFiles(tree, rule("max-order", { denies: "700", enforcement: "forbid" })),
      (tree) => withFiles(tree, { "policies/rules/max-running.yaml": null }),
    ];
    const state = await stateOf("random");
    const step = fc.record({ edits: fc.uniqueArray(fc.nat(edits.length - 1), { maxLength: 4 }), later: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(step, async ({ edits: chosen, later }) => {
        const tree = chosen.reduce((made, index) => attempt(made, edits[index]), fleet);
        const atSeconds = later ? dayNine : dayOne;
        const alone = await judged(tree, atSeconds, createMemo());
        expect(await judgedBy(state, tree, atSeconds)).toBe(alone);
        expect(await judgedBy(state, tree, atSeconds)).toBe(alone);
      }),
      { numRuns: 60 },
    );
  }, 240_000);

  test("spares another process what this one worked out, for as long as nothing that decides it differs", async () => {
    const state = await stateOf("kept");
    const all = others.length + 3;
    expect(await parsedBy(state, fleet)).toBe(all + 1);
    // Only what is in question, before and after.
    expect(await parsedBy(state, fleet)).toBe(2);
    const bound = edit(fleet, paperPolicy, 'maxOrderNotional: "5000"', 'maxOrderNotional: "4000"');
    expect(await parsedBy(state, bound)).toBe(all + 1);
    expect(await parsedBy(state, fleet)).toBe(2);
    const reworded = edit(fleet, spec("many/s00"), "spec:", "spec: # mine");
    expect(await parsedBy(state, reworded)).toBe(3);
    expect(await parsedBy(state, fleet, "another tool")).toBe(all + 1);
  });

  test.each([
    { name: "cut", broken: (bytes: Buffer) => bytes.subarray(0, bytes.length - 20) },
    { name: "empty", broken: () => Buffer.alloc(0) },
    { name: "changed in one place", broken: (bytes: Buffer) => Buffer.from(bytes.toString().replace('"2000"', '"2"')) },
    { name: "something else", broken: () => Buffer.from("{}\n[1]\n") },
    { name: "no JSON under a good checksum", broken: () => Buffer.from(sealed("[[")) },
  ])("is thrown away and made again when it is $name", async ({ broken }) => {
    const state = await stateOf("broken");
    const good = await judgedBy(state, fleet);
    const path = join(state, "specs.index");
    const before = await readFile(path);
    await writeFile(path, broken(before));
    expect(await judgedBy(state, fleet)).toBe(good);
    expect(await readFile(path)).toEqual(before);
  });

  test("does without a place to write", async () => {
    const state = join(await stateOf("gone"), "missing");
    expect(await judgedBy(state, fleet)).toBe(await judged(fleet, dayOne, createMemo()));
  });

  test("that somebody filled with other strategies' words is not believed, nor any word on what is in question", async () => {
    const state = await stateOf("poisoned");
    const dear = edit(fleet, spec("many/s00"), /maxPositionNotional: .*/, 'maxPositionNotional: "4999"');
    const refused = edit(dear, spec(sma), /maxOrderNotional: .*/, 'maxOrderNotional: "9000"');
    const good = await judgedBy(state, refused);
    const path = join(state, "specs.index");
    const [, body = ""] = (await readFile(path, "utf8")).split("\n");
    const entries = JSON.parse(body) as [string, unknown][];
    const of = (id: string): unknown => entries.find(([key]) => key.endsWith(spec(id)))?.[1];
    const small = { ...(of("many/s01") as object), name: "sma-cross", team: "momentum" };
    const turned = entries.map(([key, value]) => {
      if (key.endsWith(spec(sma))) return [key, small];
      return [key, key.endsWith(spec("many/s00")) ? of("many/s01") : value];
    });
    await writeFile(path, sealed(JSON.stringify(turned)));
    expect(await judgedBy(state, refused)).toBe(good);
    expect(good).toContain("maxOrderNotional is 9000, above the bound");
  });

  test("is another one for other code", async () => {
    const own = await readTool();
    expect(own).toMatch(/^[0-9a-f]{64}$/);
    const copy = join(await stateOf("tool"), "copy");
    for (const folder of ["src/core", "src/delivery", "schemas"])
      await cp(join(root, folder), join(copy, folder), { recursive: true });
    for (const name of ["package.json", "package-lock.json"]) await cp(join(root, name), join(copy, name));
    const module = pathToFileURL(join(copy, "src/delivery/renderer.ts")).href;
    const before = await readTool(module);
    await appendFile(join(copy, "src/core/resolve.ts"), "\n// other\n");
    expect(await readTool(module)).not.toBe(before);
  });
});

/** An edit that does not fit what others made of the tree is left out. */
function attempt(tree: SourceTree, change: ((tree: SourceTree) => SourceTree) | undefined): SourceTree {
  try {
    return change?.(tree) ?? tree;
  } catch {
    return tree;
  }
}

function sealed(body: string): string {
  return `slipway-specs/1 ${tool} ${createHash("sha256").update(body).digest("hex")}\n${body}`;
}
