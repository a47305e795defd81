import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogFile } from "#local/log-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const error = '{"level":"error","message":"it starts without its old state"}';

/** What a run's log says at its end, of lines with the time at which each came. */
async function wordsOf(
  endedAtMs: number,
  ...said: readonly (readonly [atMs: number, line: string])[]
): Promise<string> {
  let now = 0;
  const log = new LogFile(join(folder, "x.log"), () => now);
  const stream = new PassThrough();
  const taken = log.follow(stream, "stdout");
  for (const [atMs, line] of said) {
    now = atMs;
    stream.write(`${line}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  stream.destroy();
  await taken;
  log.close();
  return log.lastWords(endedAtMs);
}

test("an error line just before the end is why it ended", async () => {
  expect(await wordsOf(2_000, [1_000, "fine"], [1_900, error])).toBe("it starts without its old state");
  expect(await wordsOf(2_000, [1_900, error], [1_901, "stopped"])).toBe("it starts without its old state");
});

test("an old one is not, and neither is one after which it went on", async () => {
  expect(await wordsOf(60_000, [1_000, error])).toBe("");
  const lines = Array.from({ length: 20 }, (_, index) => [1_010 + index, "an order"] as const);
  expect(await wordsOf(2_000, [1_000, error], ...lines)).toBe("");
});
