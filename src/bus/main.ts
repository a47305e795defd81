import { fileVerifier, watchAccess } from "./access-dir.ts";
import { type Broker, startBroker } from "./broker.ts";
import { busMetric } from "./metric.ts";
import { Numbers, newSession } from "./numbers.ts";
import {
  logFailure,
  type Probes,
  parsePort,
  processLog,
  readIdentity,
  requireVariables,
  startProbes,
} from "./process.ts";
import { Recorder } from "./recorder.ts";

const log = processLog(process, Date.now);
const metricEveryMs = 5_000;

/** The bus process of docs/runtime.md: an MQTT broker that knows each identity's topics. */
async function main(): Promise<void> {
  const env = process.env;
  const { probePort, probeHost, identity, environment } = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_PORT_MQTT", "SLIPWAY_BUS_ACCESS_DIR", "SLIPWAY_BUS_TOKENS_FILE"]);
  let broker: Broker | undefined;
  const notYet = (): string | undefined => (broker === undefined ? "not listening yet" : undefined);
  const probes: Probes = await startProbes({
    port: probePort,
    host: probeHost,
    startup: notYet,
    ready: notYet,
    live: () => undefined,
  });
  const access = watchAccess(read("SLIPWAY_BUS_ACCESS_DIR"), log);
  const recorder = new Recorder({
    environment,
    access: access.current,
    answer: (topic, message) => broker?.say(topic, message, { qos: 0, retain: false }),
    nowMs: Date.now,
  });
  broker = await startBroker({
    host: "127.0.0.1",
    port: parsePort("SLIPWAY_PORT_MQTT", read("SLIPWAY_PORT_MQTT")),
    access: access.current,
    verify: fileVerifier(read("SLIPWAY_BUS_TOKENS_FILE"), log),
    log,
    tap: (topic, payload) => recorder.take(topic, payload),
  });
  const state = { v: 1, type: "recorder-state", state: "online", atMs: Date.now() };
  const numbers = new Numbers(newSession());
  broker.say("refill/state", numbers.stamp("refill/state", state), { qos: 1, retain: true });
  log("info", "bus is listening", { identity, port: broker.port });
  const listening = broker;
  const metric = setInterval(() => {
    const message = busMetric(listening.stats(), recorder.stats, Date.now());
    listening.say("bus/metric", numbers.stamp("bus/metric", message), { qos: 0, retain: false });
  }, metricEveryMs);
  const stop = async (): Promise<void> => {
    clearInterval(metric);
    log("info", "bus stops", { ...listening.stats(), recorder: recorder.stats });
    access.close();
    await Promise.all([listening.close(), probes.close()]);
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
}

main().catch((cause: unknown) => {
  logFailure(log, cause);
  process.exit(1);
});
