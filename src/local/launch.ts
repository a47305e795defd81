import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import type { Cage } from "./cgroup.ts";
import type { Tools } from "./isolation.ts";

/** Everything a process is started with; nothing else reaches it. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly memoryBytes: number | undefined;
  readonly permission: { readonly read: readonly string[]; readonly write: readonly string[] } | undefined;
  readonly networkless: boolean;
  readonly lowPriority: boolean;
}

/** A started process that waits for `go()`: its record is written before it can act. */
export interface Launched {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  go(): void;
  /** Ends the pipe that keeps the container alive: what is left of its group is killed by the shim's watcher. */
  release(): void;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/*
 * The shim waits for a line on descriptor 3, leaves a watcher behind that kills the whole group when that pipe ends (so it dies with a parent that is
 * killed -9), joins the groups named before `--` and becomes the program. The watcher joins no group: running out of memory cannot take it.
 */
const shim = `
IFS= read -r go <&3 || exit 125
( trap '' TERM INT HUP; exec </dev/null >/dev/null 2>&1; while IFS= read -r go <&3; do :; done; kill -9 -$$ ) &
while [ "$1" != -- ]; do echo $$ >"$1" || { echo "slipway: this process cannot join the group $1" >&2; exit 126; }; shift; done
shift
ulimit -c 0
exec 3<&-
exec "$@"
`;

/** Node keeps a heap by the machine's memory; this one leaves room for its code, stacks and buffers below the container's limit. */
export function heapMebibytes(memoryBytes: number): number {
  const mebibytes = memoryBytes / 2 ** 20;
  return Math.floor(Math.max(mebibytes * 0.5, Math.min(mebibytes * 0.75, mebibytes - 64)));
}

/**
 * Node's flags for a container's memory. Without the second one the young generation grows with the machine: under load a process whose live data is 10 MB
 * takes 200.
 */
export function heapFlags(memoryBytes: number): readonly string[] {
  const semiSpace = Math.min(16, Math.max(1, Math.floor(memoryBytes / 2 ** 25)));
  return [`--max-old-space-size=${heapMebibytes(memoryBytes)}`, `--max-semi-space-size=${semiSpace}`];
}

function programArgv(launch: Launch): readonly string[] {
  const [program = "", ...args] = launch.argv;
  if (!/^node(?:\.exe)?$/.test(basename(program))) return launch.argv;
  const flags: string[] = [];
  if (launch.memoryBytes !== undefined) flags.push(...heapFlags(launch.memoryBytes));
  if (launch.permission !== undefined) {
    flags.push("--permission");
    for (const path of launch.permission.read) flags.push(`--allow-fs-read=${path}`);
    for (const path of launch.permission.write) flags.push(`--allow-fs-write=${path}`);
  }
  return [program, ...flags, ...args];
}

/** The whole command line, from the outside in; pure. */
export function commandLine(launch: Launch, tools: Tools, joins: readonly string[]): readonly string[] {
  const line = ["-c", shim, "slipway", ...joins, "--"];
  if (launch.lowPriority && tools.nice !== undefined) line.push(tools.nice, "-n", "5");
  if (launch.networkless && tools.networkless !== undefined) {
    const { unshare, ip } = tools.networkless;
    line.push(
      unshare,
      "--user",
      "--map-root-user",
      "--net",
      "--",
      "/bin/sh",
      "-c",
      `${ip} link set lo up && exec "$@"`,
      "slipway",
    );
  }
  line.push(tools.env, "-i", ...Object.entries(launch.env).map(([name, value]) => `${name}=${value}`));
  if (tools.setpriv !== undefined) line.push(tools.setpriv, "--pdeathsig", "KILL", "--no-new-privs", "--");
  line.push(...programArgv(launch));
  return line;
}

/** Starts the shim in a session and group of its own. Faults of spawn itself (no memory, too many processes) come as a rejected promise. */
export async function launchProcess(launch: Launch, tools: Tools, cage: Cage): Promise<Launched> {
  const child: ChildProcess = spawn("/bin/sh", commandLine(launch, tools, cage.joins), {
    cwd: launch.cwd,
    detached: true,
    env: {},
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  const lifeline = child.stdio[3] as Writable & Duplex; // The fourth of four pipes: both ways, as libuv makes them.
  lifeline.on("error", () => undefined); // EPIPE: the process ended first, which `exited` tells.
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null)
    throw new Error("a spawned process has no pid or no pipes");
  return { pid, stdout, stderr, go: () => void lifeline.write("go\n"), release: () => lifeline.destroy(), exited };
}
