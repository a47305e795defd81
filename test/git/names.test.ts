import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { branchRef, parseCommitSha, parseRefName, parseTreePath } from "#git/open.ts";

describe("parseTreePath", () => {
  test.each([
    "README.md",
    "strategies/momentum/sma-cross/strategy.yaml",
    ".github/workflows/check.yml",
    ".gitignore",
    "a/.gitattributes",
    "git~",
    "a b/ c",
    '"quoted"',
    "-x",
    "résumé/日本",
    "a".repeat(255),
    `${"é".repeat(127)}a`,
  ])("takes %j", (text) => expect(parseTreePath(text)).toEqual({ ok: true, value: text }));

  test.each([
    { name: "empty", text: "" },
    { name: "absolute", text: "/etc/passwd" },
    { name: "empty part", text: "a//b" },
    { name: "slash at the end", text: "a/" },
    { name: "dot", text: "a/./b" },
    { name: "dot dot", text: "a/../b" },
    { name: ".git", text: ".git/config" },
    { name: ".GIT", text: "a/.GiT/hooks/x" },
    { name: "NTFS short name", text: "GIT~1/config" },
    { name: "NTFS stream", text: ".git::$INDEX_ALLOCATION/config" },
    { name: "NTFS dots and spaces", text: ".git . ./config" },
    { name: "HFS ignorable", text: ".g\u200cit/config" },
    { name: "byte order mark", text: "\ufeff.git" },
    { name: "bidi override", text: "a\u202etxt.exe" },
    { name: "bidi isolate", text: "a\u2066b" },
    { name: "line separator", text: "a\u2028b" },
    { name: "line feed", text: "a\nb" },
    { name: "NUL", text: "a\0b" },
    { name: "delete", text: "a\u007fb" },
    { name: "C1 control", text: "a\u0085b" },
    { name: "not UTF-8", text: "a\ufffdb" },
    { name: "lone surrogate", text: "a\ud800b" },
    { name: "backslash", text: "a\\b" },
    { name: "trailing dot", text: "a./b" },
    { name: "trailing space", text: "a /b" },
    { name: "256 characters", text: "a".repeat(256) },
    { name: "256 bytes", text: "é".repeat(128) },
    { name: "4097 bytes", text: `${"a/".repeat(2048)}b` },
  ])("refuses $name", ({ text }) =>
    expect(parseTreePath(text)).toMatchObject({ ok: false, error: { code: "path-malformed", text } }),
  );
});

describe("parseRefName", () => {
  test.each([
    "refs/heads/main",
    "refs/heads/env/paper",
    "refs/slipway/proposals/1",
    "refs/heads/-x",
    `refs/heads/${"a".repeat(250)}`,
  ])("takes %j", (text) => expect(parseRefName(text)).toEqual({ ok: true, value: text }));

  test.each([
    "",
    "main",
    "HEAD",
    "--all",
    "refs/",
    "refs/heads/",
    "refs//x",
    "refs/heads/a..b",
    "refs/heads/.a",
    "refs/heads/a.lock",
    "refs/heads/a.lock/b",
    "refs/heads/a.",
    "refs/heads/a b",
    "refs/heads/a\n",
    "refs/heads/a\u202eb",
    "refs/heads/a~1",
    "refs/heads/a^",
    "refs/heads/a:b",
    "refs/heads/*",
    "refs/heads/a@{1}",
    "refs/heads/a\\b",
    `refs/heads/${"a".repeat(251)}`,
  ])("refuses %j", (text) =>
    expect(parseRefName(text)).toMatchObject({ ok: false, error: { code: "ref-malformed", text } }),
  );

  test("takes exactly what git check-ref-format takes, but for our own additions", () => {
    // Pieces that matter to the rules, so that most samples are near a bound.
    const piece = fc.constantFrom(
      "a",
      "b",
      ".",
      "..",
      "/",
      "@",
      "{",
      "@{",
      ".lock",
      "~",
      "^",
      ":",
      "?",
      "*",
      "[",
      "\\",
      " ",
      "-",
      "é",
      "\t",
      "\u007f",
    );
    const name = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => `refs/${pieces.join("")}`);
    const check = (text: string): void => {
      const git = spawnSync("git", ["check-ref-format", text]).status === 0;
      expect({ text, ok: parseRefName(text).ok }).toEqual({ text, ok: git });
    };
    fc.assert(fc.property(name, check), { numRuns: 300 });
  });
});

test("branchRef is for names of our own: another one is a bug", () => {
  expect(branchRef("env/paper")).toBe("refs/heads/env/paper");
  expect(() => branchRef("a..b")).toThrow("not a branch name");
});

test.each([
  { text: "a".repeat(40), ok: true },
  { text: "a".repeat(64), ok: true },
  { text: "a".repeat(39), ok: false },
  { text: "A".repeat(40), ok: false },
  { text: `${"a".repeat(39)}\n`, ok: false },
  { text: "--help", ok: false },
])("parseCommitSha $text: $ok", ({ text, ok }) => expect(parseCommitSha(text).ok).toBe(ok));
