import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#core/result.ts";
import { membersOf, processTable, readProcess, signal } from "./processes.ts";

interface ProcessRecord {
  readonly pid: number;
  readonly started: string;
}

/** Which processes are ours, on disk before they can act: a later run ends what a killed one left, and never a stranger with a reused pid. */
export class Records {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  add(id: string, record: ProcessRecord): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = join(this.#directory, `${id}.json`);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  remove(id: string): void {
    rmSync(join(this.#directory, `${id}.json`), { force: true });
  }

  /** Ends every recorded process that still runs, or those of these ids, with its descendants, and returns when they are gone. */
  async reap(ids?: readonly string[]): Promise<readonly number[]> {
    const wanted = (name: string): boolean => ids === undefined || ids.includes(name.slice(0, -".json".length));
    const all = (await readdir(this.#directory).catch(() => [])).filter((name) => name.endsWith(".json"));
    const names = all.filter(wanted);
    const records = (await Promise.all(names.map((name) => readRecord(join(this.#directory, name))))).filter(
      (record) => record !== undefined,
    );
    const killed = new Set<number>();
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const table = await processTable();
      const left = records.flatMap(({ pid, started }) => {
        const leader = table.find((row) => row.pid === pid);
        // With another start time the number was given anew, and its group is not ours; without a leader, what bears its number as group is ours.
        return leader !== undefined && leader.started !== started ? [] : membersOf(pid, table);
      });
      if (left.length === 0) break;
      for (const { pid } of left) if (signal(pid, "SIGKILL")) killed.add(pid);
      await delay(10);
    }
    await Promise.all(names.map((name) => rm(join(this.#directory, name), { force: true })));
    return [...killed];
  }
}

async function readRecord(path: string): Promise<ProcessRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null || !("pid" in value) || !("started" in value)) return undefined;
    return typeof value.pid === "number" && value.pid > 1 && typeof value.started === "string"
      ? { pid: value.pid, started: value.started }
      : undefined;
  } catch {
    return undefined; // Cut by a kill before its rename: the process never got its start signal.
  }
}

/** A killed process is seen for a moment longer: while the kernel takes it down, and until its parent has asked how it ended. */
const dyingMs = 5_000;

/**
 * Makes this process the only cluster of a state directory; a lock whose holder is gone is taken over.
 *
 * @param patienceMs how long a holder that is still there is given to go
 * @throws Fault `cluster-running` when it does not
 */
export async function takeLock(path: string, patienceMs = dyingMs): Promise<void> {
  const self = await readProcess(process.pid);
  const mine = JSON.stringify({ pid: process.pid, started: self?.started ?? "unknown" });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const made = await writeFile(path, mine, { flag: "wx", mode: 0o600 }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") return false;
        throw error;
      },
    );
    if (made) return;
    const holder = await readRecord(path);
    if (holder !== undefined && !(await isGone(holder, patienceMs))) {
      throw new Fault(
        "cluster-running",
        `process ${holder.pid} already runs this environment from the same state directory; end it first`,
      );
    }
    await rm(path, { force: true });
  }
  throw new Fault("cluster-running", `the lock ${path} cannot be taken: another start is at it; try again`);
}

async function isGone({ pid, started }: ProcessRecord, patienceMs: number): Promise<boolean> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await readProcess(pid);
    if (found === undefined || found.zombie || found.started !== started) return true;
    if (performance.now() >= endMs) return false;
    await delay(50);
  }
}

export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}
