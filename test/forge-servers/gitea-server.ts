// A real Gitea for tests, on loopback: an empty instance with three people and Slipway's own account. No queue, no indexer, no mail, no runner.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "#bus/loopback.ts";
import { readProcess } from "#local/processes.ts";
import { endLeftovers, ownedFolder, recordsOf } from "../apiserver/leftovers.ts";
import { giteaArtifact } from "./artifacts.ts";

export const people = ["alice", "bob", "carol", "slipway"] as const;
export type Account = (typeof people)[number] | "keeper";

export interface GiteaServer {
  readonly url: string;
  /** By login. `keeper` is the administrator who owns the repositories. */
  readonly tokens: Readonly<Record<Account, string>>;
  stop(): Promise<void>;
}

const readyMs = 300_000;

export async function startGitea(): Promise<GiteaServer> {
  const { folder: artifact, name } = giteaArtifact();
  if (!existsSync(join(artifact, name))) throw new Error("gitea is not built; run node test/forge-servers/build.ts");
  await endLeftovers();
  const folder = await ownedFolder();
  const records = recordsOf(folder);
  const program = join(artifact, name);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, "app.ini");
  const kill = new AbortController();
  const stop = async (): Promise<void> => {
    kill.abort();
    await records.reap();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await mkdir(join(folder, "home"));
    await writeFile(config, settings(folder, port, join(artifact, "static")), { mode: 0o600 });
    const run = (argv: readonly string[]): Promise<string> => runGitea(program, folder, [...argv, "-c", config]);
    await run(["migrate"]);
    const tokens: Partial<Record<Account, string>> = {};
    for (const account of ["keeper", ...people] as const) {
      const admin = account === "keeper" ? ["--admin"] : [];
      const output = await run([
        ...["admin", "user", "create", "--username", account, "--email", `${account}@example.test`, ...admin],
        ...["--password", randomBytes(12).toString("base64url"), "--must-change-password=false"],
        ...["--access-token", "--access-token-name", "test", "--access-token-scopes", "all"],
      ]);
      tokens[account] = /[0-9a-f]{40}\s*$/.exec(output)?.[0].trim() ?? "";
    }
    const log = openSync(join(folder, "web.log"), "a", 0o600);
    const child = spawn(program, ["web", "-c", config], {
      cwd: folder,
      env: environment(folder),
      stdio: ["ignore", log, log],
      signal: kill.signal,
      killSignal: "SIGKILL",
    });
    closeSync(log);
    child.on("error", () => undefined);
    process.on("exit", () => child.kill("SIGKILL"));
    const row = child.pid === undefined ? undefined : await readProcess(child.pid);
    if (row !== undefined) records.add("gitea", row);
    const deadline = performance.now() + readyMs;
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`gitea does not answer:\n${(await readFile(join(folder, "web.log"), "utf8")).slice(-2_000)}`);
      await delay(50);
    }
    return { url, tokens: tokens as Record<Account, string>, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function isHealthy(url: string): Promise<boolean> {
  return fetch(`${url}/api/healthz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Gitea finds Git on the path, and nothing of the user's. */
function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: join(folder, "home"), GITEA_WORK_DIR: folder, LC_ALL: "C", TZ: "UTC" };
}

function runGitea(program: string, folder: string, argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...argv], {
      cwd: folder,
      env: environment(folder),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: readyMs,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)));
    child.on("error", reject).on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`gitea ${argv[0]} ended with ${code}:\n${output.slice(-2_000)}`));
    });
  });
}

function settings(folder: string, port: number, staticRoot: string): string {
  const secret = (): string => randomBytes(32).toString("base64url");
  const root = process.getuid?.() === 0 ? ["I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true"] : [];
  return [
    "RUN_MODE = prod",
    `WORK_PATH = ${folder}`,
    ...root,
    "[server]",
    "HTTP_ADDR = 127.0.0.1",
    `HTTP_PORT = ${port}`,
    `ROOT_URL = http://127.0.0.1:${port}/`,
    "DISABLE_SSH = true",
    "OFFLINE_MODE = true",
    `STATIC_ROOT_PATH = ${staticRoot}`,
    "LFS_START_SERVER = false",
    "[database]",
    "DB_TYPE = sqlite3",
    `PATH = ${join(folder, "gitea.db")}`,
    "[repository]",
    `ROOT = ${join(folder, "repos")}`,
    "DEFAULT_BRANCH = main",
    "[security]",
    "INSTALL_LOCK = true",
    `SECRET_KEY = ${secret()}`,
    "PASSWORD_HASH_ALGO = pbkdf2$1000$50",
    "[oauth2]",
    "ENABLED = false",
    "[service]",
    "DISABLE_REGISTRATION = true",
    "[webhook]",
    // Without it deliveries to this machine are refused.
    "ALLOWED_HOST_LIST = loopback",
    "[actions]",
    "ENABLED = false",
    "[indexer]",
    "ISSUE_INDEXER_TYPE = db",
    "[packages]",
    "ENABLED = false",
    "[cron]",
    "ENABLED = false",
    "[queue]",
    "TYPE = channel",
    "[cache]",
    "ADAPTER = memory",
    "[session]",
    "PROVIDER = memory",
    "[log]",
    "LEVEL = warn",
    "",
  ].join("\n");
}
