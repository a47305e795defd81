import { afterEach, beforeEach, expect, test } from "vitest";
import { busClientId } from "#core/identity.ts";
import { askerOfTopic } from "#gateway/request.ts";
import {
  type BrokerKind,
  type BrokerUnderTest,
  Clients,
  everyone,
  feed,
  gateway,
  messageOf,
  own,
  passwords,
  rates,
  sma,
  until,
} from "./bus-bench.ts";
import type { RawMqtt } from "./raw-mqtt.ts";

/** What a broker that cuts off who floods it does; each flood has a new one, since one that is cut off stays away. */
export function busFloodsContract(kind: BrokerKind): void {
  let broker: BrokerUnderTest;
  const clients = new Clients(() => broker);
  const cuts = (): readonly string[] => broker.cutOff ?? [];

  beforeEach(async () => {
    broker = await kind.open(everyone, passwords);
  });
  afterEach(async () => {
    await clients.close();
    await broker.close();
  });

  const ways: readonly [string, typeof sma, (client: RawMqtt, number: number) => void][] = [
    ["orders", sma, (client) => client.publish(`${own}/order/request`, "x".repeat(200))],
    [
      "orders of QoS 1",
      rates,
      (client, number) => client.publish("strat/carry/rates/order/request", "x", 1, number & 127 || 1),
    ],
  ];
  test.each(ways)("a flood of %s: it is cut off and kept out, and who is beside it is not", async (_name, who, say) => {
    const beside = await clients.open(who === sma ? rates : sma);
    const gate = await clients.open(gateway);
    await gate.subscribe("strat/+/+/order/request", { qos: 1 });
    const topic = who === sma ? "strat/carry/rates/order/request" : `${own}/order/request`;
    const client = await clients.raw(who);
    const before = cuts().length;
    await until("it is cut off", () => {
      if (!client.closed) for (let number = 0; number < 300; number += 1) say(client, number);
      return client.closed && cuts().length > before;
    });
    expect(cuts().slice(before)).toEqual([
      expect.stringMatching(
        /^strat\/(?:momentum\/sma|carry\/rates)\/log: cut off from the bus: [\d,]+ messages in [\d.]+ s, at most 1,000 a second and 2,000 at once; it is let in again at \d\d:\d\d:\d\d UTC$/,
      ),
    ]);
    const { identity } = who;
    const again = clients.stranger();
    again.connect({ clientId: busClientId(identity), user: identity, password: passwords.get(identity) ?? "" });
    await until("it is refused", () => again.closed);
    expect(again.of(2).every(({ body }) => body[1] === 5)).toBe(true);
    await beside.publish(topic, { v: 1, type: "order-request" }, { qos: 1 });
    await until("the neighbour's order", () => gate.got.some((message) => message.topic === topic));
    expect(
      messageOf(gate.got.find((message) => message.topic === topic) ?? { payload: Buffer.alloc(0) }),
    ).toMatchObject({
      type: "order-request",
    });
    expect([beside.drops, gate.drops]).toEqual([0, 0]);
  });

  test("a flood beside which others come under its name: the connection that floods is the one that is cut", async () => {
    const executor = await clients.raw(sma);
    const flooder = await clients.raw(sma);
    await until("the first has made way", () => executor.closed);
    const { identity } = sma;
    const login = { clientId: busClientId(identity), user: identity, password: passwords.get(identity) ?? "" };
    // It is let in by its password, and then nats-server lets it wait, since the name has just changed hands.
    clients.stranger().connect(login);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await until("it is cut", () => {
      if (!flooder.closed) for (let number = 0; number < 300; number += 1) flooder.publish(`${own}/order/request`, "x");
      return flooder.closed;
    });
  });

  test.each(ways)("a flood of %s: whoever asks beside it is behind little of it", async (_name, who, say) => {
    const beside = await clients.open(who === sma ? rates : sma);
    const topic = who === sma ? "strat/carry/rates/order/request" : `${own}/order/request`;
    let dropped = 0;
    const turns = {
      ...{ of: askerOfTopic, perSecond: 100 },
      dropped: () => {
        dropped += 1;
      },
    };
    const gate = await clients.open(gateway, { turns });
    await gate.subscribe("strat/+/+/order/request", { qos: 1 });
    const client = await clients.raw(who);
    for (let order = 0; order < 40; order += 1) {
      if (!client.closed) for (let number = 0; number < 1_000; number += 1) say(client, number);
      const before = { got: gate.got.length, second: Math.floor(Date.now() / 1_000) };
      const own = (): number => gate.got.findIndex((one, index) => index >= before.got && one.topic === topic);
      void beside.publish(topic, { order }, { qos: 1 });
      await until("the neighbour's order", () => own() >= 0);
      const seconds = Math.floor(Date.now() / 1_000) - before.second + 1;
      // As many as may be said in these seconds, and what was still under way.
      expect(own() - before.got).toBeLessThanOrEqual(turns.perSecond * (seconds + 1));
    }
    expect(dropped).toBeGreaterThan(0);
  });

  test("a feed may say as much as it likes", async () => {
    const client = await clients.raw(feed);
    const before = cuts().length;
    const listener = await clients.raw(gateway);
    listener.subscribe("md/#", 0);
    await until("SUBACK", () => listener.of(9).length > 0);
    for (let round = 0; round < 10; round += 1) {
      for (let number = 0; number < 1_000; number += 1) client.publish("md/replay/AAPL/quote", "x");
      await until("as much as was said", () => listener.of(3).length >= (round + 1) * 1_000);
    }
    expect([client.closed, cuts().length]).toEqual([false, before]);
  });
}
