import { type Bus, type BusOptions, connectBus } from "#bus/client.ts";
import type { Log, ProcessIdentity } from "#bus/process.ts";
import { RateCap } from "#bus/rate-cap.ts";
import type { Receiver } from "#bus/receiver.ts";
import { executorAccess } from "#core/access.ts";
import { expandChannels, withinCeiling } from "#core/channels.ts";
import { checkParams, parseDescription, withDefaults } from "#core/description.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import { slotFiles } from "#core/slots.ts";
import { type Algorithm, AlgorithmError, type AlgorithmFacts, describeFailure } from "./algorithm.ts";
import { Loop, type Outside, withDeadline } from "./loop.ts";
import { loadModule, type ModuleFile } from "./module-algorithm.ts";
import { seedOf } from "./random.ts";
import { stateMessage } from "./reports.ts";
import { restore, tellStory, writtenBy } from "./restoring.ts";
import { connectRpc } from "./rpc-algorithm.ts";
import { initialState, type Settings } from "./state.ts";
import type { Store } from "./store.ts";
import { subscribe } from "./subscriptions.ts";
import { Histories, missedOf, retell, warm } from "./warm-up.ts";

export interface StartOptions {
  readonly process: ProcessIdentity;
  readonly effective: EffectiveStrategy;
  /** Loads it, or connects to it. */
  readonly algorithm: () => Promise<Algorithm>;
  readonly bus: Pick<BusOptions, "url" | "password" | "dial">;
  readonly store: Store;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly exit: (code: 0 | 1) => void;
}

/** Restarting will not help before someone changes the algorithm or the spec. Exit code 2. */
export interface StartRefused {
  readonly code: "algorithm-refused" | "params-refused" | "channels-refused";
  readonly message: string;
}

export interface Started {
  readonly loop: Loop;
  readonly bus: Bus;
  readonly algorithm: Algorithm;
  /** What stands between the bus and the loop; it counts. */
  readonly door: Receiver;
  /** Waits for the snapshot that is being written. */
  close(): Promise<void>;
}

const historyWaitMs = 1_500;
const logLinesPerSecond = 50;

/**
 * Connects, and keeps the connection's state topic true from the first moment on.
 *
 * @throws Fault as `connectBus`
 */
export function connectExecutor(options: Omit<StartOptions, "algorithm">): Promise<Bus> {
  const { effective, process: self, store, nowMs } = options;
  const topic = `strat/${effective.team}/${effective.name}/state`;
  const offline = { v: 1, type: "state", state: "offline", epoch: store.epoch, atMs: nowMs() };
  return connectBus({
    ...options.bus,
    identity: self.identity,
    access: executorAccess(effective),
    quotes: "newest",
    // Order events wait at the broker while this process restarts.
    cleanSession: false,
    will: { topic, message: offline, retain: true },
    log: options.log,
  });
}

/**
 * From a connection to a trading loop: load, initialize, restore, subscribe, warm. Every start takes this way, after a kill too.
 *
 * @throws Fault when the algorithm is gone or silent, or throws while it is warmed
 */
export async function startExecutor(options: StartOptions, bus: Bus): Promise<Result<Started, StartRefused>> {
  const { effective, store, log, nowMs } = options;
  const strategy = `${effective.team}/${effective.name}`;
  const own = `strat/${strategy}`;
  const { epoch } = store;
  const say = (status: "initializing" | "restoring" | "warming-up", digest: string | undefined): void => {
    const state = { status, reason: undefined, settings: { epoch, digest }, warmedBy: undefined };
    const message = stateMessage(state, nowMs());
    bus.publish(`${own}/state`, message, { qos: 1, retain: true }).catch((cause: unknown) => {
      log("warn", "the state was not published", { error: String(cause) });
    });
  };
  const seed = seedOf(strategy, effective.params);
  say("initializing", undefined);
  const initialized = await initialize(options, strategy, seed);
  if (!initialized.ok) return initialized;
  const { algorithm, facts, filters } = initialized.value;
  const { hooks, timers, digest } = facts;
  const settings: Settings = { effective, strategy, epoch, seed, hooks, timers, digest };
  say("restoring", digest);
  const written = writtenBy(effective, digest);
  const { kept, restored, untold, trouble } = await restore(options, initialized.value, written);
  const outside: Outside = {
    algorithm,
    nowMs,
    append: (entry) => store.append(entry),
    fence: (epoch) => store.raiseEpoch(epoch),
    save: (now, state, queued) =>
      store.save({ strategy, ...written, algorithm: state, kept: now, savedAtMs: nowMs() }, queued),
    publish: (topic, message, how) => bus.publish(`${own}/${topic}`, message, how),
    log,
    exit: options.exit,
    logCap: new RateCap(logLinesPerSecond),
  };
  const loop = new Loop(initialState(settings, kept, nowMs()), outside);
  const histories = new Histories();
  const subscribing = { own, filters, effective, log, nowMs };
  const { door, wanted, resumed } = await subscribe(bus, loop, subscribing, histories);
  say("warming-up", digest);
  loop.dispatch({ type: "connected", nowMs: nowMs() });
  await Promise.all([histories.wait(wanted, historyWaitMs), accountOf(loop, historyWaitMs), resumed]);
  const missed = missedOf(histories.inOrder(), kept.processed, restored);
  // Written down before it is called: one that never returns is known by it.
  log("info", `warming the algorithm with ${missed.length} events`);
  let errors = trouble === undefined ? 0 : 1;
  const skipped = (error: AlgorithmError): void => {
    errors += 1;
    if (errors > logLinesPerSecond) return;
    tellStory(error, log);
    log("error", describeFailure(error, "failed", " while it was warmed"));
  };
  try {
    await retell(algorithm, loop.state, untold, skipped);
    await warm(algorithm, loop.state, missed, skipped);
  } catch (thrown) {
    if (!(thrown instanceof AlgorithmError)) throw thrown;
    tellStory(thrown, log);
    throw new Fault("algorithm-failed", describeFailure(thrown, "failed", " while it was warmed"));
  }
  log("info", "subscribed and warmed", { filters, warmedBy: missed.length, epoch, errors });
  const said = trouble === undefined ? {} : { trouble };
  loop.dispatch({ type: "ready", history: missed, errors, ...said, nowMs: nowMs() });
  const close = async (): Promise<void> => {
    door.close();
    await store.close();
    algorithm.close();
  };
  return ok({ loop, bus, algorithm, door, close });
}

