import type { Message } from "#core/messages.ts";
import type { Received, Refill } from "./receiver.ts";
import type { Gap } from "./sequence.ts";

const waitMs = 2_000;
/** Messages of one topic that wait behind a gap; more than these say that waiting is no use. */
const heldMax = 1_000;
const topicsMax = 100;

interface Waiting {
  readonly gap: Gap;
  readonly held: Received[];
  readonly timer: NodeJS.Timeout;
}

/** Holds a topic's messages back while a recorder is asked for those before them. Bounded in time and number; then the gap stays one. */
export class Refills {
  readonly #ask: Refill;
  readonly #hand: (received: Received) => void;
  readonly #told: { readonly filled: (count: number) => void; readonly missed: (gap: Gap) => void };
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    ask: Refill,
    hand: (received: Received) => void,
    told: { readonly filled: (count: number) => void; readonly missed: (gap: Gap) => void },
  ) {
    this.#ask = ask;
    this.#hand = hand;
    this.#told = told;
  }

  /** Asks for what lies before `received`. A second gap of the same topic ends the wait for the first. */
  fill(gap: Gap, received: Received): void {
    this.#end(gap.topic, []);
    if (this.#waiting.size >= topicsMax) {
      this.#told.missed(gap);
      this.#hand(received);
      return;
    }
    const timer = setTimeout(() => this.#end(gap.topic, []), waitMs);
    const waiting: Waiting = { gap, held: [received], timer };
    this.#waiting.set(gap.topic, waiting);
    const settle = (found: readonly Message[]): void => {
      if (this.#waiting.get(gap.topic) === waiting) this.#end(gap.topic, found);
    };
    this.#ask(gap).then(settle, () => settle([]));
  }

  /** True: it waits behind a gap and will be handed on. */
  hold(received: Received): boolean {
    const waiting = this.#waiting.get(received.topic);
    if (waiting === undefined) return false;
    waiting.held.push(received);
    if (waiting.held.length > heldMax) this.#end(received.topic, []);
    return true;
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  #end(topic: string, found: readonly Message[]): void {
    const waiting = this.#waiting.get(topic);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(topic);
    const { gap, held } = waiting;
    let next = gap.from;
    for (const message of found) {
      // A recorder's answer is held to the gap: its own session, in order, none twice.
      if (!("session" in message && "seq" in message) || message.session !== gap.session) continue;
      if (message.seq < next || message.seq > gap.to) continue;
      if (message.seq > next) this.#told.missed({ ...gap, from: next, to: message.seq - 1 });
      this.#told.filled(1);
      this.#hand({ topic, message, retained: false });
      next = message.seq + 1;
    }
    if (next <= gap.to) this.#told.missed({ ...gap, from: next });
    for (const received of held) this.#hand(received);
  }
}
