import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBrokerProgram } from "./broker-program.ts";
import { freePort } from "./loopback.ts";
import { natsConfiguration } from "./nats.ts";
import { startCallout, type Verify } from "./nats-callout.ts";
import { ownClient } from "./own-client.ts";
import { startRecorderClient } from "./recorder-client.ts";
import type { RunningBus, RunningBusOptions } from "./running-bus.ts";
import { violationAlarm } from "./violations.ts";

export interface NatsBusOptions extends RunningBusOptions {
  readonly program: string;
  /** Of everyone but the bus itself. */
  readonly verify: Verify;
  /** Holds the configuration, with the callout's password in it. */
  readonly scratchDir: string;
  readonly storeBytesMax: number;
}

/** How soon a password that is no longer good, and how soon changed rules, end an open connection. */
const recheckMs = 30_000;
const lookMs = 250;
/** Callout, whoever cuts connections, recorder. */
const ownConnections = 3;

/**
 * A nats-server as a child, and beside it, in this process, the callout that says who each client is, and the recorder. Keys and passwords between
 * them are made at each start and leave neither the processes nor the scratch directory. If one ends, all do.
 *
 * @throws Fault as `startBrokerProgram`, `nats-unreachable`
 */
export async function startNatsBus(options: NatsBusOptions): Promise<RunningBus> {
  const { program, host, stateDir, scratchDir, storeBytesMax, environment, access, verify, nowMs, log, ended } =
    options;
  const mqttPort = options.port === 0 ? await freePort() : options.port;
  const natsPort = await freePort();
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const calloutPassword = randomBytes(24).toString("base64url");
  const storeDirectory = join(stateDir, "nats");
  mkdirSync(storeDirectory, { recursive: true });
  const file = join(scratchDir, "nats.conf");
  const settings = { host, mqttPort, natsPort, storeDirectory, issuer, calloutPassword, storeBytesMax };
  writeFileSync(file, natsConfiguration(settings), { mode: 0o600 });
  const own = ownClient(environment);
  const alarm = violationAlarm(log);
  const server = await startBrokerProgram({
    ...{ name: "nats-server", program, argv: ["-c", file], port: mqttPort, log, ended },
    onLine: alarm.look,
  });
  const callout = await startCallout({
    ...{ host: "127.0.0.1", port: natsPort, password: calloutPassword, issuer, nowMs, log },
    access: () => own.with(access()),
    async verify(identity, password) {
      if (identity !== own.access.identity) return verify(identity, password);
      return own.isPassword(password) ? {} : undefined;
    },
  });
  const recheck = setInterval(() => void callout.recheck("all"), recheckMs);
  let rules = access();
  const look = setInterval(() => {
    if (access() === rules) return;
    rules = access();
    void callout.recheck("rules");
  }, lookMs);
  const counts = (): Readonly<Record<string, number>> => {
    const { connections, messages, slowConsumers } = callout.server;
    const clients = connections === undefined ? {} : { clients: Math.max(0, connections - ownConnections) };
    const published = messages === undefined ? {} : { published: messages };
    const slowCut = slowConsumers === undefined ? {} : { slowCut: slowConsumers };
    return { ...clients, ...published, ...slowCut, violations: alarm.violations, refusedConnections: callout.refused };
  };
  const url = `mqtt://127.0.0.1:${mqttPort}`;
  const recorder = await startRecorderClient({
    ...{ url, password: own.password, environment, access, counts, nowMs, log },
  });
  return {
    port: mqttPort,
    stats: () => ({ ...counts(), recorder: recorder.stats }),
    async close() {
      server.expectEnd();
      for (const timer of [recheck, look]) clearInterval(timer);
      await recorder.close();
      callout.close();
      await server.stop();
    },
  };
}
