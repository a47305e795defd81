// One judgement of a proposal by a new process, as `slipway deploy` has it, and a second one by the same process: policy.ts runs it.
// `node bench/policy-gate.ts <folder with forge.git> <number> <index | none> <strategies>`
import { join } from "node:path";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { readTool } from "#delivery/renderer.ts";
import { memorySpecIndex } from "#delivery/spec-index.ts";
import { openSpecIndex } from "#delivery/spec-index-file.ts";
import { localForge } from "#forge/local.ts";
import { openRepository } from "#git/open.ts";
import { atSeconds, cpuOf } from "./policy-fleet.ts";

const [directory = "", number = "", kind = "none"] = process.argv.slice(2);
const repository = await openRepository(join(directory, "forge.git"));
const forge = localForge({ repository, clock: () => atSeconds * 1000 });
const specs = kind === "index" ? await openSpecIndex(directory, await readTool()) : memorySpecIndex();
const memo = createMemo({ specs });
const judged = () => judge({ repository, forge, number: Number(number), memo });
const first = await judged();
await specs.save();
if (first.state !== "passed") throw new Error(first.findings.find(({ severity }) => severity === "error")?.message);
const [seconds] = await cpuOf(judged);
console.log(seconds);
