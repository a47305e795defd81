// What an executor takes that has subscribed and hears nothing: memory, and CPU time to get there.
//
//   node bench/idle.ts [instruments,…] [runs] [events that each instrument's history has: what it is warmed with]
import { writeFileSync } from "node:fs";
import { connectBus } from "#bus/client.ts";
import { BusRig, buyer, stopped } from "./bus-rig.ts";
import { spread } from "./measure.ts";
import { type Cost, costOf } from "./process-cost.ts";

const [counts = "4,20,200", runs = "5", events = "0"] = process.argv.slice(2);
/** The last scavenge and the metric of the start are over by then. */
const restMs = 3_000;
const python = `class Algorithm:
    def initialize(self, params):
        return ["quotes"]
    def event(self, data):
        return {"sid": data["sid"], "side": "buy", "quantity": "0.0001"}
`;

function shown(costs: readonly Cost[]): string {
  const of = (value: (cost: Cost) => number, digits: number): string => spread(costs.map(value), digits);
  const memory = `${of(({ privateBytes }) => privateBytes / 1e6, 1)} MB private, RSS ${of(({ rssBytes }) => rssBytes / 2 ** 20, 0)} MiB`;
  return `${memory}, ${of(({ cpuMs }) => cpuMs, 0)} ms CPU`;
}

async function publishHistories(url: string, instruments: readonly string[]): Promise<void> {
  const at = { url, identity: "slipway-paper/feed-bench", password: () => "secret", connectTimeoutMs: 10_000 };
  const feed = await connectBus(at);
  for (const sid of instruments) {
    const common = { v: 1, sid, venue: "replay", session: "s" };
    const quotes = Array.from({ length: Number(events) }, (_, index) => ({
      ...{ ...common, type: "quote", quote: `${100 + index}.25`, seq: index + 1, ts: index },
    }));
    const history = { ...common, type: "history", events: quotes };
    await feed.publish(`md/replay/${sid}/history`, history, { qos: 1, retain: true });
  }
  await feed.close();
}

for (const instruments of counts.split(",").map(Number)) {
  const rig = new BusRig(["ts", "py"], instruments);
  try {
    await rig.open(buyer());
    writeFileSync(rig.at("algorithm.py"), python);
    const open = rig.brokers().get("mosquitto") ?? rig.brokers().get("aedes");
    if (open === undefined) throw new Error("no broker");
    const broker = await open();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    await publishHistories(url, rig.instruments);
    const costs: Record<"typescript" | "behind a socket" | "python", Cost[]> = {
      typescript: [],
      "behind a socket": [],
      python: [],
    };
    for (let run = 0; run < Number(runs); run += 1) {
      const { child: server, address } = await rig.pythonAlgorithm();
      const executors = [
        await rig.executor(url, { name: "ts" }),
        await rig.executor(url, { name: "py", algorithm: address }),
      ];
      await new Promise((resolve) => setTimeout(resolve, restMs));
      const [own, remote, algorithm] = [...executors, server].map(({ pid }) => costOf(pid ?? 0));
      if (own === undefined || remote === undefined || algorithm === undefined) throw new Error("a process is gone");
      costs.typescript.push(own);
      costs["behind a socket"].push(remote);
      costs.python.push(algorithm);
      for (const child of [...executors, server]) await stopped(child);
    }
    console.log(`idle     executor of ${instruments} instruments: ${shown(costs.typescript)}`);
    console.log(
      `         with a Python algorithm: ${shown(costs["behind a socket"])}; its process ${shown(costs.python)}`,
    );
    await broker.close();
  } finally {
    rig.close();
  }
}
