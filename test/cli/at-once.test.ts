import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { acquireServerLock, type Lock } from "#server/lock.ts";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
const names = ["one", "two", "three", "four", "five", "six"].map((name) => `me/${name}`);
const git = (...args: readonly string[]): string =>
  execFileSync("git", ["-C", join(playground.state, "forge.git"), ...args], { encoding: "utf8" });

beforeAll(async () => {
  playground = createPlayground();
  rmSync(join(playground.repository, "strategies"), { recursive: true });
  execFileSync("mkdir", [join(playground.repository, "strategies")]);
  for (const name of names) expect((await playground.run("new", name)).code).toBe(0);
});
afterAll(() => playground.remove());

async function hold(note: string): Promise<Lock> {
  const taken = await acquireServerLock(playground.state, { pid: process.pid, startedAtMs: 1, note });
  if (!taken.ok) throw new Error(taken.error.note);
  return taken.value;
}

test("six deploys at once without a server all land, each once", { timeout: 180_000 }, async () => {
  const ended = await Promise.all(names.map((name) => playground.json("deploy", name, "--merge")));
  expect(ended.map(({ code, document }) => [code, document["mergedAs"] === undefined])).toEqual(
    names.map(() => [0, false]),
  );
  const paths = (ref: string): readonly string[] => git("ls-tree", "-r", "--name-only", ref).split("\n");
  for (const name of names) {
    expect(paths("main")).toContain(`strategies/${name}/strategy.yaml`);
    expect(paths("env/paper").filter((path) => path.startsWith(`strategies/${name}/statefulset-`))).toHaveLength(1);
  }
  const merges = git("log", "--first-parent", "--format=%s", "main").trim().split("\n");
  expect(merges.slice(0, -1).sort()).toEqual(names.map((name) => `${name}: new strategy`).sort());
});

test("one that waits says for whom, and goes on when it is its turn", async () => {
  const lock = await hold("a command");
  const waiting = playground.start("stop", "me/one", "--merge");
  await expect
    .poll(() => waiting.output(), { timeout: 30_000 })
    .toContain(`waiting for another command (process ${process.pid}), which holds the forge`);
  await lock.release();
  expect((await waiting.ended).code).toBe(0);
});
