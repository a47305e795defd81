import { Fault } from "#core/result.ts";
import type { ExitCode, GlobalOptions, JsonDocument } from "./context.ts";
import { adviceFor } from "./faults.ts";

interface Host {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Says what failed, why, and what to do; a stack trace only with `--debug`. No import of an npm package is needed for it: it also says that one is missing. */
export function explain(thrown: unknown, host: Host, options: Pick<GlobalOptions, "json" | "debug">): ExitCode {
  const error = packageMissing(thrown) ?? thrown;
  const code = error instanceof Fault ? error.code : "bug";
  const message = error instanceof Error ? error.message : String(error);
  const causes = causesOf(error);
  const advice = adviceFor(code);
  if (options.json) printDocument(host, { ok: false, error: { code, message, causes: [...causes], fix: advice } });
  else {
    host.stderr.write(`${error instanceof Fault ? "failed" : "this is a bug in slipway"}: ${message}\n`);
    for (const cause of causes) host.stderr.write(`  because: ${cause}\n`);
    host.stderr.write(`  fix: ${advice}\n`);
  }
  if (options.debug && thrown instanceof Error) host.stderr.write(`${thrown.stack ?? ""}\n`);
  return 1;
}

export function printDocument(host: Pick<Host, "stdout">, document: JsonDocument): void {
  host.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** What Node says of a package that package.json asks for and nobody installed, as after a `git pull`. A missing file of Slipway's own is a bug. */
function packageMissing(error: unknown): Fault | undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) return undefined;
  const name = /^Cannot find package '(?<name>[^']+)'/.exec(error.message)?.groups?.["name"];
  if (name === undefined) return undefined;
  return new Fault("package-missing", `the npm package ${name}, which slipway needs, is not installed`);
}

/** The messages below an error, outermost first, without the stacks that some libraries put into them; at most five, so that a cycle ends. */
function causesOf(error: unknown): readonly string[] {
  const causes: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && causes.length < 5) {
    const message = cause instanceof Error ? cause.message : String(cause);
    causes.push(message.replace(/\n\s+at .*/g, "").trim());
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}
