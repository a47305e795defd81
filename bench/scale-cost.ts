// What the parts of a cluster have cost, by the kernel's count: processor time with that of ended children, and resident memory.
import { readFileSync } from "node:fs";

export interface PartCost {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** The most that it ever was. */
  readonly peakBytes: number;
}

export type Costs = ReadonlyMap<string, PartCost>;

const ticksPerSecond = 100;

/** Of `/proc/<pid>/stat` and `/proc/<pid>/status` (proc(5)). */
export function parseCost(stat: string, status: string): PartCost {
  // The name may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user = "", system = "", childrenUser = "", childrenSystem = ""] = fields.slice(11, 15);
  const ticks = [user, system, childrenUser, childrenSystem].map(Number);
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) * 1024;
  return {
    cpuSeconds: ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond,
    residentBytes: bytes("VmRSS"),
    peakBytes: bytes("VmHWM"),
  };
}

export function costsOf(pids: ReadonlyMap<string, number>): Costs {
  return new Map(
    [...pids].map(([name, pid]) => {
      const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
      return [name, parseCost(read("stat"), read("status"))];
    }),
  );
}

/** Processor time since, and memory now. */
export function since(before: Costs, after: Costs): Costs {
  return new Map(
    [...after].map(([name, cost]) => [
      name,
      { ...cost, cpuSeconds: cost.cpuSeconds - (before.get(name)?.cpuSeconds ?? 0) },
    ]),
  );
}
