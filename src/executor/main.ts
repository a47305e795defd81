import { basename, join } from "node:path";
import type { Bus } from "#bus/client.ts";
import { lineLog, readBusAddress, readIdentity, requireVariables, startProbes } from "#bus/process.ts";
import { RateCap } from "#bus/rate-cap.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { assert, Fault } from "#core/result.ts";
import { describeFailure } from "./algorithm.ts";
import { readModule } from "./module-algorithm.ts";
import type { Places } from "./places.ts";
import { readSpec } from "./spec.ts";
import { connectExecutor, type Started, type StartOptions, startExecutor } from "./start.ts";
import { stateMessage } from "./state.ts";
import { Store } from "./store.ts";

const write = process.stdout.write.bind(process.stdout);
const log = lineLog((line) => write(line), Date.now);
const tickMs = 250;
const callMsMax = 5_000;
const stopMsMax = 4_000;
const flushMsMax = 1_000;

/** What the process has so far; the way out depends on it. */
interface Progress {
  bus: Bus | undefined;
  started: Started | undefined;
  /** Of the algorithm in this process. */
  places: Places | undefined;
  leaving: boolean;
}

/** The executor process of docs/runtime.md. Exit codes: 0 asked to stop, 1 fault, 2 refused. */
async function main(progress: Progress): Promise<void> {
  const env = process.env;
  const self = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_STRATEGY", "SLIPWAY_SPEC_DIR", "SLIPWAY_ALGORITHM"]);
  const strategy = read("SLIPWAY_STRATEGY");
  await startProbes({
    port: self.probePort,
    startup: () => (progress.started === undefined ? "not trading yet" : undefined),
    ready: () => (progress.started === undefined || progress.bus?.connected !== true ? "not connected" : undefined),
    live: () => {
      const callMs = progress.started?.loop.callMs(Date.now()) ?? 0;
      return callMs > callMsMax ? `the algorithm has not answered for ${Math.round(callMs / 1000)} s` : undefined;
    },
  });
  const effective = readSpec(read("SLIPWAY_SPEC_DIR"), strategy, self.environment);
  if (!effective.ok) return leave(progress, 2, effective.error.message);
  const store = new Store(self.stateDir);
  const options = {
    process: self,
    effective: effective.value,
    bus: readBusAddress(env),
    store,
    log,
    nowMs: Date.now,
    exit: (code: 0 | 1) => void leave(progress, code),
  };
  const tell = (status: "faulted" | "stopped", reason: string): void => {
    const settings = {
      effective: effective.value,
      strategy,
      epoch: store.epoch,
      seed: 0,
      hooks: new Set<string>(),
      timers: [],
    };
    const state = { status, reason, warmedBy: undefined, settings: { ...settings, digest: undefined } };
    const message = stateMessage(state, Date.now());
    // Settled when the connection is closed, one way or the other.
    progress.bus?.publish(`strat/${strategy}/state`, message, { qos: 1, retain: true }).catch(() => undefined);
  };
  const stop = (): void => {
    // A stop must end in time whatever the algorithm does.
    setTimeout(() => process.exit(0), stopMsMax).unref();
    if (progress.started === undefined) {
      tell("stopped", "asked to stop");
      void leave(progress, 0, "asked to stop before it traded");
    } else progress.started.loop.dispatch({ type: "stop", reason: "asked to stop", nowMs: Date.now() });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
  progress.bus = await connectExecutor(options);
  const consoleCap = capConsole();
  try {
    const algorithm = findAlgorithm(read("SLIPWAY_ALGORITHM"), read("SLIPWAY_SPEC_DIR"), effective.value);
    progress.places = typeof algorithm === "string" ? undefined : algorithm.places;
    const started = await startExecutor({ ...options, algorithm }, progress.bus);
    if (!started.ok) {
      tell("faulted", started.error.message);
      return leave(progress, 2, started.error.message);
    }
    progress.started = started.value;
  } catch (cause) {
    tell("faulted", cause instanceof Error ? cause.message : String(cause));
    throw cause;
  }
  const { loop } = progress.started;
  setInterval(() => {
    const logLinesDropped = loop.logLinesDropped + consoleCap.droppedInAll;
    loop.dispatch({ type: "tick", rssBytes: process.memoryUsage.rss(), logLinesDropped, nowMs: Date.now() });
  }, tickMs);
}

/** The module that `module:<path>` names, with its source map beside the spec; any other address as it is. */
function findAlgorithm(address: string, specDir: string, { algorithm }: EffectiveStrategy): StartOptions["algorithm"] {
  if (!address.startsWith("module:")) return address;
  const path = address.slice("module:".length);
  const entry = algorithm.kind === "entry" ? algorithm.entry : basename(path);
  return readModule({ path, entry, mapFile: join(specDir, "algorithm.mjs.map") });
}

/** Lets what is published go out, then ends. The first reason counts. */
async function leave(progress: Progress, code: 0 | 1 | 2, why?: string): Promise<void> {
  if (progress.leaving) return;
  progress.leaving = true;
  if (why !== undefined) log(code === 0 ? "info" : "error", why);
  setTimeout(() => process.exit(code), 2 * flushMsMax + 1_000).unref();
  const { bus, started } = progress;
  try {
    await started?.close();
    // Without a DISCONNECT the will would overwrite `stopped` or `faulted` with `offline`.
    await bus?.close();
  } catch (cause) {
    log("error", `while ending: ${String(cause)}`);
  }
  process.exit(code);
}

/** The algorithm's console writes lines of the same log, and no more than it may. */
function capConsole(): RateCap {
  const cap = new RateCap(50);
  for (const level of ["debug", "info", "log", "warn", "error"] as const) {
    Reflect.set(console, level, (...parts: readonly unknown[]) => {
      const { passes, dropped } = cap.pass(Date.now());
      if (dropped > 0) log("warn", `${dropped} console lines dropped, more than allowed in a second`);
      if (passes) log(level === "log" ? "info" : level, parts.map(String).join(" ").slice(0, 2_000), { by: "console" });
    });
  }
  return cap;
}

/** What was thrown where nobody catches, in one sentence; the whole story is logged before it. */
function describeUncaught(thrown: unknown, places: Places | undefined): string {
  if (places?.concerns(thrown) === true) {
    const error = places.blame(thrown);
    if (error.traceback !== undefined) log("error", error.traceback);
    return describeFailure(error, "failed", " outside of its calls");
  }
  return `not caught: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}

const progress: Progress = { bus: undefined, started: undefined, places: undefined, leaving: false };
// Enough to come from the depths of a library back to the algorithm's own line.
Error.stackTraceLimit = 50;
// What an algorithm throws from a timer or leaves unhandled ends here.
process.on("uncaughtException", (thrown: unknown) => {
  const message = describeUncaught(thrown, progress.places);
  if (progress.started === undefined) void leave(progress, 1, message);
  else progress.started.loop.dispatch({ type: "fault", message, nowMs: Date.now() });
});
process.on("exit", (code) => {
  if (!progress.leaving && code === 0) log("error", "the algorithm ended the process");
});
main(progress).catch((cause: unknown) => {
  assert(cause instanceof Error, "only errors are thrown");
  void leave(progress, 1, cause instanceof Fault ? cause.message : (cause.stack ?? cause.message));
});
