// One process in which many live and die: time that passes as events do, timers that belong to who set them, and steps at which a process may end.
import { AsyncLocalStorage } from "node:async_hooks";
import { SplitMix64 } from "#executor/random.ts";

/** What the port of a process throws when the process has ended: nothing of it is to go on. */
export class Killed extends Error {
  override readonly name = "Killed";
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly process: Process | undefined;
  readonly work: () => void;
  dropped: boolean;
}

/** Told of each step before it is done; it may end the process, or throw what the step shall throw. */
export type OnStep = (step: { readonly number: number; readonly process: Process; readonly label: string }) => void;

/** Where simulated time begins on the wall, milliseconds. */
const epochMs = 1_700_000_000_000;

/** A process of the simulation, from its start to its end. Its successor is another one. */
export class Process {
  readonly name: string;
  readonly sim: Sim;
  alive = true;
  paused = false;
  /** How far its clock on the wall is off. */
  skewMs = 0;
  readonly #held: Due[] = [];
  readonly #ends: ((how: "killed" | "ended") => void)[] = [];

  constructor(sim: Sim, name: string) {
    this.sim = sim;
    this.name = name;
  }

  wallMs(): number {
    return epochMs + this.sim.nowMs + this.skewMs;
  }

  /** Called by each port before it does something that others could see. */
  step(label: string): void {
    if (!this.alive) throw new Killed(this.name);
    this.sim.step(this, label);
    if (!this.alive) throw new Killed(this.name);
  }

  /** Runs as this process: timers and promises of it are the process's. */
  run<Value>(work: () => Value): Value {
    return this.sim.context.run(this, work);
  }

  after(ms: number, work: () => void): () => void {
    return this.sim.schedule(ms, work, this);
  }

  onEnd(handler: (how: "killed" | "ended") => void): void {
    this.#ends.push(handler);
  }

  /** kill −9, or the process's own last step. */
  end(how: "killed" | "ended"): void {
    if (!this.alive) return;
    this.alive = false;
    for (const handler of this.#ends.splice(0)) handler(how);
  }

  /** SIGSTOP: what comes waits. */
  pause(): void {
    this.paused = true;
  }

  /** SIGCONT: what waited comes at once, in its order. */
  resume(): void {
    this.paused = false;
    for (const due of this.#held.splice(0)) if (!due.dropped) this.sim.schedule(0, due.work, this);
  }

  hold(due: Due): void {
    this.#held.push(due);
  }
}

export class Sim {
  nowMs = 0;
  /** Steps taken so far, of all processes. */
  steps = 0;
  readonly context = new AsyncLocalStorage<Process>();
  readonly random: SplitMix64;
  /** What nobody caught, and that no fault explains. */
  readonly uncaught: unknown[] = [];
  readonly #onStep: OnStep;
  #queue: Due[] = [];
  #order = 0;
  #external = 0;

  constructor(seed: number, onStep: OnStep) {
    this.random = new SplitMix64(BigInt(seed));
    this.#onStep = onStep;
  }

  step(process: Process, label: string): void {
    this.steps += 1;
    this.#onStep({ number: this.steps, process, label });
  }

  /** A whole number from 0 to below `below`. */
  draw(below: number): number {
    return Math.floor(this.random.next() * below);
  }

  chance(percent: number): boolean {
    return percent > 0 && this.random.next() * 100 < percent;
  }

  schedule(ms: number, work: () => void, process?: Process): () => void {
    this.#order += 1;
    const due: Due = { atMs: this.nowMs + Math.max(0, ms), order: this.#order, process, work, dropped: false };
    // From the end: what is scheduled is mostly later than what waits.
    let at = this.#queue.length;
    while (at > 0 && isAfter(this.#queue[at - 1], due)) at -= 1;
    this.#queue.splice(at, 0, due);
    return () => {
      due.dropped = true;
    };
  }

  /** Time stands still until it has settled: for what Node does outside of the simulation, as loading a module. */
  async outside<Value>(promise: Promise<Value>): Promise<Value> {
    this.#external += 1;
    try {
      return await promise;
    } finally {
      this.#external -= 1;
    }
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await this.#settle();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#queue.shift();
      if (next.dropped || next.process?.alive === false) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      if (next.process?.paused === true) {
        next.process.hold(next);
        continue;
      }
      this.#do(next);
      await this.#settle();
    }
    this.nowMs = endMs;
  }

  #do({ process, work }: Due): void {
    try {
      if (process === undefined) work();
      else process.run(work);
    } catch (thrown) {
      this.caught(thrown, process);
    }
  }

  /** What came to the top of a process's stack. */
  caught(thrown: unknown, process?: Process): void {
    if (thrown instanceof Killed) return;
    if (process?.alive === true && this.onUncaught?.(thrown, process) === true) return;
    this.uncaught.push(thrown);
  }

  /** What a process does with an error that nobody caught; true: it is dealt with. */
  onUncaught: ((thrown: unknown, process: Process) => boolean) | undefined;

  /** Until every promise that can go on has. */
  async #settle(): Promise<void> {
    do await new Promise<void>((resolve) => realImmediate(resolve));
    while (this.#external > 0);
  }
}

function isAfter(a: Due | undefined, b: Due): boolean {
  return a !== undefined && (a.atMs > b.atMs || (a.atMs === b.atMs && a.order > b.order));
}

const realImmediate = setImmediate;
let current: Sim | undefined;

/** Puts the timers of this Node process into the simulation, once for all simulations that follow each other. */
export function installTimers(): void {
  Reflect.set(globalThis, "setTimeout", (work: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) =>
    timer(() => work(...given), ms, false),
  );
  Reflect.set(globalThis, "setInterval", (work: () => void, ms = 0) => timer(work, ms, true));
  const clear = (given: unknown): void => {
    if (given instanceof SimTimer) given.stop();
  };
  Reflect.set(globalThis, "clearTimeout", clear);
  Reflect.set(globalThis, "clearInterval", clear);
  Reflect.set(globalThis, "setImmediate", (work: () => void) => timer(work, 0, false));
}

export function enter(sim: Sim | undefined): void {
  current = sim;
}

function timer(work: () => void, ms: number, again: boolean): SimTimer {
  if (current === undefined) throw new Error("a timer outside of a simulation");
  const made = new SimTimer();
  const process = current.context.getStore();
  const sim = current;
  const arm = (): void => {
    made.stop = sim.schedule(
      ms,
      () => {
        if (again) arm();
        work();
      },
      process,
    );
  };
  arm();
  return made;
}

class SimTimer {
  stop: () => void = () => undefined;
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
}
