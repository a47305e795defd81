import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { descriptionBytesMax } from "#core/description.ts";
import type { JsonValue } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import type { SlotName } from "#core/slots.ts";
import {
  type Algorithm,
  type AlgorithmCommand,
  AlgorithmError,
  type AlgorithmFacts,
  type AlgorithmLog,
  type AlgorithmStart,
  deadlinesMs,
  type Outcome,
  type PortfolioNow,
  type Said,
  snapshotBytesMax,
  type TimerTurn,
  type Writer,
} from "./algorithm.ts";
import { parseDecisions } from "./decisions.ts";
import type { Indicators } from "./indicators.ts";
import { ModuleContext } from "./module-context.ts";
import { ModuleSlots } from "./module-slots.ts";
import { Places } from "./places.ts";
import { whyNotPlain } from "./plain.ts";
import type { Checked, ProposedOrder, Sized, Wager } from "./slots.ts";
import { Watchdog } from "./watchdog.ts";

type Callable = (...parameters: readonly unknown[]) => unknown;

/** The wire's names for the hooks, and the methods that are them. */
const hooks = [
  ["warm", "warm"],
  ["on_order", "onOrder"],
  ["on_timer", "onTimer"],
  ["on_command", "onCommand"],
  ["snapshot", "snapshot"],
  ["restore", "restore"],
  ["stop", "stop"],
] as const;

export interface ModuleOptions {
  readonly path: string;
  /** The author's file, of which the module was made. */
  readonly entry: string;
  /** Where its source map stands, if there is one. */
  readonly mapFile: string;
}

/** A module's file before anything of it has run. */
export interface ModuleFile {
  readonly file: string;
  readonly sha256: string;
  readonly places: Places;
}

/** @throws Fault `algorithm-missing` */
export function readModule({ path, entry, mapFile }: ModuleOptions): ModuleFile {
  const file = resolve(path);
  try {
    const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
    return { file, sha256, places: new Places({ file, sha256, mapFile, entry }) };
  } catch (cause) {
    throw new Fault("algorithm-missing", `the algorithm ${path} cannot be read`, { cause });
  }
}

/**
 * Loads a bundled ECMAScript module whose default export is an algorithm: a class or an object (sdk/typescript). It runs in this process and
 * shares its event loop, so one that never returns takes the probes with it; while it starts and ends, a watchdog sees to that.
 *
 * @throws AlgorithmError when the module or the class throws while it loads
 */
export async function loadModule({ file, sha256, places }: ModuleFile): Promise<Algorithm> {
  try {
    const loaded: unknown = await import(pathToFileURL(file).href);
    const exported: unknown = Reflect.get(Object(loaded), "default");
    const watchdog = new Watchdog();
    const make = (): unknown => (isClass(exported) ? Reflect.construct(exported, []) : exported);
    const instance = watchdog.call("constructor", deadlinesMs.initialize, make);
    return new ModuleAlgorithm(instance, Object(loaded), { places, watchdog, digest: sha256 });
  } catch (thrown) {
    throw isFault(thrown) ? thrown : places.blame(thrown);
  }
}

class ModuleAlgorithm implements Algorithm {
  readonly #instance: unknown;
  readonly #exports: object;
  readonly #places: Places;
  readonly #watchdog: Watchdog;
  readonly #digest: string;
  readonly #context: ModuleContext = new ModuleContext();
  #slots: ModuleSlots | undefined;

