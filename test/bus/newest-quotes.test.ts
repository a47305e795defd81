import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { type Broker, startBroker } from "#bus/broker.ts";
import { type Bus, type BusMessage, connectBus } from "#bus/client.ts";
import { type NewestQuote, NewestQuotes, waitingMax } from "#bus/newest-quotes.ts";
import { Receiver } from "#bus/receiver.ts";
import { executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import { validateQuote } from "#core/bus-validators.generated.js";
import type { QuoteMessage } from "#core/messages.ts";
import { effective } from "../executor/rig.ts";
import { packet, publish } from "./packets.ts";

interface Sent {
  readonly bytes: Buffer;
  /** Undefined: it goes on. */
  readonly quote?: { readonly topic: string; readonly payload: string };
}

const sid = fc.constantFrom("A", "B", "C");
const sent: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(sid, fc.string({ maxLength: 200 })).map(([name, payload]): Sent => {
      const topic = `md/replay/${name}/quote`;
      return { bytes: publish(0x30, topic, payload), quote: { topic, payload } };
    }),
  },
  // Retained, at QoS 1, repeated; another topic; too large to be one; a name that is no ASCII; a topic that is longer than its packet; no body.
  fc.constantFrom(0x31, 0x32, 0x3a).map((first) => ({ bytes: publish(first, "md/replay/A/quote", "x") })),
  fc.constantFrom("md/replay/A/history", "quote", "/quote", "strat/a/b/order/event").map((topic) => ({
    bytes: publish(0x30, topic, "{}"),
  })),
  fc.constant({ bytes: publish(0x30, "md/replay/A/quote", "y".repeat(9_000)) }),
  fc.constant({ bytes: publish(0x30, "md/replay/é/quote", "{}") }),
  fc.constant({ bytes: packet(0x30, Buffer.from([0, 200, 0x61])) }),
  fc
    .constantFrom(packet(0x30, Buffer.from([0])), packet(0x40, Buffer.from([0, 1])), packet(0xd0, Buffer.alloc(0)))
    .map((bytes) => ({ bytes })),
);

