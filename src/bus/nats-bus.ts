import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBrokerProgram } from "./broker-program.ts";
import { freePorts } from "./loopback.ts";
import { type NatsRoutes, natsConfiguration } from "./nats.ts";
import type { Callout, Verify } from "./nats-callout.ts";
import { startGuardedCallout } from "./nats-guard.ts";
import { type Keeper, startKeeper } from "./nats-keeper.ts";
import { ownClient } from "./own-client.ts";
import { type RecorderClient, startRecorderClient } from "./recorder-client.ts";
import type { RunningBus, RunningBusOptions } from "./running-bus.ts";
import { violationAlarm } from "./violations.ts";

export interface NatsBusOptions extends RunningBusOptions {
  readonly program: string;
  /** Of everyone but the bus itself. */
  readonly verify: Verify;
  /** Holds the configuration, with the callout's password in it. */
  readonly scratchDir: string;
  readonly storeBytesMax: number;
  /** Absent: it is alone. */
  readonly routes?: NatsRoutes;
}

export interface NatsBus extends RunningBus {
  /** Of one of a cluster: what its nodes show each other from now on. Its clients are cut, and come again at once. */
  changeRoutesPassword(password: string): void;
}

/** How soon a password that is no longer good, and how soon changed rules, end an open connection. */
const recheckMs = 30_000;
const lookMs = 250;
/** Callout, whoever cuts connections, whoever counts what they publish, recorder. */
const ownConnections = 4;
/** One of a cluster lets its clients go one after the other, which takes 30 s at most, and tells its peers first. */
const clusterEnd = { signal: "SIGUSR2", msMax: 40_000 } as const;
const healthOldMs = 10_000;

/**
 * A nats-server as a child, and beside it, in this process, the callout that says who each client is, and the recorder. Keys and passwords between
 * them are made at each start and leave neither the processes nor the scratch directory. If one ends, all do. One of a cluster is there before
 * the others are: `ready` says whether it has what they have.
 *
 * @throws Fault as `startBrokerProgram`, `nats-unreachable`
 */
export async function startNatsBus(options: NatsBusOptions): Promise<NatsBus> {
  const { program, host, stateDir, scratchDir, storeBytesMax, environment, access, verify, routes, nowMs, log, ended } =
    options;
  const [natsPort = 0, freeMqttPort = 0] = await freePorts(2);
  const mqttPort = options.port === 0 ? freeMqttPort : options.port;
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const calloutPassword = randomBytes(24).toString("base64url");
  const storeDirectory = join(stateDir, "nats");
  mkdirSync(storeDirectory, { recursive: true });
  const file = join(scratchDir, "nats.conf");
  const settings = { host, mqttPort, natsPort, storeDirectory, issuer, calloutPassword, storeBytesMax };
  const configure = (among: NatsRoutes | undefined): void => {
    const text = natsConfiguration({ ...settings, ...(among === undefined ? {} : { routes: among }) });
    writeFileSync(file, text, { mode: 0o600 });
  };
  configure(routes);
  const own = ownClient(environment, routes?.name);
  const alarm = violationAlarm(log);
  const server = await startBrokerProgram({
    ...{ name: "nats-server", program, argv: ["-c", file], port: mqttPort, log, ended },
    onLine: alarm.look,
    ...(routes === undefined ? {} : { end: clusterEnd }),
  });
  const there = { host: "127.0.0.1", port: natsPort, password: calloutPassword, log };
  const keeper = routes === undefined ? undefined : await startKeeper(there);
  let recorder: RecorderClient | undefined;
  const guarded = await startGuardedCallout({
    ...{ ...there, issuer, nowMs },
    cutOff: (topic, reason) => recorder?.say(topic, reason),
    ...(keeper === undefined ? {} : { admits: keeper.look, asksHealth: true }),
    access: () => own.with(access()),
    async verify(identity, password) {
      if (identity !== own.access.identity) return verify(identity, password);
      return own.isPassword(password) ? {} : undefined;
    },
  });
  const { callout } = guarded;
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
    const refused = { violations: alarm.violations, refusedConnections: callout.refused, floodCut: guarded.floodCut };
    return { ...clients, ...published, ...slowCut, ...refused };
  };
  const url = `mqtt://127.0.0.1:${mqttPort}`;
  const starting = startRecorderClient({
    ...{ url, own: own.access, password: own.password, environment, access, counts, nowMs, log },
    ...(routes === undefined ? {} : { node: routes.name }),
  });
  const started = starting.then((client) => {
    recorder = client;
  });
  // Of a cluster the first ones wait for the others, without whom nobody is let in.
  if (routes === undefined) await started;
  else started.catch(ended);
  return {
    port: mqttPort,
    ready: () => (keeper === undefined ? undefined : unready(callout, keeper, recorder)),
    changeRoutesPassword(password) {
      if (routes === undefined) return;
      configure({ ...routes, password });
      server.reload();
      log("info", "the nodes show each other another password", {});
    },
    stats: () => ({ ...counts(), ...(recorder === undefined ? {} : { recorder: recorder.stats }) }),
    async close() {
      server.expectEnd();
      await recorder?.close();
      // Until its last client is gone, who may no longer do what it did is cut.
      await server.stop();
      for (const timer of [recheck, look]) clearInterval(timer);
      keeper?.close();
      guarded.close();
    },
  };
}

function unready({ health }: Callout, { problem }: Keeper, recorder: RecorderClient | undefined): string | undefined {
  if (problem !== undefined) return `it lets nobody in: ${problem}`;
  if (recorder?.connected !== true) return "it has not let its own client in yet";
  if (performance.now() - health.atMs > healthOldMs) return "nats-server does not say how it is";
  return health.problem === undefined ? undefined : `it has not caught up with the other nodes: ${health.problem}`;
}
