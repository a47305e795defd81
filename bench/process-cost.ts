// What a running process has cost so far, as the kernel counts it.
import { readdirSync, readFileSync } from "node:fs";

export interface Cost {
  /** Of all its threads. */
  readonly cpuMs: number;
  /** How long its main thread could have run and had no core. */
  readonly waitedMs: number;
  readonly rssBytes: number;
  /** Anonymous memory: what no other process shares. */
  readonly privateBytes: number;
}

/** Linux only. */
export function costOf(pid: number): Cost {
  const field = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  let cpuNs = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    cpuNs += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  const waitedNs = Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return {
    cpuMs: cpuNs / 1e6,
    waitedMs: waitedNs / 1e6,
    rssBytes: field(status, "VmRSS"),
    privateBytes: field(rollup, "Private_Clean") + field(rollup, "Private_Dirty"),
  };
}
