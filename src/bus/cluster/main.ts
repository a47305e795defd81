import { platformAccessMap, shardNames } from "#core/shards.ts";
import { watchAccess } from "../access-dir.ts";
import { readApiServer } from "../api-server.ts";
import { mirrorConfigMaps } from "../config-mirror.ts";
import { startNatsBus } from "../nats-bus.ts";
import {
  logFailure,
  parsePort,
  processLog,
  readIdentity,
  readListenHost,
  requireVariables,
  startProbes,
} from "../process.ts";
import type { RunningBus } from "../running-bus.ts";
import { tokenReviewer } from "../token-review.ts";

const log = processLog(process, Date.now);
/** Less than the claim of the platform's chart: a full store refuses messages, a full disk loses them. */
const storeBytesMax = 192 * 2 ** 20;

/**
 * The bus in a cluster (docs/runtime.md): a nats-server, and beside it, in this process, the callout that asks the API server who each client is, and
 * the recorder.
 */
async function main(): Promise<void> {
  const env = process.env;
  const { probePort, probeHost, identity, environment, namespace, stateDir } = readIdentity(env);
  const read = requireVariables(env, [
    ...(["SLIPWAY_PORT_MQTT", "SLIPWAY_BUS_ACCESS_DIR", "SLIPWAY_API_DIR", "SLIPWAY_MIRROR_DIR"] as const),
  ]);
  let bus: RunningBus | undefined;
  const notYet = (): string | undefined => (bus === undefined ? "not listening yet" : undefined);
  await startProbes({ port: probePort, host: probeHost, startup: notYet, ready: notYet, live: () => undefined });
  const mirror = mirrorConfigMaps({
    folder: read("SLIPWAY_MIRROR_DIR"),
    apiDir: read("SLIPWAY_API_DIR"),
    namespace,
    volumes: [
      {
        name: "access",
        mounted: read("SLIPWAY_BUS_ACCESS_DIR"),
        configMaps: [...shardNames("bus-access"), platformAccessMap],
      },
    ],
    log,
    nowMs: () => performance.now(),
  });
  const access = watchAccess(mirror.folderOf("access"), log);
  bus = await startNatsBus({
    ...{ program: "nats-server", host: readListenHost(env), environment, stateDir, storeBytesMax, log, ended: end },
    port: parsePort("SLIPWAY_PORT_MQTT", read("SLIPWAY_PORT_MQTT")),
    scratchDir: env["TMPDIR"] ?? "/tmp",
    access: access.current,
    verify: tokenReviewer({ ...readApiServer(read("SLIPWAY_API_DIR")), nowMs: Date.now }),
    nowMs: Date.now,
  });
  const listening = bus;
  log("info", "bus is listening", { identity, port: listening.port });
  const stop = async (): Promise<void> => {
    log("info", "bus stops", listening.stats());
    access.close();
    mirror.close();
    await listening.close();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop().catch(end));
}

function end(cause: unknown): never {
  logFailure(log, cause);
  process.exit(1);
}

main().catch(end);
