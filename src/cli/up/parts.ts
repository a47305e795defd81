import { mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { type Bus, connectBus } from "#bus/client.ts";
import { followBus, TelemetryReader } from "#console/telemetry.ts";
import { consoleAccess, operatorAccess } from "#core/access.ts";
import type { EnvironmentName } from "#core/identity.ts";
import { busIdentity, platformNamespace } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import type { Memo } from "#delivery/memo.ts";
import { createLocalCluster, type LocalCluster } from "#local/cluster.ts";
import { type ControlPlane, createControlPlane, type ServerLog } from "#server/control-plane.ts";
import type { CommandContext } from "../context.ts";
import { bundlePrograms, findPackage } from "../programs.ts";
import { clusterDirectory, embeddedEnvironment, type Site } from "../site.ts";
import type { ChosenBroker } from "./broker.ts";
import { localImages } from "./images.ts";

const logBytesMax = 4 * 1024 * 1024;
const busWaitMs = 15_000;
const pollMs = 50;

/** The server's own log in the state directory. Turned over at a start, so that it does not grow for ever. */
export function openLog(state: string): ServerLog {
  const path = join(state, "server.log");
  mkdirSync(state, { recursive: true });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax) renameSync(path, `${path}.1`);
  return pino({ base: null }, pino.destination({ dest: path, sync: true }));
}

export function createPlane(
  { repository, forge }: Site,
  log: ServerLog,
  { now, steady }: Pick<CommandContext, "now" | "steady">,
  memo: Memo,
): ControlPlane {
  return createControlPlane({ repository, forge, clock: now, steady, log, memo });
}

export async function createCluster(
  { repository, state }: Site,
  bus: { readonly port: number; readonly broker: ChosenBroker },
  log: ServerLog,
  { now: clock, variables }: CommandContext,
): Promise<LocalCluster> {
  const found = findPackage();
  const bundles = await bundlePrograms(found, state);
  return createLocalCluster({
    repository,
    environment: embeddedEnvironment as EnvironmentName,
    directory: clusterDirectory(state),
    images: localImages(found, bundles, variables["PATH"], bus.broker),
    fixedPorts: new Map([["bus/mqtt", bus.port]]),
    log: ({ level, message, fields }) => log[level](fields ?? {}, message),
    clock,
  });
}

export interface ConnectedBus {
  readonly bus: Bus;
  readonly telemetry: TelemetryReader;
  readonly url: string;
}

export interface ConnectRequest {
  readonly cluster: LocalCluster;
  readonly now: CommandContext["now"];
  readonly steady: CommandContext["steady"];
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly stopped: AbortSignal;
  readonly changed: () => void;
}

/**
 * Connects the console to the bus that the cluster runs; undefined if the person stopped it meanwhile.
 *
 * @throws Fault `bus-unreachable`
 */
export async function connectConsole(request: ConnectRequest): Promise<ConnectedBus | undefined> {
  const { cluster, now, steady, pause, stopped, changed } = request;
  const endMs = steady() + busWaitMs;
  let address = cluster.address("bus", "mqtt");
  while (address === undefined) {
    if (stopped.aborted) return undefined;
    if (steady() > endMs)
      throw new Fault(
        "bus-unreachable",
        "the bus did not start; its log is in the state directory, under cluster/logs",
      );
    await pause(pollMs);
    address = cluster.address("bus", "mqtt");
  }
  // Whoever may read its file may stop strategies: slipway halt.
  await cluster.credential(operatorAccess(embeddedEnvironment).identity);
  const identity = busIdentity(platformNamespace(embeddedEnvironment), "console");
  const password = await cluster.credential(identity);
  const url = `mqtt://${address.host}:${address.port}`;
  const telemetry = new TelemetryReader(now);
  const bus = await connectBus({
    url,
    identity,
    password: () => password,
    access: consoleAccess(embeddedEnvironment),
    connectTimeoutMs: Math.max(1_000, endMs - steady()),
  });
  await followBus(bus, telemetry, changed);
  return { bus, telemetry, url };
}
