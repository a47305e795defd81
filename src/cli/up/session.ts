import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatMetrics } from "#console/metrics.ts";
import { type Console, startConsole } from "#console/server.ts";
import { type Halt, parseTarget } from "#core/halt.ts";
import { Fault } from "#core/result.ts";
import { mainRef } from "#delivery/names.ts";
import { readTimed } from "#delivery/waivers.ts";
import type { LocalCluster } from "#local/cluster.ts";
import type { ReconcileReport, ServerLog } from "#server/control-plane.ts";
import { type HaltRecorder, startHaltRecorder } from "#server/halts.ts";
import type { Lock } from "#server/lock.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { compareCheckout } from "../checkout.ts";
import { type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { describeDeadlines, describeExpiry } from "../deadlines.ts";
import { openOrSeed } from "../open-site.ts";
import type { HeldHalt } from "../operator.ts";
import { count, formatDuration } from "../output.ts";
import { shortPath } from "../paths.ts";
import { findPackage } from "../programs.ts";
import { removeServerFile, writeServerFile } from "../server-file.ts";
import { createSite, embeddedEnvironment, type Place, type Site, siteMemo } from "../site.ts";
import { Arrivals, deployAll } from "./first-deploys.ts";
import { createLiveView, type LiveView } from "./live.ts";
import { Observer } from "./observer.ts";
import { type ConnectedBus, connectConsole, createCluster, createPlane, openLog } from "./parts.ts";
import type { ChosenPort } from "./ports.ts";
import { describeIsolation, partLine } from "./text.ts";
import type { UpOptions } from "./up.ts";

export interface SessionPorts {
  readonly bus: ChosenPort;
  readonly console: ChosenPort;
}

export interface SessionStart {
  readonly place: Place;
  readonly lock: Lock;
  readonly ports: SessionPorts;
  readonly stopped: AbortSignal;
}

/** What was started so far, to be stopped in the opposite order however the start ends. */
interface Started {
  view?: LiveView;
  log?: ServerLog;
  loop?: ControlLoop;
  cluster?: LocalCluster;
  connected?: ConnectedBus;
  console?: Console;
  observer?: Observer;
  recorder?: HaltRecorder;
}

const updateMs = 250;
/** How long the parts are waited for before the view goes on without them and says so. */
const partsWaitMs = 10_000;

/** One run of everything, under the lock, until somebody stops it. */
export async function runSession(
  context: CommandContext,
  options: UpOptions,
  start: SessionStart,
): Promise<CommandResult> {
  const started: Started = {};
  try {
    const result = await unlessStopped(start.stopped, started, run(context, options, start, started));
    return result ?? done({ state: start.place.state, strategies: [] });
  } finally {
    await stopAll(context, start, started);
  }
}

/**
 * What fails after the stop was asked for was stopped in the middle: a terminal's Ctrl-C reaches every process that helps. Undefined then; the
 * server's log has it.
 */
async function unlessStopped<Value>(
  stopped: AbortSignal,
  started: Started,
  work: Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!stopped.aborted || !(error instanceof Fault)) throw error;
    started.log?.info({ error }, "what was under way failed while everything was stopped");
    return undefined;
  }
}

