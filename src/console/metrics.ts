import type { Registry } from "prom-client";
import type { AccountMessage, ExecutorState, MetricMessage } from "#core/messages.ts";
import { isSilent } from "./overview.ts";
import { platformFigures } from "./platform-figures.ts";
import type { StrategyTelemetry, Telemetry } from "./telemetry.ts";

export interface MetricsSources {
  readonly environment: string;
  readonly telemetry: Telemetry;
}

/** A number that an executor says of itself. */
interface Figure {
  readonly name: string;
  readonly help: string;
  readonly of: (metric: MetricMessage) => number | undefined;
}

/** A number that the gateway says of a strategy's account. */
interface AccountFigure {
  readonly name: string;
  readonly help: string;
  readonly of: (account: AccountMessage) => number | undefined;
}

/** Since the strategy's first start; they survive restarts of its process. */
const counters: readonly Figure[] = [
  { name: "events", help: "Events that the algorithm was given.", of: ({ events }) => events },
  { name: "orders", help: "Orders that it asked for.", of: ({ orders }) => orders },
  { name: "fills", help: "Order events that changed what it holds.", of: ({ fills }) => fills },
  { name: "denied", help: "Orders that the gateway denied.", of: ({ denied }) => denied },
  { name: "errors", help: "Exceptions of the algorithm.", of: ({ errors }) => errors },
  { name: "conflated", help: "Events whose place a newer one took.", of: ({ conflated }) => conflated },
  { name: "gaps", help: "Events that are missing in the numbers of a channel.", of: ({ gaps }) => gaps },
  {
    name: "refilled",
    help: "Events that came from the recorder after they were missed.",
    of: ({ refilled }) => refilled,
  },
  { name: "bad_payloads", help: "Messages that could not be read.", of: ({ badPayloads }) => badPayloads },
  { name: "log_lines_dropped", help: "Log lines above the cap.", of: ({ logLinesDropped }) => logLinesDropped },
];
const gauges: readonly Figure[] = [
  { name: "resident_memory_bytes", help: "Memory of the executor's process.", of: ({ rssBytes }) => rssBytes },
  { name: "heard_seconds", help: "Wall time of the last metric, since the epoch.", of: ({ atMs }) => atMs / 1000 },
  {
    name: "last_event_seconds",
    help: "Event time of the last event, since the epoch.",
    of: ({ lastEventTs }) => (lastEventTs === undefined ? undefined : lastEventTs / 1e6),
  },
];
/** By the gateway's book. */
const accountGauges: readonly AccountFigure[] = [
  { name: "cash", help: "Cash by the gateway's book, in quote currency.", of: ({ cash }) => numberOf(cash) },
  {
    name: "equity",
    help: "Cash and positions by the gateway's book and last prices, in quote currency.",
    of: ({ equity }) => numberOf(equity),
  },
  {
    name: "drawdown_ratio",
    help: "What is lost of the equity's peak, by the gateway's book.",
    of: ({ drawdown }) => numberOf(drawdown),
  },
  { name: "open_orders", help: "Orders of which the gateway awaits something.", of: ({ openOrders }) => openOrders },
];
const states = [
  ...["initializing", "restoring", "warming-up", "running", "degraded", "halted"],
  ...["faulted", "stopping", "stopped", "offline"],
] as readonly ExecutorState[];
const positionsMax = 200;

/**
 * What executors, gateway and feeds said over the bus, in the text format of Prometheus. Executors reach nothing but the bus, so this is where
 * they are scraped; what they count is their own word, what a strategy has is the gateway's.
 */
