import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fileVerifier, parseAccess, watchAccess } from "#bus/access-dir.ts";
import { type Broker, startBroker } from "#bus/broker.ts";
import { type Bus, type BusMessage, type BusOptions, connectBus } from "#bus/client.ts";
import { frameGuard } from "#bus/frames.ts";
import type { Access } from "#core/access.ts";
import { RawMqtt } from "../contract/raw-mqtt.ts";

const own = "strat/momentum/sma";
const sma: Access = {
  identity: "momentum-paper/sma",
  publish: ["signal", "order/request", "state", "metric", "log"].map((topic) => `${own}/${topic}`),
  subscribe: [`${own}/order/event`, `${own}/cmd/#`, "gw/state", "md/+/AAPL/quote"],
};
const gateway: Access = {
  identity: "slipway-paper/gateway",
  publish: ["strat/+/+/order/event", "gw/state"],
  subscribe: ["strat/+/+/order/request", "md/#"],
};
const feed: Access = { identity: "slipway-paper/feed-stocks", publish: ["md/replay/#"], subscribe: [] };
const watcher: Access = {
  identity: "slipway-paper/console",
  publish: [],
  subscribe: ["md/#", "strat/#", "gw/#", "secret/#"],
};

const buses: Bus[] = [];
let access = new Map<string, Access>();
let passwords = new Map<string, string>();
let lines: string[] = [];
let broker: Broker;

async function start(port = 0, slow?: { bufferedBytesMax: number; stalledMsMax: number }): Promise<Broker> {
  return startBroker({
    host: "127.0.0.1",
    port,
    access: () => access,
    verify: (identity, password) => passwords.get(identity) === password,
    log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
    ...(slow === undefined ? {} : { slow }),
  });
}

async function client(who: Access, options: Partial<BusOptions> = {}): Promise<Bus & { readonly got: BusMessage[] }> {
  const bus = await connectBus({
    url: `mqtt://127.0.0.1:${broker.port}`,
    identity: who.identity,
    password: () => passwords.get(who.identity) ?? "",
    connectTimeoutMs: 60_000,
    ...options,
  });
  buses.push(bus);
  const got: BusMessage[] = [];
  bus.onMessage((message) => got.push(message));
  return Object.assign(bus, { got });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The message without what the client adds. */
function text({ payload }: BusMessage): unknown {
  const { session: _session, seq: _seq, ...message } = JSON.parse(Buffer.from(payload).toString());
  return message;
}

beforeEach(async () => {
  access = new Map([sma, gateway, feed, watcher].map((item) => [item.identity, item]));
  passwords = new Map([...access.keys()].map((identity) => [identity, `password of ${identity}`]));
  lines = [];
  broker = await start();
});
afterEach(async () => {
  for (const bus of buses.splice(0)) await bus.close();
  await broker.close();
});

describe("what an identity may not do", () => {
  test.each([
    "strat/momentum/other/signal",
    `${own}`,
    `${own}/order/event`,
    `${own}/cmd/halt`,
    `${own}/signal/x`,
    "gw/state",
    "md/replay/AAPL/quote",
    "secret/x",
    "$SYS/x",
    "strat//sma/signal",
  ])("publish %s: the connection is cut, it is counted, and nobody gets it", async (topic) => {
    const watching = await client(watcher);
    for (const filter of watcher.subscribe) await watching.subscribe(filter);
    const bus = await client(sma);
    let cut = false;
    bus.onConnection((state) => {
      cut ||= state === "disconnected";
    });
    await bus.publish(topic, { forged: true }, { retain: true });
    await until("the connection is cut", () => cut);
    expect(broker.stats().violations).toBe(1);
    expect(lines.some((line) => line.includes("topic violation") && line.includes(JSON.stringify(topic)))).toBe(true);
    expect(watching.got).toEqual([]);
    // The same without asking the broker.
    const careful = await client(gateway, { access: sma });
    await expect(careful.publish(topic, {})).rejects.toMatchObject({ code: "topic-refused" });
    await bus.close();
  });

  test("a foreign will is refused when it is announced", async () => {
    const will = { topic: "gw/state", message: { forged: true }, retain: true };
    await expect(client(sma, { will, connectTimeoutMs: 1_500 })).rejects.toMatchObject({ code: "bus-unreachable" });
    expect(broker.stats().violations).toBeGreaterThan(0);
  });

  test.each([
    { name: "a wrong password", options: { password: () => "wrong" } },
    { name: "no password", options: { password: () => "" } },
    { name: "another one's password", options: { password: () => "password of slipway-paper/gateway" } },
    { name: "an unknown identity", options: { identity: "momentum-paper/nobody" } },
  ])("$name is refused", async ({ options }) => {
    await expect(client(sma, { ...options, connectTimeoutMs: 1_500 })).rejects.toThrow(
      /Not authorized \(slipway logs bus says why\)$/,
    );
    expect(broker.stats()).toMatchObject({ clients: 0 });
  });

  test("a packet that says it is larger than allowed is cut at its header", async () => {
    expect([...(await raw(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0])))]).toEqual([]);
    expect(lines.some((line) => line.includes("a packet of more than"))).toBe(true);
  });

  test("60 subscriptions and no more", async () => {
    const bus = await client(watcher);
    const answers = await Promise.all(Array.from({ length: 61 }, (_, index) => bus.subscribe(`md/x/${index}`)));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(60);
    // One it has already may be asked for again.
    expect((await bus.subscribe("md/x/0", { qos: 1 })).ok).toBe(true);
  });

  test("rights that are taken away end at once, for what was subscribed too", async () => {
    const bus = await client(sma);
    await bus.subscribe("md/+/AAPL/quote");
    const feeding = await client(feed);
    await feeding.publish("md/replay/AAPL/quote", { n: 1 }, { qos: 1 });
    await until("the first", () => bus.got.length === 1);
    access = new Map(access).set(sma.identity, { ...sma, subscribe: ["gw/state"] });
    await bus.subscribe("gw/state");
    const other = await client(gateway);
    await feeding.publish("md/replay/AAPL/quote", { n: 2 }, { qos: 1 });
    await other.publish("gw/state", { n: 3 }, { qos: 1 });
    await until("what is still allowed", () => bus.got.length === 2);
    expect(bus.got.map(text)).toEqual([{ n: 1 }, { n: 3 }]);
    access = new Map([...access].filter(([identity]) => identity !== sma.identity));
    await until("it is cut", () => !bus.connected);
  });
});

