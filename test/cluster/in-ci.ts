// CI's last step: the cluster's tests where the machine bears a node and there is time for them; otherwise it says why they were not run.
//
//   node test/cluster/in-ci.ts <seconds that CI has used>
//
// It fails where they fail. SLIPWAY_CI_CLUSTER=1: where they are not run, too.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { whyNoCluster, whyTooSmall, whyUntried } from "./able.ts";

/** CI has an hour. They take some 19 minutes on two calm cores, and are not begun where they may not have half as much again. */
const usedSecondsMax = 33 * 60;

const isAsked = process.env["SLIPWAY_CI_CLUSTER"] === "1";
const [used = "0"] = process.argv.slice(2);
const began = performance.now();

function whyNot(): string | undefined {
  const reason = whyNoCluster() ?? (isAsked ? undefined : (whyTooSmall() ?? whyUntried()));
  return reason === undefined ? undefined : `on this machine: ${reason}`;
}

function whyTooLate(): string | undefined {
  const seconds = Number(used) + (performance.now() - began) / 1000;
  if (isAsked || seconds <= usedSecondsMax) return undefined;
  return `${Math.round(seconds / 60)} minutes are used, and they are begun within ${usedSecondsMax / 60}; npm run test:cluster, by itself, finds its programs in the cache`;
}

function node(program: string): void {
  run(process.execPath, [join(import.meta.dirname, program)]);
}

function run(program: string, argv: readonly string[]): void {
  const { status } = spawnSync(program, argv, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

let reason = whyNot() ?? whyTooLate();
if (reason === undefined) {
  node("build.ts");
  // Some is tried with the packages that it has brought, and it may have taken long.
  reason = whyNot() ?? whyTooLate();
}
if (reason === undefined) run("npm", ["run", "test:cluster"]);
else {
  console.log(`NOT RUN ${reason}`);
  if (isAsked) process.exitCode = 2;
}
