// One nats-server beside three that keep each message of QoS 1 thrice, in turns in one run: logins, memory a client, quotes and messages of QoS 1, as
// what the servers' processes cost. The callouts are in this process, without an API server.
//
//   node bench/bus-nodes.ts [clients] [rounds] [quotes]
//
// A client is an executor as far as the broker sees: a kept session, and an executor's subscriptions. On a busy machine the CPU's ratios count, and no time.
import { loadavg } from "node:os";
import { type Bus, connectBus } from "#bus/client.ts";
import { type Access, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import { type BusNodes, startNodes } from "../test/brokers/nats-cluster.ts";
import { RawMqtt } from "../test/contract/raw-mqtt.ts";
import { benchStrategy } from "./bus-rig.ts";
import { median } from "./measure.ts";
import { costOf } from "./process-cost.ts";

const [clients = 200, rounds = 1, quotes = 10_000] = process.argv.slice(2).map(Number);
const readers = 20;
const messages = 2_000;
const inFlight = 50;
const limitMs = 180_000;
const instruments = ["SYM0"];

const executors = Array.from({ length: clients }, (_, n) => executorAccess(benchStrategy(`s${n}`, instruments)));
const [feed, gateway] = [feedAccess("paper", "bench", "replay"), gatewayAccess("paper")];
const rules = new Map([...executors, feed, gateway].map((access) => [access.identity, access]));

/** Of all servers together: what three cost is to be compared with what one does. */
interface Sample {
  readonly loginSeconds: number;
  readonly loginCpuMs: number;
  readonly againSeconds: number;
  readonly againCpuMs: number;
  readonly kbPerClient: number;
  readonly idleCpuMsPerSecond: number;
  readonly quoteCpuUs: number;
  readonly messageCpuUs: number;
  readonly messagesPerSecond: number;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const sum = (of: readonly number[]): number => of.reduce((total, one) => total + one, 0);
const pids = ({ nodes }: BusNodes): readonly number[] => nodes.map(({ broker }) => broker.pid ?? 0);
const cpuMs = (bus: BusNodes): number => sum(pids(bus).map((pid) => costOf(pid).cpuMs));
const bytes = (bus: BusNodes): number => sum(pids(bus).map((pid) => costOf(pid).privateBytes));

/** As `src/executor/subscriptions.ts` asks. */
function filtersOf(name: string): readonly string[] {
  const own = `strat/bench/${name}`;
  const safe = [`${own}/order/event`, `${own}/order/statement`, `${own}/cmd/+`, "gw/state", "refill/state"];
  return [...safe, `refill/bench/${name}/answer`, "md/+/SYM0/quote"];
}

const filters = executors.map((_, n) => filtersOf(`s${n}`));

function subscribeAll(client: RawMqtt, subscribe: readonly string[]): void {
  for (const [index, filter] of subscribe.entries()) client.subscribe(filter, index < 5 ? 1 : 0, index + 1);
}

async function logins(bus: BusNodes): Promise<readonly RawMqtt[]> {
  const { port } = bus.balancer;
  const login = (who: Access): RawMqtt => {
    const { identity } = who;
    return new RawMqtt(port).connect({ clientId: busClientId(identity), user: identity, password: "x", clean: false });
  };
  const all = executors.map(login);
  const asked = new Set<number>();
  await until("all are subscribed", () => {
    let ready = 0;
    for (const [index, client] of all.entries()) {
      const who = executors[index];
      if (who === undefined) continue;
      if (client.closed) {
        asked.delete(index);
        all[index] = login(who);
      } else if (client.of(2).length > 0 && !asked.has(index)) {
        asked.add(index);
        subscribeAll(client, filters[index] ?? []);
      }
      if (client.of(9).length === filters[index]?.length) ready += 1;
    }
    return ready === all.length;
  });
  return all;
}

function connect(bus: BusNodes, { identity }: Access): Promise<Bus> {
  return connectBus({
    url: `mqtt://127.0.0.1:${bus.balancer.port}`,
    identity,
    password: () => "x",
    connectTimeoutMs: limitMs,
  });
}

async function measure(count: 1 | 3): Promise<Sample> {
  const bus = await startNodes(rules, async () => ({}), count);
  const open: { close(): unknown }[] = [];
  try {
    // The first login makes the streams.
    const desk = await connect(bus, gateway);
    open.push(desk);
    await desk.subscribe("strat/+/+/order/request", { qos: 1 });
    const before = { cpu: cpuMs(bus), bytes: bytes(bus), ms: performance.now() };
    const all = await logins(bus);
    open.push(...all);
    const loginSeconds = (performance.now() - before.ms) / 1000;
    const loginCpuMs = cpuMs(bus) - before.cpu;
    const kbPerClient = (bytes(bus) - before.bytes) / 1024 / clients;
    const idleFor = async (ms: number): Promise<number> => {
      const idle = { cpu: cpuMs(bus), ms: performance.now() };
      await new Promise((resolve) => setTimeout(resolve, ms));
      return (cpuMs(bus) - idle.cpu) / ((performance.now() - idle.ms) / 1000);
    };
    const idleCpuMsPerSecond = await idleFor(10_000);
    const per = (cpu: number, from: number, of: number): number =>
      ((cpuMs(bus) - cpu) / of - (restCpuMsPerSecond * (performance.now() - from)) / 1000 / of) * 1000;
    for (const client of all) client.close();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const again = { cpu: cpuMs(bus), ms: performance.now() };
    const back = await logins(bus);
    open.push(...back);
    const againSeconds = (performance.now() - again.ms) / 1000;
    const againCpuMs = cpuMs(bus) - again.cpu;
    for (const client of back.slice(readers)) client.close();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    // Most have left, and their sessions are kept.
    const restCpuMsPerSecond = await idleFor(5_000);
    const reading = back.slice(0, readers);
    const heard = (): number => sum(reading.map((client) => client.of(3).length));
    const market = await connect(bus, feed);
    open.push(market);
    const quote = {
      v: 1,
      type: "quote",
      sid: "SYM0",
      venue: "replay",
      bid: "100.10",
      ask: "100.12",
      session: "s",
      ts: 1,
    };
    let at = { cpu: cpuMs(bus), ms: performance.now() };
    for (let seq = 1; seq <= quotes; seq += 1) {
      await market.publish("md/replay/SYM0/quote", { ...quote, seq });
      if (seq % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until("all quotes", () => heard() >= quotes * readers);
    const quoteCpuUs = per(at.cpu, at.ms, quotes);
    const first = await connect(bus, executors[clients - 1] ?? feed);
    open.push(first);
    at = { cpu: cpuMs(bus), ms: performance.now() };
    let sent = 0;
    const topic = `strat/bench/s${clients - 1}/order/request`;
    const one = async (): Promise<void> => {
      while (sent < messages) {
        sent += 1;
        await first.publish(topic, { n: sent }, { qos: 1 });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, one));
    const messageCpuUs = per(at.cpu, at.ms, messages);
    const messagesPerSecond = messages / ((performance.now() - at.ms) / 1000);
    const login = { loginSeconds, loginCpuMs, againSeconds, againCpuMs };
    return { ...login, kbPerClient, idleCpuMsPerSecond, quoteCpuUs, messageCpuUs, messagesPerSecond };
  } finally {
    for (const each of open.reverse()) await each.close();
    await bus.close();
  }
}

const samples = new Map<1 | 3, Sample[]>([
  [1, []],
  [3, []],
]);
console.log(
  `bus      one nats-server beside three; ${clients} clients, ${rounds} round(s), load ${loadavg()[0]?.toFixed(1)}`,
);
for (let round = 0; round < rounds; round += 1) for (const [count, own] of samples) own.push(await measure(count));
const of = (count: 1 | 3, key: keyof Sample): number => median((samples.get(count) ?? []).map((one) => one[key]));
for (const [key, what] of [
  ["loginSeconds", "s until all are in and subscribed"],
  ["loginCpuMs", "ms CPU for that, all servers"],
  ["againSeconds", "s until all are in again, as after a node is lost"],
  ["againCpuMs", "ms CPU for that, all servers"],
  ["kbPerClient", "KiB private a client, all servers"],
  ["idleCpuMsPerSecond", "ms/s CPU with all of them idle, all servers"],
  ["quoteCpuUs", `us CPU a quote to ${readers} readers, all servers`],
  ["messageCpuUs", "us CPU a message of QoS 1, all servers"],
  ["messagesPerSecond", `messages of QoS 1 a second, ${inFlight} in flight`],
] as const) {
  const [one, three] = [of(1, key), of(3, key)];
  console.log(
    `         ${one.toFixed(1).padStart(9)} ${three.toFixed(1).padStart(9)} ${(three / one).toFixed(2).padStart(6)}x  ${what}`,
  );
}
