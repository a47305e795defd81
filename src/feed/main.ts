import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus } from "#bus/client.ts";
import {
  logFailure,
  processLog,
  readBusAddress,
  readIdentity,
  requireVariables,
  startProbes,
  stopSignal,
} from "#bus/process.ts";
import { feedAccess } from "#core/access.ts";
import { Fault } from "#core/result.ts";
import { openSource, parseFeedConfig } from "./config.ts";
import { type Clock, feedState, replayFeed } from "./replay.ts";
import { Sessions } from "./sessions.ts";

const log = processLog(process, Date.now);
const pauseMs = 3_000;

const clock: Clock = {
  wallMs: Date.now,
  elapsedMs: () => performance.now(),
  async sleepUntil(elapsedMs, signal) {
    // An abort ends the wait; the caller looks at the signal.
    await sleep(Math.max(0, elapsedMs - performance.now()), undefined, { signal }).catch(() => undefined);
  },
};

/** The feed process of docs/runtime.md. Returns the exit code. */
async function main(): Promise<number> {
  const stopping = stopSignal(process);
  const env = process.env;
  const { environment, identity, stateDir, probePort, probeHost } = readIdentity(env);
  const config = parseFeedConfig(readConfig(requireVariables(env, ["SLIPWAY_FEED_FILE"])("SLIPWAY_FEED_FILE")));
  if (!config.ok) return refuse(config.error);
  const source = openSource(config.value.source);
  if (!source.ok) return refuse(source.error);

  const stop = new AbortController();
  void stopping.then(() => stop.abort());
  const progress = { connected: false, session: "" };
  const probes = await startProbes({
    port: probePort,
    host: probeHost,
    startup: () => (progress.session === "" ? "no session yet" : undefined),
    ready: () => (progress.connected ? undefined : "not connected to the bus"),
    live: () => undefined,
  });
  const { name, venue } = config.value;
  const sessions = new Sessions(name, stateDir, () => randomBytes(4).toString("hex"));
  // The will needs a name before there is a connection.
  let session = sessions.next();
  let used = false;
  const state = `feed/${name}/state`;
  const offline = (): object => feedState(source.value, "offline", session, clock.wallMs());
  const connecting = connectBus({
    ...readBusAddress(env),
    identity,
    access: feedAccess(environment, name, venue),
    will: { topic: state, message: offline(), retain: true },
    log,
  });
  const bus = await Promise.race([connecting, stopping]);
  if (bus === undefined) return 0;
  progress.connected = bus.connected;
  bus.onConnection((now) => {
    progress.connected = now === "connected";
  });
  log("info", "feed starts", { feed: name, source: source.value.name, instruments: source.value.instruments });
  await replayFeed({
    config: config.value,
    source: source.value,
    bus,
    nextSession: () => {
      if (used) session = sessions.next();
      used = true;
      return session;
    },
    clock,
    signal: stop.signal,
    pauseMs,
    onSession: (id) => {
      progress.session = id;
      log("info", "session starts", { session: id });
    },
  });
  // Closing drains it for a second; without a connection the will has said it already.
  const said = bus.publish(state, offline(), { qos: 1, retain: true }).catch(() => undefined);
  await bus.close();
  await Promise.all([said, probes.close()]);
  log("info", "feed stopped");
  return 0;
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Fault("feed-config-unreadable", `the feed's configuration ${file} cannot be read`, { cause });
  }
}

function refuse(refusal: { readonly code: string; readonly message: string }): number {
  log("error", refusal.message, { code: refusal.code });
  return 2;
}

main().then(
  (code) => process.exit(code),
  (cause: unknown) => {
    logFailure(log, cause);
    process.exit(1);
  },
);
