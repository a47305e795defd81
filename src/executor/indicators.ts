import type { JsonValue } from "#core/json.ts";

// The arithmetic is that of sdk/python/slipway/indicators.py, operation by operation, so that both languages get the same doubles.

/** A stream of values and what it has come to. `undefined` until there are enough. */
export interface Indicator {
  /** Takes the next value and answers what the indicator is now. @throws TypeError for what is no finite number of at most 1e100 */
  update(value: number): number | undefined;
  readonly value: number | undefined;
  /** Whether it has seen as many values as it needs. */
  readonly warm: boolean;
}

const kinds = ["sma", "ema", "stdev", "returns"] as const;
type Kind = (typeof kinds)[number];

/** In all, so that a snapshot with all of them stays small. */
const windowsMax = 20_000;
const magnitudeMax = 1e100;

/** The last `length` values, oldest first from `at` on, with their sum. */
class Window implements Indicator {
  readonly #kind: Exclude<Kind, "ema">;
  readonly #size: number;
  #values: number[] = [];
  #at = 0;
  #sum = 0;

  constructor(kind: Exclude<Kind, "ema">, length: number) {
    this.#kind = kind;
    // A return over `length` values needs the one before them.
    this.#size = kind === "returns" ? length + 1 : length;
  }

  update(value: number): number | undefined {
    const next = finite(value);
    if (this.#values.length < this.#size) this.#values.push(next);
    else {
      this.#sum -= this.#values[this.#at] ?? 0;
      this.#values[this.#at] = next;
      this.#at += 1;
    }
    this.#sum += next;
    if (this.#at === this.#size) {
      this.#at = 0;
      // What adding and subtracting has lost is made good once a round.
      this.#sum = 0;
      for (const item of this.#values) this.#sum += item;
    }
    return this.value;
  }

  get warm(): boolean {
    return this.#values.length === this.#size;
  }

  get value(): number | undefined {
    if (!this.warm) return undefined;
    if (this.#kind === "sma") return this.#sum / this.#size;
    return this.#kind === "stdev" ? this.#deviation() : this.#return();
  }

  /** Of a sample: divided by one less than there are. */
  #deviation(): number {
    const mean = this.#sum / this.#size;
    let squares = 0;
    for (const item of this.#values) squares += (item - mean) * (item - mean);
    return Math.sqrt(squares / (this.#size - 1));
  }

  #return(): number | undefined {
    const oldest = this.#values[this.#at] ?? 0;
    const newest = this.#values[(this.#at + this.#size - 1) % this.#size] ?? 0;
    const change = newest / oldest - 1;
    return Number.isFinite(change) ? change : undefined;
  }

  save(): JsonValue {
    return { values: [...this.#values], at: this.#at, sum: this.#sum };
  }

  load(saved: { readonly [key: string]: unknown }): void {
    const { values, at, sum } = saved;
    if (!isNumbers(values) || values.length > this.#size || !isIndex(at, this.#size) || typeof sum !== "number")
      throw new TypeError("not the saved state of an indicator");
    this.#values = [...values];
    this.#at = at;
    this.#sum = sum;
  }
}

/** Each value weighs 2 / (length + 1), all before it the rest; the first one is where it starts. */
class Exponential implements Indicator {
  readonly #length: number;
  readonly #weight: number;
  #average = 0;
  #seen = 0;

  constructor(length: number) {
    this.#length = length;
    this.#weight = 2 / (length + 1);
  }

  update(value: number): number | undefined {
    const next = finite(value);
    this.#average = this.#seen === 0 ? next : this.#average + this.#weight * (next - this.#average);
    if (this.#seen < this.#length) this.#seen += 1;
    return this.value;
  }

  get warm(): boolean {
    return this.#seen >= this.#length;
  }

  get value(): number | undefined {
    return this.warm ? this.#average : undefined;
  }

  save(): JsonValue {
    return { average: this.#average, seen: this.#seen };
  }

  load(saved: { readonly [key: string]: unknown }): void {
    const { average, seen } = saved;
    if (typeof average !== "number" || !isIndex(seen, this.#length + 1))
      throw new TypeError("not the saved state of an indicator");
    this.#average = average;
    this.#seen = seen;
  }
}

/**
 * The indicators of one algorithm. Asked for by kind, name and length, each is made once; they are part of the snapshot without the
 * algorithm's doing.
 */
export class Indicators {
  readonly #made = new Map<string, Window | Exponential>();
  #windows = 0;

  sma(name: string, length: number): Indicator {
    return this.#get("sma", name, length);
  }

  ema(name: string, length: number): Indicator {
    return this.#get("ema", name, length);
  }

  stdev(name: string, length: number): Indicator {
    return this.#get("stdev", name, length);
  }

  returns(name: string, length: number): Indicator {
    return this.#get("returns", name, length);
  }

  /** Without any there is nothing to keep. */
  save(): JsonValue | undefined {
    if (this.#made.size === 0) return undefined;
    return [...this.#made].map(([key, indicator]) => ({ key, ...Object(indicator.save()) }));
  }

  /** The objects that the algorithm holds already stay the same ones. */
  load(saved: unknown): void {
    if (!Array.isArray(saved)) return;
    for (const item of saved) {
      const { key, ...state } = Object(item) as { readonly [key: string]: unknown };
      const [kind, length, ...name] = String(key).split(":");
      const known = kinds.find((candidate) => candidate === kind);
      if (known === undefined) throw new TypeError(`no indicator is called ${kind}`);
      this.#get(known, name.join(":"), Number(length)).load(state);
    }
  }

  #get(kind: Kind, name: string, length: number): Window | Exponential {
    const key = `${kind}:${length}:${name}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const least = kind === "stdev" ? 2 : 1;
    if (!Number.isSafeInteger(length) || length < least)
      throw new RangeError(`${kind} takes a whole number of values from ${least} up, not ${length}`);
    if (typeof name !== "string" || name.length > 100) throw new TypeError("an indicator's name is a short text");
    // A few numbers are kept beside the window itself.
    const size = (kind === "ema" ? 0 : length) + 4;
    if (this.#windows + size > windowsMax)
      throw new RangeError(`indicators may keep ${windowsMax} values in all; ${kind}(${length}) would be more`);
    this.#windows += size;
    const made = kind === "ema" ? new Exponential(length) : new Window(kind, length);
    this.#made.set(key, made);
    return made;
  }
}

function finite(value: number): number {
  if (typeof value !== "number" || !(Math.abs(value) <= magnitudeMax))
    throw new TypeError(`an indicator takes finite numbers, not ${String(value)}`);
  return value;
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function isIndex(value: unknown, below: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < below;
}
