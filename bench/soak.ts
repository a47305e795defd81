// A million quotes through a real broker, the real gateway and two executors, one in TypeScript and one in Python, each of which orders all the time. At its
// end every count must agree, nothing may be missing, and no process and no file may have grown. Not part of `npm run bench`: it takes minutes.
//
//   npm run soak [-- events] [events/s]
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { loadavg } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { connect } from "mqtt";
import type { MetricMessage } from "#core/messages.ts";
import type { BrokerProcess } from "../test/brokers/process.ts";
import { BusRig, nowUs, stopped } from "./bus-rig.ts";
import { type Cost, costOf } from "./process-cost.ts";

const [total = 1_000_000, perSecond = 2_000] = process.argv.slice(2).map(Number);
/** Quotes that no executor has come to yet; beyond it the feed waits, as one behind TCP does. */
const aheadMax = 2_000;
/** Of memory, from a tenth of the way to the end; a collector needs some. */
const growthMax = 1.25;
const names = ["ts", "py"] as const;
const orderEvery = 20;

const typescript = `export default class { #seen = 0; #held; initialize() { return ["quotes"]; }
  event(data) {
    this.#seen += 1;
    if (this.#seen % ${orderEvery} !== 0) return;
    const sid = this.#held ?? data.sid;
    const side = this.#held === undefined ? "buy" : "sell";
    this.#held = side === "buy" ? sid : undefined;
    return { sid, side, quantity: "0.0001" };
  } }`;
const python = `class Algorithm:
    def __init__(self):
        self.seen = 0
        self.held = None
    def initialize(self, params):
        return ["quotes"]
    def event(self, data):
        self.seen += 1
        if self.seen % ${orderEvery} != 0:
            return None
        sid = self.held or data["sid"]
        side = "sell" if self.held else "buy"
        self.held = None if self.held else sid
        return {"sid": sid, "side": side, "quantity": "0.0001"}
`;

