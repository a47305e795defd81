import { expect, test } from "vitest";
import type { Bus, BusMessage } from "#bus/client.ts";
import { followBus, TelemetryReader } from "#console/telemetry.ts";
import { ok } from "#core/result.ts";
import { samples } from "../fixtures/bus-messages.ts";

test("what the bus brings is held to its schema and taken once; the rest is counted", async () => {
  let hear: (message: BusMessage) => void = () => undefined;
  const bus: Pick<Bus, "onMessage" | "publish" | "subscribe"> = {
    onMessage(handler) {
      hear = handler;
      return () => undefined;
    },
    publish: () => Promise.reject(new Error("the console says nothing")),
    subscribe: async () => ok(undefined),
  };
  const reader = new TelemetryReader(() => 5);
  let changes = 0;
  await followBus(bus as Bus, reader, () => {
    changes += 1;
  });
  const say = (topic: string, message: unknown): void =>
    hear({ topic, payload: Buffer.from(JSON.stringify(message)), retained: false, qos: 0 });
  const kinds = [
    "state",
    "metric",
    "account",
    "log",
    "order-event",
    "gateway-state",
    "gateway-halts",
    "feed-state",
    "platform-metric",
  ] as const;
  for (const [topic, message] of kinds.map((kind) => samples[kind])) say(topic, message);
  const heard = [...reader.strategies.values()][0];
  expect([...reader.strategies.keys()]).toEqual(["momentum/sma-cross"]);
  expect(heard).toMatchObject({
    state: samples.state[1],
    metric: samples.metric[1],
    account: samples.account[1],
    problem: samples.log[1],
  });
  expect([reader.gateway?.state, [...reader.feeds.keys()], reader.badPayloads]).toEqual(["online", ["stocks"], 0]);
  expect([...reader.platform]).toEqual([["gateway", samples["platform-metric"][1]]]);
  say(samples.account[0], samples.account[1]);
  expect(heard?.equityTrail).toHaveLength(1);
  say(samples.metric[0], { ...samples.metric[1], seq: 9, positions: { "<b>": "1" } });
  say(samples.state[0], { ...samples.state[1], seq: 9, extra: 1 });
  say("strat/momentum/sma-cross/order/request", samples["order-request"][1]);
  expect([reader.badPayloads, changes]).toEqual([3, kinds.length + 4]);
});
