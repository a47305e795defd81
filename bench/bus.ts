// Tick to order: from a quote's publish to the arrival of the order request that it caused, through a real broker and a real executor process. Beside it,
// in the same seconds, a bare mqtt.js client answers quotes of one other instrument: what the machine, the broker, the feed and the bench itself are late
// by. In turn with it a bare client in the executor's place, at the full rate: the floor.
//
//   node bench/bus.ts [events/s] [seconds] [pairs] [broker]
//
// On a busy machine the figures are of its scheduler. `chrt -r 1 node bench/bus.ts` (or `nice -n -15`) shows those of the programs; what was used is said.
import { type ChildProcess, spawnSync } from "node:child_process";
import { getPriority, loadavg } from "node:os";
import type { OrderRequestMessage } from "#core/messages.ts";
import type { BrokerProcess } from "../test/brokers/process.ts";
import { answerQuestions } from "../test/fixtures/statement.ts";
import { BusRig, buyer, nowUs, startingCash, stopped } from "./bus-rig.ts";
import { median } from "./measure.ts";
import { costOf } from "./process-cost.ts";

const [perSecond = 2_000, seconds = 5, rounds = 3] = process.argv.slice(2, 5).map(Number);
const only = process.argv[5];
const probePerSecond = 100;

interface Sample {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly probeP50Ms: number;
  readonly probeP99Ms: number;
  readonly feedLateP99Ms: number;
  readonly unanswered: number;
  /** Per second, of the process that answers, and the broker. */
  readonly cpuMs: number;
  readonly waitedMs: number;
  readonly brokerCpuMs: number;
  /** Of the process that answers, subscribed and idle. */
  readonly startCpuMs: number;
  readonly privateMb: number;
  readonly rssMb: number;
}

interface Feed {
  readonly sent: number;
  readonly lateP50Ms: number;
  readonly lateP99Ms: number;
}

