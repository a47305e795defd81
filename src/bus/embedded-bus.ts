import { type BrokerOptions, startBroker } from "./broker.ts";
import { busMetric, errorLine, metricEveryMs } from "./metric.ts";
import { Numbers, newSession } from "./numbers.ts";
import { Recorder } from "./recorder.ts";
import type { RunningBus, RunningBusOptions } from "./running-bus.ts";

export interface EmbeddedBusOptions extends Pick<RunningBusOptions, "environment" | "access" | "nowMs" | "log"> {
  readonly port: number;
  readonly verify: BrokerOptions["verify"];
}

/** The broker in this process, on loopback, and its recorder, which sees everything that is published. @throws Fault `bus-port` */
export async function startEmbeddedBus(options: EmbeddedBusOptions): Promise<RunningBus> {
  const { environment, access, nowMs, log, port, verify } = options;
  const recorder = new Recorder({
    ...{ environment, access, nowMs },
    answer: (topic, message) => broker.say(topic, message, { qos: 0, retain: false }),
  });
  const broker = await startBroker({
    ...{ host: "127.0.0.1", port, access, verify, log, nowMs },
    cutOff: (topic, reason) => broker.say(topic, errorLine(reason, nowMs()), { qos: 0, retain: false }),
    tap: (topic, payload) => recorder.take(topic, payload),
  });
  const numbers = new Numbers(newSession());
  const state = { v: 1, type: "recorder-state", state: "online", atMs: nowMs() };
  broker.say("refill/state", numbers.stamp("refill/state", state), { qos: 1, retain: true });
  const metric = setInterval(() => {
    const message = busMetric({ ...broker.stats() }, recorder.stats, nowMs());
    broker.say("bus/metric", numbers.stamp("bus/metric", message), { qos: 0, retain: false });
  }, metricEveryMs);
  return {
    port: broker.port,
    ready: () => undefined,
    stats: () => ({ ...broker.stats(), recorder: recorder.stats }),
    async close() {
      clearInterval(metric);
      await broker.close();
    },
  };
}