  /** @param exported the module's exports: sizing and guard are among them, where the spec says so */
  constructor(
    instance: unknown,
    exported: object,
    { places, watchdog, digest }: { readonly places: Places; readonly watchdog: Watchdog; readonly digest: string },
  ) {
    this.#instance = instance;
    this.#exports = exported;
    this.#places = places;
    this.#watchdog = watchdog;
    this.#digest = digest;
    for (const name of ["initialize", "event"]) {
      if (this.#method(name) === undefined) throw places.fault(`the module's default export has no ${name}()`);
    }
  }

  async describe(): Promise<unknown> {
    const owner =
      this.#method("describe") === undefined ? Reflect.get(Object(this.#instance), "constructor") : this.#instance;
    const describe: unknown = Reflect.get(Object(owner), "describe");
    if (typeof describe !== "function") return undefined;
    return this.#guard(async () => {
      const said = await this.#watchdog.call("describe()", deadlinesMs.hello, () => describe.call(owner));
      return this.#json("describe()", said, descriptionBytesMax, describe);
    });
  }

  async initialize(start: AlgorithmStart): Promise<AlgorithmFacts> {
    this.#context.begin(start);
    return this.#guard(async () => {
      const channels = await this.#watched("initialize", [this.#context.view.params, this.#context.view]);
      const timers = this.#context.endTimers();
      if (!Array.isArray(channels) || !channels.every((channel) => typeof channel === "string")) {
        const message = "initialize() must return the channels it wants, a list of strings";
        throw this.#places.fault(message, this.#method("initialize"));
      }
      const what = "initialize() of the portfolio's code";
      this.#watchdog.call(what, deadlinesMs.initialize, () => this.#open(start));
      const found = hooks.filter(([, method]) => this.#method(method) !== undefined).map(([hook]) => hook);
      const takesOther = (this.#method("restore")?.length ?? 0) >= 2 ? ["restore_other"] : [];
      return { channels, hooks: new Set([...found, ...takesOther]), timers, digest: this.#digest };
    });
  }

  /** Sizing and guard, if the spec names files for them. */
  #open({ slots = {} }: AlgorithmStart): void {
    if (Object.keys(slots).length === 0) return;
    const exported = (name: SlotName): unknown => Reflect.get(this.#exports, name);
    const view = (indicators: Indicators): object => this.#context.slotView(indicators);
    const opened = new ModuleSlots(slots, exported, view, this.#context.view.params);
    this.#slots = opened;
    if (slots.sizing !== undefined) this.#context.sizeWith((wager) => opened.optimize(wager));
  }

  async warm(data: object, nowUs: number, portfolio: PortfolioNow): Promise<void> {
    this.#context.turn(nowUs, portfolio);
    await this.#guard(async () => {
      this.#slots?.observe(data);
      await this.#watched("warm", [data, this.#context.view], this.#method("warm") === undefined ? "event" : "warm");
    });
    this.#context.takeLogs();
  }

  event(data: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("event", data, nowUs, portfolio);
  }

  async optimize(wager: Wager, nowUs: number, portfolio: PortfolioNow): Promise<Sized> {
    this.#context.turn(nowUs, portfolio);
    return this.#guard(() => {
      const bet = this.#slots?.optimize(wager);
      if (bet === undefined) throw this.#places.fault("there is no sizing of the strategy's own");
      return { bet, ...this.#said() };
    });
  }

  async check(order: ProposedOrder, nowUs: number, portfolio: PortfolioNow): Promise<Checked> {
    this.#context.turn(nowUs, portfolio);
    const verdict = await this.#guard(() => this.#slots?.check(order));
    return { ...(verdict === undefined ? {} : { verdict }), ...this.#said() };
  }

  order(event: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("onOrder", event, nowUs, portfolio);
  }

  timer(turn: TimerTurn, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("onTimer", turn, turn.time, portfolio);
  }

  command(command: AlgorithmCommand, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("onCommand", command, nowUs, portfolio);
  }

  async snapshot(): Promise<JsonValue> {
    return this.#guard(async () => {
      const hook = this.#method("snapshot");
      const state = hook === undefined ? null : await this.#watched("snapshot", []);
      const copy = this.#json("snapshot()", state ?? null, snapshotBytesMax, hook);
      const slots = this.#slots?.save();
      const kept = slots === undefined ? {} : { slots: this.#json("snapshot()", slots, snapshotBytesMax) };
      return { state: copy, ...this.#context.save(), ...kept };
    });
  }

  async restore(saved: JsonValue, writer: Writer): Promise<boolean> {
    const { state = null, slots } = Object(saved) as { readonly state?: JsonValue; readonly slots?: JsonValue };
    if (state === null && !writer.same) return false;
    return this.#guard(async () => {
      this.#context.load(saved, writer);
      this.#slots?.load(slots, writer);
      if (state !== null) await this.#watched("restore", [state, writer]);
      return true;
    });
  }

  async stop(reason: string): Promise<readonly AlgorithmLog[]> {
    await this.#guard(() => this.#watched("stop", [reason, this.#context.view]));
    return this.#context.takeLogs();
  }

  onEnd(): void {
    // It ends with this process.
  }

  close(): void {
    // It has nothing that outlives the process.
  }

  async #decide(name: string, data: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    this.#context.turn(nowUs, portfolio);
    return this.#guard(async () => {
      const method = this.#method(name);
      if (name === "event") this.#slots?.observe(data);
      // What it answers is looked at in here, too: it may throw then.
      const decisions = parseDecisions(await method?.apply(this.#instance, [data, this.#context.view]));
      if (!decisions.ok) throw this.#places.fault(decisions.error.message, method);
      return { decisions: decisions.value, ...this.#said() };
    });
  }

  /** What was logged in the call that ends now. */
  #said(): Said {
    const dropped = this.#context.dropped === 0 ? {} : { linesDropped: this.#context.dropped };
    return { logs: this.#context.takeLogs(), ...dropped };
  }

  /** What it answered, as a copy that is plain data. */
  #json(call: string, value: unknown, bytesMax: number, by?: unknown): JsonValue {
    const why = whyNotPlain(value, call);
    if (why !== undefined) throw this.#places.fault(why, by);
    const text = JSON.stringify(value);
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > bytesMax) throw this.#places.fault(`${call} answered ${sizeBytes} bytes; at most ${bytesMax}`, by);
    return JSON.parse(text);
  }

  /** A call of the module's code; what it throws is its author's, and comes with what it said before. */
  async #guard<Value>(call: () => Value | Promise<Value>): Promise<Value> {
    try {
      return await call();
    } catch (thrown) {
      if (isFault(thrown)) throw thrown;
      const { message, place, traceback } = this.#places.blame(thrown);
      throw new AlgorithmError(message, { place, traceback, said: this.#said() });
    }
  }

  #method(name: string): Callable | undefined {
    const found: unknown = Reflect.get(Object(this.#instance), name);
    return typeof found === "function" ? (found as Callable) : undefined;
  }

  /** A call that is rare enough for the watchdog. */
  #watched(call: keyof typeof deadlinesMs, parameters: readonly unknown[], method: string = call): unknown {
    const name = method === call ? `${method}()` : `${method}(), called for ${call}(),`;
    const hook = this.#method(method);
    if (hook === undefined) return undefined;
    return this.#watchdog.call(name, deadlinesMs[call], () => hook.apply(this.#instance, [...parameters]));
  }
}

/** What is thrown may throw again when it is asked what it is. */
function isFault(thrown: unknown): thrown is Fault {
  try {
    return thrown instanceof Fault;
  } catch {
    return false;
  }
}

function isClass(value: unknown): value is new () => unknown {
  return typeof value === "function";
}
