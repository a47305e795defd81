import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Bus, type BusMessage, connectBus } from "#bus/client.ts";
import { freePort } from "#bus/loopback.ts";
import type { Access } from "#core/access.ts";
import { executorAccess } from "#core/access.ts";
import { validatePlatformMetric, validateRecorderState, validateRefill } from "#core/bus-validators.generated.js";
import { distinct, feed, messageOf, own, rates, sma, until, watcher } from "../contract/bus-bench.ts";
import { effective } from "../executor/rig.ts";
import { spawnBus } from "../fixtures/bus-process.ts";
import { mosquittoProgram, natsProgram } from "./programs.ts";

// The bus process with each broker: what the broker does not do by itself.

const brokers = [
  { name: "embedded", env: {} },
  { name: "mosquitto", env: { SLIPWAY_BUS_BROKER: "mosquitto", SLIPWAY_BUS_PROGRAM: mosquittoProgram() ?? "" } },
  { name: "nats", env: { SLIPWAY_BUS_BROKER: "nats", SLIPWAY_BUS_PROGRAM: natsProgram() } },
] as const;
const console_: Access = { ...watcher, subscribe: [...watcher.subscribe, "refill/#"] };
const passwordOf = (identity: string): string => `password of ${identity}`;

let folder = "";
let port = 0;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "bus-broker-"));
  for (const name of ["access", "passwords", "state"]) mkdirSync(join(folder, name));
  port = await freePort();
  allow([sma, feed, console_]);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes rules, passwords and their digests as a cluster does: at no instant one is missing that stays. Who is no longer among them is forgotten. */
function allow(rules: readonly Access[]): void {
  const digests: { [identity: string]: string } = {};
  const names = rules.map(({ identity }) => identity.replace("/", "."));
  for (const [index, rule] of rules.entries()) {
    const password = passwordOf(rule.identity);
    replace("passwords", names[index] ?? "", password);
    replace("access", names[index] ?? "", JSON.stringify(rule));
    digests[rule.identity] = createHash("sha256").update(password).digest("hex");
  }
  for (const name of readdirSync(join(folder, "access")))
    if (!names.includes(name)) rmSync(join(folder, "access", name));
  replace(".", "tokens.json", JSON.stringify(digests));
}

function replace(directory: string, name: string, text: string): void {
  writeFileSync(join(folder, "new"), text);
  renameSync(join(folder, "new"), join(folder, directory, name));
}

interface Running {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly exited: Promise<unknown[]>;
}

async function start(extra: { readonly [name: string]: string }): Promise<Running> {
  const child = spawnBus(
    folder,
    port,
    { SLIPWAY_BUS_PASSWORDS_DIR: join(folder, "passwords"), ...extra },
    { detached: true },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  // By then all that it said has been read.
  const exited = once(child, "close");
  ends.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
  });
  const over = (): boolean => child.exitCode !== null;
  await until("it listens", () => output.includes('"bus is listening"') || over(), 30_000);
  if (over()) {
    await exited;
    throw new Error(`the bus ended:\n${output}`);
  }
  return { child, said: () => output, exited };
}

async function client(
  { identity }: Pick<Access, "identity">,
  password = passwordOf(identity),
  connectTimeoutMs = 10_000,
): Promise<Bus & { readonly got: BusMessage[]; readonly states: string[] }> {
  const options = { url: `mqtt://127.0.0.1:${port}`, identity, password: () => password, connectTimeoutMs };
  const bus = await connectBus(options);
  ends.push(() => bus.close());
  const [got, states]: [BusMessage[], string[]] = [[], []];
  bus.onMessage((message) => got.push(message));
  bus.onConnection((state) => states.push(state));
  return Object.assign(bus, { got, states });
}

