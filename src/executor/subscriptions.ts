import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { Receiver } from "#bus/receiver.ts";
import { RefillClient } from "#bus/refill-client.ts";
import { topicMatches } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { GatewayStateMessage } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import { kindOfTopic } from "#core/topic-kinds.ts";
import type { Loop } from "./loop.ts";
import { executorValidators, type MarketEvent, marketEvent, queuedKinds } from "./messages.ts";
import type { GatewayHeard, Seen } from "./state.ts";
import type { Histories } from "./warm-up.ts";

export interface Subscribing {
  readonly own: string;
  readonly filters: readonly string[];
  readonly effective: EffectiveStrategy;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface Subscribed {
  readonly door: Receiver;
  /** How many histories to wait for. */
  readonly wanted: number;
  /** Settles when the recorder has given what was missed, within seconds. */
  readonly resumed: Promise<unknown>;
}

/**
 * @param before where what was published before this process goes
 * @throws Fault `subscription-refused`
 */
export async function subscribe(
  bus: Bus,
  loop: Loop,
  subscribing: Subscribing,
  before: Histories,
): Promise<Subscribed> {
  const { own, filters, effective, log, nowMs } = subscribing;
  const door = receiver(bus, loop, subscribing, before);
  const resumed = Promise.all(
    resumable(loop, filters).map(([channel, { session, seq }]) => door.resume(channel, session, seq)),
  );
  bus.onMessage((message) => door.receive(message));
  bus.onConnection((now) => {
    if (now === "connected") loop.dispatch({ type: "connected", nowMs: nowMs() });
  });
  const quotes = effective.channels.includes("quotes") && filters.some((filter) => filter.endsWith("/quote"));
  const histories = quotes ? effective.limits.instruments.map((sid) => `md/+/${sid}/history`) : [];
  const asked = [
    bus.subscribe(`${own}/order/event`, { qos: 1 }),
    bus.subscribe(`${own}/order/statement`, { qos: 1 }),
    bus.subscribe(`${own}/cmd/+`, { qos: 1 }),
    bus.subscribe("gw/state", { qos: 1 }),
    bus.subscribe("refill/state", { qos: 1 }),
    bus.subscribe(`refill/${effective.team}/${effective.name}/answer`),
    ...filters.map((filter) => bus.subscribe(filter)),
  ];
  const granted = await Promise.all(histories.map((filter) => bus.subscribe(filter)));
  for (const answer of await Promise.all(asked)) {
    if (!answer.ok)
      throw new Fault("subscription-refused", `the bus refused the subscription to ${answer.error.filter}`);
  }
  const missing = granted.filter(({ ok: good }) => !good).length;
  if (missing > 0) log("warn", `the bus refused ${missing} histories; the algorithm warms without them`);
  return { door, wanted: granted.length - missing, resumed };
}

/** The channels of which every event counts and one is known that the algorithm had. */
function resumable({ state }: Loop, filters: readonly string[]): readonly (readonly [string, Seen])[] {
  const counts = (channel: string): boolean => queuedKinds.has(kindOfTopic(channel)?.kind ?? "");
  return [...state.processed].filter(
    ([channel]) => counts(channel) && filters.some((filter) => topicMatches(filter, channel)),
  );
}

/** What the bus brings, once and in order, as events of the loop. */
function receiver(bus: Bus, loop: Loop, { own, effective, log, nowMs }: Subscribing, before: Histories): Receiver {
  const refills = new RefillClient(bus, `${effective.team}/${effective.name}`, executorValidators);
  return new Receiver(bus, {
    refill: (gap) => refills.ask(gap),
    validators: executorValidators,
    deadTopic: `${own}/dead`,
    nowMs,
    log,
    refused: (topic) => loop.take({ type: "bad-payload", topic, nowMs: nowMs() }),
    take({ topic, message, superseded, earlier }) {
      switch (message.type) {
        case "quote":
        case "trade":
        case "bar":
        case "indicator":
        case "signal":
          if (earlier === true) hearEarlier(loop, before, marketEvent(topic, message));
          else loop.take({ type: "market", event: marketEvent(topic, message), ...(superseded ? { superseded } : {}) });
          break;
        case "history":
          // Once trading, the live events tell the same.
          if (loop.state.warmedBy === undefined) before.add(topic, message);
          break;
        case "order-event":
          loop.take({ type: "order-event", event: message });
          break;
        case "order-statement":
          loop.take({ type: "statement", statement: message, nowMs: nowMs() });
          break;
        case "command":
          loop.take({ type: "command", command: message });
          break;
        case "refill":
          refills.take(message);
          break;
        case "recorder-state":
          refills.online = message.state === "online";
          break;
        case "gateway-state":
          loop.take({ type: "gateway", ...heardOf(message), nowMs: nowMs() });
          break;
      }
    },
  });
}

function heardOf({ state, reason, seq }: GatewayStateMessage): GatewayHeard {
  return { online: state === "online", isWill: seq === 0, ...(reason === undefined ? {} : { reason }) };
}

function hearEarlier(loop: Loop, before: Histories, event: MarketEvent): void {
  before.addRecorded(event);
  loop.take({ type: "earlier", event });
}
