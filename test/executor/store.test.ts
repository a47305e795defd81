import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { LineSplitter } from "#executor/lines.ts";
import { openPortfolio } from "#executor/portfolio.ts";
import { SplitMix64 } from "#executor/random.ts";
import type { Saved } from "#executor/saved.ts";
import { type JournalEntry, noCounters } from "#executor/state.ts";
import { Store } from "#executor/store.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function saved(marker: number): Omit<Saved, "journal"> {
  const kept = {
    portfolio: openPortfolio(decimal(String(marker))),
    counters: noCounters,
    pending: new Map(),
    processed: new Map([["c", { session: "s", seq: marker, ts: marker }]]),
    timers: new Map([["1", marker]]),
    commands: ["c1"],
  };
  return { strategy: "seed/random", writer: "w", algorithm: { marker }, kept, savedAtMs: marker };
}
const error: JournalEntry = { kind: "error" };

describe("the state directory", () => {
  test("counts its epochs and gives back what was saved and what came after", async () => {
    const first = new Store(folder);
    expect([first.epoch, first.recovered.saved, first.recovered.entries]).toEqual([1, undefined, []]);
    first.append(error);
    await first.save(saved(7), [error]);
    first.append(error);
    await first.close();
    const second = new Store(folder);
    expect(second.epoch).toBe(2);
    expect(second.recovered.saved).toMatchObject(saved(7));
    expect(second.recovered.entries).toEqual([error, error]);
    await second.close();
  });

  test("without a snapshot the journals of all starts count", async () => {
    for (const epoch of [1, 2, 3]) {
      const store = new Store(folder);
      expect(store.recovered.entries).toHaveLength(epoch - 1);
      store.append(error);
      await store.close();
    }
  });

  test.each([
    { name: "cut short", spoil: (text: string) => text.slice(0, -10) },
    { name: "a flipped digit", spoil: (text: string) => text.replace('"marker":2', '"marker":3') },
    { name: "another version", spoil: (text: string) => text.replace('"version":1', '"version":2') },
    { name: "empty", spoil: () => "" },
  ])("a snapshot that is $name is set aside and said; the one before it and its journals hold", async ({ spoil }) => {
    const store = new Store(folder);
    await store.save(saved(1), []);
    store.append(error);
    await store.save(saved(2), []);
    store.append(error);
    await store.close();
    const path = join(folder, "snapshot.json");
    writeFileSync(path, spoil(readFileSync(path, "utf8")));
    const again = new Store(folder);
    expect(again.recovered.saved?.algorithm).toEqual({ marker: 1 });
    expect(again.recovered.entries).toHaveLength(2);
    expect(again.recovered.warnings).toEqual([expect.stringContaining("set aside as snapshot.json.corrupt")]);
    await again.save(saved(3), []);
    await again.close();
    expect(new Store(folder).recovered.saved?.algorithm).toEqual({ marker: 3 });
  });

  test("a line that a kill cut off is ignored, and old journals go", async () => {
    const store = new Store(folder);
    store.append(error);
    appendFileSync(join(folder, "journal-1.jsonl"), '{"kind":"err');
    await store.close();
    const again = new Store(folder);
    expect(again.recovered.entries).toEqual([error]);
    for (const marker of [1, 2, 3]) await again.save(saved(marker), []);
    await again.close();
    expect(readdirSync(folder).filter((name) => name.startsWith("journal-"))).toHaveLength(2);
  });
});

describe("lines", () => {
  test("property: whatever the chunks, the lines are the same", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", " "))),
        fc.array(fc.integer({ min: 1, max: 7 })),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8");
          const splitter = new LineSplitter(10_000);
          const found: string[] = [];
          let at = 0;
          for (let index = 0; at < bytes.length; index += 1) {
            const size = cuts[index % Math.max(cuts.length, 1)] ?? 3;
            const pushed = splitter.push(bytes.subarray(at, at + size));
            if (pushed.ok) found.push(...pushed.value);
            at += size;
          }
          expect(found).toEqual(lines.map((line) => Buffer.from(line, "utf8").toString("utf8")));
        },
      ),
    );
  });

  test.each([
    { name: "at the bound", chunks: ["12345\n"], ok: true },
    { name: "one byte above", chunks: ["123456\n"], ok: false },
    { name: "above before its end", chunks: ["123", "456"], ok: false },
    { name: "short ones", chunks: ["123\n1234", "5\n"], ok: true },
  ])("5 bytes at most: $name", ({ chunks, ok }) => {
    const splitter = new LineSplitter(5);
    expect(chunks.map((chunk) => splitter.push(Buffer.from(chunk)).ok).every(Boolean)).toBe(ok);
  });
});

test("SplitMix64 is the published generator: the outputs of seed 1234567", () => {
  const random = new SplitMix64(1234567n);
  const expected = [6457827717110365317n, 3203168211198807973n, 9817491932198370423n];
  expect([1, 2, 3].map(() => random.next())).toEqual(expected.map((value) => Number(value >> 11n) / 2 ** 53));
});
