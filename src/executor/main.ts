import { basename, join } from "node:path";
import { processLog, readBusAddress, readIdentity, requireVariables, startProbes, stopSignal } from "#bus/process.ts";
import { RateCap } from "#bus/rate-cap.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { assert, Fault } from "#core/result.ts";
import { describeFailure } from "./algorithm.ts";
import { probesOf } from "./health.ts";
import { sealIntrinsics } from "./intrinsics.ts";
import { Life } from "./life.ts";
import { type ModuleFile, readModule } from "./module-algorithm.ts";
import { networkGate } from "./network-gate.ts";
import type { Places } from "./places.ts";
import { readSpec } from "./spec.ts";
import { isOpen } from "./standing.ts";
import { loadAlgorithm } from "./start.ts";
import { Store } from "./store.ts";
import { Turn } from "./turn.ts";

const log = processLog(process, Date.now);

/** What the process has so far; the way out depends on it. */
interface Progress {
  life: Life | undefined;
  turn: Turn | undefined;
  /** Of the algorithm in this process. */
  places: Places | undefined;
  leaving: boolean;
}

/** The executor process of docs/runtime.md. Exit codes: 0 asked to stop, 1 fault, 2 refused. */
async function main(progress: Progress): Promise<void> {
  const env = process.env;
  void stopSignal(process).then(() => {
    if (progress.life !== undefined) return progress.life.stop();
    log("info", "asked to stop before it began");
    progress.leaving = true;
    process.exit(0);
  });
  const self = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_STRATEGY", "SLIPWAY_SPEC_DIR", "SLIPWAY_ALGORITHM"]);
  const strategy = read("SLIPWAY_STRATEGY");
  const probes = probesOf(() => {
    const { started, connected = false } = progress.life ?? {};
    return { status: started?.loop.state.status, connected, callMs: started?.loop.callMs(Date.now()) ?? 0 };
  });
  await startProbes({
    ...{ port: self.probePort, host: self.probeHost },
    ...probes,
    ready() {
      const why = probes.ready();
      // Whoever looks at pods sees it now, too.
      if (why === undefined) progress.turn?.back();
      return why;
    },
    leave: async () => {
      // One that does not trade keeps nobody waiting.
      const status = progress.life?.started?.loop.state.status;
      if (status !== undefined && isOpen(status)) await progress.turn?.wait();
    },
  });
  await networkGate(env, log);
  const effective = readSpec(read("SLIPWAY_SPEC_DIR"), strategy, self.environment);
  if (!effective.ok) return leave(progress, 2, effective.error.message);
  const consoleCap = capConsole();
  sealIntrinsics();
  const store = new Store(self.stateDir);
  const life = new Life({
    process: self,
    effective: effective.value,
    bus: readBusAddress(env),
    store,
    algorithm() {
      const found = findAlgorithm(read("SLIPWAY_ALGORITHM"), read("SLIPWAY_SPEC_DIR"), effective.value);
      progress.places = typeof found === "string" ? undefined : found.places;
      return loadAlgorithm(found);
    },
    log,
    nowMs: Date.now,
    rssBytes: () => process.memoryUsage.rss(),
    linesDropped: () => consoleCap.droppedInAll,
    end(code) {
      progress.leaving = true;
      process.exit(code);
    },
  });
  progress.life = life;
  await life.run();
  const bus = life.started?.bus;
  if (bus === undefined) return;
  progress.turn = new Turn({ bus, own: `strat/${strategy}`, epoch: store.epoch, nowMs: Date.now, log });
}

/** The module that `module:<path>` names, with its source map beside the spec; any other address as it is. */
function findAlgorithm(address: string, specDir: string, { algorithm }: EffectiveStrategy): ModuleFile | string {
  if (!address.startsWith("module:")) return address;
  const path = address.slice("module:".length);
  const entry = algorithm.kind === "entry" ? algorithm.entry : basename(path);
  return readModule({ path, entry, mapFile: join(specDir, "algorithm.mjs.map") });
}

/** Ends the process, or what has begun of it. The first reason counts. */
function leave({ life }: Progress, code: 1 | 2, why: string): void {
  if (life !== undefined) return void life.leave(code, why);
  log("error", why);
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

const progress: Progress = { life: undefined, turn: undefined, places: undefined, leaving: false };
// Enough to come from the depths of a library back to the algorithm's own line.
Error.stackTraceLimit = 50;
// What an algorithm throws from a timer or leaves unhandled ends here.
process.on("uncaughtException", (thrown: unknown) => {
  const message = describeUncaught(thrown, progress.places);
  if (progress.life === undefined) leave(progress, 1, message);
  else progress.life.fault(message);
});
process.on("exit", (code) => {
  if (!progress.leaving && code === 0) log("error", "the algorithm ended the process");
});
main(progress).catch((cause: unknown) => {
  assert(cause instanceof Error, "only errors are thrown");
  leave(progress, 1, cause instanceof Fault ? cause.message : (cause.stack ?? cause.message));
});
