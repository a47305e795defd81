/** A request that waits for its turn. */
interface Waiting {
  readonly work: () => void;
  /** It was not sent, and never will be. */
  readonly expired: () => void;
  readonly untilMs: number;
}

const waitingMax = 1_000;

/**
 * Spaces requests out as an exchange wants it. What cannot be sent in time is not sent at all: an order that leaves late would be one that nobody
 * expects any more.
 */
export class RequestQueue {
  readonly #gapMs: number;
  readonly #elapsedMs: () => number;
  readonly #after: (ms: number, work: () => void) => () => void;
  #waiting: Waiting[] = [];
  #nextMs = 0;
  #stop: (() => void) | undefined;

  /** @param after timers; @param elapsedMs since any moment, by a clock that nobody sets: set forth, it would give up all that waits */
  constructor(gapMs: number, elapsedMs: () => number, after: (ms: number, work: () => void) => () => void) {
    this.#gapMs = gapMs;
    this.#elapsedMs = elapsedMs;
    this.#after = after;
  }

  add(work: () => void, expired: () => void, withinMs: number): void {
    if (this.#waiting.length >= waitingMax) {
      expired();
      return;
    }
    this.#waiting.push({ work, expired, untilMs: this.#elapsedMs() + withinMs });
    if (this.#stop === undefined) this.#turn();
  }

  close(): void {
    this.#stop?.();
    this.#waiting = [];
  }

  #turn(): void {
    this.#stop = undefined;
    const nowMs = this.#elapsedMs();
    const late = this.#waiting.filter(({ untilMs }) => untilMs < nowMs);
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs >= nowMs);
    for (const { expired } of late) expired();
    if (this.#waiting.length === 0) return;
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + this.#gapMs;
      this.#waiting.shift()?.work();
    }
    if (this.#waiting.length > 0 && this.#stop === undefined)
      this.#stop = this.#after(Math.max(1, this.#nextMs - nowMs), () => this.#turn());
  }
}
