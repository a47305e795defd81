import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDocument } from "#core/document.ts";
import { formatPlace } from "#core/refusal.ts";
import { parseStrategy } from "#core/strategy.ts";
import { editDistance, nearest } from "#core/suggest.ts";

function found(text: string): readonly string[] {
  return readDocument("f", text).findings.map(({ code, place }) => `${place && formatPlace(place)} ${code}`);
}

describe("YAML that is refused", () => {
  test.each<[name: string, text: string, findings: readonly string[]]>([
    ["nothing", "", ["f:1:1 document-empty"]],
    ["comments only", "# x\n", ["f:1:1 document-empty"]],
    ["a duplicate key", "a: 1\nb: 2\na: 3\n", ["f:3:1 yaml-duplicate-key"]],
    ["a duplicate key in two spellings", 'a: 1\n"a": 2\n', ["f:2:1 yaml-duplicate-key"]],
    ["a duplicate key in a flow map", "x: {a: 1, a: 2}\n", ["f:1:11 yaml-duplicate-key"]],
    ["an anchor, an alias", "a: &x 1\nb: *x\n", ["f:1:4 yaml-anchor", "f:2:4 yaml-alias"]],
    ["an alias without an anchor", "b: *x\n", ["f:1:4 yaml-alias"]],
    ["an anchored map", "a: &x\n  b: 1\n", ["f:1:4 yaml-anchor"]],
    ["an alias as a key", "? *x\n: 1\n", ["f:1:3 yaml-alias"]],
    ["a tag", "a: !!str 1\n", ["f:1:4 yaml-tag"]],
    ["a local tag", "a: !include x\n", ["f:1:4 yaml-tag"]],
    ["a tag on a map", "a: !!map\n  b: 1\n", ["f:1:4 yaml-tag"]],
    ["a merge key", "a:\n  <<: {b: 1}\n", ["f:2:3 yaml-merge-key"]],
    [
      "a merge of an alias",
      "x: &x {b: 1}\na:\n  <<: *x\n",
      ["f:1:4 yaml-anchor", "f:3:3 yaml-merge-key", "f:3:7 yaml-alias"],
    ],
    ["two documents", "a: 1\n---\nb: 1\n", ["f:2:1 yaml-many-documents"]],
    ["a directive", "%YAML 1.1\n---\na: 1\n", ["f:1:1 yaml-directive"]],
    ["a map as a key", "? {a: 1}\n: 2\n", ["f:1:3 yaml-key"]],
    ["no key", ": 1\n", ["f:1:1 yaml-key"]],
    ["a key that is no data", "__proto__: 1\nconstructor: 2\n", ["f:1:1 yaml-key", "f:2:1 yaml-key"]],
    ["a boolean word as a key", "on: 1\n", ["f:1:1 yaml-boolean-word"]],
    ["a tab between", "a:\t1\n", ["f:1:3 yaml-tab"]],
    ["tabs for indentation", "a:\n\tb: 1\n\tc: 2\n", ["f:2:1 yaml-tab"]],
    ["a tab in a comment", "a: 1 #\tx\n", ["f:1:7 yaml-tab"]],
    ["a byte order mark", "\uFEFFa: 1\n", ["f:1:1 yaml-byte-order-mark"]],
    ["a bidi override", "a: x\u202Ey\n", ["f:1:5 yaml-invisible-character"]],
    ["a bidi isolate in a comment", "a: 1 # \u2066x\n", ["f:1:8 yaml-invisible-character"]],
    ["a zero-width space in a key", "a\u200Bb: 1\n", ["f:1:2 yaml-invisible-character"]],
    ["a no-break space", "a: x\u00A0y\n", ["f:1:5 yaml-invisible-character"]],
    ["a soft hyphen", "a: x\u00ADy\n", ["f:1:5 yaml-invisible-character"]],
    ["a variation selector", "a: x\uFE0F\n", ["f:1:5 yaml-invisible-character"]],
    ["a tag character", "a: x\u{E0041}\n", ["f:1:5 yaml-invisible-character"]],
    ["a lone surrogate", "a: x\uD800\n", ["f:1:5 yaml-invisible-character"]],
    ["a NUL", "a: x\0\n", ["f:1:5 yaml-invisible-character"]],
    ["a line separator", "a: x\u2028y\n", ["f:1:5 yaml-invisible-character"]],
    ["an escaped bidi override", 'a: "x\\u202Ey"\n', ["f:1:4 yaml-invisible-character"]],
    ["a carriage return alone", "a: 1\rb: 2\n", ["f:1:5 yaml-line-ending"]],
    ["an open bracket", "a: [1\nb: 2\n", ["f:2:1 yaml-malformed"]],
    ["an open quote", "a: 'x\nb: 2\n", ["f:1:4 yaml-malformed"]],
    ["a colon too many", "a: b: c\n", ["f:1:4 yaml-malformed"]],
    ["wrong indentation", "a: 1\n  b: 2\n", ["f:1:4 yaml-malformed"]],
    ["a reserved character", "a: @x\n", ["f:1:4 yaml-malformed"]],
  ])("%s", (_name, text, findings) => expect(found(text)).toEqual(findings));

  test("64 KiB is allowed, one byte more is not; umlauts count as they are stored", () => {
    const of = (bytes: number) => `a: ${"x".repeat(bytes - 4)}\n`;
    expect(found(of(65_536))).toEqual([]);
    expect(found(of(65_537))).toEqual(["f:1:1 document-too-large"]);
    expect(found(`a: ${"ä".repeat(33_000)}\n`)).toEqual(["f:1:1 document-too-large"]);
  });

  test.each([
    ["[", "]"],
    ["{a: ", "}"],
  ])("20 levels of %s are allowed, 21 are not, 9000 do no harm", (open, close) => {
    const of = (levels: number) => open.repeat(levels) + close.repeat(levels);
    expect(found(of(20))).toEqual([]);
    expect(found(of(21))).toEqual([`f:1:${20 * open.length + 1} document-too-deep`]);
    expect(found(open.repeat(9000))).toEqual([`f:1:${20 * open.length + 1} document-too-deep`]);
  });

  test("a bomb of aliases is not expanded", () => {
    const lines = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let index = 1; index < 10; index += 1)
      lines.push(
        `k${index}: &k${index} [${Array(9)
          .fill(index === 1 ? "*a" : `*k${index - 1}`)
          .join(",")}]`,
      );
    expect(found(lines.join("\n")).length).toBe(10 + 81);
  });
});

