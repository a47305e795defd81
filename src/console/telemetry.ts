import type { Bus } from "#bus/client.ts";
import { Receiver } from "#bus/receiver.ts";
import {
  validateAccount,
  validateFeedState,
  validateGatewayHalts,
  validateGatewayState,
  validateLog,
  validateMetric,
  validateOrderEvent,
  validatePlatformMetric,
  validateState,
} from "#core/bus-validators.generated.js";
import type { StrategyId } from "#core/identity.ts";
import { parseStrategyId } from "#core/identity.ts";
import type {
  AccountMessage,
  ExecutorState,
  FeedStateMessage,
  GatewayHaltsMessage,
  GatewayStateMessage,
  LogMessage,
  MetricMessage,
  OrderEventMessage,
  PlatformMetricMessage,
  StateMessage,
} from "#core/messages.ts";
import type { Validators } from "#core/payload.ts";
import { Fault } from "#core/result.ts";
import { PlatformHeard, type PlatformPart, platformFilters, platformPartOf } from "./platform-parts.ts";

/** How many points of equity are kept for the sparkline: at one a second, the last four minutes. */
const trailMax = 240;
/** A strategy's name comes from a topic; more than this many are not kept. */
const strategiesMax = 10_000;
const executorStates: readonly string[] = [
  "initializing",
  "restoring",
  "warming-up",
  "running",
  "degraded",
  "halted",
  "faulted",
  "stopping",
  "stopped",
  "offline",
] satisfies readonly ExecutorState[];

const startStates: readonly ExecutorState[] = ["initializing", "restoring", "warming-up"];

/** What the console hears. */
export const validators: Validators = {
  account: validateAccount,
  state: validateState,
  metric: validateMetric,
  log: validateLog,
  "order-event": validateOrderEvent,
  "gateway-state": validateGatewayState,
  "gateway-halts": validateGatewayHalts,
  "feed-state": validateFeedState,
  "platform-metric": validatePlatformMetric,
};

/** The last that the bus said of one strategy. */
export interface StrategyTelemetry {
  readonly state?: StateMessage;
  readonly metric?: MetricMessage;
  /** Wall time at which that came, milliseconds. */
  readonly metricAtMs?: number;
  /** What the gateway says that it has; the metric's is the executor's own word. */
  readonly account?: AccountMessage;
  /** Wall time since when cash and positions of it are what they are, milliseconds. */
  readonly accountSinceMs?: number;
  /** The last warning or error of its log. */
  readonly problem?: LogMessage;
  /** What it had counted when this reader heard its first metric: what came before was not seen. */
  readonly before?: { readonly events: number; readonly orders: number };
  /** Wall time at which this reader learned of its first event, milliseconds: only if it was there before that. */
  readonly firstEventAtMs?: number;
  /** Wall time at which its first order was answered since this reader started, milliseconds. */
  readonly firstOrderAtMs?: number;
  readonly firstFillAtMs?: number;
  readonly lastDenied?: OrderEventMessage;
  /** Wall time at which that came, milliseconds. */
  readonly lastDeniedAtMs?: number;
  /** Equity over time, oldest first, as numbers for drawing only. */
  readonly equityTrail: readonly number[];
}

/** When a feed's state came last, wall time in milliseconds, and how long after the one before. */
export interface FeedHeard {
  readonly atMs: number;
  readonly stepMs: number;
}

/** What an overview takes from the bus. */
export interface Heard {
  readonly strategies: ReadonlyMap<StrategyId, StrategyTelemetry>;
  readonly gateway: GatewayStateMessage | undefined;
  readonly feeds: ReadonlyMap<string, FeedStateMessage>;
  readonly feedsHeard: ReadonlyMap<string, FeedHeard>;
  /** Wall time since when it is heard, milliseconds. */
  readonly sinceMs: number;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export interface Telemetry extends Heard {
  /** What the gateway holds halted. */
  readonly halts: GatewayHaltsMessage["halts"];
  /** What the gateway and the bus count, all its nodes together, if they said it. */
  readonly platform: ReadonlyMap<PlatformPart, PlatformMetricMessage>;
  /** Messages that were not what the topic promises. */
  readonly badPayloads: number;
}

/** Keeps the last state of everything the console may hear. Executors are untrusted: what is malformed is counted and dropped. */
export class TelemetryReader implements Telemetry {
  readonly #strategies = new Map<StrategyId, StrategyTelemetry>();
  readonly #feeds = new Map<string, FeedStateMessage>();
  readonly #feedsHeard = new Map<string, FeedHeard>();
  readonly #platform = new PlatformHeard();
  readonly #now: () => number;
  readonly sinceMs: number;
  #gateway: GatewayStateMessage | undefined;
  #halts: GatewayHaltsMessage["halts"] = [];
  #badPayloads = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
    this.sinceMs = now();
  }

