import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { natsConfiguration } from "#bus/nats.ts";
import { type Callout, startCallout, type Verify } from "#bus/nats-callout.ts";
import { type Access, executorAccess } from "#core/access.ts";
import { own, sma, until } from "../contract/bus-bench.ts";
import { effective } from "../executor/rig.ts";
import { BrokerProcess, freePort } from "./process.ts";
import { natsProgram } from "./programs.ts";

// What a cluster adds to the contract: passwords that end, and connections that are asked about again.

const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

interface Bench {
  readonly callout: Callout;
  rules: ReadonlyMap<string, Access>;
  verify: Verify;
  connect(onConnection: (state: string) => void): Promise<Bus>;
}

async function bench(verify: Verify): Promise<Bench> {
  const [mqttPort, natsPort] = [await freePort(), await freePort()];
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const broker = new BrokerProcess("nats", mqttPort, (folder) => [natsProgram(), "-c", join(folder, "nats.conf")]);
  opened.push(broker);
  const storeDirectory = join(broker.folder, "store");
  const options = { host: "127.0.0.1", mqttPort, natsPort, storeDirectory, issuer, calloutPassword: "secret" };
  writeFileSync(join(broker.folder, "nats.conf"), natsConfiguration(options), { mode: 0o600 });
  await broker.start();
  const made = { rules: new Map([[sma.identity, sma]]), verify };
  const callout = await startCallout({
    ...{ host: "127.0.0.1", port: natsPort, password: "secret", issuer, nowMs: Date.now, log: () => undefined },
    access: () => made.rules,
    verify: (identity, password) => made.verify(identity, password),
  });
  opened.push(callout);
  return Object.assign(made, {
    callout,
    async connect(onConnection: (state: string) => void) {
      const url = `mqtt://127.0.0.1:${mqttPort}`;
      const bus = await connectBus({ url, identity: sma.identity, password: () => "token", connectTimeoutMs: 10_000 });
      opened.push(bus);
      bus.onConnection(onConnection);
      return bus;
    },
  });
}

test("a connection ends with its password, and comes again with the next one", async () => {
  let ends = Math.floor(Date.now() / 1_000) + 2;
  const { connect } = await bench(async () => ({ expiresAtSeconds: ends }));
  const states: string[] = [];
  await connect((state) => states.push(state));
  ends += 3_600;
  await until("cut and back", () => states.join() === "disconnected,connected");
});

test("a password that is no longer good cuts the open connection at the next look", async () => {
  const made = await bench(async () => ({}));
  const states: string[] = [];
  await made.connect((state) => states.push(state));
  await made.callout.recheck();
  expect(states).toEqual([]);
  made.verify = async () => undefined;
  await made.callout.recheck();
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
  await made.callout.recheck();
  await first.publish(`${own}/metric`, { v: 1 }, { qos: 1 });
  expect(states).toEqual([]);
  await first.close();
  await expect(made.connect(() => undefined)).rejects.toThrow("no connection");
  expect(made.callout.refused).toBeGreaterThan(0);
});

test("changed rules are in force at the next look, and unchanged ones cut nobody", async () => {
  const made = await bench(async () => ({}));
  const states: string[] = [];
  const bus = await made.connect((state) => states.push(state));
  expect(await bus.subscribe("strat/carry/rates/signal")).toMatchObject({ ok: true });
  made.rules = new Map([[sma.identity, executorAccess(effective({ team: "momentum", name: "sma" }))]]);
  await made.callout.recheck();
  await until("cut and back", () => states.join() === "disconnected,connected");
  await made.callout.recheck();
  expect(await bus.subscribe("strat/carry/rates/signal")).toMatchObject({ ok: false });
  expect(states).toEqual(["disconnected", "connected"]);
});
