interface Said {
  readonly payload: string;
  /** How often was looked since. */
  looks: number;
}

const lookEveryMs = 5_000;
/** At which looks after it was said it is said again: some 15 s after, and a minute. */
const againAt: ReadonlySet<number> = new Set([3, 12]);
const looksMax = Math.max(...againAt);

/**
 * What a client retains: the last of each topic, which it says at each connection. A broker of several nodes acknowledges what is retained before it is
 * kept, and loses it while the nodes elect who keeps it; and a node that learns late that a connection has ended says that one's will behind what was said
 * on the next one [nats-server 2.15.2]. So what has not changed since, and since the connection began, is said again, twice.
 */
export class Retained {
  readonly #last = new Map<string, Said>();
  readonly #say: (topic: string, payload: string) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param say at QoS 0: who was away when it was said first has it already */
  constructor(say: (topic: string, payload: string) => void) {
    this.#say = say;
  }

  set(topic: string, payload: string): void {
    this.#last.set(topic, { payload, looks: 0 });
    this.#start();
  }

  /** All of it was said again, on another connection. */
  reconnected(): void {
    for (const said of this.#last.values()) said.looks = 0;
    if (this.#last.size > 0) this.#start();
  }

  *[Symbol.iterator](): Iterator<readonly [topic: string, payload: string]> {
    for (const [topic, { payload }] of this.#last) yield [topic, payload];
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs);
  }

  #look(): void {
    let waiting = false;
    for (const [topic, said] of this.#last) {
      said.looks = Math.min(said.looks + 1, looksMax + 1);
      if (againAt.has(said.looks)) this.#say(topic, said.payload);
      waiting ||= said.looks < looksMax;
    }
    if (waiting) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
