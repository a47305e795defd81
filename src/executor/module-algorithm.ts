import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { JsonValue } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import {
  type Algorithm,
  type AlgorithmFacts,
  type AlgorithmLog,
  type AlgorithmStart,
  deadlinesMs,
  type Outcome,
  type PortfolioNow,
} from "./algorithm.ts";
import { parseDecisions } from "./decisions.ts";
import { Places } from "./places.ts";
import { SplitMix64 } from "./random.ts";
import { Watchdog } from "./watchdog.ts";

type Callable = (...parameters: readonly unknown[]) => unknown;

/** The wire's names for the hooks, and the methods that are them. */
const hooks = [
  ["warm", "warm"],
  ["on_order", "onOrder"],
  ["snapshot", "snapshot"],
  ["restore", "restore"],
  ["stop", "stop"],
] as const;

/** Log lines of one call; more are dropped and counted in a last one. */
const logsMax = 200;

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
    return new ModuleAlgorithm(instance, { places, watchdog }, sha256);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : places.blame(thrown);
  }
}

class ModuleAlgorithm implements Algorithm {
  readonly #instance: unknown;
  readonly #places: Places;
  readonly #watchdog: Watchdog;
  readonly #digest: string;
  readonly #context: ModuleContext = new ModuleContext();

  constructor(
    instance: unknown,
    { places, watchdog }: { readonly places: Places; readonly watchdog: Watchdog },
    digest: string,
  ) {
    this.#instance = instance;
    this.#places = places;
    this.#watchdog = watchdog;
    this.#digest = digest;
    for (const name of ["initialize", "event"]) {
      if (this.#method(name) === undefined) throw places.fault(`the module's default export has no ${name}()`);
    }
  }

  async initialize(start: AlgorithmStart): Promise<AlgorithmFacts> {
    this.#context.begin(start);
    const channels = await this.#watched("initialize", [this.#context.view.params, this.#context.view]);
    if (!Array.isArray(channels) || !channels.every((channel) => typeof channel === "string")) {
      throw this.#places.fault("initialize() must return the channels it wants, a list of strings");
    }
    const found = hooks.filter(([, method]) => this.#method(method) !== undefined).map(([hook]) => hook);
    return { channels, hooks: new Set(found), digest: this.#digest };
  }

  async warm(data: object, nowUs: number, portfolio: PortfolioNow): Promise<void> {
    this.#context.turn(nowUs, portfolio);
    await this.#watched("warm", [data, this.#context.view], this.#method("warm") === undefined ? "event" : "warm");
    this.#context.takeLogs();
  }

  event(data: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("event", data, nowUs, portfolio);
  }

  order(event: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#decide("onOrder", event, nowUs, portfolio);
  }

  async snapshot(): Promise<JsonValue> {
    const state = this.#method("snapshot") === undefined ? null : await this.#watched("snapshot", []);
    let copy: JsonValue;
    try {
      copy = state === undefined ? null : JSON.parse(JSON.stringify(state));
    } catch (thrown) {
      throw this.#places.fault(`snapshot() must return JSON: ${String(thrown)}`);
    }
    return { state: copy, random: this.#context.random.state.toString(16) };
  }

  async restore(saved: JsonValue): Promise<void> {
    const { state, random } = Object(saved) as { readonly state?: JsonValue; readonly random?: JsonValue };
    if (typeof random === "string") this.#context.random.state = BigInt(`0x${random}`);
    if (state === undefined || state === null || this.#method("restore") === undefined) return;
    await this.#watched("restore", [state]);
  }

  async stop(reason: string): Promise<readonly AlgorithmLog[]> {
    if (this.#method("stop") !== undefined) await this.#watched("stop", [reason, this.#context.view]);
    return this.#context.takeLogs();
  }

  onEnd(): void {
    // It ends with this process.
  }

  close(): void {
    // It has nothing that outlives the process.
  }

  async #decide(method: string, data: object, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    if (this.#method(method) === undefined) return { decisions: [], logs: [] };
    this.#context.turn(nowUs, portfolio);
    const decisions = parseDecisions(await this.#call(method, [data, this.#context.view]));
    if (!decisions.ok) throw this.#places.fault(decisions.error.message);
    const dropped = this.#context.dropped === 0 ? {} : { linesDropped: this.#context.dropped };
    return { decisions: decisions.value, logs: this.#context.takeLogs(), ...dropped };
  }

  #method(name: string): Callable | undefined {
    const found: unknown = Reflect.get(Object(this.#instance), name);
    return typeof found === "function" ? (found as Callable) : undefined;
  }

  async #call(name: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      return await this.#method(name)?.apply(this.#instance, [...parameters]);
    } catch (thrown) {
      throw this.#places.blame(thrown);
    }
  }

  /** A call that is rare enough for the watchdog. */
  async #watched(
    call: keyof typeof deadlinesMs,
    parameters: readonly unknown[],
    method: string = call,
  ): Promise<unknown> {
    const name = method === call ? `${method}()` : `${method}(), called for ${call}(),`;
    try {
      return await this.#watchdog.call(name, deadlinesMs[call], () =>
        this.#method(method)?.apply(this.#instance, [...parameters]),
      );
    } catch (thrown) {
      throw thrown instanceof Fault ? thrown : this.#places.blame(thrown);
    }
  }
}

/** The `context` argument: one object for the algorithm's life, whose answers are those of the current call. */
class ModuleContext {
  random = new SplitMix64(0n);
  view: { readonly params: unknown } = { params: {} };
  #nowUs = 0;
  #portfolio: PortfolioNow = { cash: "0", equity: "0", positions: {}, bet: "0" };
  #logs: AlgorithmLog[] = [];
  #dropped = 0;

  begin({ params, mode, seed }: AlgorithmStart): void {
    this.random = new SplitMix64(BigInt(seed));
    const log = (level: AlgorithmLog["level"]) => (message: unknown) => this.#log(level, String(message));
    const portfolio = Object.defineProperties(
      { optimize: () => this.#portfolio.bet },
      {
        cash: { enumerable: true, get: () => this.#portfolio.cash },
        equity: { enumerable: true, get: () => this.#portfolio.equity },
        positions: { enumerable: true, get: () => this.#portfolio.positions },
      },
    );
    this.view = deepFreeze({
      clock: { now: () => this.#nowUs },
      random: () => this.random.next(),
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      params: structuredClone(params),
      portfolio,
      mode,
    });
  }

  turn(nowUs: number, portfolio: PortfolioNow): void {
    this.#nowUs = nowUs;
    this.#portfolio = portfolio;
  }

  /** Lines of this call that went lost. */
  get dropped(): number {
    return this.#dropped;
  }

  takeLogs(): readonly AlgorithmLog[] {
    const logs = this.#logs;
    if (this.#dropped > 0) logs.push({ level: "warn", message: `${this.#dropped} more lines of this call dropped` });
    this.#logs = [];
    this.#dropped = 0;
    return logs;
  }

  #log(level: AlgorithmLog["level"], message: string): void {
    if (this.#logs.length >= logsMax) this.#dropped += 1;
    else this.#logs.push({ level, message: message.slice(0, 2_000) });
  }
}

function isClass(value: unknown): value is new () => unknown {
  return typeof value === "function";
}

/** Plain data and the context are frozen all the way down; getters are left alone. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const { value: item } of Object.values(Object.getOwnPropertyDescriptors(value))) {
    if (item !== undefined) deepFreeze(item);
  }
  return Object.freeze(value);
}
