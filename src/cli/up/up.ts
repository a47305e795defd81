import { randomUUID } from "node:crypto";
import { type Console, startConsole } from "#console/server.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { environmentRef } from "#delivery/names.ts";
import { readWorkspace, type SourceTree } from "#delivery/tree.ts";
import type { LocalCluster } from "#local/cluster.ts";
import type { ReconcileReport } from "#server/control-plane.ts";
import { type AlreadyRunning, acquireServerLock, type Lock } from "#server/lock.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { seedForge } from "#server/seed.ts";
import { type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { gitUser } from "../git-user.ts";
import { formatDuration, formatTime } from "../output.ts";
import { shortPath } from "../paths.ts";
import { findPackage } from "../programs.ts";
import { removeServerFile, writeServerFile } from "../server-file.ts";
import { createSite, embeddedEnvironment, findPlace, type Place, type Site } from "../site.ts";
import { createArrivals, deployAll, type FirstDeploy } from "./first-deploys.ts";
import { createLiveView, type LiveView } from "./live.ts";
import { Observer } from "./observer.ts";
import { type ConnectedBus, connectConsole, createCluster, createPlane, openLog } from "./parts.ts";
import { type ChosenPort, choosePort } from "./ports.ts";

export interface UpOptions {
  readonly busPort: number | undefined;
  readonly consolePort: number | undefined;
  readonly seconds: number | undefined;
  readonly deploy: boolean;
}

const updateMs = 250;
const lockTries = 30;
const lockPauseMs = 100;

/** Runs everything on this machine until it is asked to stop. */
export async function up(context: CommandContext, options: UpOptions): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const stopped = context.stopped();
  const lock = await takeLock(context, place.value);
  if (!lock.ok) return refused(context, [lock.error]);
  try {
    const ports = await choosePorts(options);
    if (!ports.ok) return refused(context, [ports.error]);
    return await runAll(context, options, { place: place.value, lock: lock.value, ports: ports.value, stopped });
  } finally {
    await lock.value.release();
  }
}

interface Start {
  readonly place: Place;
  readonly lock: Lock;
  readonly ports: { readonly bus: ChosenPort; readonly console: ChosenPort };
  readonly stopped: AbortSignal;
}

async function takeLock(context: CommandContext, { state }: Place): Promise<Result<Lock, Finding>> {
  let refusal: AlreadyRunning | undefined;
  for (let tries = 0; tries < lockTries; tries += 1) {
    const lock = await acquireServerLock(state, { pid: process.pid, startedAtMs: context.now(), note: "slipway up" });
    if (lock.ok) return lock;
    refusal = lock.error;
    if (refusal.pid !== 0 && refusal.note.startsWith("slipway up")) break;
    await context.pause(lockPauseMs);
  }
  const since =
    refusal === undefined || refusal.startedAtMs === 0 ? "" : `, since ${formatTime(refusal.startedAtMs / 1_000)} UTC`;
  const where = refusal?.note.replace(/^slipway up,? ?/, "") ?? "";
  const message = `slipway runs here already (process ${refusal?.pid ?? "unknown"}${since}${where === "" ? "" : `, ${where}`})`;
  return err(
    finding(
      "already-running",
      message,
      "use that one, end it with Ctrl-C in its terminal, or give this one a --state of its own",
    ),
  );
}

async function choosePorts(options: UpOptions): Promise<Result<Start["ports"], Finding>> {
  const bus = await choosePort({ part: "bus", option: "--bus-port", usual: 1883, given: options.busPort });
  if (!bus.ok) return bus;
  const console = await choosePort({
    part: "console",
    option: "--console-port",
    usual: 8080,
    given: options.consolePort,
  });
  return console.ok ? ok({ bus: bus.value, console: console.value }) : console;
}

/** What was started so far, to be stopped in the opposite order however the start ends. */
interface Started {
  view?: LiveView;
  loop?: ControlLoop;
  cluster?: LocalCluster;
  connected?: ConnectedBus;
  console?: Console;
  timer?: NodeJS.Timeout;
}

async function runAll(context: CommandContext, options: UpOptions, start: Start): Promise<CommandResult> {
  const started: Started = {};
  try {
    return await run(context, options, start, started);
  } finally {
    await stopAll(context, start.place, started);
  }
}