/** Feeds, takes the requests and answers each with a fill. */
async function measure(rig: BusRig, broker: BrokerProcess, child: ChildProcess, url: string): Promise<Sample> {
  const gateway = await rig.client(url, "gateway");
  const feed = await rig.feed(url, perSecond, seconds, probePerSecond);
  const tookMs: number[] = [];
  const probeMs: number[] = [];
  const seqs = new Map<string, number>();
  let answers = true;
  gateway.onMessage(({ topic, payload }) => {
    if (!answers || !topic.endsWith("/order/request")) return;
    const order = JSON.parse(Buffer.from(payload).toString()) as OrderRequestMessage;
    const own = topic.slice(0, -"/order/request".length);
    (own.endsWith("/probe") ? probeMs : tookMs).push((nowUs() - order.ts) / 1000);
    const { clientOrderId, sid, venue, side, quantity, ts } = order;
    const seq = (seqs.get(own) ?? 0) + 1;
    seqs.set(own, seq);
    const event = { v: 1, type: "order-event", clientOrderId, status: "filled", sid, venue, side, quantity };
    const filled = { ...event, filledQuantity: quantity, price: "100", fee: "0", seq, ts };
    void gateway.publish(`${own}/order/event`, filled, { qos: 1 });
  });
  await gateway.subscribe("strat/+/+/order/request", { qos: 1 });
  await answerQuestions(gateway, startingCash);
  const online = { v: 1, type: "gateway-state", state: "online", atMs: 1 };
  await gateway.publish("gw/state", online, { qos: 1, retain: true });
  const before = [child, broker].map(({ pid }) => costOf(pid ?? 0));
  const said = new Promise<Feed>((resolve) => {
    feed.stdout?.once("data", (chunk: Buffer) => resolve(JSON.parse(chunk.toString())));
  });
  feed.stdin?.write("go\n");
  const { sent, lateP99Ms } = await said;
  const after = [child, broker].map(({ pid }) => costOf(pid ?? 0));
  for (let at = -1; at !== tookMs.length; ) {
    at = tookMs.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  answers = false;
  await stopped(feed);
  await gateway.close();
  const each = (index: number, key: "cpuMs" | "waitedMs"): number =>
    ((after[index]?.[key] ?? 0) - (before[index]?.[key] ?? 0)) / seconds;
  return {
    ...{ p50Ms: warm(tookMs, 0.5), p99Ms: warm(tookMs, 0.99), p999Ms: warm(tookMs, 0.999) },
    ...{ probeP50Ms: warm(probeMs, 0.5), probeP99Ms: warm(probeMs, 0.99), feedLateP99Ms: lateP99Ms },
    ...{ unanswered: sent - tookMs.length, cpuMs: each(0, "cpuMs"), waitedMs: each(0, "waitedMs") },
    brokerCpuMs: each(1, "cpuMs"),
    startCpuMs: before[0]?.cpuMs ?? Number.NaN,
    privateMb: (before[0]?.privateBytes ?? Number.NaN) / 1e6,
    rssMb: (before[0]?.rssBytes ?? Number.NaN) / 2 ** 20,
  };
}

/** A quantile without the first fifth, which warms the processes up. */
function warm(tookMs: readonly number[], share: number): number {
  const sorted = tookMs.slice(Math.floor(tookMs.length / 5)).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

function shown(samples: readonly Sample[]): string {
  const of = (key: keyof Sample, digits = 2): string => median(samples.map((sample) => sample[key])).toFixed(digits);
  const probe = `bare echo beside it p50 ${of("probeP50Ms")}, p99 ${of("probeP99Ms")}`;
  const cost = `CPU ${of("cpuMs", 0)} ms/s, ${of("waitedMs", 0)} ms/s without a core; broker ${of("brokerCpuMs", 0)} ms/s`;
  const unanswered = samples.reduce((sum, sample) => sum + sample.unanswered, 0);
  const idle = `before it ${of("privateMb", 1)} MB private, RSS ${of("rssMb", 0)} MiB, ${of("startCpuMs", 0)} ms CPU to subscribed`;
  return `p50 ${of("p50Ms")} ms, p99 ${of("p99Ms")}, p99.9 ${of("p999Ms")}; ${probe}; feed late p99 ${of("feedLateP99Ms")}; ${cost}; ${unanswered} conflated; ${idle}`;
}

/** Why the figures are as they are: who else runs, and how far ahead of them this does. */
function circumstances(): string {
  const policy = spawnSync("chrt", ["-p", String(process.pid)], { encoding: "utf8" }).stdout ?? "";
  const realtime = /SCHED_(RR|FIFO)/.exec(policy)?.[0];
  return `load ${loadavg()[0]?.toFixed(1)}, ${realtime ?? `nice ${getPriority()}`}`;
}

const rig = new BusRig();
try {
  await rig.open(buyer());
  for (const [name, open] of rig.brokers()) {
    if (only !== undefined && only !== name) continue;
    const executor: Sample[] = [];
    const echo: Sample[] = [];
    const begun = circumstances();
    for (let round = 0; round < rounds; round += 1) {
      for (const samples of [executor, echo]) {
        const broker = await open();
        const url = `mqtt://127.0.0.1:${broker.port}`;
        const probe = await rig.echo(url, "probe");
        const child = samples === executor ? await rig.executor(url) : await rig.echo(url, "ticks");
        try {
          samples.push(await measure(rig, broker, child, url));
        } finally {
          await Promise.all([stopped(child), stopped(probe)]);
          await broker.close();
        }
      }
    }
    const ratio = (key: "p50Ms" | "p99Ms", beside: keyof Sample): string =>
      median(executor.map((sample) => sample[key] / sample[beside])).toFixed(2);
    const alone = (key: "p50Ms" | "p99Ms"): string =>
      median(executor.map((sample, index) => sample[key] / (echo[index]?.[key] ?? Number.NaN))).toFixed(2);
    console.log(
      `bus      ${name} ${perSecond} events/s, ${rounds} x ${seconds} s, ${begun}; budget p50 1 ms, p99 5 ms`,
    );
    console.log(`         tick to order ${shown(executor)}`);
    console.log(`         mqtt.js echo  ${shown(echo)}`);
    console.log(
      `         ratios to the echo beside it p50 ${ratio("p50Ms", "probeP50Ms")}, p99 ${ratio("p99Ms", "probeP99Ms")}; to the echo in its place p50 ${alone("p50Ms")}, p99 ${alone("p99Ms")}`,
    );
  }
} finally {
  rig.close();
}
