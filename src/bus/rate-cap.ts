/** Lets at most `perSecond` lines through in any second of the clock and counts the rest. */
export class RateCap {
  readonly #perSecond: number;
  #second = -1;
  #count = 0;
  #dropped = 0;
  #droppedInAll = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Everything that was held back so far. */
  get droppedInAll(): number {
    return this.#droppedInAll;
  }

  /** `dropped` is what was held back since the last line that passed. */
  pass(nowMs: number): { readonly passes: boolean; readonly dropped: number } {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    if (this.#count >= this.#perSecond) {
      this.#dropped += 1;
      this.#droppedInAll += 1;
      return { passes: false, dropped: 0 };
    }
    this.#count += 1;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { passes: true, dropped };
  }
}
