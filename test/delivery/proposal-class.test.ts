// What a proposal is, is a matter of two trees: whatever way led from one to the other, and whatever else they hold.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { classOf, isData, type ProposalClass, takenForData } from "#delivery/proposal-class.ts";
import { initBareRepository } from "#git/open.ts";
import type { TreePath, TreeSha } from "#git/port.ts";

const directory = mkdtempSync(join(tmpdir(), "slipway-class-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const repository = await initBareRepository(join(directory, "forge.git"));

const paths = [
  ...["strategies/a/b/strategy.yaml", "strategies/a/b/x.ts", "policies/teams.yaml", "policies/rules/x.yaml"],
  ...["package.json", "docs/strategies/x.md", ".github/policies/x", "strategies.md", "src/a"],
];
const files = fc.dictionary(fc.constantFrom(...paths), fc.constantFrom("1", "2"), { maxKeys: 6 });
type Files = Readonly<Record<string, string>>;

function treeOf(held: Files): Promise<TreeSha> {
  return repository.writeTree(null, new Map(Object.entries(held).map(([path, text]) => [path as TreePath, text])));
}

async function classBetween(before: Files, after: Files): Promise<ProposalClass> {
  const changed = await repository.changedPaths(await treeOf(before), await treeOf(after));
  return classOf(changed.map(({ path }) => path));
}

/** By the words of the design, without a word of the program. */
function expected(before: Files, after: Files): ProposalClass {
  const differ = paths.filter((path) => before[path] !== after[path]);
  const data = differ.filter((path) => /^(strategies|policies)\//.test(path)).length;
  if (differ.length === 0) return "nothing";
  if (data === 0) return "tool";
  return data === differ.length ? "data" : "mixed";
}

describe("the class of a proposal", () => {
  test("is a function of two trees, and the same both ways", async () => {
    await fc.assert(
      fc.asyncProperty(files, files, async (before, after) => {
        const found = await classBetween(before, after);
        expect(found).toBe(expected(before, after));
        expect(await classBetween(after, before)).toBe(found);
      }),
      { numRuns: 60 },
    );
  });

  test("is that of what is left, whatever came and went on the way", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...paths), { maxLength: 9 }), (changed) => {
        const shuffled = [...changed, ...changed].reverse();
        expect(classOf(shuffled)).toBe(classOf(changed));
        // More of one class changes nothing; of the other it makes both.
        for (const path of changed) expect(classOf([...changed, path])).toBe(classOf(changed));
        const both = new Set(changed.map(isData)).size === 2;
        expect(classOf(changed) === "mixed").toBe(both);
      }),
    );
  });

  test("a mode alone is a change", async () => {
    const before = await treeOf({ "src/a": "1" });
    const blob = [...(await repository.list(before)).values()][0]?.blob ?? "";
    const git = (args: readonly string[], input: string): string =>
      execFileSync("git", ["-C", repository.directory, ...args], { input, encoding: "utf8" }).trim();
    const folder = git(["mktree"], `100755 blob ${blob}\ta\n`);
    const after = git(["mktree"], `040000 tree ${folder}\tsrc\n`) as TreeSha;
    const changed = await repository.changedPaths(before, after);
    expect(classOf(changed.map(({ path }) => path))).toBe("tool");
  });
});

test.each([
  ["Strategies/a", "strategies"],
  ["POLICIES", "policies"],
  ["strate-gies/x", "strategies"],
  ["роlicies/x", "policies"],
  ["strategies/a", undefined],
  ["policies", undefined],
  ["docs/strategies/a", undefined],
  ["policies-of-old/a", undefined],
] as const)("%s is taken for %s", (path, root) => {
  expect(takenForData(path)).toBe(root);
});
