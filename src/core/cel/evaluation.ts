import { equal } from "./equality.ts";
import type { Runtime } from "./overloads.ts";
import { costMax } from "./profile.ts";
import { compilePattern, type Pattern } from "./regex.ts";
import { type CelValue, Failure, type Outcome } from "./values.ts";

const patternsMax = 64;
/** What an evaluation may do besides spending its budget; some tenths of a second. */
const stepsMax = 10_000_000;

/** One compiled node. */
export type Step = (evaluation: Evaluation) => Outcome;

/** The state of one evaluation: what was spent, and the values of names. */
export class Evaluation implements Runtime {
  /** Units spent so far, counted as Kubernetes counts them. */
  cost = 0;
  /** Steps that have no price there: turns of loops, elements copied and compared, long texts read. */
  #steps = 0;
  /** Once set, every loop and call ends at once, and the outcome is a fault whatever they return. */
  exceeded = false;
  /** Values of declared variables, converted at first use, then of macros' variables. */
  readonly slots: (CelValue | undefined)[];
  readonly #read: (slot: number) => CelValue | undefined;
  readonly #patterns: Map<string, Pattern | Failure>;

  /** @param patterns compiled regular expressions, kept from one evaluation to the next */
  constructor(
    slotCount: number,
    read: (slot: number) => CelValue | undefined,
    patterns: Map<string, Pattern | Failure>,
  ) {
    this.#patterns = patterns;
    this.slots = new Array<CelValue | undefined>(slotCount).fill(undefined);
    this.#read = read;
  }

  charge(units: number): void {
    this.cost += units;
    if (this.cost > costMax) this.exceeded = true;
  }

  work(steps: number): void {
    this.#steps += steps;
    if (this.#steps > stepsMax) this.exceeded = true;
  }

  /** For a value that is read from end to end, by whatever reads it. */
  read(value: CelValue): void {
    if (typeof value === "string" && value.length > 64) this.work(value.length >> 5);
  }

  equal(a: CelValue, b: CelValue): boolean {
    const tally = { visits: 0, visitsMax: stepsMax - this.#steps };
    const result = equal(a, b, tally);
    this.work(tally.visits);
    return result;
  }

  pattern(text: string): Pattern | Failure {
    const known = this.#patterns.get(text);
    if (known !== undefined) return known;
    const compiled = compilePattern(text);
    if (this.#patterns.size >= patternsMax) this.#patterns.clear();
    this.#patterns.set(text, compiled);
    return compiled;
  }

  /** The value of a declared variable; undefined if the caller gave none. */
  variable(slot: number): CelValue | undefined {
    const known = this.slots[slot];
    if (known !== undefined) return known;
    const value = this.#read(slot);
    this.slots[slot] = value;
    return value;
  }
}

/** A failure that happened at a place, unless a place further in is known. */
export function failAt(failure: Failure, at: number): Failure {
  if (failure.at < 0) failure.at = at;
  return failure;
}

export function fail(message: string, at: number): Failure {
  return failAt(new Failure(message), at);
}
