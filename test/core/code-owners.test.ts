// Who owns a file, and the file of it that GitHub reads: the last line that holds a path counts there, the longest path here.
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOwners, isGenerated } from "#core/code-owners.ts";
import { holds, ownerOf } from "#core/owners.ts";
import { parseTeams, type TeamsDocument, teamsFile } from "#core/teams.ts";

const head = "apiVersion: slipway.dev/v1\nkind: Teams\nmetadata: { name: teams }\nspec:\n";
const groups = "  groups: { one: [a, b], two: ['@c'] }\n  teams: { t: { members: [d, e], environments: {} } }\n";

function teamsOf(spec: string): TeamsDocument {
  const { document, findings } = parseTeams(teamsFile, `${head}${groups}${spec}`);
  if (document === undefined) throw new Error(JSON.stringify(findings));
  return document;
}

function refusals(spec: string): readonly string[] {
  return parseTeams(teamsFile, `${head}${groups}${spec}`).findings.map(
    ({ code, place }) => `${place?.line}:${place?.column} ${code}`,
  );
}

/** The last line that holds a file, as GitHub reads it. */
function asked(text: string, file: string): readonly string[] | undefined {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const found = lines
    .map((line) => line.split(" "))
    .findLast(([path = ""]) => holds(path === "*" ? "/" : path.slice(1), file));
  return found?.slice(1);
}

test("the longest path counts, and two approvals are asked for unless a count says otherwise", () => {
  const teams = teamsOf(
    "  owners:\n    - { path: /, group: one }\n    - { path: docs/, group: two, count: 1 }\n    - { path: docs/a.md, group: t }\n",
  );
  expect(ownerOf(teams, "package.json")).toEqual({ path: "/", group: "one", members: ["a", "b"], count: 2 });
  expect(ownerOf(teams, "docs/b.md")).toMatchObject({ group: "two", count: 1 });
  expect(ownerOf(teams, "docs/a.md")).toMatchObject({ group: "t", members: ["d", "e"] });
  expect(ownerOf(teams, "docs/a.md.txt")).toMatchObject({ group: "two" });
  expect(ownerOf(teams, "docs")).toMatchObject({ group: "one" });
  expect(ownerOf(teamsOf("  owners: [{ path: docs/, group: t }]\n"), "package.json")).toBeUndefined();
  expect(ownerOf(undefined, "package.json")).toBeUndefined();
});

test.each([
  ["  owners: [{ path: /, group: oen }]\n", "7:30 group-unknown"],
  ["  owners: [{ path: /, group: two }]\n", "7:30 group-too-small"],
  ["  owners: [{ path: /, group: one, count: 3 }]\n", "7:30 group-too-small"],
  ["  owners: [{ path: /, group: one }, { path: /, group: t }]\n", "7:45 owner-twice"],
  ["  owners: [{ path: policies/, group: one }]\n", "7:20 value-malformed"],
  ["  owners: [{ path: strategies/a/, group: one }]\n", "7:20 value-malformed"],
  ["  owners: [{ path: a/b, group: one, count: 0 }]\n", "7:44 value-out-of-range"],
])("%s is refused where it stands", (spec, code) => {
  expect(refusals(spec)).toContain(code);
});

test("the file for GitHub asks those whose approvals count, and in data's folders those of the approvals alone", () => {
  const text = codeOwners(
    teamsOf(
      "  owners: [{ path: /, group: one }, { path: docs/, group: two, count: 1 }]\n  approvals:\n    - { folder: policies/, group: one, count: 1 }\n    - { folder: policies/halts/, group: two, count: 1 }\n",
    ),
  );
  expect(text.split("\n").slice(2)).toEqual([
    "* @a @b",
    "/docs/ @c",
    "/policies/ @a @b",
    "/strategies/",
    "/policies/halts/ @a @b @c",
    "",
  ]);
  expect(isGenerated(text)).toBe(true);
  expect(isGenerated("* @me\n")).toBe(false);
});

test("for every file outside of data it asks exactly its owner's people", () => {
  const path = fc.constantFrom("/", "docs/", "docs/a/", "docs/a/b.md", "package.json", ".github/", "docs");
  const rules = fc.uniqueArray(fc.record({ path, group: fc.constantFrom("one", "t") }), {
    selector: (rule) => rule.path,
  });
  const files = ["docs/a/b.md", "docs/a/c", "docs/x", "docs", "package.json", ".github/workflows/x.yml", "other"];
  fc.assert(
    fc.property(rules, (owners) => {
      const lines = owners.map((rule) => `    - { path: "${rule.path}", group: ${rule.group} }\n`);
      const teams = teamsOf(owners.length === 0 ? "" : `  owners:\n${lines.join("")}`);
      const text = codeOwners(teams);
      for (const file of files)
        expect(asked(text, file)).toEqual(ownerOf(teams, file)?.members.map((name) => `@${name}`));
    }),
  );
});
