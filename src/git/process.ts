import { spawn } from "node:child_process";
import { type SimpleGitOptions, simpleGit } from "simple-git";
import { Fault } from "#core/result.ts";

// Two ways to run Git, both with the same clean environment. simple-git runs what gives short text; a process of our own runs what needs
// standard input, binary output, an exit code, or no wait: simple-git has none of the first three (it drops the exit code when nothing
// is on standard error) and waits 50 ms for output after a command that prints nothing. No shell is involved in either.
//
// The terminal sends Ctrl-C to its whole process group: simple-git's Git gets it, and one of ours in the moment before it has left the group.
// It is meant for the command, which decides what to finish; so a Git that was ended by it is run again.

/** A Git directory and the Git that was found for it. */
export interface Git {
  readonly directory: string;
  /** Where Git's own programs are: `git --exec-path`. */
  readonly execPath: string;
}

export interface Output {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Standard output was cut at the bound (only with `cut`). */
  readonly cut: boolean;
}

export interface RunOptions {
  readonly input?: readonly (string | Uint8Array)[];
  /** Sent after the answers to `input` came: so many lines of standard output. */
  readonly reply?: {
    readonly lines: number;
    readonly next: (lines: readonly string[]) => readonly (string | Uint8Array)[];
  };
  /** Exit codes that are answers, not failures. */
  readonly codes?: readonly number[];
  readonly outputBytesMax?: number;
  /** Over the bound, end Git and keep what came, instead of a fault. */
  readonly cut?: boolean;
  readonly timeoutMs?: number;
  /** Aborted: Git is ended, and that is a fault. */
  readonly signal?: AbortSignal | undefined;
  /** Settings that no list of processes shows: they may hold a secret. */
  readonly configuration?: readonly (readonly [key: string, value: string])[];
}

const timeoutMsDefault = 120_000;
const outputBytesMaxDefault = 1024 ** 3;
const stderrCharactersMax = 4_000;
const interruptsMax = 5;
const versionMin = [2, 38] as const;

/**
 * No configuration of the user or the machine, no prompts, no replaced objects, one language, one time zone.
 * PATH is where Git itself says its programs are: nothing is read from our own environment here.
 */
function cleanEnvironment(execPath: string): Record<string, string> {
  return {
    PATH: `${execPath}:/usr/local/bin:/usr/bin:/bin`,
    // For glibc: Git takes and gives back 256 KiB for each object it packs. Keeping them halves the CPU time of a large writeTree.
    MALLOC_TRIM_THRESHOLD_: "16777216",
    LC_ALL: "C",
    TZ: "UTC",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_LITERAL_PATHSPECS: "1",
  };
}

function configurationEnvironment(pairs: RunOptions["configuration"] = []): Record<string, string> {
  const entries = pairs.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: `${pairs.length}`, ...Object.fromEntries(entries) };
}

/** Overrides of what the repository's own configuration may say. */
const settings = [
  "core.hooksPath=/dev/null",
  "core.attributesFile=/dev/null",
  "gc.auto=0",
  "maintenance.auto=false",
  // Without this a loose object may be lost in a power cut after the ref that names it was written. One flush for all objects of a call.
  "core.fsync=committed,loose-object",
  "core.fsyncMethod=batch",
  // A file lands where its side put it, never in a folder that the other side moved. (Renames of single files are always followed:
  // merge-tree could not be told otherwise before Git 2.49, and every version should give the same tree.)
  "merge.renames=true",
  "merge.directoryRenames=false",
] as const;

function failed(args: readonly string[], detail: string, cause?: unknown): Fault {
  const text = detail.trim().slice(0, stderrCharactersMax);
  return new Fault("git-failed", `git ${args[0] ?? ""} failed: ${text === "" ? "it said nothing" : text}`, { cause });
}

/** Git was ended by a signal that nobody here has sent. */
class Interrupted extends Error {}

async function unlessInterrupted<Value>(args: readonly string[], call: () => Promise<Value>): Promise<Value> {
  for (let tries = 0; tries < interruptsMax; tries += 1) {
    try {
      return await call();
    } catch (cause) {
      if (!(cause instanceof Interrupted)) throw cause;
    }
  }
  throw failed(args, `ended by a signal, ${interruptsMax} times in a row`);
}

/** `found` is what `git version` prints. Git 2.38 brought `merge-tree --write-tree`. */
export function checkGitVersion(found: string): void {
  const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(found) ?? [];
  const [majorMin, minorMin] = versionMin;
  const isNew = Number(major) > majorMin || (Number(major) === majorMin && Number(minor) >= minorMin);
  if (isNew) return;
  throw new Fault(
    "git-too-old",
    `Git ${versionMin.join(".")} or newer is needed (for merge-tree --write-tree); found ${JSON.stringify(found.trim())}`,
  );
}

/**
 * Finds Git on the PATH and checks its version.
 *
 * @throws Fault `git-missing`, `git-too-old`
 */
export async function findGit(directory: string): Promise<Git> {
  try {
    // Without an `env` of ours simple-git hands on the process's environment less everything that steers Git.
    const ambient = { baseDir: directory, timeout: { block: timeoutMsDefault } };
    const execPath = (await raw(ambient, undefined, ["--exec-path"])).trim();
    checkGitVersion(await raw(ambient, undefined, ["version"]));
    return { directory, execPath };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (!/ENOENT/.test(message)) throw failed(["version"], message, cause);
    throw new Fault("git-missing", `Git is not on the PATH; Git ${versionMin.join(".")} or newer is needed`);
  }
}