/** When the gateway has said what it has of a strategy that nothing is known of here, or after a time: then it trades later. */
async function accountOf(loop: Loop, limitMs: number): Promise<void> {
  const everyMs = 10;
  for (let waitedMs = 0; loop.state.heard === undefined && waitedMs < limitMs; waitedMs += everyMs) {
    // Without a gateway nothing is to be waited for.
    if (!loop.state.gatewayOnline && waitedMs > 10 * everyMs) return;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

interface Initialized {
  readonly algorithm: Algorithm;
  readonly facts: AlgorithmFacts;
  readonly filters: readonly string[];
}

async function initialize(
  { effective, algorithm: load, log }: StartOptions,
  strategy: string,
  seed: number,
): Promise<Result<Initialized, StartRefused>> {
  let algorithm: Algorithm;
  let facts: AlgorithmFacts;
  try {
    log("info", "loading the algorithm");
    algorithm = await load();
    log("info", "calling initialize()");
    const described = await describe(algorithm, effective);
    if (!described.ok) return described;
    const params = { ...described.value, starting_cash: effective.portfolio.startingCash };
    const mode = effective.environment === "live" ? "live" : "paper";
    const files = slotFiles(effective.portfolio);
    const slots = Object.keys(files).length === 0 ? {} : { slots: files };
    facts = await withDeadline("initialize", algorithm.initialize({ params, mode, seed, strategy, ...slots }));
    if (facts.timers.length > 0 && !facts.hooks.has("on_timer"))
      throw new AlgorithmError("initialize() asks for timers, but there is no onTimer() or on_timer() for them", {});
  } catch (thrown) {
    if (!(thrown instanceof AlgorithmError)) throw thrown;
    tellStory(thrown, log);
    return err({ code: "algorithm-refused", message: describeFailure(thrown, "cannot start") });
  }
  const within = withinCeiling(facts.channels, effective.channels, effective.limits);
  if (!within.ok) return err({ code: "channels-refused", message: within.error.message });
  const filters = expandChannels(within.value, effective.limits);
  if (!filters.ok) return err({ code: "channels-refused", message: filters.error.message });
  return ok({ algorithm, facts, filters: filters.value });
}

/** The params with the defaults of `describe()`. The gate has checked them; an algorithm behind an address is checked here first. */
async function describe(
  algorithm: Algorithm,
  { params }: EffectiveStrategy,
): Promise<Result<JsonObject, StartRefused>> {
  const said = await withDeadline("hello", algorithm.describe());
  if (said === undefined) return ok(params);
  const description = parseDescription(said);
  if (!description.ok) throw new AlgorithmError(`describe() is refused: ${description.error.message}`, {});
  const problems = checkParams(params, description.value);
  if (problems.length === 0) return ok(withDefaults(params, description.value));
  return err({ code: "params-refused", message: problems.map(({ message }) => message).join("; ") });
}

/**
 * @param address a module to load, or where it listens: `unix://<path>`
 * @throws Fault `algorithm-address`, and as `loadModule` and `connectRpc`
 */
export function loadAlgorithm(address: ModuleFile | string): Promise<Algorithm> {
  if (typeof address !== "string") return loadModule(address);
  if (address.startsWith("unix://")) return connectRpc(address.slice("unix://".length));
  throw new Fault("algorithm-address", `SLIPWAY_ALGORITHM is ${address}; this executor knows module: and unix://`);
}
