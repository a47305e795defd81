import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OrderEventMessage } from "#core/messages.ts";
import { aedes } from "../bus/aedes.ts";
import {
  type BrokerUnderTest,
  Clients,
  everyone,
  gateway,
  messageOf,
  own,
  passwords,
  rates,
  sma,
  until,
  watcher,
} from "../contract/bus-bench.ts";
import { requestOf } from "../contract/forgery-ways.ts";
import { startGateway } from "../contract/real-gateway.ts";
import { realClock } from "./clock.ts";

const requests = `${own}/order/request`;
const beside = "strat/carry/rates";
let broker: BrokerUnderTest;
let folder: string;
const clients = new Clients(() => broker);

beforeEach(async () => {
  broker = await aedes.open(everyone, passwords);
  folder = mkdtempSync(join(tmpdir(), "slipway-flood-"));
});
afterEach(async () => {
  await clients.close();
  await broker.close();
  rmSync(folder, { recursive: true, force: true });
});

test("of a flood below the bus's cut little is looked at, all is acknowledged and counted, and the neighbour's orders are answered in their order", async () => {
  // All of it in one second of the gateway's, however long a busy machine takes.
  const nowMs = Date.now();
  const time = { ...realClock(), wallMs: () => nowMs, elapsedMs: () => 0 };
  const running = startGateway(broker.port, folder, ["momentum/sma", "carry/rates"] as never[], time);
  await until("the gateway", () => running.logs.some((line) => line.startsWith("gateway is online")));
  const watching = await clients.open(watcher);
  await watching.subscribe("gw/metric");
  const counts = (): { readonly [name: string]: number } => Object(Object(watching.got.map(messageOf).at(-1)).counts);
  const neighbour = await clients.open(rates);
  await neighbour.subscribe(`${beside}/order/event`, { qos: 1 });
  const flooder = await clients.raw(sma);
  const flood = 1_900;
  for (let number = 1; number <= flood; number += 1) {
    const request = requestOf({ clientOrderId: `flood-${number}`, epoch: 1 });
    flooder.publish(requests, JSON.stringify(request), 1, (number % 255) + 1);
  }
  const ids = Array.from({ length: 20 }, (_, index) => `beside-${index}`);
  for (const clientOrderId of ids) {
    void neighbour.publish(`${beside}/order/request`, requestOf({ clientOrderId, epoch: 1 }), { qos: 1 });
  }
  await until("each is answered", () => neighbour.got.length === ids.length);
  expect(neighbour.got.map((message) => (messageOf(message) as OrderEventMessage).clientOrderId)).toEqual(ids);
  await until("the flood is over", () => flooder.of(4).length === flood);
  // What waits for its turn is behind whatever a neighbour asks.
  await until("all has come to the gateway", () => counts()["requests"] === flood + ids.length);
  const booked = Array.from({ length: flood }, (_, index) => `flood-${index + 1}`).filter(
    (id) => running.book.order("momentum/sma" as never, id) !== undefined,
  );
  const counted = await running.stop();
  expect(running.logs.filter((line) => line.includes("floods the gateway")).length).toBeGreaterThan(0);
  expect(counted).toMatchObject({ requests: flood + ids.length });
  expect(counted?.["flooded"]).toBeGreaterThan(0);
  // Those that it looked at are the first of it, or of a second.
  expect(booked.slice(0, 3)).toEqual(["flood-1", "flood-2", "flood-3"]);
  // Nothing of it is left for the next gateway.
  const next = await clients.open(gateway, { cleanSession: false });
  await next.publish("gw/state", { v: 1 }, { qos: 1 });
  expect(next.got).toEqual([]);
});
