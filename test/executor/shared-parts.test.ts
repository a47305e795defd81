import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { entriesIn, firstOf, type Line, lengthOf, lineOf, queued, without } from "#executor/line.ts";
import { Table } from "#executor/table.ts";

const key = fc.nat({ max: 80 }).map(String);

describe("a table", () => {
  test("property: it has what a map of all settings has, and no older table changes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 300 }), key, (settings, asked) => {
        const map = new Map<string, number>();
        let table = Table.of<number>();
        const older: (readonly [Table<number>, readonly (readonly [string, number])[]])[] = [];
        for (const [name, value] of settings) {
          older.push([table, [...map]]);
          map.set(name, value);
          table = table.with(name, value);
        }
        expect([...table]).toEqual([...map]);
        expect([...table.keys()]).toEqual([...map.keys()]);
        expect([...table.values()]).toEqual([...map.values()]);
        expect([table.size, table.get(asked), table.has(asked)]).toEqual([map.size, map.get(asked), map.has(asked)]);
        const seen: unknown[] = [];
        table.forEach((value, name) => void seen.push([name, value]));
        expect(seen).toEqual([...map]);
        for (const [before, entries] of older) {
          expect([...before]).toEqual(entries);
          // Another way from there on.
          expect([...before.with("other", -1).with(asked, -2)]).toEqual([
            ...new Map(entries).set("other", -1).set(asked, -2),
          ]);
          expect([...before]).toEqual(entries);
          expect(before.has("other")).toBe(false);
        }
        expect([...Table.of(settings)]).toEqual([...new Map(settings)]);
      }),
    );
  });
});

describe("a line", () => {
  const change = fc.record({ kind: fc.constantFrom("queued", "without", "first"), name: key });

  test("property: it has what a map has that is changed so, in its order, and no older line changes", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), fc.array(key), (changes, names) => {
        const map = new Map<string, number>();
        let line: Line<number> = [];
        const older: (readonly [Line<number>, readonly (readonly [string, number])[]])[] = [];
        for (const [index, { kind, name }] of changes.entries()) {
          older.push([line, [...map]]);
          const taken = kind === "first" ? firstOf(line)?.[0] : name;
          if (taken === undefined) continue;
          const rest = without(line, taken);
          expect(rest === line).toBe(!map.delete(taken));
          line = kind === "queued" ? queued(rest, name, index) : rest;
          if (kind === "queued") map.set(name, index);
          expect(firstOf(line)).toEqual([...map][0]);
          expect(lengthOf(line)).toBe(map.size);
        }
        expect([...entriesIn(line)]).toEqual([...map]);
        for (const [before, entries] of older) expect([...entriesIn(before)]).toEqual(entries);
        const entries = [...new Set(names)].map((name): [string, number] => [name, Number(name)]);
        expect([...entriesIn(lineOf(entries))]).toEqual(entries);
      }),
    );
  });
});