async function raw(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(broker.port, "127.0.0.1", () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
}

describe("what holds", () => {
  test("what may no longer be delivered to a kept session takes nothing else from its queue", async () => {
    const bus = await client(sma, { cleanSession: false });
    for (const filter of [`${own}/order/event`, "gw/state"]) await bus.subscribe(filter, { qos: 1 });
    access = new Map(access).set(sma.identity, { ...sma, subscribe: ["gw/state"] });
    const sender = await client(gateway);
    const sent = Array.from({ length: 800 }, (_, n) =>
      sender.publish(n % 2 === 0 ? `${own}/order/event` : "gw/state", { n }, { qos: 1 }),
    );
    await Promise.all(sent);
    await until("all that is allowed", () => bus.got.length === 400);
  });

  test("more at once than a session keeps reaches who is connected, and cuts nobody", async () => {
    const slow = new RawMqtt(broker.port).connect({
      ...{ clientId: sma.identity.replace("/", "_"), user: sma.identity, clean: false },
      password: passwords.get(sma.identity) ?? "",
    });
    await until("it is let in", () => slow.of(2).length === 1);
    slow.subscribe(`${own}/order/event`, 1);
    await until("it has subscribed", () => slow.of(9).length === 1);
    const sender = await client(gateway);
    const burst = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) await sender.publish(`${own}/order/event`, { n }, { qos: 1 });
    };
    await burst(1_500);
    await until("all of it, without a single acknowledgement", () => slow.of(3).length === 1_500 || slow.closed);
    for (const { body } of slow.of(3)) slow.acknowledge(body);
    await burst(10);
    await until("what comes then", () => slow.of(3).length === 1_510 || slow.closed);
    expect([slow.closed, slow.of(3).length, broker.stats().slowCut]).toEqual([false, 1_510, 0]);
    slow.close();
  });

  test("a password that changes is read anew", async () => {
    let token = passwords.get(sma.identity) ?? "";
    const bus = await client(sma, { password: () => token });
    passwords.set(sma.identity, "renewed");
    const { port } = broker;
    await broker.close();
    broker = await start(port);
    await until("the old one is refused", () => broker.stats().refusedConnections > 0);
    token = "renewed";
    await until("the new one is taken", () => bus.connected);
  });

  test("while offline, the oldest telemetry goes and no order does", async () => {
    const bus = await client(sma);
    const { port } = broker;
    await broker.close();
    await until("offline", () => !bus.connected);
    for (let n = 0; n < 300; n += 1) await bus.publish(`${own}/log`, { n });
    const orders = Array.from({ length: 1_001 }, (_, n) => bus.publish(`${own}/order/request`, { n }, { qos: 1 }));
    await expect(orders.pop()).rejects.toMatchObject({ code: "bus-queue-full" });
    broker = await start(port);
    const receiver = await client(watcher);
    await receiver.subscribe("strat/#", { qos: 1 });
    await Promise.all(orders);
    // aedes acknowledges before it hands on, so the count may come a moment later.
    await until("all arrived", () => broker.stats().published >= 1_000 + 256);
    expect(broker.stats().published).toBe(1_000 + 256);
  });

  test("a subscriber that takes nothing is cut, and holds back nobody", async () => {
    const { port } = broker;
    await broker.close();
    broker = await start(port, { bufferedBytesMax: 2 * 1024 * 1024, stalledMsMax: 60_000 });
    const password = passwords.get(watcher.identity) ?? "";
    const fields = ["slipway-paper_console", watcher.identity, password].map((field) =>
      Buffer.concat([Buffer.from([0, field.length]), Buffer.from(field)]),
    );
    const body = Buffer.concat([Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0xc2, 0, 0]), ...fields]);
    const subscription = Buffer.concat([Buffer.from([0, 1, 0, 4]), Buffer.from("md/#"), Buffer.from([0])]);
    const frozen = connectSocket(port, "127.0.0.1");
    frozen.on("error", () => undefined);
    frozen.write(
      Buffer.concat([Buffer.from([0x10, body.length]), body, Buffer.from([0x82, subscription.length]), subscription]),
    );
    let seen = 0;
    frozen.on("data", (chunk) => {
      seen += chunk.length;
    });
    await until("it is subscribed", () => seen >= 9);
    frozen.pause();
    const receiver = await client(gateway);
    await receiver.subscribe("md/#");
    const feeding = await client(feed);
    // Small enough that aedes' 200 deliveries at a time would all be waiting for it before its buffer is full.
    const message = { x: "x".repeat(5_000) };
    for (let n = 0; n < 4_000; n += 1) await feeding.publish("md/replay/AAPL/quote", message);
    await until("the other gets all", () => receiver.got.length === 4_000);
    await until("the frozen one is cut", () => broker.stats().slowCut === 1);
    frozen.destroy();
  });
});

