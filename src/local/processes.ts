import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** One process of this machine. `started` names it together with the pid: a reused pid has another start time. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly zombie: boolean;
  readonly started: string;
  /** Only where `ps` is the source; on Linux see `residentBytes`. */
  readonly residentBytes?: number;
}

const onLinux = process.platform === "linux";

/** Parses `/proc/<pid>/stat` (proc(5)); the command's name may hold blanks and parentheses, so it is cut at the last one. */
export function parseStat(text: string, boot: string): ProcessRow | undefined {
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const [state, parent, group, session] = fields;
  const ticks = fields[19];
  if (
    end < 0 ||
    state === undefined ||
    parent === undefined ||
    group === undefined ||
    session === undefined ||
    ticks === undefined
  )
    return undefined;
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    zombie: state === "Z" || state === "X",
    started: `${boot}:${ticks}`,
  };
}

/** Parses a line of `ps -axo pid=,ppid=,pgid=,stat=,rss=,lstart=`. */
export function parsePsLine(line: string): ProcessRow | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(.+?)\s*$/.exec(line);
  if (match === null) return undefined;
  const [, pid = "", parent = "", group = "", state = "", kib = "", started = ""] = match;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group),
    zombie: state.startsWith("Z"),
    started,
    residentBytes: Number(kib) * 1024,
  };
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "boot"; // Some sandboxes hide it; the start time alone then names the process.
  }
}

/** The process with this pid, or `undefined` when there is none (or it may not be seen). */
export async function readProcess(pid: number): Promise<ProcessRow | undefined> {
  if (!onLinux) return (await processTable()).find((row) => row.pid === pid);
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, "utf8"), bootId());
  } catch {
    return undefined; // ENOENT or ESRCH: it has ended.
  }
}

/** Every process that can be seen, from `/proc` on Linux and from `ps` elsewhere. */
export async function processTable(): Promise<readonly ProcessRow[]> {
  if (!onLinux) {
    const { stdout } = await promisify(execFile)("/bin/ps", ["-axo", "pid=,ppid=,pgid=,stat=,rss=,lstart="], {
      maxBuffer: 2 ** 24,
    });
    return stdout.split("\n").flatMap((line) => parsePsLine(line) ?? []);
  }
  const boot = bootId();
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const rows = await Promise.all(
    names.map((name) =>
      readFile(`/proc/${name}/stat`, "utf8").then(
        (text) => parseStat(text, boot),
        () => undefined,
      ),
    ),
  );
  return rows.filter((row) => row !== undefined);
}

/** The living processes that a container's first process started: its group, its session, and their descendants. */
export function membersOf(leader: number, table: readonly ProcessRow[]): readonly ProcessRow[] {
  const members = new Map<number, ProcessRow>();
  for (const row of table) {
    if (row.pid === leader || row.group === leader || row.session === leader) members.set(row.pid, row);
  }
  for (let grown = true; grown; ) {
    grown = false;
    for (const row of table) {
      if (members.has(row.pid) || !members.has(row.parent)) continue;
      members.set(row.pid, row);
      grown = true;
    }
  }
  return [...members.values()].filter(({ zombie }) => !zombie);
}

/** Resident memory of these processes together, in bytes; ended ones count nothing. */
export async function residentBytes(
  rows: readonly { readonly pid: number; readonly residentBytes?: number }[],
): Promise<number> {
  let total = 0;
  for (const row of rows) {
    if (row.residentBytes !== undefined) total += row.residentBytes;
    else if (onLinux) total += await residentOf(row.pid);
  }
  return total;
}

async function residentOf(pid: number): Promise<number> {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? 0 : Number(kib) * 1024;
  } catch {
    return 0;
  }
}

/** Sends a signal; `false` when there is no such process (a negative pid means its group). */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")) return false;
    throw error;
  }
}
