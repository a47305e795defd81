import { type Access, busMetricTopic } from "#core/access.ts";
import type { RecorderStateMessage, Unstamped } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import { connectBus } from "./client.ts";
import { busMetric, errorLine, metricEveryMs } from "./metric.ts";
import { newSession } from "./numbers.ts";
import type { Log } from "./process.ts";
import { Recorder, type RecorderOptions, type RecorderStats } from "./recorder.ts";

export interface RecorderClientOptions extends Pick<RecorderOptions, "environment" | "access" | "nowMs"> {
  /** Of the broker beside it. */
  readonly url: string;
  /** As whom. */
  readonly own: Access;
  readonly password: string;
  /** Which of several brokers it is beside; each has a recorder. */
  readonly node?: string;
  /** What the broker counts, by the names of `src/console/platform-figures.ts`. */
  readonly counts: () => Readonly<Record<string, number>>;
  readonly log: Log;
}

export interface RecorderClient {
  readonly stats: RecorderStats;
  /** Says in a strategy's log what the bus does about it. */
  say(topic: string, message: string): void;
  /** Whether the broker has let it in, and answers. */
  readonly connected: boolean;
  /** It says that it is offline. */
  close(): Promise<void>;
}

/**
 * The recorder where the broker is a program of its own: a client in the bus's pod, which also says what the bus counts. It hears at QoS 0: what it
 * misses itself stays missing. Where there are several, one that ends takes nothing away, so none says that it is offline.
 *
 * @throws Fault `bus-refused`, `bus-unreachable`
 */
export async function startRecorderClient(options: RecorderClientOptions): Promise<RecorderClient> {
  const { environment, access, url, own: rules, password, node, counts, nowMs, log } = options;
  const amongOthers = node !== undefined;
  const stateOf = (state: RecorderStateMessage["state"]): Unstamped<RecorderStateMessage> => ({
    ...{ v: 1, type: "recorder-state", state, atMs: nowMs() },
  });
  const bus = await connectBus({
    ...{ url, identity: rules.identity, password: () => password, access: rules, session: newSession(), log },
    ...(amongOthers ? {} : { will: { topic: "refill/state", message: stateOf("offline"), retain: true } }),
  });
  const recorder = new Recorder({
    ...{ environment, access, amongOthers, nowMs },
    // Who asked asks again, or counts the gap.
    answer: (topic, message) => void bus.publish(topic, message, { qos: 0 }).catch(() => undefined),
  });
  bus.onMessage(({ topic, payload, retained }) => {
    // What is kept at the broker was said before.
    if (!retained) recorder.take(topic, payload);
  });
  for (const filter of rules.subscribe) {
    const granted = await bus.subscribe(filter);
    if (!granted.ok) throw new Fault("bus-refused", `the broker refuses the recorder's subscription to ${filter}`);
  }
  await bus.publish("refill/state", stateOf("online"), { qos: 1, retain: true });
  const metric = setInterval(() => {
    const message = busMetric(counts(), recorder.stats, nowMs());
    // The next one says all of it again.
    if (bus.connected) void bus.publish(busMetricTopic(node), message, { qos: 0 }).catch(() => undefined);
  }, metricEveryMs);
  return {
    get stats() {
      return recorder.stats;
    },
    get connected() {
      return bus.connected;
    },
    say(topic, message) {
      void bus.publish(topic, errorLine(message, nowMs()), { qos: 0 }).catch(() => undefined);
    },
    async close() {
      clearInterval(metric);
      if (amongOthers) return bus.close();
      const offline = bus.publish("refill/state", stateOf("offline"), { qos: 1, retain: true }).catch(() => undefined);
      await bus.close();
      await offline;
    },
  };
}
