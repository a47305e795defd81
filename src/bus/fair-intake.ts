import { headOf } from "./frames.ts";
import { RateCap } from "./rate-cap.ts";

/** Who speaks on which topics, where one who listens must not be kept from the others by one of them. */
export interface Turns {
  /** Whose topic it is; undefined: its messages wait for nobody. */
  readonly of: (topic: string) => string | undefined;
  /** Of each that many are handed on in any second, and as many wait at most. */
  readonly perSecond: number;
  /** Told of each message that is more than that: it is acknowledged, and never handed on. */
  readonly dropped: (topic: string) => void;
}

interface Queue {
  readonly frames: Buffer[];
  bytes: number;
}

/** PUBLISH without its flags, and the flags' QoS [MQTT-3.3.1]. */
const publish = 0x30;
const qosBits = 0x06;
/** A broker that sends more in one packet is none of ours: what it sends goes on unseen. */
const frameBytesMax = 2 ** 20;
/** Of one whose messages wait, and of all of them: above that only who has nothing there yet may wait. */
const waitingBytesMax = { one: 2 ** 18, all: 2 ** 25 };

/**
 * Takes the messages of each who speaks out of the bytes of an MQTT connection, before anybody decodes them, and gives them on in turns: one of each, in
 * the order in which it said them. One who says very much waits for himself alone; what is more than he may say costs 1 µs here, 100 behind. All other
 * packets go on at once, in their order: prices, commands, acknowledgements.
 */
export class FairIntake {
  readonly #turns: Turns;
  /** Those of whom something waits, whose turn comes first before the others. */
  readonly #queues = new Map<string, Queue>();
  readonly #caps = new Map<string, RateCap>();
  #size = 0;
  #bytes = 0;
  /** The beginning of a packet that is not all here. */
  #rest: Buffer | undefined;
  #blind = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** How many messages wait. */
  get size(): number {
    return this.#size;
  }

  /** @returns the bytes that go on at once, and acknowledgements for the broker; copies, so `chunk` may be used again */
  take(chunk: Uint8Array, nowMs: number): { readonly passed: readonly Buffer[]; readonly answers: readonly Buffer[] } {
    const here = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const data = this.#rest === undefined ? here : Buffer.concat([this.#rest, here]);
    this.#rest = undefined;
    const passed: Buffer[] = [];
    const answers: Buffer[] = [];
    let at = 0;
    let from = 0;
    const pass = (until: number): void => {
      if (until > from) passed.push(Buffer.from(data.subarray(from, until)));
    };
    while (at < data.length && !this.#blind) {
      const head = headOf(data, at);
      if (head === undefined) break;
      const end = head.body + head.length;
      this.#blind = end - at > frameBytesMax;
      if (this.#blind) {
        // What waits goes first: later it would come into the middle of that packet.
        pass(at);
        passed.push(...this.turn(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY));
        from = at;
      }
      if (this.#blind || end > data.length) break;
      const topic = topicOf(data, at, head.body, end);
      const name = topic === undefined ? undefined : this.#turns.of(topic);
      if (topic !== undefined && name !== undefined) {
        pass(at);
        from = end;
        const frame = data.subarray(at, end);
        if (!this.#keep(name, frame, nowMs)) {
          this.#turns.dropped(topic);
          if ((frame[0] ?? 0) & qosBits) answers.push(acknowledgement(data, head.body + 2 + topic.length));
        }
      }
      at = end;
    }
    if (this.#blind) at = data.length;
    pass(at);
    if (at < data.length) this.#rest = Buffer.from(data.subarray(at));
    return { passed, answers };
  }

  /** The next messages as they came, one of each who waits and then again one of each. @param most of all @param each of one */
  turn(most: number, each: number): readonly Buffer[] {
    const frames: Buffer[] = [];
    for (let round = 0; round < each && this.#size > 0; round += 1) {
      for (const [name, queue] of [...this.#queues]) {
        if (frames.length >= most) return frames;
        frames.push(...this.#first(name, queue));
      }
    }
    return frames;
  }

  #first(name: string, queue: Queue): readonly Buffer[] {
    this.#queues.delete(name);
    const frame = queue.frames.shift();
    if (frame === undefined) return [];
    this.#size -= 1;
    queue.bytes -= frame.length;
    this.#bytes -= frame.length;
    if (queue.frames.length > 0) this.#queues.set(name, queue);
    return [frame];
  }

  #keep(name: string, frame: Buffer, nowMs: number): boolean {
    const { perSecond } = this.#turns;
    const cap = this.#caps.get(name) ?? new RateCap(perSecond);
    this.#caps.set(name, cap);
    const queue = this.#queues.get(name) ?? { frames: [], bytes: 0 };
    const isFull =
      queue.frames.length >= perSecond ||
      queue.bytes + frame.length > waitingBytesMax.one ||
      (queue.bytes > 0 && this.#bytes + frame.length > waitingBytesMax.all);
    if (isFull || !cap.pass(nowMs).passes) return false;
    queue.frames.push(Buffer.from(frame));
    queue.bytes += frame.length;
    this.#bytes += frame.length;
    this.#queues.set(name, queue);
    this.#size += 1;
    return true;
  }
}

/** The topic of a PUBLISH that holds together; of any other packet undefined. Names are ASCII; what is not is for the one who parses. */
function topicOf(data: Buffer, at: number, body: number, end: number): string | undefined {
  const first = data[at] ?? 0;
  if ((first & 0xf0) !== publish || body + 2 > end) return undefined;
  const until = body + 2 + data.readUInt16BE(body);
  const id = first & qosBits ? 2 : 0;
  return until + id > end ? undefined : data.toString("latin1", body + 2, until);
}

/** PUBACK, with the identifier of what it acknowledges [MQTT-3.4.2]. */
function acknowledgement(data: Buffer, at: number): Buffer {
  return Buffer.from([0x40, 2, data[at] ?? 0, data[at + 1] ?? 0]);
}
