import { play, quiet, type Scenario } from "./scenario.ts";

/** A quiet day, short: its every step is known. */
const day: Scenario = {
  ...quiet,
  ...{
    seed: 1,
    algorithm: "hooked",
    thinkMs: 1,
    steps: 2,
    msPerStep: 10_000,
    durability: "power",
    faults: [],
    calmMs: 30_000,
  },
};

/**
 * Kills the process that takes a step, for every step of a quiet day, or for some.
 *
 * @param every 1: at each, 7: at each seventh
 */
export async function everyStep(
  judge: (scenario: Scenario) => Promise<readonly string[]>,
  { every, from }: { readonly every: number; readonly from: number },
): Promise<boolean> {
  const labels: string[] = [];
  const world = await play(day, (line) => labels.push(line));
  world.close();
  let [tried, harmed] = [0, 0];
  for (let step = from; step <= labels.length; step += every) {
    tried += 1;
    const problems = await judge({ ...day, faults: [{ kind: "kill-step", step }] });
    if (problems.length === 0) continue;
    harmed += 1;
    console.log(
      `killed at ${labels[step - 1]}:\n  ${problems.join("\n  ")}\nagain: npm run faults -- --step ${step} --trace`,
    );
  }
  console.log(
    `killed at ${tried} of ${labels.length} steps: ${harmed === 0 ? "nothing lost, nothing doubled" : `${harmed} did harm`}`,
  );
  return harmed === 0;
}

/** The quiet day that is killed at one step. */
export function killedAt(step: number): Scenario {
  return { ...day, faults: [{ kind: "kill-step", step }] };
}
