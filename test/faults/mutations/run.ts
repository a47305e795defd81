// Breaks the production code in one way after the other, and counts the storms until one notices.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Mutation, mutations } from "./mutation.ts";

interface Noticed {
  readonly by: string;
  /** The first thing that was wrong. */
  readonly as: string;
}

const limitMs = 600_000;

/**
 * Prints a table, a row a mutation.
 *
 * @param only a part of the names of those that are tried
 * @returns whether each was noticed, but for those that do no harm
 */
export async function tryMutations({
  runs,
  seed,
  only,
}: {
  readonly runs: number;
  readonly seed: number;
  readonly only: string;
}): Promise<boolean> {
  const chosen = mutations.filter(({ name }) => name.includes(only));
  const waiting = [...chosen];
  const missed: string[] = [];
  console.log("| broken | noticed by | as |\n| --- | --- | --- |");
  const work = async (): Promise<void> => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const { name, harmless, test } = mutation;
      const noticed = test === undefined ? await byStorms(mutation, runs, seed) : await byTest(mutation, test);
      if ((noticed === undefined) !== (harmless !== undefined)) missed.push(name);
      const [by, as] = noticed === undefined ? ["", `harmless: ${harmless ?? "?"}`] : [noticed.by, noticed.as];
      console.log(`| ${name} | ${by} | ${as} |`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  console.log(`${chosen.length} mutations, ${runs} storms at most, seed ${seed}: ${missed.length} not as expected`);
  for (const name of missed) console.log(`  ${name}`);
  return missed.length === 0;
}

/** @returns undefined if no storm noticed it @throws Error if it cannot be applied */
async function byStorms({ name }: Mutation, runs: number, seed: number): Promise<Noticed | undefined> {
  const hook = join(import.meta.dirname, "hook.ts");
  const program = join(import.meta.dirname, "../main.ts");
  const argv = ["--disable-warning=ExperimentalWarning", "--import", hook, program];
  const { said } = await run(name, [...argv, "--runs", String(runs), "--seed", String(seed)]);
  if (said.includes("nothing lost, nothing doubled")) return undefined;
  const storms = /a storm did harm, number (\d+):/.exec(said)?.[1];
  if (storms === undefined)
    throw new Error(`${name}: it said nothing of storms within ${limitMs / 1_000} s: ${said.slice(-2_000)}`);
  const problem = /^\}\n(.*)$/m.exec(said)?.[1] ?? "";
  // Ids are of no use to a reader.
  return { by: `storm ${storms}`, as: problem.replace(/\b[0-9a-f]{32}\b/g, "an order").slice(0, 160) };
}

async function byTest({ name }: Mutation, test: string): Promise<Noticed | undefined> {
  const vitest = join(import.meta.dirname, "../../../node_modules/vitest/vitest.mjs");
  const config = join(import.meta.dirname, "vitest.config.ts");
  const { said, code } = await run(name, [vitest, "run", "--no-color", "--config", config, test]);
  if (code === 0) return undefined;
  const failed = /^ FAIL +\S+ > (.*)$/m.exec(said)?.[1];
  if (failed === undefined) throw new Error(`${name}: ${said.slice(-2_000)}`);
  return { by: `\`${test}\``, as: failed.slice(0, 160) };
}

function run(name: string, argv: readonly string[]): Promise<{ readonly said: string; readonly code: number | null }> {
  const env = { ...process.env, SLIPWAY_MUTATION: name, NO_COLOR: "1" };
  const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "pipe"], timeout: limitMs });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ said, code }));
  });
}
