import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { readDocument } from "#core/document.ts";

const expression = "spec.limits.venues.all(v,\n  v in ['paper', \"x\\y\"])";

/** The text that stands at a part of `/e`, as an editor would mark it. */
function marked(text: string, offset: number, length: number): string {
  const { line = 0, column = 0, length: size = 0 } = readDocument("f", text).locateInside("/e", offset, length);
  return text.split(/\r?\n/)[line - 1]?.slice(column - 1, column - 1 + size) ?? "";
}

function value(text: string): string {
  const read = readDocument("f", text).value;
  if (read === null || typeof read !== "object" || !("e" in read) || typeof read["e"] !== "string")
    throw new Error(`no text at /e of ${JSON.stringify(text)}`);
  return read["e"];
}

describe("a place inside of a text", () => {
  test.each([
    ["plain", "# a\ne: spec.limits.venues.all(v, v in venues)\n", "venues.all"],
    ["plain over lines", "e: spec.limits.venues\n  .all(v,\n\n  v in venues) # why\n", "in"],
    ["plain, in flow", "{ a: [1, 2], e: spec.running || team.listed == true }\n", "true"],
    ["single quotes", "e: 'spec.venues == [''paper'']'\n", "]"],
    ["single quotes over lines", "e: 'spec.venues\n   == [''paper'',\n   ''x'']'\n", "x"],
    ["double quotes", 'e: "a == \\"\\u0062\\" && c"\n', "c"],
    ["double quotes over lines", 'e: "a == \\\n   \\"b\\"\n\n   && c"\n', "c"],
    ["double quotes with an escaped line end in the value", 'e: "a ==\\n b && c"\n', "b"],
    ["literal", "e: |\n  a ==\n    b\n\n  && c\n", "b"],
    ["literal, kept and indented", "x: 1\ne: |2+ # why\n    a ==\n    b\n\n", "b"],
    ["folded", "e: >-\n  a ==\n  b\n\n  && c\n    && d\n  && e\n", "d"],
  ])("%s", (_name, text, word) => {
    for (const lineEnd of ["\n", "\r\n"]) {
      const own = text.replaceAll("\n", lineEnd);
      const offset = value(own).indexOf(word);
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(marked(own, offset, word.length)).toBe(word);
    }
  });

  test("an escape is marked whole", () => {
    expect(marked('e: "a\\u0062c"\n', 1, 1)).toBe("\\u0062");
    expect(marked("e: 'a''c'\n", 0, 2)).toBe("a''");
  });

  test("its end is the place behind the last character", () => {
    expect(readDocument("f", "e: 'abc'\n").locateInside("/e", 3, 1)).toMatchObject({ line: 1, column: 8, length: 1 });
    expect(readDocument("f", "e: |\n  abc\n  d\n").locateInside("/e", 6, 1)).toMatchObject({ line: 3, column: 4 });
  });

  test("outside of a text it is the text's own place", () => {
    const source = readDocument("f", "e: { a: 1 }\n");
    expect(source.locateInside("/e", 5, 2)).toEqual(source.locate("/e"));
    expect(source.locateInside("/none", 5, 2)).toEqual(source.locate("/none"));
  });

  test("stays on one line", () => {
    const { line, column, length } = readDocument("f", `e: |\n  ${expression.replace("\n", "\n  ")}\n`).locateInside(
      "/e",
      expression.indexOf("v,"),
      12,
    );
    expect([line, column, length]).toEqual([2, 26, 2]);
  });

  const word = fc.stringMatching(/^[a-z0-9.()[\]{}'"\\,:=&|!<>+%#-]{1,6}$/);
  const text = fc
    .array(fc.tuple(word, fc.constantFrom(" ", "  ", "\n", "\n\n", "\n  ", "")), { minLength: 1, maxLength: 12 })
    .map((parts) => parts.map((part) => part.join("")).join(""))
    .filter((all) => all.trim() === all);
  const style = fc.constantFrom("PLAIN", "QUOTE_SINGLE", "QUOTE_DOUBLE", "BLOCK_LITERAL", "BLOCK_FOLDED");

  test("every character is where it is written, in each style", () => {
    fc.assert(
      fc.property(
        text,
        style,
        fc.constantFrom("\n", "\r\n"),
        fc.integer({ min: 20, max: 60 }),
        (all, type, end, width) => {
          const written = stringify(
            { a: 1, e: all },
            { defaultStringType: type as "PLAIN", lineWidth: width },
          ).replaceAll("\n", end);
          const source = readDocument("f", written);
          // Traps and refused text have no value to look into.
          fc.pre(source.findings.length === 0 && source.traps.size === 0 && value(written) === all);
          for (let at = 0; at < all.length; at += 1) {
            const character = all.charAt(at);
            if (/\s/.test(character)) continue;
            const found = marked(written, at, 1);
            expect([character, `\\${character}`, character.repeat(2)]).toContain(found);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
