// A quote to its fill in one process: the executor's door, loop, journal and portfolio, and the gateway's intake, risk, paper venue and book, with a function
// call in the bus's place. `node bench/orders-slipway.ts <quotes>` prints {"orders", "cpuMs"}: of the run, not of the start.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, BusMessage } from "#bus/client.ts";
import { ok } from "#core/result.ts";
import { loadModule, readModule } from "#executor/module-algorithm.ts";
import { startExecutor } from "#executor/start.ts";
import { Store } from "#executor/store.ts";
import { Book } from "#gateway/book.ts";
import type { BookedEvent } from "#gateway/book-entry.ts";
import { readLimits, startPaperGateway } from "../test/gateway/paper-gateway.ts";
import { benchStrategy } from "./bus-rig.ts";

const quotes = Number(process.argv[2] ?? 20_000);
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-orders-"));
const effective = benchStrategy("orders", ["AAPL"]);
const path = join(folder, "algorithm.mjs");
writeFileSync(
  path,
  `export default class { #side = "sell"; initialize() { return ["quotes"]; }
    event(data) { this.#side = this.#side === "sell" ? "buy" : "sell"; return { sid: data.sid, side: this.#side, quantity: "1" }; } }`,
);
const strategy = "bench/orders";
const keys = Object.fromEntries(
  Object.entries(effective.limits).map(([key, value]) => [`limits.${key}`, String(value)]),
);
const limits = readLimits(
  "bench.orders",
  JSON.stringify({ strategy, running: "true", startingCash: "1000000", ...keys }),
);

const book = new Book({ file: join(folder, "book.sqlite"), durability: "process" });
let nowMs = 1_000;
let fills = 0;
let toExecutor: (message: BusMessage) => void = () => undefined;
const bytes = (message: object): Uint8Array => Buffer.from(JSON.stringify(message));
const said: BookedEvent[] = [];
const say = (booked: BookedEvent): void => {
  if (booked.event.status === "filled") fills += 1;
  said.push(booked);
  const payload = bytes(booked.event);
  // What the broker does: the gateway is done with it first.
  queueMicrotask(() => toExecutor({ topic: `strat/${strategy}/order/event`, payload, retained: false, qos: 1 }));
};
const tell = async (topic: string, message: object): Promise<void> => {
  queueMicrotask(() => toExecutor({ topic, payload: bytes(message), retained: false, qos: 1 }));
};
const { gateway } = startPaperGateway({ book, limits, say, tell, nowMs: () => nowMs });
const bus: Bus = {
  connected: true,
  async publish(topic, message) {
    if (topic.includes("/order/")) gateway.receive(topic, bytes(message));
  },
  subscribe: async () => ok(undefined),
  onMessage(handler) {
    toExecutor = handler;
    return () => undefined;
  },
  onConnection: () => () => undefined,
  hold: () => undefined,
  close: async () => undefined,
};
const started = await startExecutor(
  {
    process: {
      ...{ environment: "paper", namespace: "bench-paper", serviceAccount: "orders", identity: "bench-paper/orders" },
      stateDir: folder,
      probeHost: "127.0.0.1",
      probePort: 0,
    },
    effective,
    algorithm: () => loadModule(readModule({ path, entry: "algorithm.ts", mapFile: "" })),
    bus: { url: "mqtt://127.0.0.1", password: () => "" },
    store: new Store(join(folder, "state")),
    log: () => undefined,
    nowMs: () => nowMs,
    exit: (code) => process.exit(code),
  },
  bus,
);
if (!started.ok) throw new Error(started.error.message);
toExecutor({
  topic: "gw/state",
  payload: bytes({ v: 1, type: "gateway-state", state: "online", atMs: 1, session: "g", seq: 1 }),
  retained: true,
  qos: 1,
});
const before = process.cpuUsage();
for (let seq = 1; seq <= quotes; seq += 1) {
  nowMs += 10;
  const quote = (100 + (seq % 7) / 100).toFixed(2);
  const topic = "md/replay/AAPL/quote";
  const payload = bytes({ v: 1, type: "quote", sid: "AAPL", venue: "replay", quote, session: "s", seq, ts: seq * 500 });
  gateway.receive(topic, payload);
  toExecutor({ topic, payload, retained: false, qos: 0 });
  // Until its fill is booked.
  await new Promise((resolve) => setImmediate(resolve));
  if (said.length >= 100) book.markPublished(said.splice(0));
}
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ orders: fills, cpuMs: (user + system) / 1000 }));
book.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
