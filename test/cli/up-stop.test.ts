// A stop while `slipway up` still starts, at each of its steps.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPlayground, type Playground, type Running } from "./cli.ts";

let playground: Playground;
let started: Running | undefined;
beforeEach(() => {
  playground = createPlayground();
});
afterEach(async () => {
  if (started?.child.exitCode === null) started.child.kill("SIGTERM");
  await started?.ended;
  playground.remove();
});

/** Processes that have something of this folder on their command line. */
function left(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(playground.folder) ? [line] : [];
      } catch {
        // It has just ended.
        return [];
      }
    });
}

test.each([
  { name: "its first line", said: /embedded: runs only code you trust/ },
  { name: "the forge", said: /^ {2}forge /m },
  { name: "the bus", said: /^ {2}bus /m },
])("after $name it ends, code 0, and leaves no process and no lock", async ({ said }) => {
  started = playground.start("up", "--bus-port", "0", "--console-port", "0", "--no-deploy");
  const { child, output, ended } = started;
  await expect.poll(output, { timeout: 120_000, interval: 5 }).toMatch(said);
  child.kill("SIGTERM");
  const { code, stdout } = await ended;
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^stopped (?:before anything ran|in )/m)]);
  expect(existsSync(join(playground.state, "server.json"))).toBe(false);
  await expect.poll(left, { timeout: 60_000 }).toEqual([]);
});
