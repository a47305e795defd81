import type { Message } from "#core/messages.ts";
import type { Received, Refill } from "./receiver.ts";
import type { Gap } from "./sequence.ts";

const waitMs = 2_000;
/** Messages of one topic that wait behind a gap; more than these say that waiting is no use. */
const heldMax = 1_000;
const topicsMax = 100;
/** So many are asked for in the time that a start may wait; what is missing of another topic is seen with its next message. */
const resumedMax = 80;

/** A gap that a recorder was asked about; `found` is its answer, once there is one. */
interface Asked {
  gap: Gap;
  readonly timer: NodeJS.Timeout;
  found: readonly Message[] | undefined;
  /** It is about what was said before this process came. */
  readonly resumes?: true;
  /** Nobody knows yet where it ends: the session's next message says it. */
  open: boolean;
  readonly done?: () => void;
}

export interface RefillsTold {
  readonly filled: (count: number) => void;
  readonly missed: (gap: Gap) => void;
  /** A gap whose end nobody knew ends with this number. */
  readonly reached: (gap: Gap) => void;
}

/** What waits of one topic, in its order. */
type Line = (Asked | Received)[];

/** Holds a topic's messages back while a recorder is asked for those before them. Bounded in time and number; then the gap stays one. */
export class Refills {
  readonly #ask: Refill;
  readonly #hand: (received: Received) => void;
  readonly #told: RefillsTold;
  readonly #lines = new Map<string, Line>();

  constructor(ask: Refill, hand: (received: Received) => void, told: RefillsTold) {
    this.#ask = ask;
    this.#hand = hand;
    this.#told = told;
  }

  /** Asks for what lies before `received`, which comes after it. */
  fill(gap: Gap, received: Received): void {
    const line = this.#lines.get(gap.topic) ?? [];
    if (line.length === 0 && this.#lines.size >= topicsMax) {
      this.#told.missed(gap);
      this.#hand(received);
      return;
    }
    // What is asked already, without an end.
    if (!line.some((item) => "gap" in item && item.open && item.gap.session === gap.session))
      this.#begin(line, { gap, open: false });
    this.#queue(line, received);
  }

  /** Asks for all of a session from a number on, before anything of the topic comes. Settles when what there is was handed on. */
  resume(gap: Gap): Promise<void> {
    if (this.#lines.size >= resumedMax || this.#lines.has(gap.topic)) return Promise.resolve();
    return new Promise((done) => this.#begin([], { gap, open: true, resumes: true, done }));
  }

  #begin(line: Line, begun: Pick<Asked, "gap" | "open" | "resumes" | "done">): void {
    const { topic } = begun.gap;
    const settle = (found: readonly Message[]): void => {
      asked.found ??= found;
      clearTimeout(asked.timer);
      this.#drain(topic);
    };
    const asked: Asked = { ...begun, timer: setTimeout(() => settle([]), waitMs), found: undefined };
    line.push(asked);
    this.#lines.set(topic, line);
    this.#ask(begun.gap).then(settle, () => settle([]));
  }

  /** True: it waits behind a gap and will be handed on. */
  hold(received: Received): boolean {
    const line = this.#lines.get(received.topic);
    if (line === undefined) return false;
    this.#queue(line, received);
    return true;
  }

  close(): void {
    for (const item of [...this.#lines.values()].flat()) {
      if (!("gap" in item)) continue;
      clearTimeout(item.timer);
      item.done?.();
    }
    this.#lines.clear();
  }

  #queue(line: Line, received: Received): void {
    const { message } = received;
    for (const item of line) {
      if (!("gap" in item && item.open && "session" in message && "seq" in message)) continue;
      if (message.session !== item.gap.session) continue;
      item.gap = { ...item.gap, to: message.seq - 1 };
      item.open = false;
    }
    line.push(received);
    if (line.length <= heldMax) return;
    for (const item of line) if ("gap" in item) item.found ??= [];
    this.#drain(received.topic);
  }

  /** Hands on what waits for nothing any more. */
  #drain(topic: string): void {
    const line = this.#lines.get(topic);
    for (let first = line?.[0]; line !== undefined && first !== undefined; first = line[0]) {
      if ("gap" in first && first.found === undefined) return;
      line.shift();
      if ("gap" in first) this.#close(topic, first);
      else this.#hand(first);
    }
    // Another line may have begun while this one was handed on.
    if (line !== undefined && this.#lines.get(topic) === line) this.#lines.delete(topic);
  }

  /** A recorder's answer is held to the gap: its own session, in order, none twice. */
  #close(topic: string, { gap, timer, found = [], resumes, open, done }: Asked): void {
    clearTimeout(timer);
    let next = gap.from;
    for (const message of found) {
      if (!("session" in message && "seq" in message) || message.session !== gap.session) continue;
      if (message.seq < next || message.seq > gap.to) continue;
      if (message.seq > next) this.#told.missed({ ...gap, from: next, to: message.seq - 1 });
      this.#told.filled(1);
      this.#hand({ topic, message, retained: false, ...(resumes === undefined ? {} : { earlier: resumes }) });
      next = message.seq + 1;
    }
    if (open) this.#told.reached({ ...gap, to: next - 1 });
    else if (next <= gap.to) this.#told.missed({ ...gap, from: next });
    done?.();
  }
}
