import { type Access, canSubscribe } from "#core/access.ts";
import { validateRefillRequest } from "#core/bus-validators.generated.js";
import { busIdentity, teamNamespace } from "#core/identity.ts";
import type { JsonObject } from "#core/json.ts";
import type { RefillMessage, RefillRequestMessage } from "#core/messages.ts";
import { readMessage } from "#core/payload.ts";
import { kindOfTopic } from "#core/topic-kinds.ts";
import { RateCap } from "./rate-cap.ts";

export interface RecorderOptions {
  readonly environment: string;
  /** Of everyone: who asks gets what it may subscribe to. */
  readonly access: () => ReadonlyMap<string, Access>;
  readonly answer: (topic: string, message: RefillMessage) => void;
  readonly nowMs: () => number;
  /** Whether others record and answer, too: then who has the beginning of what is asked for answers first, and who has nothing says nothing. */
  readonly amongOthers?: boolean;
  /** For tests; the defaults are 500 messages of a topic, and 32 MiB in all. */
  readonly kept?: { readonly perTopicMax: number; readonly bytesMax: number };
}

export interface RecorderStats {
  readonly topics: number;
  readonly bytes: number;
  readonly asked: number;
  /** Messages that were given. */
  readonly refilled: number;
  /** Requests for what the asker may not subscribe to, too many of them, or none at all. */
  readonly refused: number;
}

/** What one topic said last, oldest first from `at` on. */
interface Tape {
  readonly payloads: Uint8Array[];
  at: number;
  bytes: number;
}

const kinds: ReadonlySet<string> = new Set(["quote", "trade", "bar", "indicator", "signal"]);
const asksPerSecond = 50;
/** Of one answer: within what a message may be, envelope included. */
const answerBytesMax = 60 * 1024;
const answerMessagesMax = 200;
/** How much later what is only a part is given among others; the asker waits a second, and takes the first. */
const partLaterMs = 300;
const askersMax = 10_000;
const ignoredMax = 20_000;

/**
 * Keeps the last messages of each channel in memory and gives them to who missed some. It is told everything that is published and decides itself
 * what it keeps: market data, indicators and signals. Nothing here is parsed before somebody asks.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #kept: NonNullable<RecorderOptions["kept"]>;
  /** The topic that was quiet for longest comes first. */
  readonly #tapes = new Map<string, Tape>();
  readonly #ignored = new Set<string>();
  readonly #caps = new Map<string, RateCap>();
  #bytes = 0;
  #asked = 0;
  #refilled = 0;
  #refused = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#kept = options.kept ?? { perTopicMax: 500, bytesMax: 32 * 1024 * 1024 };
  }

  get stats(): RecorderStats {
    const [topics, bytes] = [this.#tapes.size, this.#bytes];
    return { topics, bytes, asked: this.#asked, refilled: this.#refilled, refused: this.#refused };
  }

  /** One message as it was published; its bytes are copied. */
  take(topic: string, payload: Uint8Array): void {
    const tape = this.#tapes.get(topic);
    if (tape !== undefined) this.#keep(topic, tape, payload);
    else if (!this.#ignored.has(topic)) {
      const kind = kindOfTopic(topic)?.kind ?? "";
      if (kinds.has(kind)) this.#keep(topic, { payloads: [], at: 0, bytes: 0 }, payload);
      else if (kind === "refill-request") this.#answer(topic, payload);
      else if (this.#ignored.size < ignoredMax) this.#ignored.add(topic);
    }
  }

  #keep(topic: string, tape: Tape, payload: Uint8Array): void {
    const { perTopicMax, bytesMax } = this.#kept;
    const before = tape.bytes;
    const copy = new Uint8Array(payload);
    tape.bytes += copy.length;
    if (tape.payloads.length < perTopicMax) tape.payloads.push(copy);
    else {
      tape.bytes -= tape.payloads[tape.at]?.length ?? 0;
      tape.payloads[tape.at] = copy;
      tape.at = (tape.at + 1) % perTopicMax;
    }
    this.#bytes += tape.bytes - before;
    this.#tapes.delete(topic);
    this.#tapes.set(topic, tape);
    for (const [quiet, { bytes }] of this.#tapes) {
      if (this.#bytes <= bytesMax || quiet === topic) break;
      this.#tapes.delete(quiet);
      this.#bytes -= bytes;
    }
  }

  #answer(topic: string, payload: Uint8Array): void {
    this.#asked += 1;
    const [, team = "", name = ""] = topic.split("/");
    const read = readMessage(topic, payload, { "refill-request": validateRefillRequest });
    const request = read.ok && read.value.type === "refill-request" ? read.value : undefined;
    if (request === undefined || !this.#may(`${team}/${name}`, team, name, request.topic)) {
      this.#refused += 1;
      return;
    }
    const messages = this.#find(request);
    const answer = (): void => {
      this.#refilled += messages.length;
      this.#options.answer(`refill/${team}/${name}/answer`, { v: 1, type: "refill", id: request.id, messages });
    };
    if (this.#options.amongOthers !== true || messages[0]?.["seq"] === request.from) answer();
    else if (messages.length > 0) setTimeout(answer, partLaterMs).unref();
  }

  /** The broker let only that strategy's executor publish to the topic of the request. */
  #may(asker: string, team: string, name: string, topic: string): boolean {
    const { access, environment, nowMs } = this.#options;
    const rules = access().get(busIdentity(teamNamespace(team, environment), name));
    if (rules === undefined || !canSubscribe(rules, topic)) return false;
    const cap = this.#caps.get(asker) ?? new RateCap(asksPerSecond);
    if (this.#caps.size >= askersMax) this.#caps.clear();
    this.#caps.set(asker, cap);
    return cap.pass(nowMs()).passes;
  }

  #find({ topic, session, from, to }: RefillRequestMessage): JsonObject[] {
    const found: JsonObject[] = [];
    const tape = this.#tapes.get(topic);
    let bytes = 0;
    for (let index = 0; index < (tape?.payloads.length ?? 0); index += 1) {
      const payload = tape?.payloads[(tape.at + index) % tape.payloads.length];
      const message = payload === undefined ? undefined : parse(payload);
      if (message === undefined || message["session"] !== session) continue;
      const seq = Number(message["seq"]);
      if (!(seq >= from && seq <= to)) continue;
      bytes += (payload?.length ?? 0) + 1;
      if (bytes > answerBytesMax || found.length >= answerMessagesMax) break;
      found.push(message);
    }
    return found;
  }
}

function parse(payload: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    // Whoever received it has refused it at its door.
    return undefined;
  }
}
