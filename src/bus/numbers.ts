import { randomBytes } from "node:crypto";
import { kindOfTopic, numberingOf } from "#core/topic-kinds.ts";

/** A name for one connection's life, so random that no other one has it [design 7]. */
export function newSession(): string {
  return randomBytes(10).toString("hex");
}

/** Numbers what one client publishes: its session, and from 1 in each topic. */
export class Numbers {
  readonly #session: string;
  readonly #last = new Map<string, number>();

  constructor(session: string) {
    this.#session = session;
  }

  /** The message with its session and seq, where its topic is one that clients number and it has none yet; otherwise as it is. */
  stamp(topic: string, message: object): object {
    if (!isNumbered(topic) || "seq" in message) return message;
    const seq = (this.#last.get(topic) ?? 0) + 1;
    this.#last.set(topic, seq);
    return { ...message, session: this.#session, seq };
  }

  /** A will is written before anything and said after everything: its seq is 0, which is in no order. */
  stampWill(topic: string, message: object): object {
    return isNumbered(topic) ? { ...message, session: this.#session, seq: 0 } : message;
  }
}

function isNumbered(topic: string): boolean {
  const found = kindOfTopic(topic);
  return found !== undefined && numberingOf(found.kind) === "client";
}
