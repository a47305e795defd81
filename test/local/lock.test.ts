import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readProcess } from "#local/processes.ts";
import { takeLock } from "#local/records.ts";

let folder: string;
let lock: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-lock-"));
  lock = join(folder, "cluster.lock");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** @returns the first line that the script prints, with the process that runs it */
async function shell(script: string): Promise<readonly [line: string, child: ChildProcess]> {
  const child = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  const [data] = (await once(child.stdout, "data")) as [Buffer];
  return [data.toString().trim(), child];
}

async function heldBy(pid: number): Promise<void> {
  writeFileSync(lock, JSON.stringify({ pid, started: (await readProcess(pid))?.started }));
}

const holder = (): unknown => JSON.parse(readFileSync(lock, "utf8"));

test("a lock is refused while its holder runs", async () => {
  const [pid] = await shell("echo $$; exec sleep 30");
  await heldBy(Number(pid));
  await expect(takeLock(lock, 100)).rejects.toMatchObject({ code: "cluster-running" });
  expect(holder()).toMatchObject({ pid: Number(pid) });
});

test("one that is about to go is waited for", async () => {
  const [pid, child] = await shell("echo $$; exec sleep 30");
  await heldBy(Number(pid));
  const taken = takeLock(lock, 20_000);
  child.kill("SIGKILL");
  await taken;
  expect(holder()).toMatchObject({ pid: process.pid });
});

test("one that ended, and whose parent has not asked how, is gone", async () => {
  // The parent becomes a program that never asks.
  const [pid] = await shell("sleep 0.5 & echo $!; exec sleep 30");
  await heldBy(Number(pid));
  await expect.poll(async () => (await readProcess(Number(pid)))?.zombie, { timeout: 10_000 }).toBe(true);
  await takeLock(lock, 0);
  expect(holder()).toMatchObject({ pid: process.pid });
});
