import { readFileSync } from "node:fs";
import { busIdentity } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import { LogOutput, type LogTarget } from "./log-output.ts";

export { type Probe, type Probes, startProbes } from "./probes.ts";

/** Environment variables; only the `main.ts` of a process reads the real ones. */
export type Environment = { readonly [name: string]: string | undefined };

/** What every pod of the data plane is told (docs/runtime.md). */
export interface ProcessIdentity {
  readonly environment: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** `<namespace>/<service account>`. */
  readonly identity: string;
  readonly stateDir: string;
  readonly probePort: number;
  /** Where it answers probes: loopback where processes share an address, all of its own in a pod. */
  readonly probeHost: ListenHost;
}

export type ListenHost = "127.0.0.1" | "0.0.0.0";

/** @throws Fault `environment-incomplete` that names each missing variable */
export function readIdentity(env: Environment): ProcessIdentity {
  const read = requireVariables(env, [
    "SLIPWAY_ENVIRONMENT",
    "SLIPWAY_NAMESPACE",
    "SLIPWAY_SERVICE_ACCOUNT",
    "SLIPWAY_STATE_DIR",
    "SLIPWAY_PORT_PROBE",
  ]);
  const namespace = read("SLIPWAY_NAMESPACE");
  const serviceAccount = read("SLIPWAY_SERVICE_ACCOUNT");
  return {
    environment: read("SLIPWAY_ENVIRONMENT"),
    namespace,
    serviceAccount,
    identity: busIdentity(namespace, serviceAccount),
    stateDir: read("SLIPWAY_STATE_DIR"),
    probePort: parsePort("SLIPWAY_PORT_PROBE", read("SLIPWAY_PORT_PROBE")),
    probeHost: readListenHost(env),
  };
}

/** The images set it, since a pod has an address of its own. @throws Fault `environment-malformed` */
export function readListenHost(env: Environment): ListenHost {
  const host = env["SLIPWAY_LISTEN_HOST"] ?? "127.0.0.1";
  if (host === "127.0.0.1" || host === "0.0.0.0") return host;
  throw new Fault("environment-malformed", `SLIPWAY_LISTEN_HOST is ${JSON.stringify(host)}, not 127.0.0.1 or 0.0.0.0`);
}

/** Where the bus is, and the password as it stands in its file at each call. */
export function readBusAddress(env: Environment): { readonly url: string; readonly password: () => string } {
  const read = requireVariables(env, ["SLIPWAY_BUS_URL", "SLIPWAY_BUS_TOKEN_FILE"]);
  const file = read("SLIPWAY_BUS_TOKEN_FILE");
  return { url: read("SLIPWAY_BUS_URL"), password: () => readFileSync(file, "utf8").trim() };
}

/** @throws Fault `environment-incomplete` */
export function requireVariables<Name extends string>(
  env: Environment,
  names: readonly Name[],
): (name: Name) => string {
  const missing = names.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) throw new Fault("environment-incomplete", `not set: ${missing.join(", ")}`);
  return (name) => env[name] ?? "";
}

/** @throws Fault `environment-malformed` */
export function parsePort(name: string, text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new Fault("environment-malformed", `${name} is ${JSON.stringify(text)}, not a port`);
  return port;
}

export type Level = "debug" | "info" | "warn" | "error";
type Fields = { readonly [name: string]: unknown };
export type Log = (level: Level, message: string, fields?: Fields) => void;

/**
 * One JSON object a line on standard output: what `kubectl logs` and the embedded cluster collect. It never waits for who reads it, and at the
 * process's end the last lines go out first.
 *
 * @param target `process`
 */
export function processLog(target: LogTarget, nowMs: () => number): Log {
  const lineOf = (level: Level, message: string, fields?: Fields): string =>
    `${JSON.stringify({ time: new Date(nowMs()).toISOString(), level, message, ...fields })}\n`;
  const output = new LogOutput(target.stdout.fd, (lines) =>
    lineOf("warn", "log lines were dropped: nobody read them in time", { lines }),
  );
  target.on("exit", () => output.end());
  return (level, message, fields) =>
    output.write(lineOf(level, message, fields), level === "warn" || level === "error");
}

/**
 * Fulfilled at the first SIGTERM or SIGINT. To be called before anything else is begun: a signal that nobody takes ends a process without its "exit"
 * handlers, and does nothing at all to the first process of a container.
 *
 * @param target `process`
 */
export function stopSignal(target: {
  once(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown;
}): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) target.once(signal, () => resolve(undefined));
  });
}

/** The last line of a process that cannot go on: a fault with its code, a bug with its stack. */
export function logFailure(log: Log, cause: unknown): void {
  log("error", cause instanceof Error ? cause.message : String(cause), {
    code: cause instanceof Fault ? cause.code : "bug",
    ...(cause instanceof Error && !(cause instanceof Fault) ? { stack: cause.stack } : {}),
  });
}
