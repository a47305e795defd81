import { brokerNames } from "./brokers.ts";
import { playStorm } from "./storm.ts";

export interface StormsOptions {
  readonly runs: number;
  /** Of the first; the next ones follow. */
  readonly seed: number;
  readonly broker: string;
  readonly trace: boolean;
}

/** Plays storms over real processes and says what was lost. @returns whether nothing was */
export async function playStorms({ runs, seed, broker: wanted, trace }: StormsOptions): Promise<boolean> {
  const broker = brokerNames.find((name) => name === wanted);
  if (broker === undefined) throw new Error(`--broker is one of ${brokerNames.join(", ")}`);
  let harmed = 0;
  for (let next = seed; next < seed + runs; next += 1) {
    const startedMs = performance.now();
    const { problems, schedule, orders, starts } = await playStorm({
      ...{ seed: next, broker, lastsMs: 20_000, msPerStep: 250 },
      ...(trace ? { trace: (line: string) => console.log(line) } : {}),
    });
    const took = `${((performance.now() - startedMs) / 1_000).toFixed(0)} s`;
    console.log(
      `seed ${next} over ${broker}: ${schedule.length} blows, ${starts} processes, ${orders} orders, ${took}`,
    );
    if (problems.length === 0) continue;
    harmed += 1;
    console.log(`${schedule.join("\n")}\nit did harm:\n  ${problems.join("\n  ")}`);
    // The schedule is the same again; at which instruction it hits a process is not.
    console.log(`again: npm run faults -- --processes --broker ${broker} --seed ${next} --trace`);
  }
  console.log(
    `${runs} storms over real processes: ${harmed === 0 ? "nothing lost, nothing doubled" : `${harmed} did harm`}`,
  );
  return harmed === 0;
}
