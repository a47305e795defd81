import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { freePorts } from "#bus/loopback.ts";
import { natsConfiguration } from "#bus/nats.ts";
import { type Callout, startCallout, type Verify } from "#bus/nats-callout.ts";
import { expiryOf } from "#bus/token-expiry.ts";
import { type Access, executorAccess } from "#core/access.ts";
import { own, sma, until, watcher } from "../contract/bus-bench.ts";
import { effective } from "../executor/rig.ts";
import { BrokerProcess } from "./process.ts";
import { natsProgram } from "./programs.ts";

// What a cluster adds to the contract: passwords that end, and connections that are asked about again.

const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

interface Bench {
  readonly callout: Callout;
  readonly port: number;
  readonly rules: Map<string, Access>;
  verify: Verify;
  connect(onConnection: (state: string) => void, connectTimeoutMs?: number): Promise<Bus>;
}

async function bench(verify: Verify): Promise<Bench> {
  const [mqttPort = 0, natsPort = 0] = await freePorts(2);
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const broker = new BrokerProcess("nats", mqttPort, (folder) => [natsProgram(), "-c", join(folder, "nats.conf")]);
  opened.push(broker);
  const storeDirectory = join(broker.folder, "store");
  const options = { host: "127.0.0.1", mqttPort, natsPort, storeDirectory, issuer, calloutPassword: "secret" };
  writeFileSync(join(broker.folder, "nats.conf"), natsConfiguration(options), { mode: 0o600 });
  await broker.start();
  const made = { port: mqttPort, rules: new Map([[sma.identity, sma]]), verify };
  const callout = await startCallout({
    ...{ host: "127.0.0.1", port: natsPort, password: "secret", issuer, nowMs: Date.now, log: () => undefined },
    access: () => made.rules,
    verify: (identity, password) => made.verify(identity, password),
  });
  opened.push(callout);
  return Object.assign(made, {
    callout,
    async connect(onConnection: (state: string) => void, connectTimeoutMs = 60_000) {
      const url = `mqtt://127.0.0.1:${mqttPort}`;
      const bus = await connectBus({ url, identity: sma.identity, password: () => "token", connectTimeoutMs });
      opened.push(bus);
      bus.onConnection(onConnection);
      return bus;
    },
  });
}

test("a connection ends with its password, and comes again with the next one", async () => {
  let lastsSeconds = 3;
  const { connect } = await bench(async () => ({ expiresAtSeconds: Math.floor(Date.now() / 1_000) + lastsSeconds }));
  const states: string[] = [];
  await connect((state) => states.push(state));
  lastsSeconds = 3_600;
  await until("cut and back", () => states.join() === "disconnected,connected");
});

/** A token as far as a client reads it. */
function token(endsSeconds: number): string {
  return `e30.${Buffer.from(JSON.stringify({ exp: endsSeconds })).toString("base64url")}.x`;
}

test("a client takes the next token before the old one ends: no will is said, and nothing of QoS 1 is lost", async () => {
  const now = (): number => Math.floor(Date.now() / 1_000);
  const { port, rules } = await bench(async (_identity, password) => ({
    expiresAtSeconds: Number(expiryOf(password)),
  }));
  rules.set(watcher.identity, watcher);
  const url = `mqtt://127.0.0.1:${port}`;
  const seen: { readonly n?: number; readonly state?: string }[] = [];
  const reader = await connectBus({ url, identity: watcher.identity, password: () => token(now() + 3_600) });
  opened.push(reader);
  reader.onMessage(({ payload }) => seen.push(JSON.parse(Buffer.from(payload).toString())));
  await reader.subscribe("strat/#", { qos: 1 });
  // What a client has from the moment at which it looks to the end is a share of it.
  let current = token(now() + 12);
  const will = { topic: `${own}/state`, message: { state: "offline" }, retain: true };
  const writer = await connectBus({ url, identity: sma.identity, password: () => current, will });
  opened.push(writer);
  const states: string[] = [];
  writer.onConnection((state) => states.push(state));
  current = token(now() + 3_600);
  let sent = 0;
  const sending: Promise<void>[] = [];
  while (states.length < 2) {
    sending.push(writer.publish(`${own}/metric`, { n: sent }, { qos: 1 }));
    sent += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(sending);
  await until("all of it", () => new Set(seen.map(({ n }) => n)).size === sent);
  expect(states).toEqual(["disconnected", "connected"]);
  expect(seen.filter(({ state }) => state === "offline")).toEqual([]);
});

test("a password that is no longer good cuts the open connection at the next look", async () => {
  const made = await bench(async () => ({}));
  const states: string[] = [];
  await made.connect((state) => states.push(state));
  await made.callout.recheck("all");
  expect(states).toEqual([]);
  made.verify = async () => undefined;
  await made.callout.recheck("all");
  await until("cut", () => states.includes("disconnected"));
  await until("refused since", () => made.callout.refused > 0);
  expect(states).toEqual(["disconnected"]);
});

test("while nobody can say whether a password is good, open connections stay and new ones are refused", async () => {
  const made = await bench(async () => ({}));
  const states: string[] = [];
  const first = await made.connect((state) => states.push(state));
  made.verify = async () => {
    throw new Error("the API server is away");
  };
  await made.callout.recheck("all");
  await first.publish(`${own}/metric`, { v: 1 }, { qos: 1 });
  expect(states).toEqual([]);
  await first.close();
  await expect(made.connect(() => undefined, 5_000)).rejects.toThrow("no connection");
  expect(made.callout.refused).toBeGreaterThan(0);
});

test("changed rules are in force at the next look, and unchanged ones cut nobody", async () => {
  const made = await bench(async () => ({}));
  const states: string[] = [];
  const bus = await made.connect((state) => states.push(state));
  expect(await bus.subscribe("strat/carry/rates/signal")).toMatchObject({ ok: true });
  made.rules.set(sma.identity, executorAccess(effective({ team: "momentum", name: "sma" })));
  await made.callout.recheck("all");
  await until("cut and back", () => states.join() === "disconnected,connected");
  await made.callout.recheck("all");
  expect(await bus.subscribe("strat/carry/rates/signal")).toMatchObject({ ok: false });
  expect(states).toEqual(["disconnected", "connected"]);
});