describe("YAML that readers disagree on", () => {
  test.each([
    ["yes", "true"],
    ["No", "false"],
    ["ON", "true"],
    ["off", "false"],
    ["y", "true"],
    ["N", "false"],
    ["True", "true"],
    ["FALSE", "false"],
    ["0o17", "15"],
    ["0x1F", "31"],
    ["0b11", "3"],
    ["1_000", "1000"],
    ["1e3", "1000"],
    ["1.5E2", "150"],
    ["+5", "5"],
    [".5", "0.5"],
    ["5.", "5"],
    ["017", undefined],
    ["-08", undefined],
    ["1:30", undefined],
    ["190:20:30.15", undefined],
    [".inf", undefined],
    ["-.Inf", undefined],
    [".NaN", undefined],
    ["1e999", undefined],
    ["9007199254740993", undefined],
    ["0.12345678901234567", undefined],
    ["~", undefined],
    ["NULL", undefined],
    ["2020-01-01", undefined],
    ["2020-1-1 10:00:00", undefined],
  ])("%s is a trap; plain: %s", (source, plain) => {
    const { traps } = readDocument("f", `a: ${source}\n`);
    expect([...traps].map(([pointer, trap]) => [pointer, trap.plain])).toEqual([["/a", plain]]);
    expect(readDocument("f", `a: "${source}"\n`).traps.size).toBe(0);
  });

  test.each([
    "0",
    "-1",
    "10",
    "1.50",
    "-0.25",
    "0.0000001",
    "9007199254740991",
    "true",
    "null",
    "none",
    "yesterday",
    "10/1s",
    "128Mi",
    "v1.2",
    "1-2",
    "a:b",
  ])("%s is none", (source) => {
    expect(readDocument("f", `a: ${source}\n`).traps.size).toBe(0);
  });
});

describe("places", () => {
  const document = readDocument("f", 'a:\n  b: { c: [1, "two"] }\n  d: |\n    text\n  e:\nf:\n  - g: 1\n');
  test.each([
    ["/a/b/c/1", "2:15", 5],
    ["/a/b/c", "2:11", 10],
    ["/a/b", "2:6", 17],
    ["/a", "1:1", 1],
    ["/a/missing/deep", "1:1", 1],
    ["/a/d", "3:6", 1],
    ["/a/e", "5:3", 1],
    ["/f/0/g", "7:8", 1],
    ["/f/0", "7:5", 1],
    ["", "1:1", 1],
  ])("%s is at %s", (pointer, at, length) => {
    const place = document.locate(pointer);
    expect([formatPlace(place), place.length]).toEqual([`f:${at}`, length]);
  });
  test("keys", () => expect(formatPlace(document.locateKey("/a/b/c"))).toBe("f:2:8"));
  test("the value is plain JSON", () => {
    expect(document.value).toEqual({ a: { b: { c: [1, "two"] }, d: "text\n", e: null }, f: [{ g: 1 }] });
  });
});

describe("whatever the text is", () => {
  const pieces = fc.constantFrom(
    "a",
    "b",
    ":",
    ": ",
    "\n",
    "  ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "&x ",
    "*x",
    "!t ",
    "<<: ",
    "#",
    "|",
    ">",
    "?",
    "\t",
    "\r\n",
    "\u202e",
    "\uFEFF",
    "yes",
    "0x1",
    "1e3",
    "---\n",
    "...\n",
    "%",
    "@",
    "spec",
    "limits",
    "__proto__",
    "~",
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 60 }),
  );

  test("it never throws, and every finding has a place in the text", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const lines = text.split("\n");
        const parsed = parseStrategy("strategies/a/b/strategy.yaml", text);
        expect(parsed.document).toBeUndefined();
        expect(parsed.findings.length).toBeGreaterThan(0);
        for (const { place, message, fix } of parsed.findings) {
          expect(place?.line).toBeLessThanOrEqual(lines.length);
          expect(place?.column).toBeLessThanOrEqual((lines[(place?.line ?? 1) - 1] ?? "").length + 2);
          expect(`${message} ${fix}`).not.toMatch(/undefined|\[object/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("suggestions", () => {
  test.each([
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["fastt", "fast", 1],
    ["kitten", "sitting", 3],
    ["", "abc", 3],
  ])("from %j to %j: %d", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });
  test.each([
    ["ownr", "owner"],
    ["xyz", undefined],
    ["Owner", "owner"],
    ["", undefined],
  ])("%j is nearest to %s", (text, near) => {
    expect(nearest(text, ["owner", "limits"])).toBe(near);
  });
});
