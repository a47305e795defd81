// Tick to order: from a quote's publish to the arrival of the order request that it caused, through a real broker and a real executor process, beside a
// plain mqtt.js client that answers in its place. The bench is feed and gateway at once, so one clock measures.
//
//   node bench/bus.ts [events/s] [seconds] [pairs]
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "#bus/client.ts";
import { type Access, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { OrderRequestMessage } from "#core/messages.ts";
import { buildPrograms } from "../scripts/programs.ts";
import { mosquittoProcess } from "../test/brokers/mosquitto.ts";
import { BrokerProcess, freePort } from "../test/brokers/process.ts";
import { mosquittoProgram } from "../test/brokers/programs.ts";
import { median } from "./measure.ts";

const [perSecond = 2_000, seconds = 5, rounds = 3] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-bus-"));
const instruments = Array.from({ length: 20 }, (_, index) => `SYM${index}`);
const strategy: EffectiveStrategy = {
  ...{ team: "bench", name: "ticks", environment: "paper", owner: "bench", running: true, errorPolicy: "halt" },
  algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
  ...{ channels: ["quotes"], publishes: [], params: {} },
  portfolio: { startingCash: "1000000000", sizing: { use: "random" } },
  limits: {
    ...{ instruments, venues: ["paper"], maxOrderNotional: "1000000", maxPositionNotional: "1000000000" },
    ...{ orderRate: "999999/1s", maxDrawdown: "1" },
  },
  resources: { cpu: "1", memory: "256Mi", state: "256Mi" },
};
const access: readonly Access[] = [
  executorAccess(strategy),
  gatewayAccess("paper"),
  feedAccess("paper", "bench", "replay"),
];
const passwords = new Map(access.map(({ identity }) => [identity, "secret"]));
const own = "strat/bench/ticks";
const request: OrderRequestMessage = {
  ...{ v: 1, type: "order", clientOrderId: "0".repeat(32), epoch: 1, sid: "SYM0", venue: "paper", side: "buy" },
  ...{ orderType: "market", quantity: "0.0001", cause: "", expiresAtMs: 1_760_000_000_000, ts: 1 },
};

interface Sample {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
}

/** Feeds at an even pace and takes the requests, until each quote has one. */
async function measure(url: string): Promise<Sample> {
  const session = `bench-${process.hrtime.bigint()}`;
  const [feed, gateway] = await Promise.all([clientOf(url, "feed-bench"), clientOf(url, "gateway")]);
  const sentAt = new Map<string, number>();
  const tookMs: number[] = [];
  let seqOfEvents = 0;
  let answers = true;
  gateway.onMessage(({ payload }) => {
    if (!answers) return;
    const order = JSON.parse(Buffer.from(payload).toString()) as OrderRequestMessage;
    const [, channel = "", seq = ""] = order.cause.split(":");
    const key = `${channel}:${seq}`;
    const at = sentAt.get(key);
    if (at !== undefined) tookMs.push(performance.now() - at);
    sentAt.delete(key);
    seqOfEvents += 1;
    const { clientOrderId, sid, venue, side, quantity, ts } = order;
    const event = {
      v: 1,
      type: "order-event",
      clientOrderId,
      status: "filled",
      sid,
      venue,
      side,
      quantity,
      filledQuantity: quantity,
    };
    void gateway.publish(`${own}/order/event`, { ...event, price: "100", fee: "0", seq: seqOfEvents, ts }, { qos: 1 });
  });
  await gateway.subscribe("strat/+/+/order/request", { qos: 1 });
  await gateway.publish(
    "gw/state",
    { v: 1, type: "gateway-state", state: "online", atMs: 1 },
    { qos: 1, retain: true },
  );
  const total = perSecond * seconds;
  const startMs = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * perSecond));
    for (; sent < due; sent += 1) {
      const sid = instruments[sent % instruments.length] ?? "";
      const seq = Math.floor(sent / instruments.length) + 1;
      const topic = `md/replay/${sid}/quote`;
      sentAt.set(`${topic}:${seq}`, performance.now());
      void feed.publish(topic, { v: 1, type: "quote", sid, venue: "replay", quote: "100", session, seq, ts: sent + 1 });
    }
    // No busy loop: the processes that are measured need the cores.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const endMs = performance.now() + 5_000;
  while (sentAt.size > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
  answers = false;
  await Promise.all([feed.close(), gateway.close()]);
  // The first fifth warms both processes up.
  const warm = tookMs.slice(Math.floor(tookMs.length / 5)).sort((a, b) => a - b);
  const at = (share: number): number => warm[Math.floor(warm.length * share)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), lost: sentAt.size };
}

function clientOf(url: string, name: string): Promise<Bus> {
  return connectBus({ url, identity: `slipway-paper/${name}`, password: () => "secret", connectTimeoutMs: 10_000 });
}

