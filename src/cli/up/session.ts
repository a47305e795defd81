import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { mainRef } from "#delivery/names.ts";
import { readTimed } from "#delivery/waivers.ts";
import { startHaltRecorder } from "#server/halts.ts";
import { startControlLoop } from "#server/loop.ts";
import { compareCheckout } from "../checkout.ts";
import { type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { describeDeadlines } from "../deadlines.ts";
import { openOrSeed } from "../open-site.ts";
import { count, formatDuration } from "../output.ts";
import { shortPath } from "../paths.ts";
import { findPackage } from "../programs.ts";
import { removeServerFile } from "../server-file.ts";
import { createSite, embeddedEnvironment, type Place, type Site, siteMemo } from "../site.ts";
import { Arrivals, deployAll } from "./first-deploys.ts";
import { createLiveView, type LiveView } from "./live.ts";
import { createCluster, createPlane, openLog } from "./parts.ts";
import { holdLines, show, tellReports } from "./show.ts";
import { type SessionStart, type Started, startParts } from "./start-parts.ts";
import { partLine, stopwatch } from "./text.ts";
import type { UpOptions } from "./up.ts";

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
  const view = createLiveView(context.out, process.stdout, context.steady);
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
    controlPlane: createPlane(site, log, context, memo),
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
    steady: context.steady,
    log,
    memo,
  });
  await loop.settled();
  view.line(partLine("forge", `bare repository, branch main at ${await shortMain(site)}`, lap()));
  for (const text of describeDeadlines(await readTimed(site.repository), Math.floor(context.now() / 1_000)))
    view.line(text);
  const preparing = createCluster(site, { port: start.ports.bus.port, broker: start.broker }, log, context);
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

async function stopAll(context: CommandContext, { place, stopped }: SessionStart, started: Started): Promise<void> {
  const startedMs = context.steady();
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
    `stopped in ${formatDuration(context.steady() - startedMs)}; positions, state and history are kept: \`slipway up\` resumes`,
  );
}
