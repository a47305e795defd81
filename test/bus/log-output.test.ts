import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { isFields } from "#gateway/fields.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Line {
  readonly message: string;
  readonly n?: number;
  readonly lines?: number;
}

interface Talker {
  readonly child: ChildProcess;
  /** Its standard output, which nobody reads until this is used. */
  readonly output: Readable;
}

/** A named pipe, as a shell makes one without the name; Node gives its children a socket. */
function throughPipe(lines: number): Talker {
  const folder = mkdtempSync(join(tmpdir(), "slipway-log-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writing = openSync(path, constants.O_WRONLY);
  ends.push(() => rmSync(folder, { recursive: true }));
  const child = start(lines, writing);
  closeSync(writing);
  const output = new Socket({ fd: reading, readable: true, writable: false });
  output.pause();
  return { child, output };
}

function throughSocket(lines: number): Talker {
  const child = start(lines, "pipe");
  if (child.stdout === null) throw new Error("it has no standard output");
  return { child, output: child.stdout };
}

function start(lines: number, output: "pipe" | number): ChildProcess {
  const fixture = join(import.meta.dirname, "log-fixture.ts");
  const child = spawn(process.execPath, [fixture, String(lines), "50"], {
    stdio: ["ignore", output, "inherit", "ipc"],
  });
  ends.push(() => child.kill("SIGKILL"));
  return child;
}

async function told(child: ChildProcess, key: string): Promise<number> {
  for (;;) {
    const [message]: unknown[] = await once(child, "message");
    const value = isFields(message) ? message[key] : undefined;
    if (typeof value === "number") return value;
  }
}

async function readAll(output: Readable): Promise<readonly Line[]> {
  let text = "";
  for await (const chunk of output) text += String(chunk);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

describe.each([
  ["a pipe", throughPipe],
  ["a socket", throughSocket],
])("a log that nobody reads, through %s", (_name, open) => {
  test("stops nothing and is bounded; whoever reads again gets whole lines in order, and how many are missing", async () => {
    const lines = 200_000;
    const { child, output } = open(lines);
    const [flooded, rssBytes] = await Promise.all([told(child, "flooded"), told(child, "rssBytes")]);
    // 40 MB were written; what Node itself takes is around 60 MB.
    expect([flooded, rssBytes < 110e6]).toEqual([lines, true]);
    child.send({ ask: 7 });
    expect(await told(child, "answer")).toBe(7);

    const reading = readAll(output);
    child.send({ exit: 3 });
    const [[code], all] = await Promise.all([once(child, "exit"), reading]);
    expect(code).toBe(3);
    const came = all.flatMap(({ n }) => n ?? []);
    const missing = all.flatMap(({ lines: n }) => n ?? []);
    expect(came.length).toBeGreaterThan(1_000);
    expect(came).toEqual(came.toSorted((a, b) => a - b));
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.reduce((sum, n) => sum + n, came.length)).toBe(lines);
    // An error has room where the rest has none left.
    expect(all.map(({ message }) => message)).toContain("the last words");
  });

  test("does not keep its process from ending", async () => {
    const { child } = open(20_000);
    await told(child, "flooded");
    child.send({ exit: 3 });
    expect(await once(child, "exit")).toEqual([3, null]);
  });

  test("is no reason to end when its reader has gone", async () => {
    const { child, output } = open(20_000);
    await told(child, "flooded");
    output.destroy();
    await once(output, "close");
    child.send({ ask: 1 });
    expect(await told(child, "answer")).toBe(1);
    child.send({ exit: 3 });
    expect(await once(child, "exit")).toEqual([3, null]);
  });
});
