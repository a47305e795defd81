// Plays storms over a whole data plane and looks at what is left (docs/faults.md).
//
//   npm run faults                                500 random storms, another seed each time
//   npm run faults -- --runs 5000                 more of them
//   npm run faults -- --seed 7 --path 3:1         the one that failed, again; --trace says all that happens
//   npm run faults -- --every-step 1              a quiet day, killed once at each of its steps
//   npm run faults -- --every-step 7 --step 2     at each seventh, from the second on
//   npm run faults -- --step 41                   at one
//   npm run faults -- --same                      disturbances that may change nothing: the same hash as without them
//   npm run faults -- --processes --seed 4        a storm over real processes; --broker mosquitto or nats, --runs for more of them
//   npm run faults -- --mutations                 the production code broken in many ways, and which storm notices each; --only names some
import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { Fault } from "#core/result.ts";
import { problemsOf } from "./checks.ts";
import { everyStep, killedAt } from "./every-step.ts";
import { differs, disturbed } from "./same.ts";
import { play, type Scenario, scenario } from "./scenario.ts";
import { installTimers, Killed } from "./sim/time.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string" },
    seed: { type: "string" },
    path: { type: "string" },
    trace: { type: "boolean", default: false },
    /** Makes a scenario that fails as small as it can; takes its time. */
    shrink: { type: "boolean", default: false },
    "every-step": { type: "string" },
    step: { type: "string" },
    same: { type: "boolean", default: false },
    mutations: { type: "boolean", default: false },
    processes: { type: "boolean", default: false },
    broker: { type: "string", default: "bus" },
    /** A part of the names of the mutations that are tried. */
    only: { type: "string", default: "" },
  },
});

const unhandled: unknown[] = [];
const simulated = !values.mutations && !values.processes;
if (simulated) {
  for (const event of ["unhandledRejection", "uncaughtException"]) {
    process.on(event, (reason: unknown) => {
      // A process of the simulation that has ended takes its promises and microtasks with it; one whose journal cannot be written has ended, too.
      const ended = reason instanceof Fault && reason.code === "state-unwritable";
      if (!(reason instanceof Killed) && !ended) unhandled.push(reason);
    });
  }
  installTimers();
}

async function judge(drawn: Scenario, trace?: (line: string) => void): Promise<readonly string[]> {
  const world = await play(drawn, trace);
  try {
    const problems = await problemsOf(world, drawn.faults);
    if (trace !== undefined)
      for (const { atMs, process: name, level, message } of world.lines)
        trace(`${atMs.toFixed(0)} ms ${name} ${level} ${message}`);
    return [
      ...problems,
      ...unhandled.splice(0).map((reason) => `unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`),
    ];
  } finally {
    world.close();
  }
}

async function randomStorms(): Promise<boolean> {
  const seed = values.seed === undefined ? Date.now() % 1_000_000_007 : Number(values.seed);
  const property = fc.asyncProperty(values.same ? disturbed : scenario, async (drawn) => {
    const problems = values.same ? await differs(drawn) : await judge(drawn);
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
  const startedMs = performance.now();
  const details = await fc.check(property, {
    ...{ numRuns: Number(values.runs ?? "500"), seed, endOnFailure: values.shrink !== true },
    ...(values.path === undefined ? {} : { path: values.path, endOnFailure: true }),
  });
  const tookMs = performance.now() - startedMs;
  if (!details.failed) {
    const well = values.same ? "the same as undisturbed" : "nothing lost, nothing doubled";
    console.log(`${details.numRuns} storms, seed ${seed}: ${well} (${(tookMs / 1_000).toFixed(1)} s)`);
    return true;
  }
  const [drawn] = details.counterexample ?? [];
  console.log(`a storm did harm, number ${details.numRuns}:\n${JSON.stringify(drawn, null, 2)}`);
  console.log(details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance));
  console.log(
    `again: npm run faults --${values.same ? " --same" : ""} --seed ${details.seed} --path ${details.counterexamplePath ?? ""}`,
  );
  if (values.trace && drawn !== undefined) await judge(drawn, (line) => console.log(line));
  return false;
}

async function oneStep(step: number): Promise<boolean> {
  const problems = await judge(killedAt(step), values.trace ? (line) => console.log(line) : undefined);
  for (const problem of problems) console.log(problem);
  return problems.length === 0;
}

async function run(): Promise<boolean> {
  const every = values["every-step"];
  if (values.processes)
    return (await import("./processes/main.ts")).playStorms({
      ...{ runs: Number(values.runs ?? "1"), seed: Number(values.seed ?? String(Date.now() % 1_000_007)) },
      ...{ broker: values.broker, trace: values.trace },
    });
  if (values.mutations)
    return (await import("./mutations/run.ts")).tryMutations({
      ...{ runs: Number(values.runs ?? "300"), seed: Number(values.seed ?? "1"), only: values.only },
    });
  const step = values.step === undefined ? undefined : Number(values.step);
  if (every !== undefined) return everyStep(judge, { every: Number(every), from: step ?? 1 });
  return step === undefined ? randomStorms() : oneStep(step);
}

process.exitCode = (await run()) ? 0 : 1;