describe("the bus process's files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const log = (): void => undefined;

  test("rules are read again when they change; one that is none denies its identity only", async () => {
    mkdirSync(join(folder, "access"));
    const write = (name: string, value: string): void => {
      writeFileSync(join(folder, "temp"), value);
      renameSync(join(folder, "temp"), join(folder, "access", name));
    };
    write("momentum-paper.sma", JSON.stringify(sma));
    write("slipway-paper.gateway", JSON.stringify(gateway));
    write("other.name", JSON.stringify(feed));
    const directory = watchAccess(join(folder, "access"), log);
    try {
      expect([...directory.current().keys()]).toEqual([sma.identity, gateway.identity]);
      const before = directory.current().get(gateway.identity);
      write("momentum-paper.sma", "{");
      await until("the broken one is gone", () => !directory.current().has(sma.identity));
      expect(directory.current().get(gateway.identity)).toBe(before);
      write("momentum-paper.sma", JSON.stringify({ ...sma, publish: [] }));
      await until("it is back", () => directory.current().get(sma.identity)?.publish.length === 0);
    } finally {
      directory.close();
    }
  });

  test.each([
    "",
    "{}",
    "[]",
    '{"identity":"a/b","publish":"x","subscribe":[]}',
    '{"identity":"a","publish":[],"subscribe":[]}',
    '{"identity":"a/b","publish":[1],"subscribe":[]}',
  ])("%s is no rule", (value) => {
    expect(parseAccess(value)).toBeUndefined();
  });

  test("a new password is found in the file that was written after the start", () => {
    const file = join(folder, "tokens.json");
    const digest = (password: string): string => createHash("sha256").update(password).digest("hex");
    writeFileSync(file, JSON.stringify({ "a/b": digest("one") }));
    const verify = fileVerifier(file, log);
    expect([verify("a/b", "one"), verify("a/b", "two"), verify("toString", "one"), verify("a/c", "one")]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    writeFileSync(file, JSON.stringify({ "a/b": digest("two") }));
    expect([verify("a/b", "two"), verify("a/b", "one")]).toEqual([true, false]);
    writeFileSync(file, "{");
    expect(verify("a/b", "two")).toBe(true);
  });
});

describe("frames", () => {
  test.each([
    {
      name: "at the bound",
      chunks: [
        [0x30, 5, 1, 2, 3, 4, 5],
        [0xc0, 0],
      ],
      cut: false,
    },
    { name: "one above", chunks: [[0x30, 6]], cut: true },
    { name: "above, byte by byte", chunks: [[0x30], [0x86], [0x01]], cut: true },
    { name: "a length without an end", chunks: [[0x30, 0x80, 0x80, 0x80, 0x80]], cut: true },
    { name: "packets across chunks", chunks: [[0x30, 5, 1], [2, 3, 4, 5, 0x30], [1], [9, 0x30, 5]], cut: false },
    { name: "a large one after a good one", chunks: [[0x30, 1, 9, 0x30, 9]], cut: true },
  ])("5 bytes at most: $name", ({ chunks, cut }) => {
    const guard = frameGuard(5);
    const complaints = chunks.map((chunk) => guard(Uint8Array.from(chunk))).filter((why) => why !== undefined);
    expect(complaints.length > 0).toBe(cut);
  });

  test("the first byte of each packet is told, however they are cut", () => {
    const begun: number[] = [];
    const guard = frameGuard(5, (first) => begun.push(first));
    for (const chunk of [
      [0x30, 5, 1],
      [2, 3, 4, 5, 0xc0],
      [0, 0x40, 2, 0, 7, 0x30],
      [1, 9],
    ])
      guard(Uint8Array.from(chunk));
    expect(begun).toEqual([0x30, 0xc0, 0x40, 0x30]);
  });
});
