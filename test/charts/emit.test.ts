import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { emitYaml } from "#charts/emit.ts";
import { canonicalJson, type JsonValue } from "#core/json.ts";

const versions = ["1.1", "1.2"] as const;

/** Strings that YAML, in one version or another, reads as something else when they stand plain. */
const traps = [
  ["yes", "No", "on", "OFF", "y", "N", "true", "False", "null", "NULL", "~", ""],
  [
    "0o7",
    "07",
    "0x1F",
    "1e3",
    "1.0",
    "1_000",
    "12:30",
    "190:20:30",
    "1E400",
    ".inf",
    "-.INF",
    ".nan",
    "+1",
    "-0",
    "0",
    "1",
    ".5",
  ],
  [
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "<<",
    "=",
    "-",
    "?",
    ":",
    "a: b",
    "a :b",
    "a #b",
    "a#b",
    "#",
    "&a",
    "*a",
    "!t",
    "%",
    "@",
    "`",
  ],
  [
    "---",
    "...",
    "--- a",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "'",
    '"',
    "\\",
    " a",
    "a ",
    "a  b",
    "\t",
    "a\tb",
    "key:",
    "::",
    "a:b",
    "http://x:1",
  ],
  [
    "a\n",
    "a\nb",
    "a\nb\n",
    "a\n\n",
    "\n",
    "\na",
    " a\nb",
    "a\n b\n",
    "a\n\tb\n",
    "a\n \nb",
    "a \nb",
    "a\n ",
    "a\n\t\n",
    "#a\n#b\n",
    "---\na\n",
    "a\n---\n",
  ],
  [
    "a\r\nb",
    "a\u0085b\nc",
    "a\u2028b\nc",
    "\ufeffa",
    "a\u0000",
    "\u007f",
    "\u202eabc\ndef",
    "é",
    "日本\n語\n",
    "😀\n😀",
    "\ud800",
    "a\ufffe",
    "\u00a0",
  ],
  [
    "__proto__",
    "constructor",
    "100m",
    "128Mi",
    "10/1s",
    "1E",
    "1Ki",
    "0m",
    "slipway/bus@sha256:0000",
    "- a",
    "-a",
    "? a",
    "a ?b",
    "e1",
    "Infinity",
    "NaN",
  ],
].flat();

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }),
  fc.constantFrom(...traps),
  fc
    .array(fc.constantFrom("a", " ", "\n", "\t", "#", ":", "-", "é", "  x", "|", "\r"), { maxLength: 12 })
    .map((parts) => parts.join("")),
);

const value = fc.letrec<{ node: JsonValue }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
      text,
    ),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("node")), { maxLength: 4 }).map((pairs): JsonValue => Object.fromEntries(pairs)),
  ),
})).node;

describe("emitYaml", () => {
  test.each(versions)("gives back what it was given, read as YAML %s", (version) => {
    fc.assert(
      fc.property(value, (document) => {
        expect(readBack(document, version)).toBe(canonicalJson(document));
      }),
      { numRuns: 1500 },
    );
  });

  test.each(traps.map((trap) => [JSON.stringify(trap), trap]))(
    "keeps %s a string, as value, key and list item",
    (_name, trap) => {
      const document = { a: trap, [`${trap}x`]: 1, [trap]: [trap, [trap], { [trap]: trap }] };
      for (const version of versions) expect(readBack(document, version)).toBe(canonicalJson(document));
      for (const version of versions) expect(parse(emitYaml(trap), { version })).toBe(trap);
    },
  );

  test("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(value, (document) => {
        expect(emitYaml(reversed(document))).toBe(emitYaml(document));
      }),
    );
  });

  test("is as people write it", () => {
    const document = {
      spec: {
        replicas: 1,
        "a b": null,
        empty: {},
        none: [],
        list: [{ name: "x", value: "yes" }, ["a", "b"], "plain text", -1.5, 1e21],
      },
      kind: "StatefulSet",
      data: {
        "algorithm.mjs": "function a() {\n\n  return 1;\n}\n",
        note: "two\nlines",
        "spec.json": '{"it\'s":"x"}',
        zip: "UEsDBA==",
      },
      metadata: { name: "sma-cross", annotations: { "slipway.dev/at": "12:30" } },
      apiVersion: "apps/v1",
    };
    expect(emitYaml(document)).toBe(`apiVersion: apps/v1
kind: StatefulSet
metadata:
  annotations:
    slipway.dev/at: "12:30"
  name: sma-cross
spec:
  a b: null
  empty: {}
  list:
  - name: x
    value: "yes"
  - - a
    - b
  - plain text
  - -1.5
  - 1.0e+21
  none: []
  replicas: 1
data:
  algorithm.mjs: |
    function a() {

      return 1;
    }
  note: |-
    two
    lines
  spec.json: '{"it''s":"x"}'
  zip: UEsDBA==
`);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "refuses %s, which JSON does not have",
    (number) => {
      expect(() => emitYaml({ number })).toThrow("not a number");
    },
  );

  test.each([
    { length: 512, refused: false },
    { length: 513, refused: true },
  ])("a key of $length characters: refused $refused", ({ length, refused }) => {
    const emit = () => emitYaml({ ["k".repeat(length)]: 1 });
    if (refused) expect(emit).toThrow("cannot be written");
    else expect(Object.keys(parse(emit()) as object)[0]).toHaveLength(length);
  });
});

/** As canonical JSON, since `toEqual` takes an own key `constructor` for the object's class; it also makes `-0` a `0`. */
function readBack(document: JsonValue, version: "1.1" | "1.2"): string {
  return canonicalJson(parse(emitYaml(document), { version, strict: true }) as JsonValue);
}

function reversed(document: JsonValue): JsonValue {
  if (Array.isArray(document)) return document.map(reversed);
  if (document === null || typeof document !== "object") return document;
  return Object.fromEntries(
    Object.entries(document)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
