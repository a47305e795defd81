import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
let log: string;
beforeAll(() => {
  playground = createPlayground();
  log = join(playground.folder, "git.log");
  const bin = join(playground.folder, "bin");
  const real = execFileSync("git", ["--exec-path"], { encoding: "utf8" }).trim();
  mkdirSync(bin);
  // Slipway asks Git where its programs are and runs the one that is there: this one, which writes down what it was asked.
  const script = `#!/bin/sh
if [ "$1" = --exec-path ]; then echo ${bin}; exit; fi
echo "$*" >> ${log}
GIT_EXEC_PATH=${real} exec ${real}/git "$@"
`;
  writeFileSync(join(bin, "git"), script, { mode: 0o755 });
});
afterAll(() => playground.remove());

/** How often a run compares rendered manifests: what each judging does once. */
async function comparisons(...argv: readonly string[]): Promise<number> {
  if (existsSync(log)) rmSync(log);
  const { code, stderr } = await playground.run(...argv);
  expect([code, stderr]).toEqual([0, ""]);
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /\bdiff-tree -r -p /.test(line)).length;
}

test("deploy --merge judges once what it merges; a merge by itself judges again", async () => {
  expect(await comparisons("deploy", "momentum/sma-cross", "--merge")).toBe(1);
  expect(await comparisons("deploy", "seed/random-ts")).toBe(1);
  expect(await comparisons("merge", "2")).toBe(1);
});
