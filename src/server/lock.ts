import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { err, Fault, ok, type Result } from "#core/result.ts";

export interface LockHolder {
  readonly pid: number;
  readonly startedAtMs: number;
  /** For people: what holds it, for example the address of its console. */
  readonly note: string;
}

export interface Lock {
  /** Says something new about the holder. */
  describe(note: string): Promise<void>;
  release(): Promise<void>;
}

export interface AlreadyRunning {
  readonly code: "already-running";
  /** 0 when the holder has not said who it is yet. */
  readonly pid: number;
  readonly startedAtMs: number;
  readonly note: string;
}

/**
 * Takes the lock of a state directory, for as long as this process lives: an exclusive transaction on a small SQLite file. That is a lock of
 * the kernel's (fcntl), so it ends with the process however that ends, and there is no stale one to judge or to remove.
 *
 * @throws Fault `lock-failed` when the directory cannot be written
 */
export function acquireServerLock(directory: string, holder: LockHolder): Promise<Result<Lock, AlreadyRunning>> {
  return acquireLock(directory, "server", holder);
}

/** The same, of another name: `merge` is held by whoever moves main, beside a server or without one. */
export async function acquireLock(
  directory: string,
  name: "server" | "merge",
  holder: LockHolder,
): Promise<Result<Lock, AlreadyRunning>> {
  const card = join(directory, `${name}.json`);
  const database = await open(directory, name);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw new Fault("lock-failed", `cannot lock ${directory}`, { cause });
    return err({ code: "already-running", ...(await readCard(card)) });
  }
  await writeCard(card, holder);
  return ok({
    describe: (note) => writeCard(card, { ...holder, note }),
    release: async () => {
      if (!database.isOpen) return;
      // First: whoever takes it next must not be taken for this one until it has written its own.
      await rm(card, { force: true });
      database.close();
    },
  });
}

async function open(directory: string, name: string): Promise<DatabaseSync> {
  try {
    await mkdir(directory, { recursive: true });
    const sqlite = await importSqlite();
    return new sqlite.DatabaseSync(join(directory, `${name}.lock`));
  } catch (cause) {
    throw new Fault(
      "lock-failed",
      `cannot open the lock in ${directory}: ${cause instanceof Error ? cause.message : ""}`,
      { cause },
    );
  }
}

/** Node 22 and 24 print that SQLite is experimental, once, when it is first imported. Everything else is still said. */
async function importSqlite(): Promise<typeof import("node:sqlite")> {
  const emit = process.emitWarning;
  const filtered = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes("SQLite is an experimental feature")) return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
  process.emitWarning = filtered as typeof process.emitWarning;
  try {
    return await import("node:sqlite");
  } finally {
    process.emitWarning = emit;
  }
}

/** SQLITE_BUSY, with its extended codes in the higher bits. */
function isBusy(cause: unknown): boolean {
  return (
    cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" && (cause.errcode & 0xff) === 5
  );
}

/** Written aside and renamed, so that a reader never sees half of it. */
async function writeCard(path: string, holder: LockHolder): Promise<void> {
  const { pid, startedAtMs, note } = holder;
  await writeFile(`${path}.new`, `${JSON.stringify({ pid, startedAtMs, note })}\n`);
  await rename(`${path}.new`, path);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function readCard(path: string): Promise<LockHolder> {
  const unknown: LockHolder = { pid: 0, startedAtMs: 0, note: "" };
  try {
    const card: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof card !== "object" || card === null) return unknown;
    const { pid, startedAtMs, note } = { ...unknown, ...card };
    // Left by a holder that was killed; the one that holds the lock now has not written its own yet.
    if (!isAlive(Number(pid))) return unknown;
    return { pid: Number(pid), startedAtMs: Number(startedAtMs), note: String(note) };
  } catch {
    // The holder is about to write it, or the disk lost it: the lock itself has spoken.
    return unknown;
  }
}
