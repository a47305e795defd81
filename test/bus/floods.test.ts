import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type BrokerUnderTest,
  Clients,
  everyone,
  gateway,
  own,
  passwords,
  rates,
  sma,
  until,
} from "../contract/bus-bench.ts";
import { busFloodsContract } from "../contract/bus-floods.ts";
import { aedes } from "./aedes.ts";

describe("the embedded broker: floods", () => busFloodsContract(aedes));

// nats-server tells of messages alone; what else a client sends costs it little.
describe("the embedded broker: what is no message", () => {
  let broker: BrokerUnderTest;
  const clients = new Clients(() => broker);
  beforeEach(async () => {
    broker = await aedes.open(everyone, passwords);
  });
  afterEach(async () => {
    await clients.close();
    await broker.close();
  });

  test.each([
    ["pings", [0xc0, 0]],
    ["acknowledgements", [0x40, 2, 0, 7]],
    ["releases", [0x62, 2, 0, 7]],
  ])("a flood of %s: it is cut off, and who is beside it is not", async (_what, packet) => {
    const beside = await clients.open(rates);
    const gate = await clients.open(gateway);
    await gate.subscribe("strat/+/+/order/request", { qos: 1 });
    const client = await clients.raw(sma);
    // More at once than it may, however seldom a busy machine comes to it.
    const flood = Buffer.concat(Array.from({ length: 12_000 }, () => Buffer.from(packet)));
    await until("it is cut off", () => {
      if (!client.closed) client.socket.write(flood);
      return client.closed;
    });
    expect(broker.cutOff).toEqual([
      expect.stringMatching(
        /^strat\/momentum\/sma\/log: cut off from the bus: [\d,]+ pings and acknowledgements in [\d.]+ s, at most 2,000 a second and 10,000 at once; it is let in again at /,
      ),
    ]);
    await beside.publish("strat/carry/rates/order/request", { v: 1 }, { qos: 1 });
    await until("the neighbour's order", () => gate.got.length === 1);
    expect([beside.drops, gate.drops]).toEqual([0, 0]);
  });

  test("as many acknowledgements as there may be messages for it are none, and the gateway may send any number", async () => {
    const executor = await clients.raw(sma);
    const gate = await clients.raw(gateway);
    const acknowledged = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, () => Buffer.from([0x40, 2, 0, 7])));
    executor.socket.write(acknowledged(9_000));
    gate.socket.write(acknowledged(30_000));
    for (const client of [executor, gate]) client.send(0xc0, Buffer.alloc(0));
    await until("both are answered", () => [executor, gate].every((client) => client.of(13).length === 1));
    executor.publish(`${own}/order/request`, "x", 1, 9);
    await until("its order is taken", () => executor.of(4).length === 1);
    expect(broker.cutOff).toEqual([]);
  });
});