async function run(
  context: CommandContext,
  options: UpOptions,
  start: SessionStart,
  started: Started,
): Promise<CommandResult> {
  const view = createLiveView(context.out, process.stdout, context.now);
  started.view = view;
  // The view itself is stopped within moments; a start has to come to the end of its step.
  start.stopped.addEventListener("abort", () => {
    if (started.observer === undefined)
      view.line("\nstopping, once what is under way has come to an end; Ctrl-C again forces it");
  });
  const state = shortPath(start.place.state, context.variables);
  view.line(
    `slipway ${findPackage().version} · embedded: runs only code you trust, no venue keys · state in ${state} · Ctrl-C stops it\n`,
  );
  const lap = stopwatch(context);
  const firstRun = await isFirstRun(context, start.place);
  const opened = await openOrSeed(context, start.place);
  if (!opened.ok) return refused(context, opened.error);
  const { site, person } = opened.value;
  if (firstRun && !options.deploy) await rm(firstRunMark(site), { force: true });
  const log = openLog(site.state);
  started.log = log;
  const memo = await siteMemo(site);
  const loop = startControlLoop({
    controlPlane: createPlane(site, log, context.now, memo),
    repository: site.repository,
    log,
    clock: context.now,
    onReport: tellReports(view, context.now),
  });
  started.loop = loop;
  started.recorder = startHaltRecorder({
    ...site,
    environment: embeddedEnvironment,
    clock: context.now,
    log,
    memo,
  });
  await loop.settled();
  view.line(partLine("forge", `bare repository, branch main at ${await shortMain(site)}`, lap()));
  for (const text of describeDeadlines(await readTimed(site.repository), Math.floor(context.now() / 1_000)))
    view.line(text);
  const preparing = createCluster(site, start.ports.bus.port, log, context);
  // The strategies' pull requests do not need the bus: both go on at once, and the lines come in the order of a reader.
  const held = holdLines(view);
  const arrivals = new Arrivals(view, context.now);
  const deploying =
    firstRun && options.deploy
      ? deployAll({
          context,
          site,
          memo,
          by: person,
          view: held,
          carry: () => loop.settled(),
          stopped: start.stopped,
          onDeployed: (deploy) => arrivals.add(deploy),
        })
      : undefined;
  const showing = preparing
    .then((cluster) => {
      started.cluster = cluster;
      return startParts(context, start, site, started);
    })
    .then(async (observer) => {
      held.release();
      if (deploying === undefined) await sayResumed(site, view);
      if (observer !== undefined)
        await show(context, options, { view, observer, arrivals, stopped: start.stopped, deploying });
    });
  const through = deploying?.then(() => (start.stopped.aborted ? undefined : rm(firstRunMark(site), { force: true })));
  // Both are waited for even if one fails: nothing may go on behind a stop.
  const ends = await Promise.allSettled(
    [through, showing].map((work) => unlessStopped(start.stopped, started, Promise.resolve(work))),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  const rows = started.observer?.now()?.rows ?? [];
  return done({ state: site.state, strategies: JSON.parse(JSON.stringify(rows)) });
}

/** Stands from before the first commit until the first deploys are through: a first run that was killed is still the first. */
function firstRunMark({ state }: Place): string {
  return join(state, "first-run");
}

async function isFirstRun(context: CommandContext, place: Place): Promise<boolean> {
  if (existsSync(firstRunMark(place))) return true;
  const { repository } = await createSite(place, context.now);
  if ((await repository.resolve(mainRef)) !== undefined) return false;
  await writeFile(firstRunMark(place), "");
  return true;
}

async function shortMain(site: Site): Promise<string> {
  return (await site.repository.resolve(mainRef))?.slice(0, 7) ?? "nothing yet";
}

/** Bus, feed, gateway and console. Undefined if the person stopped it meanwhile. */
async function startParts(
  context: CommandContext,
  { ports, lock, stopped }: SessionStart,
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
  view.line(partLine("bus", `${connected.url}, a password and topic rules per client${noted(ports.bus)}`, lap()));
  const endMs = context.now() + partsWaitMs;
  while (
    (telemetry.feeds.size === 0 || telemetry.gateway?.state !== "online") &&
    !stopped.aborted &&
    context.now() < endMs
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

async function sayResumed(site: Site, view: LiveView): Promise<void> {
  const { strategies, policies, deployed } = await compareCheckout(site);
  view.line(
    `\n  resumed: ${count(deployed, "strategy", "strategies")}, main at ${await shortMain(site)}; nothing was deployed anew`,
  );
  const changed = strategies.filter(({ kind }) => kind !== "deleted").map(({ id }) => id);
  const [only] = changed.length === 1 ? changed : [""];
  if (changed.length > 0)
    view.line(`  this checkout differs from main in ${changed.join(", ")}   → slipway deploy ${only}`.trimEnd());
  if (policies.length > 0)
    view.line(`  ${count(policies.length, "difference")} in policies   → slipway deploy --policies`);
}

interface Show {
  readonly view: LiveView;
  readonly observer: Observer;
  readonly arrivals: Arrivals;
  readonly deploying: Promise<unknown> | undefined;
  readonly stopped: AbortSignal;
}

/** Shows what happens until somebody stops it, the time is over, or the first deploys fail. */
async function show(
  context: CommandContext,
  options: UpOptions,
  { view, observer, arrivals, deploying, stopped }: Show,
): Promise<void> {
  const deploys = { state: deploying === undefined ? "done" : "under way" };
  deploying?.then(
    () => {
      deploys.state = "done";
    },
    () => {
      deploys.state = "failed";
    },
  );
  let invited = false;
  const endMs = options.seconds === undefined ? Number.POSITIVE_INFINITY : context.now() + options.seconds * 1_000;
  while (!stopped.aborted && context.now() < endMs && deploys.state !== "failed") {
    await observer.refresh();
    const overview = observer.now();
    if (overview !== undefined) {
      arrivals.look(overview);
      view.update(overview);
    }
    if (!invited && deploys.state === "done") {
      view.line("\nTry: npx slipway new me/first && npx slipway deploy me/first --merge      (docs/strategies.md)\n");
      invited = true;
    }
    await context.pause(updateMs);
  }
}

async function stopAll(context: CommandContext, { place, stopped }: SessionStart, started: Started): Promise<void> {
  const startedMs = context.now();
  started.view?.stop();
  if (started.cluster === undefined) {
    await started.recorder?.stop();
    await started.loop?.stop();
    if (stopped.aborted) context.out.line("stopped before anything ran: `slipway up` goes on where this was");
    return;
  }
  const running = started.observer?.now()?.rows.filter(({ startedAtMs }) => startedAtMs !== null).length ?? 0;
  context.out.line(
    `\nstopping ${count(running, "strategy", "strategies")}, feed, gateway, bus; Ctrl-C again forces it`,
  );
  await removeServerFile(place.state);
  await started.console?.stop();
  await started.recorder?.stop();
  await started.loop?.stop();
  await started.connected?.bus.close();
  await started.cluster.stop();
  context.out.line(
    `stopped in ${formatDuration(context.now() - startedMs)}; positions, state and history are kept: \`slipway up\` resumes`,
  );
}

/** As the recorder takes them; what the gateway says is checked at the door of the console. */
function heldHalts(halts: readonly HeldHalt[]): readonly (Halt & { readonly recorded: boolean })[] {
  return halts.flatMap(({ id, verb, scope, by, reason, atMs, recorded }) => {
    const target = parseTarget(scope);
    return target.ok ? [{ id, verb, target: target.value, by, reason, atMs, recorded }] : [];
  });
}

/** Keeps lines back until they may be shown. */
function holdLines(view: LiveView): { readonly line: (text: string) => void; readonly release: () => void } {
  const kept: string[] = [];
  let open = false;
  return {
    line: (text) => {
      if (open) view.line(text);
      else kept.push(text);
    },
    release: () => {
      open = true;
      for (const text of kept.splice(0)) view.line(text);
    },
  };
}

/** What time ended or started, and what a person must look at, once each while it lasts. */
function tellReports(view: LiveView, now: () => number): (report: ReconcileReport) => void {
  let known = new Set<string>();
  return ({ expired, raised }) => {
    for (const { changes } of expired) for (const change of changes) view.line(`  ${describeExpiry(change, now())}`);
    for (const { message } of raised) if (!known.has(message)) view.line(`  ! ${message}`);
    known = new Set(raised.map(({ message }) => message));
  };
}

function noted({ note }: ChosenPort): string {
  return note === undefined ? "" : ` (${note})`;
}

function stopwatch(context: CommandContext): () => string {
  let lastMs = context.now();
  return () => {
    const spentMs = context.now() - lastMs;
    lastMs = context.now();
    return formatDuration(spentMs);
  };
}
