import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { acquireServerLock } from "#server/lock.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-lock-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const me = { pid: process.pid, startedAtMs: 7, note: "http://127.0.0.1:1" };

test("one holds it, the other is told who, and it is free after the release", async () => {
  const at = join(folder, "one");
  const first = await acquireServerLock(at, me);
  if (!first.ok) throw new Error(first.error.code);
  expect(await acquireServerLock(at, { ...me, pid: 1 })).toEqual({
    ok: false,
    error: { code: "already-running", ...me },
  });
  await first.value.describe("http://127.0.0.1:2");
  expect(await acquireServerLock(at, { ...me, pid: 1 })).toMatchObject({
    error: { note: "http://127.0.0.1:2", pid: process.pid },
  });
  await first.value.release();
  await first.value.release();
  const next = await acquireServerLock(at, me);
  expect(next.ok).toBe(true);
  if (next.ok) await next.value.release();
});

test("kill -9 of the holder frees it, and nothing is printed about SQLite", async () => {
  const at = join(folder, "killed");
  const child = spawn(process.execPath, [join(import.meta.dirname, "holder.ts"), at], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  const [line] = await once(child.stdout, "data");
  expect(String(line)).toBe("held\n");
  expect(await acquireServerLock(at, me)).toEqual({
    ok: false,
    error: { code: "already-running", pid: child.pid, startedAtMs: 5, note: "holder" },
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  const next = await acquireServerLock(at, me);
  expect(next.ok).toBe(true);
  if (next.ok) await next.value.release();
  expect(errors).toBe("");
});

test("a folder that cannot be a folder is a fault", async () => {
  const at = join(folder, "file");
  writeFileSync(at, "");
  await expect(acquireServerLock(at, me)).rejects.toMatchObject({ code: "lock-failed" });
});
