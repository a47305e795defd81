// CPU of `slipway check` of one strategy, as a whole process; the budget is 0.5 s.
import { join } from "node:path";
import { measure, spread } from "./measure.ts";

const main = join(import.meta.dirname, "..", "src", "cli", "main.ts");
const runs: number[] = [];
const empty: number[] = [];
for (let run = 0; run < 6; run++) {
  const check = measure([process.execPath, main, "check", "momentum/sma-cross"]);
  if (check.status !== 0) throw new Error(`check ended with exit code ${check.status}`);
  const bare = measure([process.execPath, "-e", ""]);
  // The first run fills the compile cache.
  if (run === 0) continue;
  runs.push(check.cpuSeconds);
  empty.push(bare.cpuSeconds);
}
console.log(`check    one strategy ${spread(runs)} s of CPU; an empty node ${spread(empty)} s; budget 0.50 s`);
