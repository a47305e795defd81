/** At most `burst` at once, and `perSecond` for as long as one likes. */
export interface Allowance {
  readonly perSecond: number;
  readonly burst: number;
}

/** What was over an allowance. */
export interface Excess {
  readonly amount: number;
  readonly ms: number;
}

/**
 * How much of an allowance is used up. It may be told of several things together, at any later time: it then never counts more than if it had been told
 * of each when it came. So nobody who keeps within the allowance in every stretch of time is ever found over it, however late or seldom one looks.
 */
export class Meter {
  readonly #allowance: Allowance;
  #level = 0;
  #lastMs: number;
  /** Since when there was always something left over, and what came since. */
  #sinceMs: number;
  #amount = 0;

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance;
    this.#lastMs = nowMs;
    this.#sinceMs = nowMs;
  }

  /** @param amount what came between the last time and `nowMs`; @returns what was too much, undefined if it was not */
  add(amount: number, nowMs: number): Excess | undefined {
    const { perSecond, burst } = this.#allowance;
    const ms = Math.max(0, nowMs - this.#lastMs);
    if (this.#level === 0) {
      this.#sinceMs = this.#lastMs;
      this.#amount = 0;
    }
    this.#lastMs += ms;
    this.#level = Math.max(0, this.#level + amount - (perSecond * ms) / 1_000);
    this.#amount += amount;
    return this.#level > burst ? { amount: this.#amount, ms: this.#lastMs - this.#sinceMs } : undefined;
  }
}
