import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Finding, formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { createMemo } from "#delivery/memo.ts";
import { fileBytesMax, isLeftOut, readCommit, readWorkspace, type SourceTree } from "#delivery/tree.ts";
import { initBareRepository } from "#git/open.ts";
import { seedForge } from "#server/seed.ts";
import { alice, checkout, edit, main, push, site, sma, spec, tickingClock, withFiles } from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;

let workspace: SourceTree;
let folder: string;
beforeAll(async () => {
  workspace = await checkout();
  folder = mkdtempSync(join(tmpdir(), "slipway-tree-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const code = (id: string): string => `strategies/${id}/algorithm.ts`;
const shown = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ code, place }) => `${place === undefined ? "-" : formatPlace(place)} ${code}`);

describe("reading a folder", () => {
  test("takes strategies and policies, and leaves out what nobody means to deploy", async () => {
    const at = join(folder, "read");
    for (const path of [
      "strategies/a/b/node_modules/x",
      "strategies/a/b/__pycache__",
      "strategies/a/b/.git",
      "strategies/a/b/lib",
      "policies/environments",
      "src",
    ])
      mkdirSync(join(at, path), { recursive: true });
    for (const path of [
      "strategies/a/b/strategy.yaml",
      "strategies/a/b/algorithm.py",
      "strategies/a/b/lib/x.py",
      "strategies/a/b/.env",
      "strategies/a/b/a.pyc",
      "strategies/a/b/x~",
      "strategies/a/b/node_modules/x/i.js",
      "strategies/a/b/__pycache__/a.py",
      "policies/environments/paper.yaml",
      "src/main.ts",
    ])
      writeFileSync(join(at, path), path);
    expect([...(await readWorkspace(at)).keys()]).toEqual([
      "policies/environments/paper.yaml",
      "strategies/a/b/algorithm.py",
      "strategies/a/b/lib/x.py",
      "strategies/a/b/strategy.yaml",
    ]);
    expect((await readWorkspace(join(folder, "nothing"))).size).toBe(0);
  });

  test("neither follows links nor opens pipes nor reads what is too big, and the check says so", async () => {
    const at = join(folder, "special");
    const strategy = join(at, "strategies/a/b");
    mkdirSync(strategy, { recursive: true });
    writeFileSync(join(strategy, "strategy.yaml"), "x");
    writeFileSync(join(strategy, "fits.bin"), Buffer.alloc(fileBytesMax));
    writeFileSync(join(strategy, "big.bin"), Buffer.alloc(fileBytesMax + 1));
    symlinkSync("/etc", join(strategy, "etc"));
    execFileSync("mkfifo", [join(strategy, "pipe")]);
    const { findings } = await checkTree(await readWorkspace(at), { atSeconds });
    const found = shown(findings).filter((text) => text.includes(" file-"));
    expect(found).toEqual([
      "strategies/a/b/big.bin file-too-big",
      "strategies/a/b/etc file-symlink",
      "strategies/a/b/pipe file-special",
    ]);
  });

  test.each([
    { what: "an entry", path: code(sma), linked: code(sma) },
    { what: "a spec", path: spec(sma), linked: spec(sma) },
    { what: "a sizing", path: spec(sma), linked: `strategies/${sma}/sizing.ts` },
  ])("$what that is a link is one mistake", async ({ what, path, linked }) => {
    const tree =
      what === "a sizing"
        ? edit(workspace, path, /sizing: \{.*?\}/, "sizing: { use: file, file: sizing.ts }")
        : workspace;
    const link = { mode: "120000", bytes: new Uint8Array() };
    const { findings } = await checkTree(new Map(tree).set(linked, link), { atSeconds, strategies: [sma] });
    expect(shown(findings)).toEqual([`${linked} file-symlink`]);
  });

  test.each(["---\n", "---\napiVersion: slipway.dev/v1\nkind: Strategy\n", "...\nkind: Strategy\n"])(
    "a spec holds one document: %j behind it is refused, where it starts",
    async (more) => {
      const text = new TextDecoder().decode(workspace.get(spec(sma))?.bytes);
      const line = text.split("\n").length + (more.startsWith("...") ? 1 : 0);
      const tree = withFiles(workspace, { [spec(sma)]: `${text}${more}` });
      const { findings } = await checkTree(tree, { atSeconds, strategies: [sma] });
      expect(shown(findings)).toEqual([`${spec(sma)}:${line}:1 yaml-many-documents`]);
    },
  );

  test("a commit gives the same tree as the folder it was made of", async () => {
    const repository = await initBareRepository(join(folder, "same.git"));
    const clock = tickingClock();
    await seedForge(repository, workspace, { author: alice, clock });
    const at = site(folder, repository, clock, createMemo());
    await push(
      at,
      "main",
      Object.fromEntries([...workspace].map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)])),
    );
    const tip = await repository.resolve(main);
    const read = await readCommit(repository, tip!);
    expect([...read].map(([path, { mode, bytes }]) => [path, mode, Buffer.from(bytes).toString()])).toEqual(
      [...workspace].map(([path, { mode, bytes }]) => [path, mode, Buffer.from(bytes).toString()]),
    );
    const some = await readCommit(repository, tip!, { code: (id) => id === sma });
    expect([...some].filter(([, { unreadBytes }]) => unreadBytes !== undefined).map(([path]) => path)).toEqual([
      "strategies/seed/random-py/algorithm.py",
      "strategies/seed/random-ts/algorithm.ts",
    ]);
  });

  test.each([
    ["a/b.ts", false],
    ["a/.env", true],
    ["a/.vscode/x", true],
    ["node_modules/x", true],
    ["a/node_modules.ts", false],
    ["x.pyc", true],
    ["x.py~", true],
  ])("%s left out: %s", (path, expected) => {
    expect(isLeftOut(path)).toBe(expected);
  });
});
