import { randomUUID } from "node:crypto";
import { formatMetrics } from "#console/metrics.ts";
import { type Console, startConsole } from "#console/server.ts";
import { type Halt, parseTarget } from "#core/halt.ts";
import type { LocalCluster } from "#local/cluster.ts";
import type { ServerLog } from "#server/control-plane.ts";
import type { HaltRecorder } from "#server/halts.ts";
import type { Lock } from "#server/lock.ts";
import type { ControlLoop } from "#server/loop.ts";
import type { CommandContext } from "../context.ts";
import type { HeldHalt } from "../operator.ts";
import { findPackage } from "../programs.ts";
import { writeServerFile } from "../server-file.ts";
import { embeddedEnvironment, type Place, type Site } from "../site.ts";
import type { ChosenBroker } from "./broker.ts";
import type { LiveView } from "./live.ts";
import { Observer } from "./observer.ts";
import { type ConnectedBus, connectConsole } from "./parts.ts";
import type { ChosenPort } from "./ports.ts";
import { describeIsolation, partLine, stopwatch } from "./text.ts";

export interface SessionPorts {
  readonly bus: ChosenPort;
  readonly console: ChosenPort;
}

export interface SessionStart {
  readonly place: Place;
  readonly lock: Lock;
  readonly ports: SessionPorts;
  readonly broker: ChosenBroker;
  readonly stopped: AbortSignal;
}

/** What was started so far, to be stopped in the opposite order however the start ends. */
export interface Started {
  view?: LiveView;
  log?: ServerLog;
  loop?: ControlLoop;
  cluster?: LocalCluster;
  connected?: ConnectedBus;
  console?: Console;
  observer?: Observer;
  recorder?: HaltRecorder;
}

/** How long the parts are waited for before the view goes on without them and says so. */
const partsWaitMs = 10_000;

/** Bus, feed, gateway and console. Undefined if the person stopped it meanwhile. */
export async function startParts(
  context: CommandContext,
  { ports, broker, lock, stopped }: SessionStart,
  site: Site,
  started: Started,
): Promise<Observer | undefined> {
  const { view, cluster } = started;
  if (view === undefined || cluster === undefined || stopped.aborted) return undefined;
  const lap = stopwatch(context);
  await cluster.start();
  // The bus may speak before the observer that listens is made of it.
  const connected = await connectConsole({
    cluster,
    now: context.now,
    steady: context.steady,
    pause: context.pause,
    stopped,
    changed: () => {
      started.observer?.changed();
      started.recorder?.seen(heldHalts(started.connected?.telemetry.halts ?? []));
    },
  });
  if (connected === undefined) return undefined;
  started.connected = connected;
  const { telemetry } = connected;
  const observer = new Observer({
    site,
    environment: embeddedEnvironment,
    telemetry,
    cluster: () => cluster.status(),
    now: context.now,
  });
  started.observer = observer;
  cluster.onChange(() => observer.changed());
  const title = broker.title === "" ? "" : `${broker.title}, `;
  const rights = `${title}a password and topic rules per client${noted(ports.bus)}`;
  view.line(partLine("bus", `${connected.url}, ${rights}`, lap()));
  const endMs = context.steady() + partsWaitMs;
  while (
    (telemetry.feeds.size === 0 || telemetry.gateway?.state !== "online") &&
    !stopped.aborted &&
    context.steady() < endMs
  )
    await context.pause(50);
  for (const [name, feed] of telemetry.feeds)
    view.line(partLine("feed", `${name}, ${feed.from} … ${feed.to}, then again as a new session`, lap()));
  const { gateway } = telemetry;
  const reason = gateway?.reason === undefined ? "" : `: ${gateway.reason}`;
  view.line(partLine("gateway", `paper venue, ${gateway?.state ?? "not online yet"}${reason}`));
  const instance = randomUUID();
  const console = await startConsole({
    port: ports.console.port,
    page: findPackage().consolePage,
    overview: async () => ({ ...(await observer.overview()), instance }),
    metrics: () => formatMetrics({ environment: embeddedEnvironment, telemetry }),
    onChange: (handler) => observer.onChange(handler),
  });
  started.console = console;
  await writeServerFile(site.state, {
    instance,
    pid: process.pid,
    startedAtMs: context.now(),
    consoleUrl: console.url,
    busUrl: connected.url,
  });
  await lock.describe(`slipway up, console ${console.url}`);
  view.line(partLine("console", `${console.url}${noted(ports.console)}`));
  for (const line of describeIsolation(cluster.status().isolation)) view.line(line);
  return observer;
}

/** As the recorder takes them; what the gateway says is checked at the door of the console. */
function heldHalts(halts: readonly HeldHalt[]): readonly (Halt & { readonly recorded: boolean })[] {
  return halts.flatMap(({ id, verb, scope, by, reason, atMs, recorded }) => {
    const target = parseTarget(scope);
    return target.ok ? [{ id, verb, target: target.value, by, reason, atMs, recorded }] : [];
  });
}

function noted({ note }: ChosenPort): string {
  return note === undefined ? "" : ` (${note})`;
}
