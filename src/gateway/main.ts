import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bus } from "#bus/client.ts";
import {
  logFailure,
  processLog,
  readBusAddress,
  readIdentity,
  requireVariables,
  startProbes,
  stopSignal,
} from "#bus/process.ts";
import { Fault } from "#core/result.ts";
import { Archive } from "./archive.ts";
import { copyBook, putBook } from "./book-copy.ts";
import { BookFiles } from "./book-files.ts";
import { steadyClock, type TimeSource } from "./clock.ts";
import { PlatformFiles } from "./platform-files.ts";
import { mirrorPlatform } from "./platform-mirror.ts";
import { runGateway } from "./run.ts";
import { describeVenue, parseVenues } from "./venue-settings.ts";
import { openVenues } from "./venues.ts";
import { openBook } from "./without-book.ts";

const log = processLog(process, Date.now);
const keysVariable = "SLIPWAY_GATEWAY_KEYS_DIR";

const time: TimeSource = {
  wallMs: Date.now,
  elapsedMs: () => performance.now(),
  after(ms, work) {
    // What a timer's work throws ends the process, as with a message's.
    const timer = setTimeout(() => guarded(work), ms);
    return () => clearTimeout(timer);
  },
};

/** What `kubectl exec` runs beside the gateway (docs/operations.md). */
const verbs = new Map<string | undefined, (file: string) => Promise<void>>([
  ["copy-book", (file) => copyBook(file, process.stdout)],
  ["put-book", (file) => putBook(file, process.stdin)],
]);

/** Returns the exit code. Standard output is the copy's. */
async function beside(work: (file: string) => Promise<void>): Promise<number> {
  try {
    const read = requireVariables(process.env, ["SLIPWAY_STATE_DIR"]);
    await work(join(read("SLIPWAY_STATE_DIR"), "book.sqlite"));
    return 0;
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    return 1;
  }
}

/** The gateway process of docs/runtime.md. Returns the exit code. */
async function main(): Promise<number> {
  const stopping = stopSignal(process);
  const env = process.env;
  const { environment, identity, stateDir, probePort, probeHost } = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_GATEWAY_VENUES_FILE"]);
  const settings = parseVenues(readVenues(read("SLIPWAY_GATEWAY_VENUES_FILE")));
  if (!settings.ok) {
    log("error", settings.error.message, { code: settings.error.code });
    return 2;
  }
  for (const [name, venue] of settings.value) log("info", "venue", { venue: describeVenue(name, venue) });

  const live = [...settings.value.values()].some(({ kind }) => kind !== "paper");
  const mirror = mirrorPlatform(env, log);
  const files = new PlatformFiles(mirror.env, log);
  const connection: { bus: Bus | undefined; subscribed: boolean } = { bus: undefined, subscribed: false };
  let noBook: string | undefined;
  const ready = (): string | undefined => {
    if (noBook !== undefined) return noBook;
    if (connection.bus?.connected !== true) return "not connected to the bus";
    return connection.subscribed ? files.problem : "not subscribed yet";
  };
  const probes = await startProbes({
    ...{ port: probePort, host: probeHost, startup: () => files.problem },
    ...{ ready, live: () => undefined },
  });
  // What a power cut takes back of paper fills costs nobody money.
  const durability = live ? "power" : "process";
  const bookFiles = new BookFiles({ directory: stateDir, durability, nowMs: Date.now, log });
  const bus = readBusAddress(env);
  const book = await openBook({
    ...{ environment, identity, bus, files: bookFiles, wallMs: Date.now, log, stopping },
    progress(problem) {
      noBook = problem;
    },
  });
  if (book === undefined) {
    mirror.close();
    await probes.close();
    return 0;
  }
  const clock = steadyClock(time, book.lastMs());
  book.noteStart(clock.nowMs());
  const venues = await openVenues(settings.value, live ? requireVariables(env, [keysVariable])(keysVariable) : "", {
    clock,
    log,
  });
  files.start();

  const counters = await runGateway({
    ...{ environment, identity, bus, book, bookFiles, clock, venues, files, log, stopping, end },
    archive: new Archive({ folder: join(stateDir, "archive"), nowMs: clock.nowMs, log }),
    wallMs: Date.now,
    progress(bus, subscribed) {
      connection.bus = bus;
      connection.subscribed = subscribed;
    },
  });
  files.close();
  mirror.close();
  book.close();
  await probes.close();
  log("info", "gateway stopped", counters);
  return 0;
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
  logFailure(log, cause);
  process.exit(1);
}

const verb = verbs.get(process.argv[2]);
(verb === undefined ? main() : beside(verb)).then((code) => process.exit(code), end);
