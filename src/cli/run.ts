import { type Command, CommanderError } from "commander";
import picocolors from "picocolors";
import {
  type CommandContext,
  type CommandResult,
  type ExitCode,
  type GlobalOptions,
  refused,
  type Variables,
} from "./context.ts";
import { explain, printDocument } from "./explain.ts";
import { createOutput } from "./output.ts";
import { createProgram } from "./program.ts";
import { findPackage } from "./programs.ts";
import { describeUsage } from "./usage.ts";

export interface Process {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly variables: Variables;
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Aborted when standard output is closed by its reader. */
  readonly unread: AbortSignal;
  /** Aborted by the first signal, once a command takes signals itself. */
  readonly stopping: AbortController;
}

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Runs one command and says how it ended. Nothing is thrown: this is the one place where faults are caught. */
export async function runCommandLine(host: Process): Promise<ExitCode> {
  let options: GlobalOptions = { json: host.argv.includes("--json"), debug: host.argv.includes("--debug") };
  let result: CommandResult = { exitCode: 0, document: { ok: true } };
  let at: Command | undefined;
  const act = async (work: (context: CommandContext) => Promise<CommandResult>): Promise<void> => {
    result = await work(createContext(host, options));
    if (options.json && result.document !== undefined) printDocument(host, result.document);
  };
  try {
    const program = await createProgram(findPackage().version, host.argv, act);
    for (const command of family(program)) {
      command
        .exitOverride((error) => {
          at = command;
          throw error;
        })
        .configureOutput({
          getOutHelpWidth: () => Math.min(host.stdout.columns ?? 100, 120),
          writeOut: (text) => host.stdout.write(text),
          // What commander says of an error is said below, in the form of every refusal.
          writeErr: () => undefined,
        });
    }
    program.hook("preAction", () => {
      options = { ...options, ...program.opts<Partial<GlobalOptions>>() };
    });
    if (host.argv.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync([...host.argv], { from: "user" });
    return result.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && at !== undefined) return explainUsage(error, at, host, options);
    return explain(error, host, options);
  }
}

/** A command and all below it. */
function family(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(family)];
}

function createContext(host: Process, options: GlobalOptions): CommandContext {
  const plain = host.variables["NO_COLOR"] !== undefined && host.variables["NO_COLOR"] !== "";
  const interactive =
    host.stdout.isTTY === true && host.variables["TERM"] !== "dumb" && host.variables["CI"] === undefined;
  const out = createOutput({
    stdout: (text) => host.stdout.write(text),
    stderr: (text) => host.stderr.write(text),
    colors: picocolors.createColors(host.stdout.isTTY === true && !plain && host.variables["TERM"] !== "dumb"),
    interactive,
    columns: host.stdout.isTTY === true ? (host.stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
    json: options.json,
  });
  const { stopping } = host;
  return {
    cwd: host.cwd,
    variables: host.variables,
    options,
    out,
    now: () => Date.now(),
    steady: () => performance.now(),
    pause: (milliseconds) => pause(milliseconds, stopping.signal),
    stopped: () => stopOnSignals(stopping),
    unread: host.unread,
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Not at once: a loop that pauses must let timers and sockets have their turn.
    if (signal.aborted) return void setImmediate(resolve);
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}

/** npm passes on the Ctrl-C that the terminal has sent to the whole group already: one key press comes twice. */
const sameKeyPressMs = 500;

/** The first signal asks to stop; a second one means now (128 + SIGINT, as shells count). */
function stopOnSignals(stopping: AbortController): AbortSignal {
  let firstMs = 0;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.removeAllListeners(name);
    process.on(name, () => {
      if (!stopping.signal.aborted) {
        firstMs = performance.now();
        stopping.abort(name);
      } else if (performance.now() - firstMs > sameKeyPressMs) {
        process.exit(130);
      }
    });
  }
  return stopping.signal;
}

/** Help and version "fail" with code 0; every other error of commander's is a refusal. */
function explainUsage(error: CommanderError, at: Command, host: Process, options: GlobalOptions): ExitCode {
  if (error.exitCode === 0) return 0;
  const item = describeUsage(error, at, host.argv);
  const { exitCode, document } = refused(createContext(host, options), [item]);
  const { code, message, fix = "" } = item;
  if (options.json) printDocument(host, { ...document, error: { code, message, causes: [], fix } });
  return exitCode;
}
