// One place in a storm of processes: who runs there now, and what all of them said.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Program {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: { readonly [name: string]: string };
  /** Told of each line that it writes, and by which of its processes, counted from 1. */
  readonly line: (text: string, process: number) => void;
}

const restartMs = 150;

/** Starts a program again whenever it ends, as a kubelet does, until the day is over. */
export class Child {
  readonly #program: Program;
  readonly #all: ChildProcess[] = [];
  #over = false;

  constructor(program: Program) {
    this.#program = program;
  }

  get name(): string {
    return this.#program.name;
  }

  /** How many processes of it there were. */
  get starts(): number {
    return this.#all.length;
  }

  /** Starts a process that takes the place of the one before; that one may go on, and is not started again. */
  start(): void {
    if (this.#over) return;
    const { argv, env, line } = this.#program;
    const [program = "", ...given] = argv;
    const child = spawn(program, given, {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#all.push(child);
    const number = this.#all.length;
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.on("data", (chunk: Buffer) => {
        const lines = `${rest}${chunk.toString()}`.split("\n");
        rest = lines.pop() ?? "";
        for (const text of lines) line(text, number);
      });
    }
    child.once("exit", () => {
      setTimeout(() => {
        if (this.#all.at(-1) === child) this.start();
      }, restartMs);
    });
  }

  /** To the newest of its processes. */
  signal(signal: NodeJS.Signals): void {
    this.#all.at(-1)?.kill(signal);
  }

  /** SIGSTOP, and SIGCONT some time later, whoever is in its place by then. */
  pause(forMs: number): void {
    const child = this.#all.at(-1);
    child?.kill("SIGSTOP");
    setTimeout(() => child?.kill("SIGCONT"), forMs);
  }

  /** Asks it to end, and is not started any more. */
  async stop(limitMs: number): Promise<void> {
    this.#over = true;
    const timers: NodeJS.Timeout[] = [];
    await Promise.all(
      this.#all.map(async (child) => {
        if (hasEnded(child)) return;
        const ended = once(child, "exit");
        child.kill("SIGCONT");
        child.kill("SIGTERM");
        timers.push(setTimeout(() => child.kill("SIGKILL"), limitMs));
        await ended;
      }),
    );
    for (const timer of timers) clearTimeout(timer);
  }

  /** Ends all that there is of it, at once. */
  kill(): void {
    this.#over = true;
    for (const child of this.#all) if (!hasEnded(child)) child.kill("SIGKILL");
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