function bytesIn(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** What the book and its archive have of a strategy. */
function booked(
  rig: BusRig,
  name: string,
): { readonly orders: number; readonly kept: number; readonly cash: string; readonly positions: object } {
  const ids = new Set<string>();
  const database = new DatabaseSync(rig.at("gateway", "book.sqlite"), { readOnly: true });
  const strategy = `bench/${name}`;
  const text = (value: unknown): string => String(value);
  for (const row of database.prepare("SELECT client_order_id FROM orders WHERE strategy = ?").all(strategy))
    ids.add(text(row["client_order_id"]));
  const kept = ids.size;
  for (const file of readdirSync(rig.at("gateway"), { withFileTypes: true, recursive: true })) {
    if (!file.name.endsWith(".jsonl")) continue;
    for (const line of readFileSync(join(file.parentPath, file.name), "utf8").trimEnd().split("\n")) {
      const record = JSON.parse(line) as { readonly strategy: string; readonly clientOrderId: string };
      if (record.strategy === strategy) ids.add(record.clientOrderId);
    }
  }
  const cash = text(database.prepare("SELECT cash FROM accounts WHERE strategy = ?").get(strategy)?.["cash"]);
  const held = database.prepare("SELECT sid, quantity FROM positions WHERE strategy = ? ORDER BY sid").all(strategy);
  database.close();
  return {
    orders: ids.size,
    kept,
    cash,
    positions: Object.fromEntries(held.map((row) => [row["sid"], row["quantity"]])),
  };
}

const problems: string[] = [];
function expect(what: string, given: unknown, wanted: unknown): void {
  if (JSON.stringify(given) !== JSON.stringify(wanted))
    problems.push(`${what} is ${JSON.stringify(given)}, not ${JSON.stringify(wanted)}`);
}

const rig = new BusRig(names);
let broker: BrokerProcess | undefined;
try {
  await rig.open(typescript);
  writeFileSync(rig.at("algorithm.py"), python);
  const open = rig.brokers().get("mosquitto") ?? rig.brokers().get("aedes");
  if (open === undefined) throw new Error("no broker");
  broker = await open();
  const { folder: brokerFolder, port } = broker;
  const url = `mqtt://127.0.0.1:${port}`;
  const gateway = await rig.gateway(url, names);
  const { child: server, address } = await rig.pythonAlgorithm();
  const executors = {
    ts: await rig.executor(url, { name: "ts" }),
    py: await rig.executor(url, { name: "py", algorithm: address }),
  };
  const processes = {
    broker,
    gateway,
    "executor ts": executors.ts,
    "executor py": executors.py,
    "algorithm py": server,
  };
  const metrics = new Map<string, MetricMessage>();
  const viewer = await rig.client(url, "console");
  viewer.onMessage(({ topic, payload }) => {
    metrics.set(topic.split("/")[2] ?? "", JSON.parse(Buffer.from(payload).toString()));
  });
  await viewer.subscribe("strat/bench/+/metric");
  const feed = connect(url, {
    ...{
      protocolVersion: 4,
      clientId: "slipway-paper_feed-bench",
      username: "slipway-paper/feed-bench",
      password: "secret",
    },
    writeCache: false,
  });
  await new Promise((resolve) => feed.once("connect", resolve));
  if (feed.stream instanceof Socket) feed.stream.setNoDelay(true);
  const seen = (name: string): number => {
    const { events = 0, conflated = 0, gaps = 0 } = metrics.get(name) ?? {};
    return events + conflated + gaps;
  };
  const samples: {
    readonly at: number;
    readonly costs: ReadonlyMap<string, Cost>;
    readonly files: ReadonlyMap<string, number>;
  }[] = [];
  const sample = (at: number): void => {
    const costs = new Map(Object.entries(processes).map(([name, { pid }]) => [name, costOf(pid ?? 0)]));
    const files = new Map<string, number>([
      ["book", bytesIn(rig.at("gateway")) - archived()],
      ["archive", archived()],
      ["states of executors", bytesIn(rig.at("state-1")) + bytesIn(rig.at("state-2"))],
      ["broker", bytesIn(brokerFolder)],
    ]);
    samples.push({ at, costs, files });
  };
  const archived = (): number => {
    const folder = rig.at("gateway", "archive");
    return statSync(folder, { throwIfNoEntry: false }) === undefined ? 0 : bytesIn(folder);
  };

  const session = `soak-${process.hrtime.bigint()}`;
  const startedMs = performance.now();
  const load = loadavg()[0];
  let sent = 0;
  let allowed = 0;
  let turnMs = performance.now();
  for (let idleSince = performance.now(); sent < total; ) {
    const nowMs = performance.now();
    allowed = Math.min(allowed + ((nowMs - turnMs) / 1000) * perSecond, perSecond / 10);
    turnMs = nowMs;
    while (allowed >= 1 && sent < total && sent - Math.min(...names.map(seen)) < aheadMax) {
      const sid = rig.instruments[sent % rig.instruments.length] ?? "";
      const seq = Math.floor(sent / rig.instruments.length) + 1;
      const quote = (100 + (seq % 7) / 100).toFixed(2);
      const message = { v: 1, type: "quote", sid, venue: "replay", quote, session, seq, ts: nowUs() };
      feed.publish(`md/replay/${sid}/quote`, JSON.stringify(message));
      sent += 1;
      allowed -= 1;
      idleSince = nowMs;
      if (sent % Math.floor(total / 20) === 0) sample(sent / total);
    }
    if (nowMs - idleSince > 60_000) throw new Error(`nothing moves since a minute: ${JSON.stringify([...metrics])}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const settledMs = performance.now() + 60_000;
  const settled = (): boolean =>
    names.every((name) => seen(name) >= total && metrics.get(name)?.orders === metrics.get(name)?.fills);
  while (!settled() && performance.now() < settledMs) await new Promise((resolve) => setTimeout(resolve, 100));
  // The book's sweep goes by what is two minutes old.
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  sample(1);
  const tookS = (performance.now() - startedMs) / 1000;

  feed.end(true);
  await viewer.close();
  for (const child of [executors.ts, executors.py, server, gateway]) await stopped(child, "SIGTERM");
  await broker.stop();

  console.log(
    `soak     ${sent} quotes in ${tookS.toFixed(0)} s, to each of ${names.join(", ")}; load ${load?.toFixed(1)} at its start`,
  );
  for (const name of names) {
    const metric = metrics.get(name);
    const { orders, kept, cash, positions } = booked(rig, name);
    if (metric === undefined) throw new Error(`${name} said no metric`);
    expect(`${name}: events and conflated quotes`, metric.events + metric.conflated, total);
    for (const counter of ["gaps", "denied", "errors", "badPayloads"] as const)
      expect(`${name}: ${counter}`, metric[counter], 0);
    expect(`${name}: fills against orders`, metric.fills, metric.orders);
    expect(`${name}: the book's orders against the executor's`, orders, metric.orders);
    expect(`${name}: cash`, cash, metric.cash);
    expect(`${name}: positions`, positions, metric.positions);
    console.log(
      `         ${name}: ${metric.events} events, ${metric.conflated} conflated, ${metric.gaps} gaps; ${metric.orders} orders, ${metric.fills} fills, ${orders} booked, ${kept} of them still in the book`,
    );
  }
  const [early, half, last] = [
    samples.find(({ at }) => at >= 0.1),
    samples.find(({ at }) => at >= 0.5),
    samples.at(-1),
  ];
  if (early === undefined || half === undefined || last === undefined)
    throw new Error("too few events for a sample at a tenth");
  for (const name of Object.keys(processes)) {
    const [before, after] = [early.costs.get(name), last.costs.get(name)];
    if (before === undefined || after === undefined) continue;
    const most = Math.max(...samples.map(({ costs }) => costs.get(name)?.rssBytes ?? 0));
    if (after.rssBytes > before.rssBytes * growthMax)
      problems.push(`${name} grew from ${mib(before.rssBytes)} to ${mib(after.rssBytes)} MiB`);
    console.log(
      `         ${name.padEnd(13)} RSS ${mib(before.rssBytes)} MiB at a tenth, ${mib(half.costs.get(name)?.rssBytes ?? 0)} at half, ${mib(after.rssBytes)} at the end, ${mib(most)} at most; CPU ${(after.cpuMs / 1000).toFixed(0)} s`,
    );
  }
  const files = [...last.files].map(
    ([name, bytes]) => `${name} ${mib(early.files.get(name) ?? 0)} → ${mib(bytes)} MiB`,
  );
  console.log(`         files, from a tenth to the end: ${files.join("; ")}`);
  for (const problem of problems) console.log(`         PROBLEM ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
} finally {
  rig.close();
  await broker?.close();
}