/** One call through simple-git, which by itself takes a Git that was killed for one that had nothing to say. */
function raw(
  options: Partial<SimpleGitOptions>,
  env: Record<string, string> | undefined,
  args: readonly string[],
): Promise<string> {
  return unlessInterrupted(args, async () => {
    let interrupted = false;
    const errors: SimpleGitOptions["errors"] = (error, { exitCode }) => {
      interrupted = error === undefined && !Number.isInteger(exitCode);
      return error ?? (exitCode === 0 ? undefined : new Error(`it ended with ${exitCode}`));
    };
    const runner = simpleGit({ ...options, errors });
    try {
      return await (env === undefined ? runner : runner.env(env)).raw([...args]);
    } catch (cause) {
      throw interrupted ? new Interrupted() : cause;
    }
  });
}

/** Short text output, through simple-git. Faults: `git-failed`, `git-timeout`. */
export async function text(
  git: Git,
  args: readonly string[],
  options: { readonly bare?: boolean } = {},
): Promise<string> {
  const env = cleanEnvironment(git.execPath);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMsDefault);
  const settled = {
    baseDir: git.directory,
    config: [...settings],
    allowEnvironment: Object.keys(env),
    abort: abort.signal,
    completion: { onClose: true, onExit: false },
    // What simple-git refuses by default, in case text from outside reached it. Here they are constants that make Git deaf to configuration.
    unsafe: { allowUnsafeConfigPaths: true, allowUnsafeHooksPath: true, allowUnsafeTemplateDir: true },
  };
  try {
    return await raw(settled, env, [...((options.bare ?? true) ? ["--bare"] : []), ...args]);
  } catch (cause) {
    if (abort.signal.aborted) throw timedOut(args, timeoutMsDefault);
    throw failed(args, cause instanceof Error ? cause.message : String(cause), cause);
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(args: readonly string[], timeoutMs: number): Fault {
  return new Fault("git-timeout", `git ${args[0] ?? ""} did not finish within ${timeoutMs / 1000} s and was ended`);
}

/**
 * Runs Git in its directory, as a bare repository even where a work tree is near.
 *
 * @throws Fault `git-failed`, `git-timeout`, `git-output-too-long`, `git-stopped`
 */
export function run(git: Git, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  return unlessInterrupted(args, () => runOnce(git, args, options));
}

function runOnce(git: Git, args: readonly string[], options: RunOptions): Promise<Output> {
  const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  const bytesMax = options.outputBytesMax ?? outputBytesMaxDefault;
  const child = spawn("git", [...settings.flatMap((setting) => ["-c", setting]), "--bare", ...args], {
    cwd: git.directory,
    env: { ...cleanEnvironment(git.execPath), ...configurationEnvironment(options.configuration) },
    stdio: "pipe",
    // A group of its own: the terminal's Ctrl-C is for the command, which then lets what Git is at come to its end.
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let lines = 0;
    let stderr = "";
    let fault: Fault | undefined;
    let cut = false;
    let waiting = options.reply;
    const end = (reason: Fault | undefined): void => {
      fault ??= reason;
      // SIGTERM lets Git take its lock files away.
      endGroup(child.pid, "SIGTERM");
    };
    const timer = setTimeout(() => end(timedOut(args, timeoutMs)), timeoutMs);
    const killer = setTimeout(() => endGroup(child.pid, "SIGKILL"), timeoutMs + 2_000);
    const stop = (): void =>
      end(new Fault("git-stopped", `git ${args[0] ?? ""} was ended: nobody waits for it any more`));
    options.signal?.addEventListener("abort", stop);
    if (options.signal?.aborted === true) stop();
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax && !cut) {
        cut = true;
        const tooLong = new Fault("git-output-too-long", `git ${args[0] ?? ""} printed more than ${bytesMax} bytes`);
        end(options.cut === true ? undefined : tooLong);
      }
      if (waiting === undefined) return;
      for (const byte of chunk) if (byte === 0x0a) lines += 1;
      if (lines < waiting.lines) return;
      const answers = Buffer.concat(chunks).toString("utf8").split("\n").slice(0, waiting.lines);
      send(child.stdin, waiting.next(answers), true);
      waiting = undefined;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < stderrCharactersMax) stderr += chunk.toString("utf8");
    });
    // Git may end before it has read everything; its exit code and standard error say why.
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") fault ??= failed(args, error.message, error);
    });
    child.on("error", (error) => {
      fault ??= failed(args, error.message, error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      clearTimeout(killer);
      options.signal?.removeEventListener("abort", stop);
      if (fault !== undefined) return reject(fault);
      const stdout = Buffer.concat(chunks);
      if (cut) return resolve({ code: 0, stdout: stdout.subarray(0, bytesMax), stderr, cut });
      if (code === 0 || (code !== null && options.codes?.includes(code))) return resolve({ code, stdout, stderr, cut });
      if (signal === "SIGINT") return reject(new Interrupted());
      reject(failed(args, stderr.trim() === "" && signal !== null ? `ended by ${signal}` : stderr));
    });
    send(child.stdin, options.input ?? [], options.reply === undefined);
    if (waiting?.lines === 0) {
      send(child.stdin, waiting.next([]), true);
      waiting = undefined;
    }
  });
}

/** With what Git itself has started: what speaks to a forge goes on without it, and holds its pipes for as long as that forge does not answer. */
function endGroup(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (cause) {
    // It has ended by itself.
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
  }
}

function send(stdin: NodeJS.WritableStream, parts: readonly (string | Uint8Array)[], last: boolean): void {
  const bytes = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  if (bytes.length > 0) stdin.write(bytes);
  if (last) stdin.end();
}
