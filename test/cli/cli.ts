import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");
const main = join(root, "src/cli/main.ts");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a repository of one's own and a state directory beside it. */
export interface Playground {
  readonly folder: string;
  readonly repository: string;
  readonly state: string;
  /** Runs the real command line in a process of its own. */
  run(...argv: readonly string[]): Promise<Ended>;
  /** The same, and its JSON document. */
  json(...argv: readonly string[]): Promise<{
    readonly code: number | null;
    readonly document: Readonly<Record<string, unknown>>;
    readonly stderr: string;
  }>;
  start(...argv: readonly string[]): Running;
  /** What `start` would start, for who does it by a shell. */
  command(...argv: readonly string[]): Command;
  /** Runs it in a terminal so wide, and presses Ctrl-C there once `pattern` (a regular expression) was printed. */
  terminal(
    terminal: { readonly columns: number; readonly pattern?: string },
    ...argv: readonly string[]
  ): Promise<Ended>;
  write(path: string, text: string): void;
  remove(): void;
}

export interface Command {
  readonly program: string;
  readonly argv: readonly string[];
  readonly options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
}

export interface Running {
  readonly child: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  readonly ended: Promise<Ended>;
}

/** @param variables of the environment, beside those that every command gets */
export function createPlayground(variables: Readonly<Record<string, string>> = {}): Playground {
  const folder = mkdtempSync(join(tmpdir(), "slipway-cli-"));
  const repository = join(folder, "repository");
  const state = join(folder, "state");
  for (const part of ["strategies", "policies"]) {
    cpSync(join(root, part), join(repository, part), {
      recursive: true,
      filter: (path) => !path.includes("__pycache__"),
    });
  }
  const start = (...argv: readonly string[]): Running => launch(process.execPath, [main, ...argv]);
  const place = (): Command["options"] => ({
    cwd: existsSync(repository) ? repository : folder,
    env: {
      // A program in bin/ takes the place of the machine's.
      PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
      HOME: folder,
      SLIPWAY_STATE: state,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      NODE_DISABLE_COMPILE_CACHE: "1",
      ...variables,
    },
  });
  const launch = (program: string, args: readonly string[]): Running => {
    const child = spawn(program, args, { ...place(), stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
    return { child, output: () => stdout + stderr, ended };
  };
  return {
    folder,
    repository,
    state,
    start,
    command: (...argv) => ({ program: process.execPath, argv: [main, ...argv], options: place() }),
    run: (...argv) => start(...argv).ended,
    terminal: async ({ columns, pattern = "" }, ...argv) => {
      const script = join(import.meta.dirname, "terminal.py");
      const { stdout, stderr } = await launch("python3", [
        ...[script, String(columns), pattern],
        ...[process.execPath, main, ...argv],
      ]).ended;
      const [, printed = "", code = ""] = /^([\s\S]*)\n(-?\d+)$/.exec(stdout) ?? [];
      return { code: code === "" ? null : Number(code), stdout: printed.replaceAll("\r\n", "\n"), stderr };
    },
    json: async (...argv) => {
      const { code, stdout, stderr } = await start(...argv, "--json").ended;
      return { code, document: JSON.parse(stdout) as Readonly<Record<string, unknown>>, stderr };
    },
    write: (path, text) => writeFileSync(join(repository, path), text),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