async function run(
  context: CommandContext,
  options: UpOptions,
  start: Start,
  started: Started,
): Promise<CommandResult> {
  const { place, lock, ports, stopped } = start;
  const view = createLiveView(context.out, process.stdout, context.now);
  started.view = view;
  const { version } = findPackage();
  const state = shortPath(place.state, context.variables);
  view.line(
    `slipway ${version} · embedded: runs only code you trust, no venue keys · state in ${state} · Ctrl-C stops it\n`,
  );
  const lap = stopwatch(context);
  const log = openLog(place.state);
  const workspace = await readWorkspace(place.checkout);
  const by = await gitUser(place.checkout);
  const site = await createSite(place, context.now);
  const seeded = await seedForge(site.repository, workspace, { author: by, clock: context.now });
  const loop = startControlLoop({
    controlPlane: createPlane(site, log, context.now),
    repository: site.repository,
    log,
    onReport: raiseOnce(view),
  });
  started.loop = loop;
  await loop.settled();
  view.line(`  forge    bare repository, branch main at ${seeded.commit.slice(0, 7)}   ready  ${lap()}`);

  const cluster = createCluster(site, ports.bus.port, log, context.now);
  started.cluster = cluster;
  await cluster.start();
  // The bus may speak before the observer that listens is made of it.
  const watched: { observer?: Observer } = {};
  const connected = await connectConsole(cluster, context.now, () => watched.observer?.changed());
  started.connected = connected;
  const observer = new Observer({
    site,
    environment: embeddedEnvironment,
    telemetry: connected.telemetry,
    cluster: () => cluster.status(),
    now: context.now,
  });
  watched.observer = observer;
  view.line(`  bus      ${connected.url}, a password and topic rules per client${noted(ports.bus)}   ready  ${lap()}`);
  await waitUntil(
    context,
    () => connected.telemetry.feeds.size > 0 && connected.telemetry.gateway?.state === "online",
    10_000,
  );
  for (const [name, feed] of connected.telemetry.feeds)
    view.line(`  feed     ${name}, ${feed.from} … ${feed.to}, then again as a new session   ready  ${lap()}`);
  view.line(`  gateway  paper venue, ${connected.telemetry.gateway?.state ?? "not online yet"}`);

  const instance = randomUUID();
  const console = await startConsole({
    port: ports.console.port,
    page: findPackage().consolePage,
    overview: async () => ({ ...(await observer.overview()), instance }),
    onChange: (handler) => observer.onChange(handler),
  });
  started.console = console;
  await writeServerFile(place.state, {
    instance,
    pid: process.pid,
    startedAtMs: context.now(),
    consoleUrl: console.url,
    busUrl: connected.url,
  });
  await lock.describe(`slipway up, console ${console.url}`);
  view.line(`  console  ${console.url}${noted(ports.console)}`);
  for (const line of cluster.status().isolation) view.line(`  limits   ${line}`);

  const carry = async (): Promise<string> => {
    await loop.settled();
    await cluster.sync();
    return (await site.repository.resolve(environmentRef(embeddedEnvironment))) ?? "";
  };
  const deploys = await firstDeploys(context, { site, workspace, options, created: seeded.created, by, view, carry });
  await follow(context, options, { started, view, observer, cluster, deploys, stopped });
  const last = observer.now();
  return done({ state: place.state, strategies: JSON.parse(JSON.stringify(last?.rows ?? [])) });
}

interface FirstRun {
  readonly site: Site;
  readonly workspace: SourceTree;
  readonly options: UpOptions;
  readonly created: boolean;
  readonly by: { readonly name: string; readonly email: string };
  readonly view: LiveView;
  readonly carry: () => Promise<string>;
}

async function firstDeploys(context: CommandContext, first: FirstRun): Promise<readonly FirstDeploy[]> {
  const { site, workspace, options, created, by, view, carry } = first;
  const proposals = await site.forge.list();
  // Killed between the first commit and the last of the first deploys: what is missing is deployed as if nothing had happened.
  const firstRun = created || proposals.every(({ title }) => title.endsWith("new strategy"));
  if (options.deploy && firstRun) {
    const deploys = await deployAll({ context, site, workspace, by, view, carry });
    if (created || deploys.length > 0) return deploys;
  }
  const merged = proposals.filter(({ state }) => state === "merged").length;
  view.line(`\n  resumed: main has ${merged} merged proposal${merged === 1 ? "" : "s"}; nothing was deployed anew`);
  return [];
}

interface Following {
  readonly started: Started;
  readonly view: LiveView;
  readonly observer: Observer;
  readonly cluster: LocalCluster;
  readonly deploys: readonly FirstDeploy[];
  readonly stopped: AbortSignal;
}

/** Shows what happens until somebody stops it or the time is over. */
async function follow(context: CommandContext, options: UpOptions, following: Following): Promise<void> {
  const { view, observer, cluster, deploys, stopped } = following;
  const arrivals = createArrivals(deploys, view);
  cluster.onChange(() => observer.changed());
  view.line("\nTry: npx slipway new me/first && npx slipway deploy me/first --merge      (docs/strategies.md)");
  const endMs = options.seconds === undefined ? Number.POSITIVE_INFINITY : context.now() + options.seconds * 1_000;
  while (!stopped.aborted && context.now() < endMs) {
    await observer.refresh();
    const overview = observer.now();
    if (overview !== undefined) {
      arrivals(overview);
      view.update(overview);
    }
    await context.pause(updateMs);
  }
}

async function stopAll(context: CommandContext, place: Place, started: Started): Promise<void> {
  started.view?.stop();
  if (started.cluster !== undefined) context.out.line("\nstopping: strategies, feed, gateway, bus");
  await removeServerFile(place.state);
  await started.console?.stop();
  await started.loop?.stop();
  await started.connected?.bus.close();
  await started.cluster?.stop();
  if (started.cluster !== undefined) context.out.line("stopped; everything is kept, and the same command resumes it");
}

async function waitUntil(context: CommandContext, condition: () => boolean, limitMs: number): Promise<void> {
  const endMs = context.now() + limitMs;
  while (!condition() && context.now() < endMs) await context.pause(50);
}

/** What a person must look at, once each while it lasts. */
function raiseOnce(view: LiveView): (report: ReconcileReport) => void {
  let known = new Set<string>();
  return ({ raised }) => {
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
