#!/usr/bin/env node
// Runs the command line on the Node that the project brings (npm package `node`), whatever the system's is.
// Plain JavaScript for old Nodes: it may import nothing that needs type stripping.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(here, "src", "cli", "main.ts");
// A checkout runs its sources; the packed package has no src/ and runs what was built.
const main = existsSync(source) ? source : join(here, "dist", "cli.js");
const major = Number(process.versions.node.split(".")[0]);

if (major >= 24) {
  await import(pathToFileURL(main).href);
} else {
  process.exitCode = await runOnNode24();
}

function runOnNode24() {
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  } catch {
    node = "";
  }
  if (!existsSync(node)) {
    console.error(
      `slipway needs Node 24 or newer; this is ${process.version}, and the npm package "node" is not installed.\n` +
        "  fix: run `npm ci` (npm 11 may ask: `npm install-scripts approve node && npm rebuild node`), or use Node 24.",
    );
    return 1;
  }
  // By the channel it knows that this process is gone, however it ended.
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  // Ctrl-C reaches the whole process group, so it must not end this process before the child has shut down.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) =>
    child.on("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0))),
  );
}
