import { type Decimal, formatDecimal } from "#core/decimal.ts";
import type { JsonValue } from "#core/json.ts";
import {
  type AlgorithmLog,
  type AlgorithmStart,
  type PortfolioNow,
  parseTimer,
  type TimerSpec,
  type Writer,
} from "./algorithm.ts";
import { Indicators } from "./indicators.ts";
import { SplitMix64 } from "./random.ts";
import type { Wager } from "./slots.ts";

/** Log lines of one call; more are dropped and counted in a last one. */
const logsMax = 200;
const none: readonly never[] = Object.freeze([]);

interface Common {
  readonly clock: object;
  readonly random: () => number;
  readonly log: object;
  readonly params: unknown;
  readonly mode: unknown;
}

/** The `context` argument: one object for the algorithm's life, whose answers are those of the current call. */
export class ModuleContext {
  #random = new SplitMix64(0n);
  readonly #indicators = new Indicators();
  #timers: TimerSpec[] | undefined;
  view: Pick<Common, "params" | "mode"> = { params: {}, mode: "paper" };
  #nowUs = 0;
  #portfolio: PortfolioNow = { cash: "0", equity: "0", positions: {}, bet: "0" };
  #logs: AlgorithmLog[] = [];
  #dropped = 0;
  /** A sizing of the strategy's own; without one the executor has said what is bet. */
  #sizing: ((wager: Wager) => Decimal | undefined) | undefined;

  begin({ params, mode, seed }: AlgorithmStart): void {
    this.#random = new SplitMix64(BigInt(seed));
    this.#timers = [];
    this.#sizing = undefined;
    this.view = deepFreeze({
      ...this.#common(structuredClone(params), mode),
      portfolio: this.#holdings({ optimize: (data: unknown) => this.#bet(data) }),
      indicators: this.#indicators,
      every: (seconds: unknown, name: unknown) => this.#every(seconds, name),
    });
  }

  /** The context of a sizing or a guard: its own indicators, no timers, and no sizing to ask. */
  slotView(indicators: Indicators): object {
    return deepFreeze({ ...this.#common(this.view.params, this.view.mode), portfolio: this.#holdings({}), indicators });
  }

  sizeWith(sizing: (wager: Wager) => Decimal | undefined): void {
    this.#sizing = sizing;
  }

  #common(params: unknown, mode: unknown): Common {
    const log = (level: AlgorithmLog["level"]) => (message: unknown) => this.#log(level, String(message));
    return {
      clock: { now: () => this.#nowUs },
      random: () => this.#random.next(),
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      params,
      mode,
    };
  }

  #holdings(methods: object): object {
    return Object.defineProperties(methods, {
      cash: { enumerable: true, get: () => this.#portfolio.cash },
      equity: { enumerable: true, get: () => this.#portfolio.equity },
      positions: { enumerable: true, get: () => Object.freeze(this.#portfolio.positions) },
      orders: { enumerable: true, get: () => deepFreeze(this.#portfolio.orders ?? none) },
    });
  }

  #bet(data: unknown): string {
    const { bet: most } = this.#portfolio;
    const { sid, quote, close, price = quote ?? close } = Object(data) as { readonly [key: string]: unknown };
    const texts = Object.entries({ sid, price }).filter(([, value]) => typeof value === "string");
    const bet = this.#sizing?.({ ...Object.fromEntries(texts), most });
    return bet === undefined ? most : formatDecimal(bet);
  }

  /** Those that `initialize` asked for; from here on there are no more. */
  endTimers(): readonly TimerSpec[] {
    const timers = this.#timers ?? [];
    this.#timers = undefined;
    return timers;
  }

  /** What is kept beside the algorithm's own state. */
  save(): { readonly [key: string]: JsonValue } {
    const indicators = this.#indicators.save();
    const random = this.#random.state.toString(16);
    return indicators === undefined ? { random } : { random, indicators };
  }

  /** Random numbers go on where code and params are the same; indicators are known by their name and length. */
  load(saved: JsonValue, { same }: Pick<Writer, "same">): void {
    const { random, indicators } = Object(saved) as { readonly random?: JsonValue; readonly indicators?: JsonValue };
    if (same && typeof random === "string") this.#random.state = BigInt(`0x${random}`);
    this.#indicators.load(indicators);
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

  #every(seconds: unknown, name: unknown): void {
    if (this.#timers === undefined) throw new Error("timers are asked for in initialize()");
    const timer = parseTimer(seconds, name, this.#timers);
    if (!timer.ok) throw new RangeError(timer.error.message);
    this.#timers.push(timer.value);
  }

  #log(level: AlgorithmLog["level"], message: string): void {
    if (this.#logs.length >= logsMax) this.#dropped += 1;
    else this.#logs.push({ level, message: message.slice(0, 2_000) });
  }
}

/** Plain data and the context are frozen all the way down; getters are left alone. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const { value: item } of Object.values(Object.getOwnPropertyDescriptors(value))) {
    if (item !== undefined) deepFreeze(item);
  }
  return Object.freeze(value);
}
