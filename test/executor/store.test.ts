import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { type Disk, realDisk } from "#executor/disk.ts";
import type { JournalEntry } from "#executor/events.ts";
import { LineSplitter } from "#executor/lines.ts";
import { openPortfolio } from "#executor/portfolio.ts";
import { SplitMix64 } from "#executor/random.ts";
import type { Saved } from "#executor/saved.ts";
import { noCounters } from "#executor/state.ts";
import { Store } from "#executor/store.ts";
import { Table } from "#executor/table.ts";

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
    processed: Table.of([["c", { session: "s", seq: marker, ts: marker }]]),
    timers: new Map([["1", marker]]),
    commands: ["c1"],
    told: { seq: marker, digest: "d" },
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
    const name =
      readdirSync(folder)
        .filter((file) => file.startsWith("snapshot-"))
        .sort()
        .at(-1) ?? "";
    const path = join(folder, name);
    writeFileSync(path, spoil(readFileSync(path, "utf8")));
    const again = new Store(folder);
    expect(again.recovered.saved?.algorithm).toEqual({ marker: 1 });
    expect(again.recovered.entries).toHaveLength(2);
    expect(again.recovered.warnings).toEqual([expect.stringContaining(`set aside as ${name}.corrupt`)]);
    await again.save(saved(3), []);
    await again.close();
    expect(new Store(folder).recovered.saved?.algorithm).toEqual({ marker: 3 });
  });

  test("a line that a kill cut off is ignored, and old journals go", async () => {
    const store = new Store(folder);
    store.append(error);
    appendFileSync(join(folder, "journal-1000000000.jsonl"), '{"kind":"err');
    await store.close();
    const again = new Store(folder);
    expect(again.recovered.entries).toEqual([error]);
    for (const marker of [1, 2, 3]) await again.save(saved(marker), []);
    await again.close();
    expect(readdirSync(folder).filter((name) => name.startsWith("journal-"))).toHaveLength(2);
  });
});

describe("a disk that gets full", () => {
  /** The machine's, but for writes that fail while `full`. */
  function crampedDisk(): { readonly disk: Disk; full: boolean } {
    const cramped = {
      full: false,
      disk: {
        ...realDisk,
        async writeLater(path: string, text: string) {
          if (cramped.full) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
          await realDisk.writeLater(path, text);
        },
      },
    };
    return cramped;
  }

  test("loses the snapshot that it has no room for, and not those after it", async () => {
    const cramped = crampedDisk();
    const store = new Store(folder, cramped.disk);
    await store.save(saved(1), []);
    cramped.full = true;
    await expect(store.save(saved(2), [])).rejects.toThrow("no space left");
    store.append(error);
    cramped.full = false;
    await store.save(saved(3), []);
    await store.close();
    expect(new Store(folder).recovered).toMatchObject({ saved: { algorithm: { marker: 3 } }, entries: [] });
  });
});

describe("two processes with one directory", () => {
  test("the one that was replaced harms nothing when it goes on, and is told to end", async () => {
    const first = new Store(folder);
    await first.save(saved(1), []);
    const second = new Store(folder);
    expect([first.superseded, second.superseded]).toEqual([true, false]);
    second.append(error);
    await second.save(saved(2), []);
    second.append(error);
    // It stood still meanwhile.
    first.append(error);
    await first.save(saved(7), [error]);
    first.append(error);
    await Promise.all([first.close(), second.close()]);
    const third = new Store(folder);
    expect(third.epoch).toBe(3);
    expect(third.recovered).toMatchObject({ saved: { algorithm: { marker: 2 } }, entries: [error] });
    await third.close();
  });

  test("a fenced one gives the next process a higher epoch than the other one has", async () => {
    const store = new Store(folder);
    store.raiseEpoch(41);
    store.raiseEpoch(7);
    await store.close();
    expect(new Store(folder).epoch).toBe(42);
  });
});

test("a snapshot from before they had numbers is read, and goes when there are two others", async () => {
  const old = new Store(folder);
  await old.save(saved(5), []);
  await old.close();
  const name = readdirSync(folder).find((file) => file.startsWith("snapshot-")) ?? "";
  renameSync(join(folder, name), join(folder, "snapshot.json"));
  const store = new Store(folder);
  expect(store.recovered.saved?.algorithm).toEqual({ marker: 5 });
  for (const marker of [6, 7, 8]) await store.save(saved(marker), []);
  await store.close();
  expect(readdirSync(folder)).not.toContain("snapshot.json");
  expect(new Store(folder).recovered.saved?.algorithm).toEqual({ marker: 8 });
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
