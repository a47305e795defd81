import type { DeadLetterMessage, Unstamped } from "#core/messages.ts";
import type { PayloadRefused } from "#core/payload.ts";
import { kindOfTopic } from "#core/topic-kinds.ts";
import type { Bus } from "./client.ts";
import type { Log } from "./process.ts";
import { RateCap } from "./rate-cap.ts";

const perSecondMax = 10;
const payloadBytesShown = 768;
const topicMax = 256;

/**
 * Tells about messages that could not be read, on the receiver's own dead-letter topic. A flood of them makes a trickle: the rest is counted in
 * the next letter. None is written about a dead letter, so two receivers never answer each other.
 */
export class DeadLetters {
  readonly #bus: Pick<Bus, "publish">;
  readonly #topic: string | undefined;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #cap = new RateCap(perSecondMax);

  /** @param topic where the letters go; without one they are only logged */
  constructor(bus: Pick<Bus, "publish">, topic: string | undefined, log: Log, nowMs: () => number) {
    this.#bus = bus;
    this.#topic = topic;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  write(topic: string, payload: Uint8Array, { code, message }: PayloadRefused): void {
    const nowMs = this.#nowMs();
    const { passes, dropped } = this.#cap.pass(nowMs);
    if (!passes) return;
    const from = topic.slice(0, topicMax);
    this.#log("warn", "a message cannot be read", { topic: from, code, error: message, suppressed: dropped });
    if (this.#topic === undefined || kindOfTopic(topic)?.kind === "dead-letter") return;
    const shown = Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.byteLength, payloadBytesShown));
    const letter: Unstamped<DeadLetterMessage> = {
      ...{ v: 1, type: "dead-letter", topic: from, code, message: message.slice(0, 400) },
      ...{ bytes: payload.byteLength, payload: shown.toString("base64"), suppressed: dropped, atMs: nowMs },
    };
    this.#bus.publish(this.#topic, letter).catch((cause: unknown) => {
      this.#log("warn", "a dead letter was not published", { error: String(cause) });
    });
  }
}
