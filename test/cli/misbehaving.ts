import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { until } from "../local/fixture.ts";
import { createPlayground, type Ended, type Running, root } from "./cli.ts";

export const waitMs = 240_000;
/** All of a file's strategies are deployed at once, and some are in the others' way already. */
const deployedMs = 600_000;

/** A server that runs strategies which do what one must not. */
export interface Misbehaving {
  run(...argv: readonly string[]): Promise<Ended>;
  /** What `slipway status` says, as soon as it says this. */
  says(strategy: string, text: RegExp): Promise<string>;
  /** Everything that `slipway up` printed. */
  output(): string;
}

/** Deploys algorithms by strategy through `slipway up`, before a file's tests and for all of them. Python's names start with `python-`. */
export function misbehaving(algorithms: Readonly<Record<string, string>>): Misbehaving {
  const playground = createPlayground();
  let running: Running;
  beforeAll(async () => {
    const { repository } = playground;
    const spec = readFileSync(join(root, "strategies/seed/random-ts/strategy.yaml"), "utf8");
    rmSync(join(repository, "strategies"), { recursive: true });
    for (const [id, code] of Object.entries(algorithms)) {
      const [team = "", name = ""] = id.split("/");
      const python = name.startsWith("python-");
      mkdirSync(join(repository, "strategies", id), { recursive: true });
      playground.write(`strategies/${id}/algorithm.${python ? "py" : "ts"}`, code);
      const runtime = python ? "entry: algorithm.py, runtime: python" : "entry: algorithm.ts, runtime: node";
      playground.write(
        `strategies/${id}/strategy.yaml`,
        spec
          .replace(/name: random-ts, team: seed/, `name: ${name}, team: ${team}`)
          .replace(/entry: algorithm.ts, runtime: node/, runtime)
          .replace(/memory: \d+Mi/, python ? "memory: 64Mi" : "memory: 128Mi"),
      );
    }
    running = playground.start("up", "--bus-port", "0", "--console-port", "0");
    await until(
      "all are deployed",
      () => running.output().includes("Try: "),
      () => running.output(),
      deployedMs - 5_000,
    );
  }, deployedMs);
  afterAll(async () => {
    if (running.child.exitCode === null) running.child.kill("SIGTERM");
    await running.ended;
    playground.remove();
  }, waitMs);
  const says = async (strategy: string, text: RegExp): Promise<string> => {
    let seen = "";
    const look = async (): Promise<string> => {
      const { stdout, stderr } = await playground.run("status", strategy);
      seen = stdout + stderr;
      return seen;
    };
    await expect.poll(look, { timeout: waitMs - 5_000, interval: 50 }).toMatch(text);
    return seen;
  };
  return { run: (...argv) => playground.run(...argv), says, output: () => running.output() };
}
