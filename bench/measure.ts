import { spawnSync } from "node:child_process";

export interface Sample {
  /** User plus system seconds of the command and everything it started. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly status: number;
  readonly stdout: string;
}

/**
 * Runs a command to its end and reads the CPU time of all its children from the shell's own accounting (POSIX `times`),
 * which is there wherever a shell is.
 */
export function measure(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Sample {
  const started = process.hrtime.bigint();
  const shell = spawnSync("sh", ["-c", '"$@" 3>&- ; code=$?; times >&3; exit $code', "sh", ...argv], {
    ...options,
    stdio: ["ignore", "pipe", "ignore", "pipe"],
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const wallSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const children = (shell.output[3] ?? "").trim().split("\n")[1] ?? "";
  let cpuSeconds = 0;
  for (const [, minutes, seconds] of children.matchAll(/(\d+)m([\d.]+)s/g))
    cpuSeconds += Number(minutes) * 60 + Number(seconds);
  return { cpuSeconds, wallSeconds, status: shell.status ?? 1, stdout: shell.stdout };
}

/** Runs A B A B … after one uncounted run of each and gives the CPU seconds of both and the ratio pair by pair. */
export function pairs(
  runs: number,
  a: () => Sample,
  b: () => Sample,
): { readonly a: number[]; readonly b: number[]; readonly ratio: number[] } {
  a();
  b();
  const result = { a: [] as number[], b: [] as number[], ratio: [] as number[] };
  for (let run = 0; run < runs; run++) {
    const first = a().cpuSeconds;
    const second = b().cpuSeconds;
    result.a.push(first);
    result.b.push(second);
    result.ratio.push(first / second);
  }
  return result;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function spread(values: readonly number[], digits = 2): string {
  const shown = (value: number): string => value.toFixed(digits);
  return `${shown(median(values))} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

/** Whether a program can be started from PATH. */
export function available(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}
