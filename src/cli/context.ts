import type { JsonValue } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";
import type { Output } from "./output.ts";

/** The environment variables, read once in main.ts. */
export type Variables = { readonly [name: string]: string | undefined };

/** Options every command takes, before or after its name. */
export interface GlobalOptions {
  readonly directory?: string;
  readonly state?: string;
  readonly json: boolean;
  readonly debug: boolean;
}

/** What a command gets from the outside world. Nothing else reads argv, the environment or the clock. */
export interface CommandContext {
  readonly cwd: string;
  readonly variables: Variables;
  readonly options: GlobalOptions;
  readonly out: Output;
  /** Milliseconds since the epoch: what people read, and what other machines are told. */
  readonly now: () => number;
  /** Milliseconds since any moment, by a clock that nobody sets: how long something takes, or is waited for. */
  readonly steady: () => number;
  /** Ends early when the person has pressed Ctrl-C. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** From here on Ctrl-C and SIGTERM abort this signal instead of ending the process; a second one ends it at once, code 130. */
  readonly stopped: () => AbortSignal;
  /** Aborted when nobody reads standard output any more (`| head -1`). A command that has no end of its own ends then; others go on. */
  readonly unread: AbortSignal;
}

/** 0 done, 1 fault, 2 refused. */
export type ExitCode = 0 | 1 | 2;

export interface CommandResult {
  readonly exitCode: ExitCode;
  /** What `--json` prints. Its keys are API. Undefined where the command has printed an object a line itself. */
  readonly document: JsonDocument | undefined;
}

export type JsonDocument = { readonly [key: string]: JsonValue | undefined };

/** Runs a command's work with the context and prints how it ended. */
export type Act = (work: (context: CommandContext) => Promise<CommandResult>) => Promise<void>;

export function done(document: JsonDocument): CommandResult {
  return { exitCode: 0, document: { ok: true, ...document } };
}

/** Prints the findings for a person and gives the refusal as a result. */
export function refused(
  context: CommandContext,
  findings: readonly Finding[],
  document: JsonDocument = {},
): CommandResult {
  context.out.findings(findings);
  return refusedSaid(findings, document);
}

/** The same, of findings that were printed already. */
export function refusedSaid(findings: readonly Finding[], document: JsonDocument = {}): CommandResult {
  return { exitCode: 2, document: { ok: false, ...document, findings: findingsJson(findings) } };
}

/** A refusal that has no place in a file. */
export function finding(code: string, message: string, fix?: string): Finding {
  return { code, severity: "error", message, ...(fix === undefined ? {} : { fix }) };
}

export function findingsJson(findings: readonly Finding[]): JsonValue {
  return findings.map((item) => JSON.parse(JSON.stringify(item)) as JsonValue);
}
