import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bus, connectBus } from "#bus/client.ts";
import { newSession } from "#bus/numbers.ts";
import { lineLog, readBusAddress, readIdentity, requireVariables, startProbes } from "#bus/process.ts";
import { gatewayAccess } from "#core/access.ts";
import type { GatewayStateMessage, Unstamped } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import { Announcer } from "./announcer.ts";
import { Book } from "./book.ts";
import { type Clock, steadyClock, type TimeSource } from "./clock.ts";
import { Desk } from "./desk.ts";
import { Gateway } from "./gateway.ts";
import { Ledger } from "./ledger.ts";
import { LimitsDirectory } from "./limits-directory.ts";
import { PaperVenue } from "./paper-venue.ts";
import { Prices } from "./prices.ts";
import type { Venue } from "./venue.ts";
import { describeVenue, parseVenues, type VenueSettings } from "./venue-settings.ts";

const log = lineLog((line) => process.stdout.write(line), Date.now);
const everyMs = { peaks: 1_000, counters: 60_000 };

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
  const read = requireVariables(env, [
    "SLIPWAY_GATEWAY_LIMITS_DIR",
    "SLIPWAY_GATEWAY_BOUNDS_FILE",
    "SLIPWAY_GATEWAY_VENUES_FILE",
  ]);
  const stopping = new Promise<undefined>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(undefined));
  });
  const settings = parseVenues(readVenues(read("SLIPWAY_GATEWAY_VENUES_FILE")));
  if (!settings.ok) {
    log("error", settings.error.message, { code: settings.error.code });
    return 2;
  }
  for (const [name, venue] of settings.value) log("info", "venue", { venue: describeVenue(name, venue) });

  const connection: { bus: Bus | undefined; subscribed: boolean } = { bus: undefined, subscribed: false };
  const limits = new LimitsDirectory(read("SLIPWAY_GATEWAY_LIMITS_DIR"), read("SLIPWAY_GATEWAY_BOUNDS_FILE"), log);
  const ready = (): string | undefined => {
    if (connection.bus?.connected !== true) return "not connected to the bus";
    return connection.subscribed ? limits.problem : "not subscribed yet";
  };
  const probes = await startProbes({ port: probePort, startup: () => limits.problem, ready, live: () => undefined });
  mkdirSync(stateDir, { recursive: true });
  // Paper fills only: what a power cut takes back costs nobody money. A venue with real money needs `power`.
  const book = new Book({ file: join(stateDir, "book.sqlite"), durability: "process" });
  const clock = steadyClock(time, book.lastMs());
  book.noteStart(clock.nowMs());
  const venues = new Map([...settings.value].map(([name, venue]) => [name, openVenue(name, venue, clock)]));
  limits.start();

  const session = newSession();
  const connecting = connectBus({
    ...readBusAddress(env),
    identity,
    access: gatewayAccess(environment),
    session,
    will: { topic: "gw/state", message: stateMessage("offline"), retain: true },
    cleanSession: false,
    log,
  });
  const bus = await Promise.race([connecting, stopping]);
  if (bus === undefined) return 0;
  connection.bus = bus;
  const announcer = new Announcer(book, bus, log);
  const shared = { book, announcer, log, venues, prices: new Prices(), ledger: new Ledger(book.accounts()) };
  const desk = new Desk({ ...shared, clock });
  const gateway = new Gateway({
    ...{ ...shared, bus, desk, clock, wallMs: Date.now },
    limits: (strategy) => limits.lookup(strategy),
    standing: () => ({ mode: "trade" }),
  });
  // What it throws ends the process before the message is acknowledged: the broker keeps it for the next one.
  bus.onMessage(({ topic, payload }) => guarded(() => gateway.receive(topic, payload)));
  announcer.start();
  desk.start();
  const peaks = setInterval(() => guarded(() => gateway.savePeaks()), everyMs.peaks);
  const counters = setInterval(
    () => log("info", "counters", { ...gateway.counters, ...desk.counters }),
    everyMs.counters,
  );
  await subscribe(bus, stopping);
  connection.subscribed = true;
  const online = bus.publish("gw/state", stateMessage("online"), { qos: 1, retain: true });
  await Promise.race([online, stopping]);
  log("info", "gateway is online", { session, strategies: limits.all().length });

  await stopping;
  online.catch(() => undefined);
  const offline = bus.publish("gw/state", stateMessage("offline"), { qos: 1, retain: true }).catch(() => undefined);
  await bus.close();
  await offline;
  for (const timer of [peaks, counters]) clearInterval(timer);
  desk.stop();
  announcer.stop();
  limits.close();
  gateway.savePeaks();
  book.close();
  await probes.close();
  log("info", "gateway stopped", { ...gateway.counters, ...desk.counters });
  return 0;
}

function stateMessage(state: GatewayStateMessage["state"]): Unstamped<GatewayStateMessage> {
  return { v: 1, type: "gateway-state", state, atMs: Date.now() };
}

/** Prices first: an order needs them. */
async function subscribe(bus: Bus, stopping: Promise<undefined>): Promise<void> {
  for (const filter of ["md/+/+/quote", "md/+/+/bar/+", "strat/+/+/order/request"]) {
    const granted = await Promise.race([bus.subscribe(filter, { qos: filter.startsWith("md/") ? 0 : 1 }), stopping]);
    if (granted?.ok === false) throw new Fault("bus-refused", `the bus refuses the subscription to ${filter}`);
  }
}

function openVenue(name: string, settings: VenueSettings, clock: Clock): Venue {
  if (settings.kind === "paper") return new PaperVenue(name, settings.rules, settings.simulation, clock);
  throw new Fault("venue-unsupported", `${name}: this gateway has no venues of the kind ${settings.kind} yet`);
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
