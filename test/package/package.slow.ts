// The packed package in an empty folder, as a stranger gets it: `npm run test:package` (a minute and the registry).
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const root = join(import.meta.dirname, "../..");
let folder = "";
let own = "";

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** npm's own variables of an outer `npm run` stay outside. */
function variables(): NodeJS.ProcessEnv {
  const env = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/i.test(name));
  return { ...Object.fromEntries(env), SLIPWAY_STATE: join(folder, "state") };
}

/** Runs a program in the folder. */
function run(cwd: string, program: string, ...argv: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      program,
      [...argv],
      { cwd, env: variables(), timeout: 300_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({
          code: typeof error?.code === "number" ? error.code : Number(error !== null),
          output: stdout + stderr,
        });
      },
    );
  });
}

async function succeed(cwd: string, program: string, ...argv: readonly string[]): Promise<string> {
  const { code, output } = await run(cwd, program, ...argv);
  assert.equal(code, 0, `${program} ${argv.join(" ")} ended with code ${code}:\n${output}`);
  return output;
}

/** Runs a program, presses Ctrl-C once it has printed all of these, and gives what it printed until its end. */
async function interrupted(patterns: readonly RegExp[], program: string, ...argv: readonly string[]): Promise<string> {
  // In a group of its own, as a terminal's: Ctrl-C reaches everybody in there.
  const child = spawn(program, argv, { cwd: own, env: variables(), stdio: ["ignore", "pipe", "pipe"], detached: true });
  const signal = (name: NodeJS.Signals): boolean => process.kill(-(child.pid ?? 0), name);
  let output = "";
  let isPressed = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (!isPressed && patterns.every((pattern) => pattern.test(output))) isPressed = signal("SIGINT");
    });
  }
  const timer = setTimeout(() => signal("SIGKILL"), 300_000);
  await once(child, "close");
  clearTimeout(timer);
  assert.ok(isPressed, `${program} ${argv.join(" ")} did not say what it should:\n${output}`);
  return output;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-package-"));
  own = join(folder, "own");
  await succeed(root, "npm", "pack", "--pack-destination", folder);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  assert.ok(tarball !== undefined, "npm pack made no tarball");
  await succeed(folder, "npm", "exec", "--yes", `--package=${join(folder, tarball)}`, "--", "slipway", "init", "own");
});
after(() => rm(folder, { recursive: true, force: true }));

test("init makes a repository that depends on the tarball it ran from", async () => {
  const manifest = await readFile(join(own, "package.json"), "utf8");
  assert.match(manifest, /"slipway": "file:[^"]+\.tgz"/);
  await succeed(own, "npm", "install", "--no-audit", "--no-fund");
});

test("it holds what its own first lines point to, compiled code and no sources", async () => {
  const installed = join(own, "node_modules/slipway");
  const names = await readdir(installed);
  assert.ok(!names.includes("src") && !names.includes("test") && !names.includes("strategies"), names.join(" "));
  await readFile(join(installed, "schemas/strategy.schema.json"));
  await readFile(join(installed, "schemas/environment.schema.json"));
  assert.match(
    await readFile(join(installed, "dist/types/sdk/typescript/index.d.ts"), "utf8"),
    /export interface Algorithm/,
  );
});

test("check, new, schema and render work", async () => {
  assert.match(await succeed(own, "npm", "test"), /3 strategies checked/);
  await succeed(own, "npx", "slipway", "new", "me/first");
  await succeed(own, "npx", "slipway", "new", "me/second", "--language", "python");
  assert.match(await succeed(own, "npx", "slipway", "check"), /5 strategies checked/);
  assert.match(await succeed(own, "npx", "slipway", "schema", "strategy"), /json-schema\.org/);
  assert.match(await succeed(own, "npx", "slipway", "render"), /statefulset-first\.yaml/);
});

test("npm start deploys by proposals until the strategies trade, and resumes", async () => {
  const ports = ["--bus-port", "0", "--console-port", "0"];
  const trading = ["momentum/sma-cross", "seed/random-py", "seed/random-ts"].map(
    (strategy) => new RegExp(`#\\d ${strategy} +synced .* running .* first order`),
  );
  const deploying = /deploying 5 strategies through pull requests/;
  const first = await interrupted([deploying, ...trading, /\nTry: npx slipway new/], "npm", "start", "--", ...ports);
  assert.match(first, /\nstopped in .*`slipway up` resumes/);
  assert.match(await succeed(own, "npm", "start", "--", "--for", "2", ...ports), /resumed: 5 strategies/);
});

test("the environment branch tells the story", async () => {
  const log = await succeed(join(folder, "state/forge.git"), "git", "log", "--format=%s", "env/paper");
  assert.match(log, /seed\/random-ts: new strategy/);
});