export async function formatMetrics({ environment, telemetry }: MetricsSources): Promise<string> {
  // Read at the first scrape: who is never scraped pays nothing.
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  registry.setDefaultLabels({ environment });
  const registers = [registry];
  const all = [...telemetry.strategies].sort(([a], [b]) => (a < b ? -1 : 1));
  const figures = (list: readonly Figure[], suffix: string, add: (name: string, help: string) => Adds): void => {
    for (const { name, help, of } of list) {
      const put = add(`slipway_strategy_${name}${suffix}`, help);
      for (const [strategy, { metric }] of all) {
        const value = metric === undefined ? undefined : of(metric);
        if (value !== undefined && Number.isFinite(value) && (suffix === "" || value >= 0)) put(strategy, value);
      }
    }
  };
  figures(counters, "_total", (name, help) => {
    const counter = new Counter({ name, help, labelNames: ["strategy"], registers });
    return (strategy, value) => counter.inc({ strategy }, value);
  });
  figures(gauges, "", (name, help) => {
    const gauge = new Gauge({ name, help, labelNames: ["strategy"], registers });
    return (strategy, value) => gauge.set({ strategy }, value);
  });
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  for (const { name, help, of } of accountGauges) {
    const labelled = gauge(`slipway_strategy_${name}`, help, ["strategy"]);
    for (const [strategy, { account }] of all) {
      const value = account && of(account);
      if (value !== undefined && Number.isFinite(value)) labelled.set({ strategy }, value);
    }
  }
  const held = "What is held by the gateway's book, in shares.";
  addPositions(gauge("slipway_strategy_position", held, ["strategy", "sid"]), all);
  addStates(gauge("slipway_strategy_state", "1 for the state it is in.", ["strategy", "state"]), all);
  const online = gauge("slipway_gateway_online", "Whether the gateway takes orders.", []);
  online.set(telemetry.gateway?.state === "online" ? 1 : 0);
  const add = ({ name, help, labels }: Named): Adder => {
    const settings = { name, help, labelNames: [...labels], registers };
    if (!name.endsWith("_total")) {
      const made = new Gauge(settings);
      return (of, value) => made.set(of, value);
    }
    const made = new Counter(settings);
    return (of, value) => made.inc(of, value);
  };
  addPlatform(add, telemetry);
  addFeeds(add, telemetry, telemetry.nowMs());
  new Counter({
    ...{ name: "slipway_console_bad_payloads_total", help: "Messages on the bus that the console could not read." },
    registers,
  }).inc(telemetry.badPayloads);
  return text(registry);
}

interface Named {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}
type Adder = (labels: { readonly [name: string]: string }, value: number) => void;
type Adds = (strategy: string, value: number) => void;
type Heard = readonly (readonly [string, StrategyTelemetry])[];
interface Labelled {
  set(labels: { readonly [name: string]: string }, value: number): void;
}

function text(registry: Registry): Promise<string> {
  return registry.metrics();
}

/** No more series than a strategy may trade instruments. */
function addPositions(gauge: Labelled, all: Heard): void {
  for (const [strategy, { account }] of all) {
    for (const [sid, quantity] of Object.entries(account?.positions ?? {}).slice(0, positionsMax))
      gauge.set({ strategy, sid }, Number(quantity));
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function addStates(gauge: Labelled, all: Heard): void {
  for (const [strategy, { state }] of all) {
    if (state === undefined) continue;
    for (const name of states) gauge.set({ strategy, state: name }, state.state === name ? 1 : 0);
  }
}

/** What was not said has no series, not 0. A part's last word stays, with the time at which it came. */
function addPlatform(add: (named: Named) => Adder, { platform }: Telemetry): void {
  for (const { part, name, metric, help, label } of platformFigures) {
    const said = platform.get(part);
    if (label === undefined) {
      const value = said?.counts[name];
      if (value !== undefined) add({ name: metric, help, labels: [] })({}, value);
    } else {
      const put = add({ name: metric, help, labels: [label] });
      for (const [of, value] of Object.entries(said?.countsBy[name] ?? {})) put({ [label]: of }, value);
    }
  }
  const help = "Wall time of the last metric of the gateway or the bus, since the epoch.";
  const heard = add({ name: "slipway_platform_heard_seconds", help, labels: ["part"] });
  for (const [part, { atMs }] of platform) heard({ part }, atMs / 1000);
}

function addFeeds(add: (named: Named) => Adder, { feeds, feedsHeard }: Telemetry, nowMs: number): void {
  const of = (name: string, help: string): Adder => add({ name: `slipway_feed_${name}`, help, labels: ["feed"] });
  const online = of("online", "Whether the feed speaks.");
  const events = of("events_total", "Events of its session; a new session begins at 0.");
  const last = of("last_event_seconds", "Event time of its last event, since the epoch.");
  const heard = of("heard_seconds", "Wall time at which its last state came, since the epoch.");
  const silent = of("silent", "Whether it is online and has said nothing for 10 s, and for three of its steps.");
  for (const [feed, state] of feeds) {
    online({ feed }, state.state === "offline" ? 0 : 1);
    if (Number.isFinite(state.events)) events({ feed }, state.events);
    if (state.ts !== undefined) last({ feed }, state.ts / 1e6);
    const said = feedsHeard.get(feed);
    if (said !== undefined) heard({ feed }, said.atMs / 1000);
    silent({ feed }, isSilent(state.state, said, nowMs) ? 1 : 0);
  }
}
