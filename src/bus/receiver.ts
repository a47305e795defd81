import type { Message } from "#core/messages.ts";
import { type PayloadRefused, readMessage, type Validators } from "#core/payload.ts";
import type { Bus, BusMessage } from "./client.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Log } from "./process.ts";
import { RateCap } from "./rate-cap.ts";
import { Refills } from "./refills.ts";
import { type Gap, Ids, Sequence } from "./sequence.ts";

/** A message that keeps to its schema, once, in order. */
export interface Received {
  readonly topic: string;
  readonly message: Message;
  readonly retained: boolean;
  /** Of a quote, how many older ones it took the place of (`BusMessage.superseded`). */
  readonly superseded?: number;
  /** It was published while this process was not there to hear it (`Receiver.resume`). Absent: no. */
  readonly earlier?: true;
}

/** Asks a recorder for what is missing, in order; an empty answer means that it has it not. It may throw. */
export type Refill = (gap: Gap) => Promise<readonly Message[]>;

export interface ReceiverOptions {
  /** Of what this process receives. */
  readonly validators: Validators;
  /** Where dead letters go; a process without such a right only counts and logs them. */
  readonly deadTopic?: string;
  readonly nowMs: () => number;
  readonly log: Log;
  /** What the bus brings; called synchronously, so that an acknowledged message was taken. */
  readonly take: (received: Received) => void;
  /** Told of each message that was refused at the door. */
  readonly refused?: (topic: string) => void;
  /** Told of each gap that stays one. */
  readonly missed?: (gap: Gap) => void;
  readonly refill?: Refill;
}

/** Counted since the start. */
export interface ReceiverCounters {
  received: number;
  /** Numbers or ids that were there already, and what is of a session that is over. */
  duplicates: number;
  /** Messages that never came, and were not refilled. */
  missed: number;
  refilled: number;
  /** Went to the dead letters. */
  refused: number;
  /** Commands that came too late. */
  expired: number;
}

/**
 * What stands between the bus and who reads it: payloads are held to their schemas, repetitions are dropped, gaps are seen and, where a
 * recorder runs, refilled before the next message is handed on. What is refused goes to the dead letters and never further.
 */
export class Receiver {
  readonly counters: ReceiverCounters = {
    ...{ received: 0, duplicates: 0, missed: 0, refilled: 0, refused: 0, expired: 0 },
  };
  readonly #options: ReceiverOptions;
  readonly #sequence = new Sequence();
  readonly #ids = new Ids();
  readonly #deadLetters: DeadLetters;
  readonly #refills: Refills | undefined;
  readonly #gapLines = new RateCap(1);

  constructor(bus: Pick<Bus, "publish">, options: ReceiverOptions) {
    this.#options = options;
    this.#deadLetters = new DeadLetters(bus, options.deadTopic, options.log, options.nowMs);
    if (options.refill !== undefined) {
      this.#refills = new Refills(options.refill, (received) => this.#hand(received), {
        filled: (count) => {
          this.counters.refilled += count;
        },
        missed: (gap) => this.#miss(gap),
        reached: ({ topic, session, to }) => this.#sequence.resume(topic, session, to),
      });
    }
  }

  close(): void {
    this.#refills?.close();
  }

  /**
   * Asks the recorder for what a topic's session said after the number that a process before this one had last. To be called before anything of the topic
   * comes; what comes meanwhile waits, and where it begins the question ends. Settles when all that there is was handed on, as `earlier`.
   */
  async resume(topic: string, session: string, seq: number): Promise<void> {
    this.#sequence.resume(topic, session, seq);
    await this.#refills?.resume({ topic, session, from: seq + 1, to: Number.MAX_SAFE_INTEGER });
  }

  /** One message of the bus. When this returns it was taken, refused, or waits behind a gap. */
  receive({ topic, payload, retained, superseded }: BusMessage): void {
    const read = readMessage(topic, payload, this.#options.validators);
    if (!read.ok) {
      this.refuse(topic, payload, read.error);
      return;
    }
    const more = superseded === undefined ? {} : { superseded };
    const received: Received = { topic, message: read.value, retained, ...more };
    if (this.#isExpired(read.value)) {
      this.counters.expired += 1;
      this.#options.log("warn", "a command came too late and is not carried out", { topic });
      return;
    }
    this.#order(received);
  }

  /** Sends a message to the dead letters: the door's own refusals, and those of who reads more than a schema can say. */
  refuse(topic: string, payload: Uint8Array, why: PayloadRefused): void {
    this.counters.refused += 1;
    this.#deadLetters.write(topic, payload, why);
    this.#options.refused?.(topic);
  }

  /** Order requests are not dropped here: the gateway answers a late one. */
  #isExpired(message: Message): boolean {
    const isCommand = message.type === "command" || message.type === "gateway-command";
    return isCommand && message.expiresAtMs < this.#options.nowMs();
  }

  #order(received: Received): void {
    const { topic, message, superseded } = received;
    // A history has a session and no number; an order event has the book's number and no session.
    if (!("session" in message && "seq" in message)) {
      this.#hand(received);
      return;
    }
    const verdict = this.#sequence.take(topic, message.session, message.seq, superseded);
    if (verdict.is === "old") {
      this.counters.duplicates += 1;
      return;
    }
    if (verdict.is === "late" && this.#refills !== undefined) {
      this.#refills.fill(verdict.gap, received);
      return;
    }
    if (verdict.is === "late") this.#miss(verdict.gap);
    if (this.#refills?.hold(received) !== true) this.#hand(received);
  }

  #hand(received: Received): void {
    const { topic, message } = received;
    // A command is handed on again: who carries it out knows its id, and answers again.
    if (message.type === "signal" && !this.#ids.take(topic, message.id)) {
      this.counters.duplicates += 1;
      return;
    }
    this.counters.received += 1;
    this.#options.take(received);
  }

  #miss(gap: Gap): void {
    const { nowMs, log, missed } = this.#options;
    this.counters.missed += gap.to - gap.from + 1;
    const { passes, dropped } = this.#gapLines.pass(nowMs());
    if (passes) log("warn", "messages are missing", { ...gap, otherGaps: dropped });
    missed?.(gap);
  }
}
