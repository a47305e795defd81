// From `slipway deploy --merge` to the first event of the new executor, and what an executor uses, on a running `slipway up`.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure, median } from "./measure.ts";

interface Row {
  readonly strategy: string;
  readonly events: number | null;
  readonly memoryBytes: number | null;
  readonly firstOrderAtMs: number | null;
}

const root = join(import.meta.dirname, "..");
const main = join(root, "src", "cli", "main.ts");
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-"));
const checkout = join(folder, "checkout");
const state = join(folder, "state");
const rounds = 3;

async function rows(): Promise<readonly Row[]> {
  const file = join(state, "console.json");
  if (!existsSync(file)) return [];
  const { consoleUrl } = JSON.parse(readFileSync(file, "utf8")) as { consoleUrl: string };
  const response = await fetch(`${consoleUrl}/api/overview`, { headers: { connection: "close" } });
  return ((await response.json()) as { rows: readonly Row[] }).rows;
}

async function until(what: string, condition: (all: readonly Row[]) => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition(await rows())) {
    if (performance.now() > end) throw new Error(`60 s passed without: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function slipway(...args: readonly string[]): void {
  const { status } = measure([process.execPath, main, "-C", checkout, "--state", state, ...args], { cwd: checkout });
  if (status !== 0) throw new Error(`slipway ${args.join(" ")} ended with exit code ${status}`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

for (const part of ["strategies", "policies"]) cpSync(join(root, part), join(checkout, part), { recursive: true });
const startedMs = performance.now();
const args = ["-C", checkout, "--state", state, "up", "--bus-port", "0", "--console-port", "0"];
const up = spawn(process.execPath, [main, ...args], { stdio: "ignore" });
try {
  await until(
    "a first order of three strategies",
    (all) => all.length === 3 && all.every(({ firstOrderAtMs }) => firstOrderAtMs !== null),
  );
  console.log(
    `up       to the first order of all three strategies ${((performance.now() - startedMs) / 1000).toFixed(1)} s; budget 15 s to the first`,
  );
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const name = `bench/round-${round}`;
    slipway("new", name);
    const from = performance.now();
    slipway("deploy", name, "--merge");
    await until(`an event of ${name}`, (all) =>
      all.some(({ strategy, events }) => strategy === name && (events ?? 0) > 0),
    );
    times.push((performance.now() - from) / 1000);
  }
  console.log(
    `deploy   --merge to the first event ${median(times).toFixed(1)} s (${times.map((time) => time.toFixed(1)).join(", ")}); the feed gives one a second`,
  );
  for (const { strategy, memoryBytes } of await rows())
    console.log(`memory   ${strategy.padEnd(20)} ${((memoryBytes ?? 0) / 2 ** 20).toFixed(0)} MiB, all its containers`);
} finally {
  await end(up);
  rmSync(folder, { recursive: true, force: true });
}