describe("quotes out of the bytes of a connection", () => {
  test("so many topics wait at most: quotes of others go on as they came, newer ones of those that wait do not", () => {
    const quotes = new NewestQuotes();
    const of = (index: number): Buffer => publish(0x30, `md/replay/S${index}/quote`, "{}");
    for (let index = 0; index < waitingMax; index += 1) expect(quotes.take(of(index))).toEqual([]);
    expect(quotes.take(Buffer.concat([of(7), of(waitingMax), of(8)]))).toEqual([of(waitingMax)]);
    expect([quotes.size, quotes.next()?.superseded]).toEqual([waitingMax, 0]);
    expect(quotes.take(of(waitingMax))).toEqual([]);
  });

  test("property: however the bytes are cut, all else goes on as it came, and of each topic the newest is handed on", () => {
    fc.assert(
      fc.property(
        fc.array(sent, { maxLength: 60 }),
        fc.array(fc.tuple(fc.nat({ max: 400 }), fc.boolean())),
        (packets, cuts) => {
          const lane = new NewestQuotes();
          const all = Buffer.concat(packets.map(({ bytes }) => bytes));
          const passed: Buffer[] = [];
          const handed: NewestQuote[] = [];
          const drain = (): void => {
            for (let quote = lane.next(); quote !== undefined; quote = lane.next()) handed.push(quote);
          };
          let at = 0;
          // The buffer is used again, as a socket does.
          const buffer = Buffer.alloc(all.length + 1);
          for (const [size, drains] of [...cuts, [all.length, true] as const]) {
            const chunk = all.subarray(at, at + size);
            buffer.fill(0xff).set(chunk);
            passed.push(...lane.take(buffer.subarray(0, chunk.length)));
            at += chunk.length;
            if (drains) drain();
          }
          const others = packets.filter(({ quote }) => quote === undefined).map(({ bytes }) => bytes);
          expect(Buffer.concat(passed).equals(Buffer.concat(others))).toBe(true);
          for (const topic of ["A", "B", "C"].map((name) => `md/replay/${name}/quote`)) {
            const came = packets.flatMap(({ quote }) => (quote?.topic === topic ? [quote.payload] : []));
            let next = 0;
            for (const quote of handed.filter((each) => each.topic === topic)) {
              next += quote.superseded;
              expect(Buffer.from(quote.payload).toString()).toBe(came[next]);
              next += 1;
            }
            expect(next).toBe(came.length);
          }
          expect(lane.size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("who waited longest comes first, however often it was superseded", () => {
    const lane = new NewestQuotes();
    for (const name of ["A", "B", "A", "C", "A"]) lane.take(publish(0x30, `md/x/${name}/quote`, name));
    expect([lane.next(), lane.next(), lane.next()].map((quote) => [quote?.topic, quote?.superseded])).toEqual([
      ["md/x/A/quote", 2],
      ["md/x/B/quote", 0],
      ["md/x/C/quote", 0],
    ]);
  });
});

test("a receiver counts what was superseded as neither missing nor repeated", () => {
  const taken: number[] = [];
  const receiver = new Receiver(
    { publish: async () => undefined },
    {
      ...{ validators: { quote: validateQuote }, nowMs: () => 1, log: () => undefined },
      take: ({ message }) => void taken.push((message as QuoteMessage).seq),
    },
  );
  const receive = (seq: number, superseded?: number): void => {
    const message = { v: 1, type: "quote", sid: "A", venue: "x", quote: "1", session: "s", seq, ts: seq };
    const more = superseded === undefined ? {} : { superseded };
    receiver.receive({
      topic: "md/x/A/quote",
      payload: Buffer.from(JSON.stringify(message)),
      retained: false,
      qos: 0,
      ...more,
    });
  };
  receive(1);
  receive(5, 3);
  expect(receiver.counters).toMatchObject({ received: 2, missed: 0, duplicates: 0 });
  receive(9, 2);
  expect([taken, receiver.counters.missed]).toEqual([[1, 5, 9], 1]);
});

describe("a connection that wants the newest quotes", () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
  });

  test("hears a burst's last quote of each instrument, counts the others, and every order event", async () => {
    const spec = effective();
    const rules = [executorAccess(spec), feedAccess("paper", "x", "replay"), gatewayAccess("paper")];
    const access = new Map(rules.map((rule) => [rule.identity, rule]));
    const broker: Broker = await startBroker({
      ...{ host: "127.0.0.1", port: 0, access: () => access, verify: () => true, log: () => undefined },
    });
    opened.push(broker);
    const [reader, feed, gateway] = (await Promise.all(
      rules.map((rule, index) =>
        connectBus({
          ...{ url: `mqtt://127.0.0.1:${broker.port}`, identity: rule.identity, password: () => "x", access: rule },
          quotes: index === 0 ? "newest" : "each",
        }),
      ),
    )) as [Bus, Bus, Bus];
    opened.push(reader, feed, gateway);
    const heard: BusMessage[] = [];
    reader.onMessage((message) => heard.push(message));
    const own = `strat/${spec.team}/${spec.name}/order/event`;
    const [first = "", second = ""] = spec.limits.instruments;
    for (const filter of [`md/+/${first}/quote`, `md/+/${second}/quote`, own])
      expect(await reader.subscribe(filter, { qos: filter === own ? 1 : 0 })).toMatchObject({ ok: true });
    const count = 2_000;
    for (let seq = 1; seq <= count; seq += 1) {
      for (const name of [first, second]) await feed.publish(`md/replay/${name}/quote`, { seq });
      if (seq % 100 === 0) void gateway.publish(own, { seq }, { qos: 1 });
    }
    const read = ({ payload }: BusMessage): { readonly seq: number } => JSON.parse(Buffer.from(payload).toString());
    const of = (topic: string): readonly BusMessage[] => heard.filter((message) => message.topic === topic);
    const all = (topic: string): number => of(topic).reduce((sum, { superseded = 0 }) => sum + 1 + superseded, 0);
    const topics = [first, second].map((name) => `md/replay/${name}/quote`);
    await expect
      .poll(() => [...topics.map(all), of(own).length], { timeout: 20_000 })
      .toEqual([count, count, count / 100]);
    for (const topic of topics) {
      const seqs = of(topic).map((message) => read(message).seq);
      expect(seqs.at(-1)).toBe(count);
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    }
    expect(of(own).map((message) => read(message).seq)).toEqual(
      Array.from({ length: count / 100 }, (_, index) => (index + 1) * 100),
    );
  });
});
