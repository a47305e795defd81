import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers } from "#bus/loopback.ts";

/** A broker as a child process, in a folder of its own. */
export class BrokerProcess {
  readonly folder: string;
  readonly #argv: readonly string[];
  readonly port: number;
  #child: ChildProcess | undefined;
  #output = "";

  /** @param port where it answers when it is ready */
  constructor(name: string, port: number, argv: (folder: string) => readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), `${name}-`));
    this.#argv = argv(this.folder);
    this.port = port;
  }

  /** Everything it said since it was made. */
  get output(): string {
    return this.#output;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const [program = "", ...argv] = this.#argv;
    const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    const endMs = performance.now() + 20_000;
    while (!(await answers(this.port))) {
      if (child.exitCode !== null || performance.now() > endMs) throw new Error(`it did not start:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    child.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
