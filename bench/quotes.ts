// Many quotes into one executor that has a quarter of a core: what is late is conflated to the newest of each instrument, and counted.
//
//   node bench/quotes.ts [quotes/s] [seconds] [millicores] [instruments]
//
// The limit is a control group's where one can be made (Linux, as root); without, the executor has what it takes, and its CPU time says how much.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MetricMessage, OrderRequestMessage } from "#core/messages.ts";
import { answerQuestions } from "../test/fixtures/statement.ts";
import { BusRig, buyer, nowUs, startingCash, stopped } from "./bus-rig.ts";
import { costOf } from "./process-cost.ts";

const [perSecond = 10_000, seconds = 10, millicores = 250, instruments = 20] = process.argv.slice(2).map(Number);

/** A control group with so much CPU, or undefined. */
function cage(): string | undefined {
  const folder = `/sys/fs/cgroup/cpu/slipway-bench-${process.pid}`;
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, "cpu.cfs_period_us"), "100000");
    writeFileSync(join(folder, "cpu.cfs_quota_us"), String(millicores * 100));
    return folder;
  } catch {
    return undefined;
  }
}

const folder = cage();
const rig = new BusRig(["ticks"], instruments);
try {
  await rig.open(buyer(20));
  const open = rig.brokers().get("mosquitto") ?? rig.brokers().get("aedes");
  if (open === undefined) throw new Error("no broker");
  const broker = await open();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const [gateway, viewer] = await Promise.all([rig.client(url, "gateway"), rig.client(url, "console")]);
  const child = await rig.executor(url, folder === undefined ? {} : { joins: join(folder, "cgroup.procs") });
  try {
    const tookMs: number[] = [];
    let metric: MetricMessage | undefined;
    let answered = 0;
    gateway.onMessage(({ topic, payload }) => {
      if (!topic.endsWith("/order/request")) return;
      const order = JSON.parse(Buffer.from(payload).toString()) as OrderRequestMessage;
      tookMs.push((nowUs() - order.ts) / 1000);
      const { clientOrderId, sid, venue, side, quantity, ts } = order;
      answered += 1;
      const event = { v: 1, type: "order-event", clientOrderId, status: "filled", sid, venue, side, quantity };
      const filled = { ...event, filledQuantity: quantity, price: "100", fee: "0", seq: answered, ts };
      void gateway.publish("strat/bench/ticks/order/event", filled, { qos: 1 });
    });
    await gateway.subscribe("strat/+/+/order/request", { qos: 1 });
    await answerQuestions(gateway, startingCash);
    viewer.onMessage(({ payload }) => {
      metric = JSON.parse(Buffer.from(payload).toString());
    });
    await viewer.subscribe("strat/bench/ticks/metric");
    const online = { v: 1, type: "gateway-state", state: "online", atMs: 1 };
    await gateway.publish("gw/state", online, { qos: 1, retain: true });
    const feed = await rig.feed(url, perSecond, seconds, 0);
    const before = costOf(child.pid ?? 0);
    const beforeBroker = costOf(broker.pid ?? 0);
    feed.stdin?.write("go\n");
    const { sent, lateP99Ms } = await new Promise<{ sent: number; lateP99Ms: number }>((resolve) => {
      feed.stdout?.once("data", (chunk: Buffer) => resolve(JSON.parse(chunk.toString())));
    });
    const after = costOf(child.pid ?? 0);
    const afterBroker = costOf(broker.pid ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    tookMs.sort((a, b) => a - b);
    const at = (share: number): string => (tookMs[Math.floor(tookMs.length * share)] ?? Number.NaN).toFixed(1);
    const { events = 0, conflated = 0, gaps = 0, orders = 0, fills = 0, badPayloads = 0 } = metric ?? {};
    const throttled =
      folder === undefined
        ? ""
        : `; ${/nr_throttled (\d+)/.exec(readFileSync(join(folder, "cpu.stat"), "utf8"))?.[1]} of ${seconds * 10} periods throttled`;
    console.log(
      `quotes   ${(sent / seconds).toFixed(0)}/s of ${instruments} instruments for ${seconds} s with ${folder === undefined ? "no limit" : `${millicores}m`}: CPU ${((after.cpuMs - before.cpuMs) / seconds).toFixed(0)} ms/s${throttled}; broker ${((afterBroker.cpuMs - beforeBroker.cpuMs) / seconds).toFixed(0)} ms/s`,
    );
    console.log(
      `         ${events} events, ${conflated} conflated, ${gaps} gaps, ${sent - events - conflated - gaps} unaccounted, ${badPayloads} bad; ${orders} orders, ${fills} fills; tick to order p50 ${at(0.5)} ms, p99 ${at(0.99)}; feed late p99 ${lateP99Ms.toFixed(1)}; RSS ${(after.rssBytes / 2 ** 20).toFixed(0)} MiB`,
    );
    await stopped(feed);
  } finally {
    await stopped(child);
    await Promise.all([gateway.close(), viewer.close()]);
    await broker.close();
  }
} finally {
  rig.close();
  if (folder !== undefined) rmdirSync(folder);
}
