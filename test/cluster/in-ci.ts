// CI's last step: the cluster's tests where the machine bears a node and there is time for them; otherwise it says why they were not run.
//
//   node test/cluster/in-ci.ts <seconds that CI has used>
//
// It fails where they fail, and where a program cannot be built. SLIPWAY_CI_CLUSTER=1: where they are not run, too.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { whyNoCluster, whyTooSmall, whyUntried } from "./able.ts";
import { installPackages } from "./packages.ts";

/** CI has an hour. They take some 19 minutes on two calm cores, and are not begun where they may not have half as much again. */
const usedSecondsMax = 33 * 60;

const isAsked = process.env["SLIPWAY_CI_CLUSTER"] === "1";
const [used = "0"] = process.argv.slice(2);
const began = performance.now();

function whyNot(): string | undefined {
  return onMachine(whyNoCluster() ?? (isAsked ? undefined : (whyTooSmall() ?? whyUntried())));
}

function onMachine(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `on this machine: ${reason}`;
}

/** Asked last: it starts one, which takes some fifteen seconds. */
function whyNoNode(): string | undefined {
  const { status, stdout } = spawnSync(process.execPath, [pathOf("try-node.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (status === 0) return undefined;
  if (status !== 2) process.exit(status ?? 1);
  return onMachine(stdout.trim());
}

function whyTooLate(): string | undefined {
  const seconds = Number(used) + (performance.now() - began) / 1000;
  if (isAsked || seconds <= usedSecondsMax) return undefined;
  return `${Math.round(seconds / 60)} minutes are used, and they are begun within ${usedSecondsMax / 60}; npm run test:cluster, by itself, finds its programs in the cache`;
}

function pathOf(program: string): string {
  return join(import.meta.dirname, program);
}

function run(program: string, argv: readonly string[]): void {
  const { status } = spawnSync(program, argv, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

let reason = whyNot() ?? whyTooLate() ?? onMachine(installPackages());
if (reason === undefined) {
  run(process.execPath, [pathOf("build.ts")]);
  // Some is tried with the packages that were brought, and it may have taken long.
  reason = whyNot() ?? whyTooLate() ?? whyNoNode();
}
if (reason === undefined) run("npm", ["run", "test:cluster"]);
else {
  console.log(`NOT RUN ${reason}`);
  if (isAsked) process.exitCode = 2;
}
