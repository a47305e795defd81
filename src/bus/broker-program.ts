import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Fault } from "#core/result.ts";
import { answers } from "./loopback.ts";
import type { Log } from "./process.ts";

export interface BrokerProgramOptions {
  /** What it is called in messages. */
  readonly name: string;
  /** Absolute, or found in the PATH. */
  readonly program: string;
  readonly argv: readonly string[];
  /** Where it listens on loopback once it is ready. */
  readonly port: number;
  readonly log: Log;
  /** A program that takes its standard output and passes on what is worth a line, where it is too much for this process. */
  readonly filter?: readonly [program: string, ...argv: string[]];
  /** Told each line of its log. */
  readonly onLine?: (line: string) => void;
  /** How it is asked to end, and how long that may take; SIGTERM and 5 s unless told. */
  readonly end?: { readonly signal: NodeJS.Signals; readonly msMax: number };
  /** Told when it ends although nobody stopped it. */
  readonly ended: (cause: Fault) => void;
}

export interface BrokerProgram {
  /** From now on its end is no fault: to be called first of all that ends, since a signal to the group may have ended it already. */
  expectEnd(): void;
  /** Makes it read its configuration again. */
  reload(): void;
  /** Asks it to end, and waits for it. */
  stop(): Promise<void>;
}

const startMsMax = 20_000;
const defaultEnd = { signal: "SIGTERM", msMax: 5_000 } as const;
const pollMs = 20;
const groupSignalMs = 250;

/**
 * Starts a broker as a child of this process, in its group, and waits until it answers. Its log becomes lines of ours.
 *
 * @throws Fault `broker-missing`, `broker-ended`, `broker-silent`
 */
export async function startBrokerProgram(options: BrokerProgramOptions): Promise<BrokerProgram> {
  const { name, program, argv, port, filter, log, onLine, end = defaultEnd, ended } = options;
  const state: { over: Fault | undefined; started: boolean; stopping: boolean; telling: boolean } = {
    ...{ over: undefined, started: false, stopping: false, telling: false },
  };
  const sieve = filter && spawn(filter[0], filter.slice(1), { stdio: ["pipe", "pipe", "ignore"] });
  const child = spawn(program, argv, { stdio: ["ignore", sieve?.stdin ?? "pipe", "pipe"] });
  // The broker has it now, and its end is the sieve's.
  sieve?.stdin.destroy();
  for (const input of [sieve?.stdout ?? child.stdout, child.stderr])
    if (input !== null)
      createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
        log("info", name, { line: withoutCredentials(line).slice(0, 2_000) });
        onLine?.(line);
      });
  const over = (fault: Fault): void => {
    state.over ??= fault;
    if (!state.started || state.telling) return;
    state.telling = true;
    // A signal to the whole group reaches the broker, too, and maybe first: then it was stopped.
    setTimeout(() => {
      if (!state.stopping) ended(state.over ?? fault);
    }, groupSignalMs);
  };
  sieve?.on("error", (cause) => {
    over(
      new Fault("broker-missing", `the log of ${name} cannot be read by ${filter?.[0]}: ${cause.message}`, { cause }),
    );
  });
  // However this process ends: nobody else would end it where there is no container around both.
  process.once("exit", () => child.kill("SIGKILL"));
  sieve?.on("exit", (code, signal) => {
    // At the broker's own end it comes to its end, too; without it the broker would stand still or end at its next line.
    if (signal !== null || (code ?? 0) > 1)
      over(new Fault("broker-ended", `${filter?.[0]}, which reads the log of ${name}, ended (${signal ?? code})`));
  });
  child.on("error", (cause) => {
    over(new Fault("broker-missing", `${name} cannot be started as ${program}: ${cause.message}`, { cause }));
  });
  const exited = once(child, "exit").then(
    ([code, signal]: (number | string | null)[]) =>
      over(new Fault("broker-ended", `${name} ended (${signal ?? code}); its last lines say why`)),
    () => undefined,
  );
  const endMs = performance.now() + startMsMax;
  while (!(await answers(port))) {
    if (state.over !== undefined) throw state.over;
    if (performance.now() > endMs) {
      child.kill("SIGKILL");
      throw new Fault(
        "broker-silent",
        `${name} does not listen on 127.0.0.1:${port} ${startMsMax / 1_000} s after its start`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  if (state.over !== undefined) throw state.over;
  state.started = true;
  return {
    expectEnd() {
      state.stopping = true;
    },
    reload() {
      child.kill("SIGHUP");
    },
    async stop() {
      state.stopping = true;
      if (state.over !== undefined) return;
      const late = setTimeout(() => child.kill("SIGKILL"), end.msMax);
      child.kill(end.signal);
      await exited;
      clearTimeout(late);
    },
  };
}

/** Of each URL in a line without user and password [nats-server 2.15.2 says `Removed route nats-route://<user>:<password>@<address>`]. */
export function withoutCredentials(line: string): string {
  return line.replaceAll(/:\/\/[^\s/@]*@/g, "://");
}
