// Everything that is measured, one after the other: `npm run bench`. Peers that are on PATH (helm, kustomize, conftest) are run in pairs beside us.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

for (const script of [
  "check.ts",
  "synth.ts",
  "git.ts",
  "policy.ts",
  "policy-peer.ts",
  "bus.ts",
  "quotes.ts",
  "idle.ts",
  "live.ts",
]) {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, script)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
