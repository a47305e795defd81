import { randomBytes } from "node:crypto";
import type { Message, RefillMessage, RefillRequestMessage } from "#core/messages.ts";
import { readMessage, type Validators } from "#core/payload.ts";
import type { Bus } from "./client.ts";
import type { Gap } from "./sequence.ts";

const answerMs = 1_000;
/** How long after its start it is not known whether there is a recorder. */
const unknownMs = 1_000;
/** A recorder answers 50 in a second, and the rest never. */
const asksPerSecond = 40;
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
  #heard: () => void = () => undefined;
  readonly #known: Promise<void>;
  #turns = asksPerSecond;
  readonly #turnless: (() => void)[] = [];

  /** @param strategy `<team>/<name>` */
  constructor(bus: Pick<Bus, "publish">, strategy: string, validators: Validators) {
    this.#bus = bus;
    this.#strategy = strategy;
    this.#validators = validators;
    this.#known = new Promise((resolve) => {
      this.#heard = resolve;
      setTimeout(resolve, unknownMs).unref();
    });
  }

  /** What `refill/state` says. */
  set online(online: boolean) {
    this.#online = online;
    this.#heard();
  }

  /** What comes on `refill/{team}/{name}/answer`. */
  take({ id, messages }: RefillMessage): void {
    this.#waiting.get(id)?.(messages);
  }

  /** What the recorder has of a gap, in order, each held to its schema. Empty without one: at once, but in the first second, when one may still say that it is there. */
  async ask(gap: Gap): Promise<readonly Message[]> {
    await this.#known;
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

  async #one({ topic, session, from, to }: Gap): Promise<RefillMessage["messages"]> {
    await this.#turn();
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

  async #turn(): Promise<void> {
    if (this.#turns > 0) this.#turns -= 1;
    else await new Promise<void>((resolve) => this.#turnless.push(resolve));
    const next = (): void => {
      const waiting = this.#turnless.shift();
      if (waiting === undefined) this.#turns += 1;
      else waiting();
    };
    setTimeout(next, 1_000).unref();
  }

  #read(topic: string, message: object): readonly Message[] {
    const read = readMessage(topic, Buffer.from(JSON.stringify(message)), this.#validators);
    return read.ok ? [read.value] : [];
  }
}
