// Makes what slower tests run beside this checkout, once: into a cache by version, complete or not at all.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { getPriority, setPriority } from "node:os";
import { basename, dirname, join } from "node:path";
import { readProcess } from "#local/processes.ts";
import type { Artifact } from "./artifacts.ts";
import type { Go } from "./go.ts";

const buildTimeoutMs = 45 * 60_000;

/** Fills a temporary folder and puts it in its place at once: a killed build leaves nothing that looks finished. */
export async function make(artifact: Artifact, fill: (folder: string) => Promise<void>): Promise<void> {
  const cache = dirname(artifact.folder);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, `.building-${process.pid}-`));
  const began = performance.now();
  const title = `${artifact.name} ${artifact.version}`;
  try {
    console.log(`${title}: making it, once; it is kept in ${cache}`);
    await fill(folder);
    await rename(folder, artifact.folder).catch((error: NodeJS.ErrnoException) => {
      // Another build was faster, and its result is the same.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    console.log(`${title}: done in ${Math.round((performance.now() - began) / 1000)} s`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a killed build left, known by the number of its process. */
export async function dropLeftovers(cache: string): Promise<void> {
  const names = await readdir(cache).catch(() => []);
  for (const name of names) {
    const pid = /^\.building-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || (await readProcess(Number(pid))) !== undefined) continue;
    await rm(join(cache, name), { recursive: true, force: true });
  }
}

/**
 * @param module the folder of the `go.mod` that pins what is compiled
 * @param output the program's path; its folder is there
 * @param variables for the linker's `-X`
 */
export async function compile(
  go: Go,
  module: string,
  command: string,
  output: string,
  variables: readonly string[],
): Promise<void> {
  const linker = ["-s", "-w", ...variables.map((variable) => `-X ${variable}`)].join(" ");
  const argv = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", linker, "-o", output, command];
  const began = performance.now();
  const child = spawn(go.program, argv, { cwd: module, env: go.env, stdio: ["ignore", "inherit", "pipe"] });
  // The machine stays usable meanwhile.
  if (child.pid !== undefined) setPriority(child.pid, Math.max(5, getPriority()));
  const timer = setTimeout(() => child.kill("SIGTERM"), buildTimeoutMs);
  let tail: readonly string[] = [];
  let count = 0;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    // `-v` names each package as it is compiled; what else is on this stream is the reason of a failure.
    const lines = text.split("\n").filter((line) => line !== "");
    count += lines.length;
    tail = [...tail, ...lines].slice(-20);
    const seconds = Math.round((performance.now() - began) / 1000);
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${basename(output)}: ${count} packages, ${seconds} s`);
  });
  const [code] = await new Promise<readonly [number | null]>((resolve, reject) => {
    child.on("error", reject).on("close", (ended) => resolve([ended]));
  });
  clearTimeout(timer);
  if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
  if (code !== 0) throw new Error(`go build ${command} failed (${code}):\n${tail.join("\n")}`);
}
