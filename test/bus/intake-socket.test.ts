import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { headOf } from "#bus/frames.ts";
import { until } from "../contract/bus-bench.ts";
import { publish } from "./packets.ts";

// The gateway's connection, which takes what many say out of the bytes, at a broker that does to it what a broker in trouble does.

const speakers = ["A", "B", "C"] as const;
const count = 300;

interface Sent {
  readonly speaker: string;
  readonly number: number;
  readonly bytes: Buffer;
}

/** Of each speaker in turn, of all sizes; the identifier is the number. */
const sent: readonly Sent[] = Array.from({ length: count }, (_, index) => {
  const [speaker, number] = [speakers[index % speakers.length] ?? "", index + 1];
  const payload = JSON.stringify({ speaker, number, more: "x".repeat((number * 37) % 3_000) });
  return { speaker, number, bytes: publish(0x32, `strat/${speaker}/say`, payload, number) };
});

/** A broker that says what has no acknowledgement yet to each connection: to the first one as a test likes, to the others whole. */
class StandIn {
  readonly waiting = new Map(sent.map((message) => [message.number, message]));
  readonly server: Server;
  connections = 0;

  constructor(first: (socket: Socket, bytes: Buffer) => void) {
    this.server = createServer({ noDelay: true }, (socket) => {
      this.connections += 1;
      const begin = this.connections === 1 ? first : (to: Socket, bytes: Buffer) => void to.write(bytes);
      let rest = Buffer.alloc(0);
      let isIn = false;
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        for (let head = headOf(rest, 0); head !== undefined; head = headOf(rest, 0)) {
          const end = head.body + head.length;
          if (end > rest.length) return;
          if (rest[0] === 0x40) this.waiting.delete(rest.readUInt16BE(head.body));
          rest = rest.subarray(end);
          if (isIn) continue;
          isIn = true;
          socket.write(Buffer.from([0x20, 2, 0, 0]));
          begin(socket, Buffer.concat([...this.waiting.values()].map(({ bytes }) => bytes)));
        }
      });
    });
  }
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const ways: readonly (readonly [string, number, (socket: Socket, bytes: Buffer) => void])[] = [
  ["in one piece", 1, (socket, bytes) => void socket.write(bytes)],
  [
    "a few bytes at a time",
    1,
    (socket, bytes) => {
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length || socket.destroyed) return;
        // Most packets' heads are cut somewhere.
        const size = (at % 7) + (at % 1_013);
        socket.write(bytes.subarray(at, at + size + 1), () => setImmediate(next));
        at += size + 1;
      };
      next();
    },
  ],
  ["all of it, and ends", 2, (socket, bytes) => void socket.end(bytes)],
  [
    "half of it, and ends in a packet",
    2,
    (socket, bytes) => void socket.end(bytes.subarray(0, Math.floor(bytes.length / 2) + 1)),
  ],
  ["all of it, and is cut", 2, (socket, bytes) => void socket.write(bytes, () => socket.resetAndDestroy())],
];

test.each(ways)("a broker says %s: each is heard in its order, none is lost", async (_way, connections, first) => {
  const broker = new StandIn(first);
  await new Promise<void>((resolve) => broker.server.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => broker.server.close(resolve)));
  const address = broker.server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const heard = new Map<string, number[]>(speakers.map((speaker) => [speaker, []]));
  const bus: Bus = await connectBus({
    ...{ url: `mqtt://127.0.0.1:${port}`, identity: "a/b", password: () => "x" },
    turns: {
      of: (topic) => topic.split("/")[1],
      perSecond: count,
      dropped: () => expect.unreachable("it is no flood"),
    },
  });
  ends.push(() => bus.close());
  bus.onMessage(({ payload }) => {
    const { speaker, number } = JSON.parse(Buffer.from(payload).toString());
    heard.get(speaker)?.push(number);
  });
  await until("each is acknowledged", () => broker.waiting.size === 0, 120_000);
  // Of one that ends, what is handed on before may be all of it.
  expect(broker.connections).toBeLessThanOrEqual(connections);
  for (const [speaker, numbers] of heard) {
    const own = sent.filter((message) => message.speaker === speaker).map(({ number }) => number);
    // What was heard and had no acknowledgement yet comes again.
    expect([...new Set(numbers)]).toEqual(own);
    if (connections === 1) expect(numbers).toEqual(own);
  }
});
