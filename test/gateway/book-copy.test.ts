import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { BookFiles } from "#gateway/book-files.ts";
import { type Bench, cleanUp, openBench, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const main = join(import.meta.dirname, "../../src/gateway/main.ts");

interface Ran {
  readonly code: unknown;
  readonly out: Buffer;
  readonly said: string;
}

/** In a process of its own, as `kubectl exec` starts it. */
async function run(verb: "copy-book" | "put-book", folder: string, input?: Buffer): Promise<Ran> {
  const argv = ["--disable-warning=ExperimentalWarning", main, verb];
  const child = spawn(process.execPath, argv, { env: { SLIPWAY_STATE_DIR: folder } });
  const [out, said]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  child.stdin.on("error", () => undefined).end(input);
  const [code] = await once(child, "close");
  return { code, out: Buffer.concat(out), said: Buffer.concat(said).toString() };
}

const done = { code: 0, said: "" };
const left = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => /copy|part|journal/.test(name));

function traded(folder: string, orders: number): Bench {
  const bench = openBench({ folder });
  bench.price("AAPL", "1");
  for (let count = 0; count < orders; count += 1) {
    bench.clock.advance(1_000);
    bench.send({ clientOrderId: `o-${count}`, quantity: "1" });
  }
  return bench;
}

test("a copy is whole while the gateway trades on", async () => {
  const folder = temporaryFolder();
  // Some of it in the main file, some in the log.
  const bench = traded(folder, 300);
  bench.book.tidy();
  let orders = 300;
  const order = (): void => {
    bench.clock.advance(1_000);
    expect(bench.send({ clientOrderId: `o-${orders}`, quantity: "1" })).toMatchObject({ status: "filled" });
    orders += 1;
  };
  for (let count = 0; count < 50; count += 1) order();
  const before = orders;
  const trading = setInterval(order, 1);
  const { out, ...ran } = await run("copy-book", folder).finally(() => clearInterval(trading));
  expect(ran).toEqual(done);
  expect(orders).toBeGreaterThan(before);
  expect(left(folder)).toEqual([]);
  const file = join(temporaryFolder(), "book.sqlite");
  writeFileSync(file, out);
  const database = new DatabaseSync(file, { readOnly: true });
  const count = (table: string): number => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  const [fills, events] = [count("fills"), count("events")];
  const [position] = database.prepare("SELECT quantity FROM positions").all();
  database.close();
  expect(fills).toBeGreaterThanOrEqual(before);
  expect(fills).toBeLessThanOrEqual(orders);
  // All of it is of one instant.
  expect({ events, position }).toEqual({ events: fills, position: { quantity: String(fills) } });
});

test("a copy is put in the place of a lost book, whose log goes, and of no other", async () => {
  const folder = temporaryFolder();
  const bench = traded(folder, 9);
  const { out: copy } = await run("copy-book", folder);
  const file = join(folder, "book.sqlite");
  // A gateway has it open; and one that nobody has open is sound, too.
  const refused = { code: 1, said: expect.stringMatching(/book\.sqlite is there and can be read; nothing was put/) };
  expect(await run("put-book", folder, copy)).toMatchObject(refused);
  for (let count = 9; count < 12; count += 1) bench.send({ clientOrderId: `o-${count}`, quantity: "1" });
  // As a machine that fails leaves it.
  const log = readFileSync(`${file}-wal`);
  bench.close();
  expect(await run("put-book", folder, copy)).toMatchObject(refused);
  writeFileSync(file, "no book");
  writeFileSync(`${file}-wal`, log);
  const files = new BookFiles({ directory: folder, durability: "process", nowMs: () => 1, log: () => undefined });
  writeFileSync(join(folder, "book-began"), "");
  expect(files.open()).toMatchObject({ problem: expect.stringContaining("nothing is traded") });
  const half = copy.subarray(0, copy.length / 2);
  for (const none of [half, Buffer.from("text"), Buffer.alloc(0)])
    expect(await run("put-book", folder, none)).toMatchObject({
      code: 1,
      said: expect.stringContaining("the copy is"),
    });
  expect(files.open()).toMatchObject({ problem: expect.stringContaining("nothing is traded") });
  writeFileSync(`${file}-wal`, log);
  expect(await run("put-book", folder, copy)).toMatchObject(done);
  expect(left(folder)).toEqual([]);
  const book = files.open();
  if ("problem" in book) throw new Error(book.problem);
  expect(book.lastSeq(strategy)).toBe(9);
  book.close();
});

test.each([
  ["that is not there", () => undefined, /^there is no book .*book\.sqlite\n$/],
  [
    "that is damaged",
    (folder: string) => {
      traded(folder, 9).close();
      truncateSync(join(folder, "book.sqlite"), 8_192);
    },
    /^the book .*book\.sqlite is damaged, or no book: /,
  ],
])("of a book %s nothing is written, and it says why", async (_what, prepare, why) => {
  const folder = temporaryFolder();
  prepare(folder);
  const { code, out, said } = await run("copy-book", folder);
  expect({ code, bytes: out.length }).toEqual({ code: 1, bytes: 0 });
  expect(said).toMatch(why);
  expect(left(folder)).toEqual([]);
});
