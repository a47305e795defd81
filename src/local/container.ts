import { setTimeout as delay } from "node:timers/promises";
import type { ContainerStatus } from "#core/status.ts";
import type { Cage } from "./cgroup.ts";
import type { Isolation } from "./isolation.ts";
import { type Launched, launchProcess } from "./launch.ts";
import { LogFile } from "./log-file.ts";
import type { ContainerPlan } from "./pod-plan.ts";
import { askInside, askProbe, type Probe, type ProbeAnswer } from "./probe.ts";
import { membersOf, processTable, readProcess, residentBytes, signal } from "./processes.ts";
import { formatBytes } from "./quantity.ts";
import type { Records } from "./records.ts";

/** What a container needs of the machine. */
export interface ContainerHost {
  readonly isolation: Isolation;
  readonly records: Records;
  readonly clock: () => number;
  /** Milliseconds that a second of a manifest or of the back-off lasts: 1000, less in tests. */
  readonly secondMs: number;
  readonly changed: () => void;
}

/** Why a run ended. */
export interface Ending {
  readonly reason: "OOMKilled" | "Error" | "Completed";
  readonly exitCode: number;
  /** One sentence. */
  readonly message: string;
}

const backOffSecondsMin = 1;
const backOffSecondsMax = 60;
const resetSeconds = 60;
const unreadyPollMsMax = 250;
const lastWordsMs = 2000;
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** One container: its process, restarted with back-off when it ends, asked by its probes, until `stop`. */
export class Container {
  readonly #id: string;
  readonly #plan: ContainerPlan;
  readonly #host: ContainerHost;
  readonly #graceSeconds: number;
  readonly #log: LogFile;
  readonly #stopping = new AbortController();
  #life: Promise<void> = Promise.resolve();
  #run:
    | {
        readonly process: Launched;
        readonly cage: Cage;
        readonly startedAtMs: number;
        ready: boolean;
      }
    | undefined;
  #killed: { readonly reason: "OOMKilled" | "Error"; readonly message: string } | undefined;
  #last: Ending | undefined;
  #restarts = 0;
  #memoryBytes: number | undefined;
  #unready = "";
  #everReady = false;
  /** Crashed and not ready since. */
  #troubled = false;
  #waiting: { readonly reason: string; readonly message: string } | undefined = {
    reason: "ContainerCreating",
    message: "being started",
  };

  constructor(id: string, plan: ContainerPlan, host: ContainerHost, graceSeconds: number, logPath: string) {
    this.#id = id;
    this.#plan = plan;
    this.#host = host;
    this.#graceSeconds = graceSeconds;
    this.#log = new LogFile(logPath, host.clock);
  }

  start(): void {
    this.#life = this.#live().finally(() => this.#log.close());
  }

  /** SIGTERM, the grace period, SIGKILL; returns when no process of the container is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#terminate(), this.#life]);
  }

  status(): ContainerStatus {
    const run = this.#run;
    const limit = this.#plan.limits.memoryBytes;
    const memory = limit === undefined ? {} : { memoryLimitBytes: limit };
    const base = { name: this.#plan.name, restarts: this.#restarts, ...memory };
    if (run === undefined) {
      const exit = this.#last === undefined ? {} : { exitCode: this.#last.exitCode };
      return {
        ...base,
        state: this.#stopping.signal.aborted ? "terminated" : "waiting",
        ready: false,
        ...this.#waiting,
        ...exit,
      };
    }
    const measured = this.#memoryBytes === undefined ? {} : { memoryBytes: this.#memoryBytes };
    const message = run.ready || this.#unready === "" ? {} : { message: this.#unready };
    return {
      ...base,
      state: "running",
      ready: run.ready,
      pid: run.process.pid,
      startedAtMs: run.startedAtMs,
      ...measured,
      ...message,
    };
  }

  /** Why the pod is unhealthy because of this container; `undefined` when it is not, or not yet. */
  trouble(): string | undefined {
    const name = `container ${this.#plan.name}`;
    if (this.#run === undefined && this.#waiting?.reason !== "ContainerCreating")
      return `${name}: ${this.#waiting?.message ?? "is not running"}`;
    if (this.#troubled && this.#last !== undefined)
      return `${name} was restarted (${this.#restarts}) and is not ready yet; before: ${this.#last.message}`;
    if (this.#run !== undefined && !this.#run.ready && this.#everReady) return `${name} is not ready: ${this.#unready}`;
    return undefined;
  }

  /** Measures memory, and enforces what no cgroup does here. */
  async sample(table: Awaited<ReturnType<typeof processTable>> | undefined): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    const inside = await run.cage.pids();
    const members = inside === undefined ? membersOf(run.process.pid, table ?? []) : inside.map((pid) => ({ pid }));
    const bytes = await residentBytes(members);
    if (run !== this.#run) return;
    this.#memoryBytes = bytes;
    const { memoryBytes, processes } = this.#plan.limits;
    if (memoryBytes !== undefined && bytes > memoryBytes && !this.#host.isolation.limits("memory")) {
      this.#kill(
        run.process,
        "OOMKilled",
        `used ${formatBytes(bytes)} of memory, above its limit of ${formatBytes(memoryBytes)}; raise its memory limit or keep less`,
      );
    } else if (members.length > processes && !this.#host.isolation.limits("processes")) {
      this.#kill(run.process, "Error", `had ${members.length} processes, above the limit of ${processes}`);
    }
  }

  #kill(process: Launched, reason: "OOMKilled" | "Error", message: string): void {
    this.#killed ??= { reason, message };
    signal(-process.pid, "SIGKILL");
  }

  async #live(): Promise<void> {
    const { clock, secondMs, changed } = this.#host;
    let backOffSeconds = backOffSecondsMin;
    while (!this.#stopping.signal.aborted) {
      const startedMs = clock();
      const ending = await this.#runOnce().catch(unstartable);
      this.#last = ending;
      this.#run = undefined;
      this.#memoryBytes = undefined;
      this.#log.note(`the container ${ending.message}`);
      if (this.#stopping.signal.aborted) break;
      if (clock() - startedMs >= resetSeconds * secondMs) backOffSeconds = backOffSecondsMin;
      this.#troubled = true;
      const reason = ending.reason === "OOMKilled" ? "OOMKilled" : "CrashLoopBackOff";
      this.#waiting = { reason, message: `${ending.message}; it is started again after ${backOffSeconds} s` };
      changed();
      await delay(backOffSeconds * secondMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      backOffSeconds = Math.min(backOffSeconds * 2, backOffSecondsMax);
      this.#restarts += 1;
    }
    this.#waiting = { reason: this.#last?.reason ?? "Completed", message: "stopped" };
    changed();
  }

  async #runOnce(): Promise<Ending> {
    const { isolation, records, clock, changed } = this.#host;
    this.#killed = undefined;
    this.#unready = "";
    this.#log.startRun();
    const cage = await isolation.cage(this.#id, this.#plan.limits);
    const process = await this.#launch(cage);
    const output = Promise.all([
      this.#log.follow(process.stdout, "stdout"),
      this.#log.follow(process.stderr, "stderr"),
    ]);
    const { startup, readiness } = this.#plan;
    this.#run = { process, cage, startedAtMs: clock(), ready: false };
    const over = new AbortController();
    if (this.#stopping.signal.aborted) process.release();
    else process.go();
    if (startup === undefined && readiness === undefined) this.#setReady(true, "");
    changed();
    const probing = this.#probeAll(process, over.signal);
    const exit = await process.exited;
    over.abort();
    const oomKills = await cage.oomKills();
    await this.#clear(process, cage, output);
    await probing;
    records.remove(this.#id);
    return this.#describe(exit, oomKills);
  }

  /** Starts the process, which waits until its record is on disk; a fault leaves neither behind. */
  async #launch(cage: Cage): Promise<Launched> {
    const { isolation, records } = this.#host;
    try {
      const process = await launchProcess(this.#plan.launch, isolation.tools, cage);
      const row = await readProcess(process.pid);
      try {
        if (row !== undefined) records.add(this.#id, { pid: process.pid, started: row.started });
      } catch (error) {
        process.release();
        throw error;
      }
      return process;
    } catch (error) {
      await cage.remove();
      throw error;
    }
  }

  /** Ends what the first process left behind, so that a restart never meets it. */
  async #clear(process: Launched, cage: Cage, output: Promise<unknown>): Promise<void> {
    signal(-process.pid, "SIGKILL"); // The watcher still holds the group's number.
    process.release();
    await cage.remove();
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const left = membersOf(process.pid, await processTable());
      if (left.length === 0) break;
      for (const { pid } of left) signal(pid, "SIGKILL");
      await delay(10);
    }
    // Its last words are still in the pipes; someone who left the group and holds them open is not waited for.
    await Promise.race([output, delay(lastWordsMs, undefined, { ref: false })]);
    process.stdout.destroy();
    process.stderr.destroy();
    await output;
  }

  #describe(exit: Awaited<Launched["exited"]>, oomKills: number): Ending {
    const said = this.#log.lastErrorLine === "" ? "" : `: ${this.#log.lastErrorLine}`;
    const exitCode = exit.code ?? 128 + (signalNumbers[exit.signal ?? ""] ?? 0);
    const limit = this.#plan.limits.memoryBytes;
    const of = limit === undefined ? "" : ` of ${formatBytes(limit)}`;
    if (this.#killed !== undefined) return { reason: this.#killed.reason, exitCode, message: this.#killed.message };
    if (oomKills > 0) {
      return {
        reason: "OOMKilled",
        exitCode,
        message: `was OOMKilled: it reached its memory limit${of}; raise the limit or keep less`,
      };
    }
    if (exitCode === 134 && limit !== undefined && this.#log.sawHeapLimit) {
      return {
        reason: "OOMKilled",
        exitCode,
        message: `ran out of JavaScript heap below its memory limit${of} (OOMKilled); raise the limit or keep less`,
      };
    }
    if (exit.signal !== null) return { reason: "Error", exitCode, message: `was ended by ${exit.signal}${said}` };
    return {
      reason: exitCode === 0 ? "Completed" : "Error",
      exitCode,
      message: `ended with exit code ${exitCode}${said}`,
    };
  }

  async #terminate(): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    signal(run.process.pid, "SIGTERM");
    const grace = new AbortController();
    const ended = run.process.exited.then(() => grace.abort());
    const late = await delay(this.#graceSeconds * this.#host.secondMs, true, { signal: grace.signal }).catch(
      () => false,
    );
    if (late) {
      this.#log.note(`did not end within ${this.#graceSeconds} s of SIGTERM and is killed`);
      signal(-run.process.pid, "SIGKILL");
      signal(run.process.pid, "SIGKILL");
    }
    await ended;
  }

  #setReady(ready: boolean, seen: string): void {
    const run = this.#run;
    if (run === undefined) return;
    const changed = run.ready !== ready || (!ready && this.#unready !== seen);
    run.ready = ready;
    this.#unready = ready ? "" : seen;
    if (ready) {
      this.#everReady = true;
      this.#troubled = false;
    }
    if (changed) this.#host.changed();
  }

  async #probeAll(process: Launched, over: AbortSignal): Promise<void> {
    const { startup, liveness, readiness } = this.#plan;
    if (startup !== undefined && !(await this.#awaitStartup(startup, process, over))) return;
    if (over.aborted) return;
    if (readiness === undefined) this.#setReady(true, "");
    await Promise.all([
      readiness === undefined
        ? undefined
        : this.#watch(readiness, process, over, (good, seen) => this.#setReady(good, seen)),
      liveness === undefined
        ? undefined
        : this.#watch(liveness, process, over, (good, seen) => {
            if (!good) this.#restartFor(`failed its liveness probe ${liveness.failureThreshold} times: ${seen}`);
          }),
    ]);
  }

  #restartFor(message: string): void {
    if (this.#killed !== undefined || this.#stopping.signal.aborted) return;
    this.#killed = { reason: "Error", message };
    void this.#terminate();
  }

  /** Asks often, so that a quick start shows at once; gives up after the time that the manifest's period and threshold make. */
  async #awaitStartup(probe: Probe, process: Launched, over: AbortSignal): Promise<boolean> {
    const { secondMs } = this.#host;
    await this.#pause(probe.initialDelaySeconds * secondMs, over);
    const everyMs = Math.min(unreadyPollMsMax, probe.periodSeconds * secondMs);
    const attempts = Math.ceil((probe.failureThreshold * probe.periodSeconds * secondMs) / everyMs);
    let seen = "";
    for (let attempt = 0; attempt < attempts && !over.aborted; attempt += 1) {
      const answer = await this.#ask(probe, process);
      if (answer.good) return true;
      seen = answer.seen;
      this.#setReady(false, seen);
      await this.#pause(everyMs, over);
    }
    if (!over.aborted)
      this.#restartFor(`did not start within ${probe.failureThreshold * probe.periodSeconds} s: ${seen}`);
    return false;
  }

  /** Tells each change of a probe's verdict, after as many answers as the thresholds ask. */
  async #watch(
    probe: Probe,
    process: Launched,
    over: AbortSignal,
    tell: (good: boolean, seen: string) => void,
  ): Promise<void> {
    const { secondMs } = this.#host;
    await this.#pause(probe.initialDelaySeconds * secondMs, over);
    let failures = 0;
    let successes = 0;
    while (!over.aborted) {
      const { good, seen } = await this.#ask(probe, process);
      if (over.aborted) return;
      failures = good ? 0 : failures + 1;
      successes = good ? successes + 1 : 0;
      if (good && successes >= probe.successThreshold) tell(true, seen);
      if (failures >= probe.failureThreshold) tell(false, seen);
      const everyMs = probe.periodSeconds * secondMs;
      const unready = this.#run?.ready === false && !this.#everReady;
      await this.#pause(
        unready && probe === this.#plan.readiness ? Math.min(unreadyPollMsMax, everyMs) : everyMs,
        over,
      );
    }
  }

  #ask(probe: Probe, process: Launched): Promise<ProbeAnswer> {
    const { networkless } = this.#host.isolation.tools;
    const timeoutMs = Math.max(100, probe.timeoutSeconds * this.#host.secondMs);
    if (!this.#plan.launch.networkless || networkless === undefined) return askProbe(probe, timeoutMs);
    return askInside(probe, timeoutMs, process.pid, networkless);
  }

  async #pause(ms: number, over: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal: over }).catch(() => undefined);
  }
}

/** The machine refused to start it: no memory, no disk, a program that is not there. Tried again with back-off, as any other end. */
function unstartable(error: unknown): Ending {
  return {
    reason: "Error",
    exitCode: 126,
    message: `could not be started: ${error instanceof Error ? error.message : String(error)}`,
  };
}
