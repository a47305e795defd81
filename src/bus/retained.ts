interface Said {
  readonly payload: string;
  readonly atMs: number;
  /** How often it was said again. */
  again: number;
}

/** How long after it was last said anew. */
const againAfterMs = [12_000, 60_000];
const lookEveryMs = 5_000;

/**
 * What a client retains: the last of each topic, which it says at each connection. A broker of several nodes acknowledges what is retained before it is
 * kept, and loses it while the nodes elect who keeps it [nats-server 2.15.2]; so what has not changed since is said again, twice.
 */
export class Retained {
  readonly #last = new Map<string, Said>();
  readonly #say: (topic: string, payload: string) => void;
  readonly #nowMs: () => number;
  #timer: NodeJS.Timeout | undefined;

  /** @param say at QoS 0: who was away when it was said first has it already */
  constructor(say: (topic: string, payload: string) => void, nowMs: () => number) {
    this.#say = say;
    this.#nowMs = nowMs;
  }

  set(topic: string, payload: string): void {
    this.#last.set(topic, { payload, atMs: this.#nowMs(), again: 0 });
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
  }

  *[Symbol.iterator](): Iterator<readonly [topic: string, payload: string]> {
    for (const [topic, { payload }] of this.#last) yield [topic, payload];
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    let waiting = false;
    for (const [topic, said] of this.#last) {
      const dueMs = againAfterMs[said.again];
      if (dueMs === undefined) continue;
      if (this.#nowMs() - said.atMs >= dueMs) {
        said.again += 1;
        this.#say(topic, said.payload);
      }
      waiting ||= said.again < againAfterMs.length;
    }
    if (waiting) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