describe.each(brokers)("the bus process with $name", ({ env, name }) => {
  test("its recorder gives again what somebody missed, and /metrics hears what it counts", async () => {
    const bus = await start(env);
    const [asking, feeding, watching] = [await client(sma), await client(feed), await client(console_)];
    await watching.subscribe("bus/metric");
    await watching.subscribe("refill/state", { qos: 1 });
    await until("the recorder is there", () => watching.got.some(({ topic }) => topic === "refill/state"));
    const [state] = watching.got.filter(({ topic }) => topic === "refill/state").map(jsonOf);
    expect([validateRecorderState(state), state]).toEqual([true, expect.objectContaining({ state: "online" })]);

    const quote = { v: 1, type: "quote", sid: "AAPL", venue: "replay", session: "f", ts: 1 };
    for (let seq = 1; seq <= 20; seq += 1)
      await feeding.publish("md/replay/AAPL/quote", { ...quote, quote: String(100 + seq), seq }, { qos: 1 });
    await asking.subscribe("refill/momentum/sma/answer");
    const request = { v: 1, type: "refill-request", session: "f", from: 5, to: 7 };
    const answerTo = async (id: string, topic: string): Promise<unknown> => {
      await asking.publish("refill/momentum/sma/request", { ...request, id, topic });
      const find = (): unknown => asking.got.map(jsonOf).find((message) => Object(message).id === id);
      await until(`the answer to ${id}`, () => find() !== undefined);
      return find();
    };
    const answer = await answerTo("r-1", "md/replay/AAPL/quote");
    expect([validateRefill(answer), Object(answer).messages]).toMatchObject([
      true,
      [{ seq: 5 }, { seq: 6 }, { seq: 7, quote: "107" }],
    ]);
    // What it may not subscribe to it does not get that way either.
    await asking.publish("refill/momentum/sma/request", { ...request, id: "r-2", topic: "strat/other/one/signal" });
    const metric = (): unknown =>
      watching.got
        .filter(({ topic }) => topic === "bus/metric")
        .map(jsonOf)
        .at(-1);
    const counts = (): Record<string, number> => Object(Object(metric()).counts);
    await until("its numbers", () => counts()["refillsRefused"] === 1 && counts()["clients"] === 3, 30_000);
    expect(validatePlatformMetric(metric())).toBe(true);
    expect(counts()).toMatchObject({ refillsAsked: 2, refilled: 3, recorderBytes: expect.any(Number) });
    expect(asking.got.map(jsonOf).some((message) => Object(message).id === "r-2")).toBe(false);

    bus.child.kill("SIGTERM");
    expect(await bus.exited).toEqual([0, null]);
    expect(bus.said()).toContain('"message":"bus stops"');
  });

  test("a new client and changed rights hold while it runs, and cut nobody else", async () => {
    await start(env);
    const [before, watching, feeding] = [await client(sma), await client(console_), await client(feed)];
    await watching.subscribe("strat/#", { qos: 1 });
    expect((await before.subscribe("strat/carry/rates/signal")).ok).toBe(true);
    await before.publish(`${own}/state`, { n: 1 }, { qos: 1, retain: true });

    const narrower = executorAccess(effective({ team: "momentum", name: "sma" }));
    allow([narrower, rates, feed, console_]);
    const newcomer = await client(rates);
    await newcomer.publish("strat/carry/rates/state", { n: 2 }, { qos: 1, retain: true });
    await until("both", () => distinct(watching.got).length === 2);
    const refused = async (): Promise<boolean> => !(await before.subscribe("strat/carry/rates/signal")).ok;
    await expect.poll(refused, { timeout: 15_000 }).toBe(true);
    await before.publish(`${own}/state`, { n: 3 }, { qos: 1, retain: true });
    await until("it carries on", () => watching.got.some((message) => Object(messageOf(message)).n === 3));

    allow([narrower, feed, console_]);
    await until("who is no longer known is cut", () => newcomer.states.includes("disconnected"), 15_000);
    await expect(client(rates, passwordOf(rates.identity), 2_000)).rejects.toThrow("no connection");
    await feeding.publish("md/replay/AAPL/quote", { n: 4 }, { qos: 1 });
    expect([watching.states, feeding.states]).toEqual([[], []]);
  });

  test("what is denied in silence raises an alarm and is counted", async () => {
    const bus = await start(env);
    const [hostile, watching] = [await client(sma), await client(console_)];
    await watching.subscribe("bus/metric");
    await watching.subscribe("gw/#");
    // A client of ours would not send it: this one was given no rules to ask.
    void hostile
      .publish("gw/state", { v: 1, type: "gateway-state", state: "offline" }, { qos: 1 })
      .catch(() => undefined);
    const violations = (): unknown =>
      watching.got
        .filter(({ topic }) => topic === "bus/metric")
        .map((message) => Object(jsonOf(message)).counts)
        .at(-1);
    await until("it is counted", () => Number(Object(violations()).violations) > 0, 30_000);
    expect(watching.got.some(({ topic }) => topic === "gw/state")).toBe(false);
    const alarm = /alarm: a client tried a topic that is not its own.*gw.state|topic violation.*gw\/state/;
    await until("an alarm", () => alarm.test(bus.said()));
  });

  test("nobody is the recorder, nobody is anybody without the password", async () => {
    await start(env);
    const [recorder, admin] = [{ identity: "slipway-paper/bus" }, { identity: "slipway/dynamic-security" }];
    const tries = [
      [sma, "another"],
      [recorder, ""],
      [recorder, passwordOf(recorder.identity)],
      [admin, "x"],
    ] as const;
    const refused = await Promise.allSettled(tries.map(([who, password]) => client(who, password, 2_000)));
    expect(refused.map(({ status }) => status)).toEqual(tries.map(() => "rejected"));
    expect((await client(sma)).connected).toBe(true);
  });

  if (name === "embedded") return;

  test("what is retained and what waits outlives it; a broker that is killed ends it, and it says so", async () => {
    const bus = await start(env);
    const first = await client(sma);
    await first.publish(`${own}/state`, { n: 1 }, { qos: 1, retain: true });
    bus.child.kill("SIGTERM");
    expect(await bus.exited).toEqual([0, null]);
    const next = await start(env);
    const watching = await client(console_);
    await watching.subscribe(`${own}/state`, { qos: 1 });
    await until("the retained state", () => watching.got.length > 0);
    expect(messageOf(watching.got[0] ?? { payload: new Uint8Array() })).toEqual({ n: 1 });
    const broker = childOf(next.child.pid ?? 0, /^(mosquitto|nats-server)$/m);
    process.kill(broker, "SIGKILL");
    expect(await next.exited).toEqual([1, null]);
    expect(next.said()).toMatch(/"message":"(mosquitto|nats-server) ended \(SIGKILL\)/);
  });

  test("a signal to all of its group is a stop like any other", async () => {
    const bus = await start(env);
    process.kill(-(bus.child.pid ?? 0), "SIGTERM");
    expect(await bus.exited).toEqual([0, null]);
    expect(bus.said()).not.toContain('"level":"error"');
  });

  test("a stop before it listens ends it, and the broker with it", async () => {
    // A broker that never answers: nothing but its name is one's own.
    const [silent, file] = [join(folder, "silent"), join(folder, "pid")];
    writeFileSync(silent, `#!/bin/sh\necho $$ > ${file}.new\nmv ${file}.new ${file}\nexec sleep 60\n`, { mode: 0o755 });
    const bus = spawnBus(folder, port, {
      ...{ SLIPWAY_BUS_PASSWORDS_DIR: join(folder, "passwords"), ...env, SLIPWAY_BUS_PROGRAM: silent },
    });
    const exited = once(bus, "exit");
    await until("the broker is started", () => existsSync(file));
    bus.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    const pid = readFileSync(file, "utf8").trim();
    await until("the broker has ended, too", () => !existsSync(`/proc/${pid}`));
  });

  test.runIf(name === "mosquitto")("what reads its log is no part that may be missing", async () => {
    const bus = await start(env);
    const broker = childOf(bus.child.pid ?? 0, /^mosquitto$/m);
    process.kill(childOf(bus.child.pid ?? 0, /^grep$/m), "SIGKILL");
    expect(await bus.exited).toEqual([1, null]);
    await until("the broker has ended, too", () => !existsSync(`/proc/${broker}`));
    expect(bus.said()).toContain("grep, which reads the log of mosquitto, ended (SIGKILL)");
  });

  test("a program that is not there ends it, and is named", async () => {
    await expect(start({ ...env, SLIPWAY_BUS_PROGRAM: "/nowhere/broker" })).rejects.toThrow("/nowhere/broker");
  });
});

function jsonOf({ payload }: Pick<BusMessage, "payload">): unknown {
  return JSON.parse(Buffer.from(payload).toString());
}

function childOf(pid: number, name: RegExp): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return Number(children.find((child) => name.test(readFileSync(`/proc/${child}/comm`, "utf8"))));
}
