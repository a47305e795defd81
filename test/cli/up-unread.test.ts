import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

// `slipway up | head`: a reader that has seen enough. What nobody reads would go on for ever, so it ends, as by Ctrl-C.

let playground: Playground;
beforeEach(() => {
  playground = createPlayground();
});
afterEach(() => playground.remove());

/** @returns the exit code of `slipway up`, what the reader let through, and what went to standard error */
function piped(reader: string): Promise<{ readonly code: number; readonly read: string; readonly errors: string }> {
  const { program, argv, options } = playground.command("up", "--bus-port", "0", "--console-port", "0");
  const script = `"$@" | ${reader}; exit "\${PIPESTATUS[0]}"`;
  return new Promise((resolve) => {
    execFile("bash", ["-c", script, "bash", program, ...argv], options, (error, read, errors) =>
      resolve({ code: error === null ? 0 : Number(error.code), read, errors }),
    );
  });
}

/** Processes that have anything to do with the playground. */
function left(): readonly string[] {
  return globSync("/proc/[0-9]*").filter((process) => {
    try {
      const parts = [readFileSync(join(process, "cmdline"), "utf8"), readFileSync(join(process, "environ"), "utf8")];
      return [...parts, readlinkSync(join(process, "cwd"))].some((part) => part.includes(playground.folder));
    } catch {
      return false;
    }
  });
}

test.each([
  { name: "its first line", reader: "head -1", reads: /^slipway \d.*Ctrl-C stops it\n$/ },
  { name: "a strategy's first order", reader: "sed '/first order/q'", reads: /first order.*\n$/ },
])(
  "a reader that goes after $name ends it: nothing is left, and the next command goes on",
  async ({ reader, reads }) => {
    const { code, read, errors } = await piped(reader);
    expect([code, errors, read]).toEqual([0, "", expect.stringMatching(reads)]);
    expect(left()).toEqual([]);
    expect(existsSync(join(playground.state, "server.json"))).toBe(false);
    // Whoever comes next finds no server, and nobody who holds the forge.
    const next = await playground.run("deploy", "seed/random-ts", "--merge");
    expect([next.code, next.stderr]).toEqual([0, ""]);
    expect((await playground.run("status")).stdout).toContain("no server runs here");
  },
);
