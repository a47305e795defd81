import { setTimeout as delay } from "node:timers/promises";
import type { ContainerStatus } from "#core/status.ts";
import type { Cage } from "./cgroup.ts";
import { describeEnding, type Ended, type Ending, type EndingText, type Killed, unstartable } from "./ending.ts";
import type { Isolation } from "./isolation.ts";
import { type Launched, launchProcess } from "./launch.ts";
import { LogFile } from "./log-file.ts";
import type { ContainerPlan } from "./pod-plan.ts";
import { watchProbes } from "./probing.ts";
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

const backOffSecondsMin = 1;
const backOffSecondsMax = 60;
const resetSeconds = 60;
const lastWordsMs = 2000;

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
  #killed: Killed | undefined;
  #last: Ending | undefined;
  /** Its process has ended, and why is being found out. */
  #closing = false;
  #restarts = 0;
  #memoryBytes: number | undefined;
  #unready = "";
  #everReady = false;
  /** Crashed and not ready since. */
  #troubled = false;
  #waiting: Pick<ContainerStatus, "reason" | "message" | "startsAgainAtMs"> = {
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
    const dropped = this.#log.linesDropped === 0 ? {} : { logLinesDropped: this.#log.linesDropped };
    const base = { name: this.#plan.name, restarts: this.#restarts, ...memory, ...dropped };
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

  /** Its process has ended, and why is not known yet. */
  get closing(): boolean {
    return this.#closing;
  }

  /** How its last run ended; `undefined` when none has. */
  ended(): Ended | undefined {
    if (this.#last === undefined) return undefined;
    return { container: this.#plan.name, ending: this.#last, recovered: !this.#troubled };
  }

  /** Why it is not ready though it was; `undefined` when it is, when it has not been yet, or when it ended. */
  unready(): string | undefined {
    if (this.#run === undefined || this.#run.ready || !this.#everReady || this.#troubled) return undefined;
    return `container ${this.#plan.name} is not ready: ${this.#unready}`;
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
        `was OOMKilled: it used ${formatBytes(bytes)} of memory, above its limit of ${formatBytes(memoryBytes)}`,
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
      const startedAtMs = clock();
      const ended = await this.#runOnce().catch((error: unknown) => ({ ...unstartable(error), endedAtMs: clock() }));
      const ending = { ...ended, startedAtMs };
      this.#last = ending;
      this.#run = undefined;
      this.#closing = false;
      this.#memoryBytes = undefined;
      this.#log.note(`the container ${ending.message}`);
      if (this.#stopping.signal.aborted) break;
      if (clock() - startedAtMs >= resetSeconds * secondMs) backOffSeconds = backOffSecondsMin;
      this.#troubled = true;
      // Kubernetes says `CrashLoopBackOff` to all of them; the first two say more.
      const reason = ending.reason === "Error" ? "CrashLoopBackOff" : ending.reason;
      const startsAgainAtMs = clock() + backOffSeconds * secondMs;
      this.#waiting = { reason, message: ending.message, startsAgainAtMs };
      changed();
      await delay(backOffSeconds * secondMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      backOffSeconds = Math.min(backOffSeconds * 2, backOffSecondsMax);
      this.#restarts += 1;
    }
    this.#waiting = { reason: this.#last?.reason ?? "Completed", message: "stopped" };
    changed();
  }

  async #runOnce(): Promise<EndingText & { readonly endedAtMs: number }> {
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
    this.#run = { process, cage, startedAtMs: clock(), ready: false };
    const over = new AbortController();
    if (this.#stopping.signal.aborted) process.release();
    else process.go();
    if (this.#plan.startup === undefined && this.#plan.readiness === undefined) this.#setReady(true, "");
    changed();
    const probing = watchProbes({
      ...this.#plan,
      networklessPid: this.#plan.launch.networkless ? process.pid : undefined,
      tools: isolation.tools,
      secondMs: this.#host.secondMs,
      over: over.signal,
      eager: () => this.#run?.ready === false && !this.#everReady,
      lastLine: () => this.#log.lastLine,
      onReady: (ready, seen) => this.#setReady(ready, seen),
      onDead: (message) => this.#restartFor(message),
    });
    const exit = await process.exited;
    const endedAtMs = clock();
    this.#closing = true;
    over.abort();
    const oomKills = await cage.oomKills();
    await this.#clear(process, cage, output);
    await probing;
    records.remove(this.#id);
    return { ...this.#describe(exit, oomKills, endedAtMs), endedAtMs };
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

  #describe(exit: Awaited<Launched["exited"]>, oomKills: number, endedAtMs: number): EndingText {
    return describeEnding({
      exit,
      oomKills,
      killed: this.#killed,
      heapFull: this.#log.sawHeapLimit,
      memoryBytes: this.#plan.limits.memoryBytes,
      lastWords: this.#log.lastWords(endedAtMs),
      asked: this.#stopping.signal.aborted,
    });
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

  #restartFor(message: string): void {
    if (this.#killed !== undefined || this.#stopping.signal.aborted) return;
    this.#killed = { reason: "Error", message };
    void this.#terminate();
  }
}