async function embedded(): Promise<BrokerProcess> {
  const [port, probe] = [await freePort(), await freePort()];
  const main = join(import.meta.dirname, "../src/bus/main.ts");
  const broker = new BrokerProcess("bench-aedes", port, (at) => {
    mkdirSync(join(at, "access"));
    for (const rule of access) writeFileSync(join(at, "access", rule.identity.replace("/", ".")), JSON.stringify(rule));
    const digest = createHash("sha256").update("secret").digest("hex");
    writeFileSync(
      join(at, "tokens.json"),
      JSON.stringify(Object.fromEntries([...passwords.keys()].map((id) => [id, digest]))),
    );
    const env = [
      ...[
        "SLIPWAY_ENVIRONMENT=paper",
        "SLIPWAY_NAMESPACE=slipway-paper",
        "SLIPWAY_SERVICE_ACCOUNT=bus",
        `SLIPWAY_STATE_DIR=${at}`,
      ],
      ...[`SLIPWAY_PORT_PROBE=${probe}`, `SLIPWAY_PORT_MQTT=${port}`, `SLIPWAY_BUS_ACCESS_DIR=${join(at, "access")}`],
      `SLIPWAY_BUS_TOKENS_FILE=${join(at, "tokens.json")}`,
    ];
    return ["env", ...env, process.execPath, "--disable-warning=ExperimentalWarning", main];
  });
  await broker.start();
  return broker;
}

/** A process and the moment at which it hears quotes. */
async function ready(child: ChildProcess, says: string): Promise<ChildProcess> {
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const endMs = performance.now() + 20_000;
  while (!output.includes(says)) {
    if (child.exitCode !== null || performance.now() > endMs) throw new Error(`not ready:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

function startExecutor(url: string, round: number): Promise<ChildProcess> {
  const at = (name: string): string => join(folder, name);
  const env = {
    ...{ SLIPWAY_STRATEGY: "bench/ticks", SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_NAMESPACE: "bench-paper" },
    ...{
      SLIPWAY_SERVICE_ACCOUNT: "ticks",
      SLIPWAY_SPEC_DIR: at("spec"),
      SLIPWAY_ALGORITHM: `module:${at("algorithm.mjs")}`,
    },
    ...{
      SLIPWAY_BUS_URL: url,
      SLIPWAY_BUS_TOKEN_FILE: at("token"),
      SLIPWAY_STATE_DIR: at(`state-${round}`),
      SLIPWAY_PORT_PROBE: "0",
    },
  };
  const program = join(folder, "programs", "executor.mjs");
  return ready(spawn(process.execPath, [program], { env, stdio: ["ignore", "pipe", "pipe"] }), "subscribed and warmed");
}

function startEcho(url: string): Promise<ChildProcess> {
  const filters = instruments.map((sid) => `md/+/${sid}/quote`);
  const given = [url, "bench-paper/ticks", `${own}/order/request`, JSON.stringify(request), ...filters];
  const argv = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "bus-echo.ts"), ...given];
  return ready(spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] }), "ready");
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

mkdirSync(join(folder, "spec"));
writeFileSync(join(folder, "spec/spec.json"), JSON.stringify(strategy));
writeFileSync(join(folder, "token"), "secret");
writeFileSync(
  join(folder, "algorithm.mjs"),
  'export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy", quantity: "0.0001" }; } }',
);
const children: ChildProcess[] = [];
try {
  await buildPrograms(join(folder, "programs"));
  const kinds = new Map<string, () => Promise<BrokerProcess>>([["aedes", embedded]]);
  if (mosquittoProgram() !== undefined) kinds.set("mosquitto", () => mosquittoProcess(access, passwords));
  for (const [name, open] of kinds) {
    const executor: Sample[] = [];
    const echo: Sample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const [samples, start] of [
        [executor, startExecutor],
        [echo, startEcho],
      ] as const) {
        const broker = await open();
        try {
          const url = `mqtt://127.0.0.1:${broker.port}`;
          const child = await start(url, children.length);
          children.push(child);
          samples.push(await measure(url));
          await stopped(child);
        } finally {
          await broker.close();
        }
      }
    }
    const of = (samples: readonly Sample[], key: "p50Ms" | "p99Ms"): number =>
      median(samples.map((sample) => sample[key]));
    const shown = (samples: readonly Sample[]): string =>
      `p50 ${of(samples, "p50Ms").toFixed(2)} ms, p99 ${of(samples, "p99Ms").toFixed(2)} ms`;
    const ratio = (key: "p50Ms" | "p99Ms"): string =>
      median(executor.map((sample, index) => sample[key] / (echo[index]?.[key] ?? Number.NaN))).toFixed(2);
    const lost = executor.reduce((sum, sample) => sum + sample.lost, 0);
    console.log(
      `bus      ${name.padEnd(9)} ${perSecond} events/s: tick to order ${shown(executor)}; mqtt.js echo ${shown(echo)}; ratio p50 ${ratio("p50Ms")}, p99 ${ratio("p99Ms")}; ${lost} conflated; budget p50 1 ms, p99 5 ms`,
    );
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
