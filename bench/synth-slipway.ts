// Renders N strategies to one file, as `helm template` does: node bench/synth-slipway.ts <N> <file>
import { closeSync, openSync, writeSync } from "node:fs";
import { renderStrategy } from "#charts/render.ts";
import { readPaper, strategyInput } from "./synth-input.ts";

const [count = "1000", target = "/dev/null"] = process.argv.slice(2);
const environment = readPaper();
const file = openSync(target, "w");
for (let index = 0; index < Number(count); index++) {
  for (const manifest of renderStrategy(strategyInput(index), environment).values())
    writeSync(file, `---\n${manifest}`);
}
closeSync(file);
