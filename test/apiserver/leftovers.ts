// Where API servers keep their files, and the end of those whose test was killed before it could stop them.
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcess } from "#local/processes.ts";
import { Records } from "#local/records.ts";

const prefix = "slipway-apiserver-";
/** A folder without a readable owner is one that is just being made, or one whose maker was killed in that moment. */
const unownedMsMax = 60_000;

/** Makes the folder of one server, owned by this process: when the process is gone, the next `endLeftovers` removes it. */
export async function ownedFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const self = await readProcess(process.pid);
  await writeFile(join(folder, "owner.json"), JSON.stringify({ pid: process.pid, started: self?.started ?? "" }));
  return folder;
}

/** The processes of a server, on disk, so that a later run can end them. */
export function recordsOf(folder: string): Records {
  return new Records(join(folder, "processes"));
}

/** Ends the servers of processes that are gone, known by process id and start time, and removes their folders. */
export async function endLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  for (const name of names) {
    const folder = join(tmpdir(), name);
    if (!(await isLeft(folder))) continue;
    await recordsOf(folder).reap();
    await rm(folder, { recursive: true, force: true });
  }
}

async function isLeft(folder: string): Promise<boolean> {
  const stats = await lstat(folder).catch(() => undefined);
  // Anyone may write to the folder for temporary files; only what is ours may name processes to kill.
  if (stats === undefined || !stats.isDirectory() || stats.uid !== process.getuid?.()) return false;
  try {
    const owner: unknown = JSON.parse(await readFile(join(folder, "owner.json"), "utf8"));
    if (typeof owner !== "object" || owner === null || !("pid" in owner) || !("started" in owner)) return false;
    const row = await readProcess(Number(owner.pid));
    return row === undefined || row.zombie || row.started !== owner.started;
  } catch {
    return Date.now() - stats.mtimeMs > unownedMsMax;
  }
}
