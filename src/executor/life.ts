import type { Bus } from "#bus/client.ts";
import { stateMessage } from "./reports.ts";
import { connectExecutor, type Started, type StartOptions, startExecutor } from "./start.ts";

export interface LifeOptions extends Omit<StartOptions, "exit"> {
  readonly rssBytes: () => number;
  /** Lines of the algorithm that the process itself dropped. */
  readonly linesDropped: () => number;
  /** Ends the process at once. */
  readonly end: (code: ExitCode) => void;
}

/** 0 asked to stop, 1 fault, 2 refused. */
export type ExitCode = 0 | 1 | 2;

const tickMs = 250;
const stopMsMax = 4_000;
const flushMsMax = 1_000;

/** One life of an executor, from its connection to its end. */
export class Life {
  readonly #options: LifeOptions;
  #bus: Bus | undefined;
  #started: Started | undefined;
  #leaving = false;

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  /** Once it trades. */
  get started(): Started | undefined {
    return this.#started;
  }

  get connected(): boolean {
    return this.#bus?.connected === true;
  }

  /** Settles when it trades, or has begun to end. @throws Fault what the algorithm or the bus does; said on the bus before */
  async run(): Promise<void> {
    const { nowMs, rssBytes, linesDropped } = this.#options;
    const options = { ...this.#options, exit: (code: 0 | 1) => void this.leave(code) };
    this.#bus = await connectExecutor(options);
    try {
      const started = await startExecutor(options, this.#bus);
      if (!started.ok) {
        this.#tell("faulted", started.error.message);
        return void this.leave(2, started.error.message);
      }
      this.#started = started.value;
    } catch (cause) {
      this.#tell("faulted", cause instanceof Error ? cause.message : String(cause));
      throw cause;
    }
    this.#bus.onConnection((now) => {
      if (now === "connected" && options.store.superseded)
        void this.leave(1, "another executor was started with the same state; this one ends");
    });
    const { loop, door } = this.#started;
    setInterval(() => {
      const logLinesDropped = loop.logLinesDropped + linesDropped();
      const { refilled } = door.counters;
      loop.dispatch({ type: "tick", rssBytes: rssBytes(), logLinesDropped, refilled, nowMs: nowMs() });
    }, tickMs);
  }

  /** Ends it in time, whatever the algorithm does. */
  stop(): void {
    setTimeout(() => this.#options.end(0), stopMsMax).unref();
    if (this.#started === undefined) {
      this.#tell("stopped", "asked to stop");
      void this.leave(0, "asked to stop before it traded");
    } else this.#started.loop.dispatch({ type: "stop", reason: "asked to stop", nowMs: this.#options.nowMs() });
  }

  /** What nobody caught. */
  fault(message: string): void {
    if (this.#started === undefined) void this.leave(1, message);
    else this.#started.loop.dispatch({ type: "fault", message, nowMs: this.#options.nowMs() });
  }

  /** Lets what is published go out, then ends. The first reason counts. */
  async leave(code: ExitCode, why?: string): Promise<void> {
    const { log, end } = this.#options;
    if (this.#leaving) return;
    this.#leaving = true;
    if (why !== undefined) log(code === 0 ? "info" : "error", why);
    setTimeout(() => end(code), 2 * flushMsMax + 1_000).unref();
    try {
      await this.#started?.close();
      // Without a DISCONNECT the will would overwrite `stopped` or `faulted` with `offline`.
      await this.#bus?.close();
    } catch (cause) {
      log("error", `while ending: ${String(cause)}`);
    }
    end(code);
  }

  #tell(status: "faulted" | "stopped", reason: string): void {
    const { effective, store, nowMs } = this.#options;
    const settings = { epoch: store.epoch, digest: undefined };
    const state = { status, reason, warmedBy: undefined, settings };
    const topic = `strat/${effective.team}/${effective.name}/state`;
    // Settled when the connection is closed, one way or the other.
    this.#bus?.publish(topic, stateMessage(state, nowMs()), { qos: 1, retain: true }).catch(() => undefined);
  }
}
