// MQTT 3.1.1 by hand: what no well-meaning client sends, and a subscriber that does not acknowledge or does not read.
import { connect, type Socket } from "node:net";

export interface RawConnect {
  readonly clientId: string;
  readonly user?: string;
  readonly password?: string;
  readonly clean?: boolean;
}

export interface RawPacket {
  /** The first byte's upper half: 2 CONNACK, 3 PUBLISH, 4 PUBACK, 9 SUBACK, 13 PINGRESP. */
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export class RawMqtt {
  readonly packets: RawPacket[] = [];
  readonly socket: Socket;
  closed = false;
  #rest = Buffer.alloc(0);

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect(port, host);
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  connect({ clientId, user, password, clean = true }: RawConnect): this {
    const flags = (clean ? 2 : 0) | (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
    const fields = [clientId, user, password].filter((field) => field !== undefined).map(text);
    return this.send(0x10, Buffer.concat([Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, 0, 60]), ...fields]));
  }

  ping(): this {
    return this.send(0xc0, Buffer.alloc(0));
  }

  subscribe(filter: string, qos: 0 | 1, id = 1): this {
    return this.send(0x82, Buffer.concat([Buffer.from([0, id]), text(filter), Buffer.from([qos])]));
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1 = 0, id = 1, retain = false): this {
    const packetId = qos === 0 ? [] : [Buffer.from([0, id])];
    return this.send(
      0x30 | (qos << 1) | (retain ? 1 : 0),
      Buffer.concat([text(topic), ...packetId, Buffer.from(payload)]),
    );
  }

  /** @param body of a PUBLISH of QoS 1 */
  acknowledge(body: Buffer): this {
    const id = 2 + body.readUInt16BE(0);
    return this.send(0x40, body.subarray(id, id + 2));
  }

  send(head: number, body: Buffer): this {
    this.socket.write(Buffer.concat([Buffer.from([head]), lengthOf(body.length), body]));
    return this;
  }

  /** Packets of a type so far. */
  of(type: number): readonly RawPacket[] {
    return this.packets.filter((packet) => packet.type === type);
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (; ; at += 1) {
        const byte = this.#rest[at];
        if (byte === undefined) return;
        length += (byte & 0x7f) * 128 ** (at - 1);
        if ((byte & 0x80) === 0) break;
      }
      if (this.#rest.length < at + 1 + length) return;
      const head = this.#rest[0] ?? 0;
      this.packets.push({ type: head >> 4, flags: head & 15, body: this.#rest.subarray(at + 1, at + 1 + length) });
      this.#rest = this.#rest.subarray(at + 1 + length);
    }
  }
}

/** The topic of a PUBLISH. */
export function topicOf({ body }: RawPacket): string {
  return body.subarray(2, 2 + body.readUInt16BE(0)).toString();
}

/** The payload of a PUBLISH of QoS 1. */
export function payloadOf({ body }: RawPacket): Buffer {
  return body.subarray(4 + body.readUInt16BE(0));
}

function text(field: string): Buffer {
  const bytes = Buffer.from(field);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function lengthOf(bytes: number): Buffer {
  const digits: number[] = [];
  let rest = bytes;
  do {
    digits.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(digits);
}