  get strategies(): ReadonlyMap<StrategyId, StrategyTelemetry> {
    return this.#strategies;
  }
  get gateway(): GatewayStateMessage | undefined {
    return this.#gateway;
  }
  get halts(): GatewayHaltsMessage["halts"] {
    return this.#halts;
  }
  get feeds(): ReadonlyMap<string, FeedStateMessage> {
    return this.#feeds;
  }
  get feedsHeard(): ReadonlyMap<string, FeedHeard> {
    return this.#feedsHeard;
  }
  get platform(): ReadonlyMap<PlatformPart, PlatformMetricMessage> {
    return this.#platform.parts;
  }
  get badPayloads(): number {
    return this.#badPayloads;
  }

  /** The MQTT filters this reader wants. `strat/+/+/order/request` is not among them: what the gateway answers is what happened. */
  static readonly filters: readonly string[] = [
    "strat/+/+/state",
    "strat/+/+/metric",
    "strat/+/+/account",
    "strat/+/+/log",
    "strat/+/+/order/event",
    "gw/state",
    "gw/halts",
    "feed/+/state",
    ...platformFilters,
  ];

  /** Milliseconds since the epoch. */
  nowMs(): number {
    return this.#now();
  }

  apply(topic: string, payload: unknown): void {
    if (!this.#accept(topic, payload)) this.refuse();
  }

  /** Counts a message that was not what its topic promises. */
  refuse(): void {
    this.#badPayloads += 1;
  }

  #accept(topic: string, payload: unknown): boolean {
    if (typeof payload !== "object" || payload === null) return false;
    const parts = topic.split("/");
    if (topic === "gw/state") {
      if (!isMessage<GatewayStateMessage>(payload, "gateway-state")) return false;
      this.#gateway = payload;
      return true;
    }
    if (topic === "gw/halts") {
      if (!isMessage<GatewayHaltsMessage>(payload, "gateway-halts") || !Array.isArray(payload.halts)) return false;
      this.#halts = payload.halts;
      return true;
    }
    const part = platformPartOf(topic);
    if (part !== undefined) {
      if (!isMessage<PlatformMetricMessage>(payload, "platform-metric")) return false;
      this.#platform.take(part, topic, payload);
      return true;
    }
    if (parts[0] === "feed" && parts[1] !== undefined) {
      if (!isMessage<FeedStateMessage>(payload, "feed-state")) return false;
      this.#feeds.set(parts[1], payload);
      const atMs = this.#now();
      this.#feedsHeard.set(parts[1], { atMs, stepMs: atMs - (this.#feedsHeard.get(parts[1])?.atMs ?? atMs) });
      return true;
    }
    const id = parseStrategyId(`${parts[1]}/${parts[2]}`);
    if (parts[0] !== "strat" || !id.ok) return false;
    const known = this.#strategies.get(id.value) ?? { equityTrail: [] };
    if (this.#strategies.size >= strategiesMax && !this.#strategies.has(id.value)) return false;
    const next = nextTelemetry(known, payload, this.#now());
    if (next === undefined) return false;
    this.#strategies.set(id.value, next);
    return true;
  }
}

/**
 * Feeds a reader from the bus; the subscriptions are made before this settles.
 *
 * @returns a function that stops it
 */
export async function followBus(
  bus: Bus,
  reader: TelemetryReader,
  onChange: () => void = () => undefined,
): Promise<() => void> {
  // Who may publish nothing has no dead letters: what is refused is counted.
  const door = new Receiver(bus, {
    validators,
    nowMs: () => reader.nowMs(),
    log: () => undefined,
    take: ({ topic, message }) => reader.apply(topic, message),
    refused: () => reader.refuse(),
  });
  const stop = bus.onMessage((message) => {
    door.receive(message);
    onChange();
  });
  for (const filter of TelemetryReader.filters) {
    const subscribed = await bus.subscribe(filter, {
      qos: filter.endsWith("metric") || filter.endsWith("log") ? 0 : 1,
    });
    if (!subscribed.ok)
      throw new Fault("subscription-refused", `the bus refused the console's subscription ${subscribed.error.filter}`);
  }
  return stop;
}

function nextTelemetry(known: StrategyTelemetry, payload: object, nowMs: number): StrategyTelemetry | undefined {
  if (isMessage<StateMessage>(payload, "state")) {
    if (!executorStates.includes(payload.state)) return undefined;
    // A restart answers an old problem.
    const { problem, ...rest } = known;
    const restarted = payload.state === "running" || problem === undefined;
    // Of one that is heard while it starts for the first time everything is seen.
    const isNew = payload.epoch === 1 && startStates.includes(payload.state);
    const before = known.before ?? (isNew ? { events: 0, orders: 0 } : undefined);
    return {
      ...{ ...rest, ...(restarted ? {} : { problem }), state: payload },
      ...(before === undefined ? {} : { before }),
    };
  }
  if (isMessage<MetricMessage>(payload, "metric")) {
    const equity = Number(payload.equity);
    const numbers = [payload.events, payload.orders, payload.fills, payload.denied, payload.errors, payload.rssBytes];
    numbers.push(payload.logLinesDropped ?? 0);
    if (!Number.isFinite(equity) || !numbers.every(Number.isFinite) || !Number.isFinite(Number(payload.drawdown)))
      return undefined;
    const before = known.before ?? { events: payload.events, orders: payload.orders };
    const first = known.firstEventAtMs ?? (before.events === 0 && payload.events > 0 ? nowMs : undefined);
    return {
      ...{ ...known, before, metric: payload, metricAtMs: nowMs },
      ...(first === undefined ? {} : { firstEventAtMs: first }),
    };
  }
  if (isMessage<AccountMessage>(payload, "account")) return withAccount(known, payload, nowMs);
  if (isMessage<LogMessage>(payload, "log")) {
    if (typeof payload.message !== "string") return undefined;
    return payload.level === "warn" || payload.level === "error" ? { ...known, problem: payload } : known;
  }
  if (isMessage<OrderEventMessage>(payload, "order-event")) {
    const refused = payload.status === "denied" || payload.status === "rejected";
    const { lastDenied, lastDeniedAtMs, ...others } = known;
    // An order that passes says that what was in the way is gone; one that fills later may have passed before.
    const passed = payload.status === "pending-new" || payload.status === "new" || payload.status === "filled";
    const earlier = passed || lastDenied === undefined ? {} : { lastDenied, lastDeniedAtMs: lastDeniedAtMs ?? nowMs };
    const denied = refused ? { lastDenied: payload, lastDeniedAtMs: nowMs } : earlier;
    const filled = payload.status === "filled" && known.firstFillAtMs === undefined ? { firstFillAtMs: nowMs } : {};
    return { ...others, firstOrderAtMs: known.firstOrderAtMs ?? nowMs, ...filled, ...denied };
  }
  return undefined;
}

/** What a halt refused is no news once the halt is lifted. */
const ofStanding: readonly string[] = ["strategy-halted", "strategy-reducing", "book-behind"];

function withAccount(known: StrategyTelemetry, account: AccountMessage, nowMs: number): StrategyTelemetry {
  const before = known.account;
  const same = before !== undefined && before.cash === account.cash && samePositions(before, account);
  const equity = account.equity === undefined ? [] : [Number(account.equity)];
  const { lastDenied, lastDeniedAtMs, ...others } = known;
  const over = account.standing === "trading" && ofStanding.includes(lastDenied?.reason?.code ?? "");
  const denied = over || lastDenied === undefined ? {} : { lastDenied, lastDeniedAtMs: lastDeniedAtMs ?? nowMs };
  return {
    ...{ ...others, ...denied, account, accountSinceMs: same ? (known.accountSinceMs ?? nowMs) : nowMs },
    equityTrail: [...known.equityTrail, ...equity].slice(-trailMax),
  };
}

/** Whether two say the same of what is held; who says nothing of an instrument says none. */
export function samePositions(
  { positions: a }: Pick<AccountMessage, "positions">,
  { positions: b }: Pick<AccountMessage, "positions">,
): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((sid) => Number(a[sid] ?? "0") === Number(b[sid] ?? "0"));
}

/** The parser's one cast: version and type are what the topic promises; fields that are used for arithmetic are checked above. */
function isMessage<Message extends { readonly v: 1; readonly type: string }>(
  payload: object,
  type: Message["type"],
): payload is Message {
  return "v" in payload && payload.v === 1 && "type" in payload && payload.type === type;
}
