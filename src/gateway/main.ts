import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bus, connectBus } from "#bus/client.ts";
import { newSession } from "#bus/numbers.ts";
import { lineLog, readBusAddress, readIdentity, requireVariables, startProbes } from "#bus/process.ts";
import { gatewayAccess } from "#core/access.ts";
import type { GatewayStateMessage, Unstamped } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import { Announcer } from "./announcer.ts";
import { assemble, start } from "./assemble.ts";
import { Book } from "./book.ts";
import { type Clock, steadyClock, type TimeSource } from "./clock.ts";
import type { Halts } from "./halts.ts";
import { PlatformFiles } from "./platform-files.ts";
import type { Venue } from "./venue.ts";
import { describeVenue, parseVenues } from "./venue-settings.ts";
import { openVenues } from "./venues.ts";

const log = lineLog((line) => process.stdout.write(line), Date.now);
const keysVariable = "SLIPWAY_GATEWAY_KEYS_DIR";
const everyMs = { peaks: 1_000, enforcing: 1_000, counters: 60_000 };

const time: TimeSource = {
  wallMs: Date.now,
  elapsedMs: () => performance.now(),
  after(ms, work) {
    // What a timer's work throws ends the process, as with a message's.
    const timer = setTimeout(() => guarded(work), ms);
    return () => clearTimeout(timer);
  },
};

/** The gateway process of docs/runtime.md. Returns the exit code. */
async function main(): Promise<number> {
  const env = process.env;
  const { environment, identity, stateDir, probePort } = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_GATEWAY_VENUES_FILE"]);
  const stopping = new Promise<undefined>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(undefined));
  });
  const settings = parseVenues(readVenues(read("SLIPWAY_GATEWAY_VENUES_FILE")));
  if (!settings.ok) {
    log("error", settings.error.message, { code: settings.error.code });
    return 2;
  }
  for (const [name, venue] of settings.value) log("info", "venue", { venue: describeVenue(name, venue) });

  const live = [...settings.value.values()].some(({ kind }) => kind !== "paper");
  const files = new PlatformFiles(env, log);
  const connection: { bus: Bus | undefined; subscribed: boolean } = { bus: undefined, subscribed: false };
  const ready = (): string | undefined => {
    if (connection.bus?.connected !== true) return "not connected to the bus";
    return connection.subscribed ? files.problem : "not subscribed yet";
  };
  const probes = await startProbes({ port: probePort, startup: () => files.problem, ready, live: () => undefined });
  mkdirSync(stateDir, { recursive: true });
  // What a power cut takes back of paper fills costs nobody money.
  const book = new Book({ file: join(stateDir, "book.sqlite"), durability: live ? "power" : "process" });
  const clock = steadyClock(time, book.lastMs());
  book.noteStart(clock.nowMs());
  const venues = await openVenues(settings.value, live ? requireVariables(env, [keysVariable])(keysVariable) : "", {
    clock,
    log,
  });
  files.start();

  const connecting = connectBus({
    ...readBusAddress(env),
    identity,
    access: gatewayAccess(environment),
    session: newSession(),
    will: { topic: "gw/state", message: stateMessage("offline"), retain: true },
    cleanSession: false,
    log,
  });
  const bus = await Promise.race([connecting, stopping]);
  if (bus === undefined) return 0;
  connection.bus = bus;
  const running = run(bus, { book, clock, venues, files });
  await subscribe(bus, stopping);
  connection.subscribed = true;
  const online = bus.publish("gw/state", stateMessage("online"), { qos: 1, retain: true });
  await Promise.race([online, stopping]);
  log("info", "gateway is online", { strategies: files.strategies().length });

  await stopping;
  online.catch(() => undefined);
  const offline = bus.publish("gw/state", stateMessage("offline"), { qos: 1, retain: true }).catch(() => undefined);
  await bus.close();
  await offline;
  const counters = running.stop();
  files.close();
  book.close();
  await probes.close();
  log("info", "gateway stopped", counters);
  return 0;
}

interface Running {
  /** After this the book is not touched. @returns what was counted */
  stop(): { readonly [name: string]: number };
}

interface Means {
  readonly book: Book;
  readonly clock: Clock;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly files: PlatformFiles;
}

/** Takes messages and timers until it is stopped. What they throw ends the process before a message is acknowledged: the broker keeps it. */
function run(bus: Bus, { book, clock, venues, files }: Means): Running {
  const announcer = new Announcer(book, bus, log);
  const assembled = assemble({
    ...{ book, bus, announcer, log, venues, clock, wallMs: Date.now },
    limits: (strategy) => files.limits(strategy),
    strategies: () => files.strategies(),
    git: () => files.standing,
    changed: () => tellHalts(),
  });
  const { gateway, desk, halts } = assembled;
  const tellHalts = haltsTeller(bus, halts);
  files.onStanding(() => guarded(() => halts.reconcile()));
  bus.onMessage(({ topic, payload }) => {
    guarded(() => gateway.receive(topic, payload));
    if (topic.startsWith("gw/cmd/")) tellHalts();
  });
  announcer.start();
  start(assembled);
  const counted = (): { readonly [name: string]: number } => ({ ...gateway.counters, ...desk.counters });
  const timers = [
    setInterval(() => guarded(() => gateway.savePeaks()), everyMs.peaks),
    setInterval(() => log("info", "counters", counted()), everyMs.counters),
    setInterval(() => {
      guarded(() => halts.enforce());
      tellHalts();
    }, everyMs.enforcing),
  ];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
      desk.stop();
      announcer.stop();
      gateway.savePeaks();
      return counted();
    },
  };
}

function stateMessage(state: GatewayStateMessage["state"]): Unstamped<GatewayStateMessage> {
  return { v: 1, type: "gateway-state", state, atMs: Date.now() };
}

/** Says what is halted whenever that has changed, at most once a moment. */
function haltsTeller(bus: Bus, halts: Halts): () => void {
  let said = "";
  let due = false;
  const tell = (): void => {
    due = false;
    const message = halts.message(Date.now());
    const now = JSON.stringify({ ...message, atMs: 0 });
    if (now === said) return;
    said = now;
    bus.publish("gw/halts", message, { qos: 1, retain: true }).catch((cause: unknown) => {
      said = "";
      log("warn", "what is halted was not published", { error: String(cause) });
    });
  };
  return () => {
    if (due) return;
    due = true;
    setTimeout(() => guarded(tell), 10);
  };
}

/** Prices first: an order needs them. Commands too: a stop must not wait for the rest. */
async function subscribe(bus: Bus, stopping: Promise<undefined>): Promise<void> {
  for (const filter of ["md/+/+/quote", "md/+/+/bar/+", "gw/cmd/+", "strat/+/+/order/request"]) {
    const granted = await Promise.race([bus.subscribe(filter, { qos: filter.startsWith("md/") ? 0 : 1 }), stopping]);
    if (granted?.ok === false) throw new Fault("bus-refused", `the bus refuses the subscription to ${filter}`);
  }
}

function readVenues(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new Fault("venues-unreadable", `the venues file ${file} cannot be read`, { cause });
  }
}

function guarded(work: () => void): void {
  try {
    work();
  } catch (cause) {
    end(cause);
  }
}

function end(cause: unknown): never {
  log("error", cause instanceof Error ? cause.message : String(cause), {
    code: cause instanceof Fault ? cause.code : "bug",
    ...(cause instanceof Error && !(cause instanceof Fault) ? { stack: cause.stack } : {}),
  });
  process.exit(1);
}

main().then((code) => process.exit(code), end);
