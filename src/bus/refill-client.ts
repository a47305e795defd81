import { randomBytes } from "node:crypto";
import type { Message, RefillMessage, RefillRequestMessage } from "#core/messages.ts";
import { readMessage, type Validators } from "#core/payload.ts";
import type { Bus } from "./client.ts";
import type { Gap } from "./sequence.ts";

const answerMs = 1_000;
/** A gap that takes more answers than this is too old to be worth the wait. */
const asksMax = 10;

/** Asks the recorder for what an executor missed, as soon as one says that it is there. */
export class RefillClient {
  readonly #bus: Pick<Bus, "publish">;
  readonly #strategy: string;
  readonly #validators: Validators;
  readonly #waiting = new Map<string, (messages: RefillMessage["messages"]) => void>();
  readonly #prefix = randomBytes(6).toString("hex");
  #asked = 0;
  #online = false;

  /** @param strategy `<team>/<name>` */
  constructor(bus: Pick<Bus, "publish">, strategy: string, validators: Validators) {
    this.#bus = bus;
    this.#strategy = strategy;
    this.#validators = validators;
  }

  /** What `refill/state` says. */
  set online(online: boolean) {
    this.#online = online;
  }

  /** What comes on `refill/{team}/{name}/answer`. */
  take({ id, messages }: RefillMessage): void {
    this.#waiting.get(id)?.(messages);
  }

  /** What the recorder has of a gap, in order, each held to its schema. Empty without one, at once. */
  async ask(gap: Gap): Promise<readonly Message[]> {
    const found: Message[] = [];
    let { from } = gap;
    for (let asks = 0; this.#online && from <= gap.to && asks < asksMax; asks += 1) {
      const part = (await this.#one({ ...gap, from })).flatMap((message) => this.#read(gap.topic, message));
      const last = part.at(-1);
      if (last === undefined || !("seq" in last) || last.seq < from) break;
      found.push(...part);
      from = last.seq + 1;
    }
    return found;
  }

  #one({ topic, session, from, to }: Gap): Promise<RefillMessage["messages"]> {
    this.#asked += 1;
    const id = `${this.#prefix}-${this.#asked}`;
    const request: RefillRequestMessage = { v: 1, type: "refill-request", id, topic, session, from, to };
    return new Promise((resolve) => {
      const end = (messages: RefillMessage["messages"]): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(messages);
      };
      const timer = setTimeout(() => end([]), answerMs);
      this.#waiting.set(id, end);
      this.#bus.publish(`refill/${this.#strategy}/request`, request, { qos: 0 }).catch(() => end([]));
    });
  }

  #read(topic: string, message: object): readonly Message[] {
    const read = readMessage(topic, Buffer.from(JSON.stringify(message)), this.#validators);
    return read.ok ? [read.value] : [];
  }
}
