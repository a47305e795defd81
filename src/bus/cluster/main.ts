import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { platformAccessMap, shardNames } from "#core/shards.ts";
import { watchAccess } from "../access-dir.ts";
import { readApiServer } from "../api-server.ts";
import { mirrorConfigMaps } from "../config-mirror.ts";
import { natsConfiguration } from "../nats.ts";
import { type Callout, startCallout } from "../nats-callout.ts";
import { watchServerLog } from "../nats-log.ts";
import {
  logFailure,
  parsePort,
  processLog,
  readIdentity,
  readListenHost,
  requireVariables,
  startProbes,
} from "../process.ts";
import { tokenReviewer } from "../token-review.ts";

const log = processLog(process, Date.now);
const natsPort = 4222;
const recheckMs = 30_000;
/** Less than the claim of the platform's chart: a full store refuses messages, a full disk loses them. */
const storeBytesMax = 192 * 2 ** 20;

interface Progress {
  callout: Callout | undefined;
  stopping: boolean;
}

/**
 * The bus in a cluster (docs/runtime.md): a nats-server, and beside it, in this process, the callout that asks the API server who each client is.
 * Keys and passwords between the two are made at each start and leave neither the process nor the pod's memory. If one ends, both do.
 */
async function main(progress: Progress): Promise<void> {
  const env = process.env;
  const { probePort, probeHost, identity, namespace, stateDir } = readIdentity(env);
  const read = requireVariables(env, [
    ...(["SLIPWAY_PORT_MQTT", "SLIPWAY_BUS_ACCESS_DIR", "SLIPWAY_API_DIR", "SLIPWAY_MIRROR_DIR"] as const),
  ]);
  const notYet = (): string | undefined => (progress.callout === undefined ? "not listening yet" : undefined);
  await startProbes({ port: probePort, host: probeHost, startup: notYet, ready: notYet, live: () => undefined });
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const password = randomBytes(24).toString("base64url");
  const storeDirectory = join(stateDir, "nats");
  mkdirSync(storeDirectory, { recursive: true });
  const host = readListenHost(env);
  const mqttPort = parsePort("SLIPWAY_PORT_MQTT", read("SLIPWAY_PORT_MQTT"));
  const file = join(env["TMPDIR"] ?? "/tmp", "nats.conf");
  const settings = { host, mqttPort, natsPort, storeDirectory, issuer, calloutPassword: password, storeBytesMax };
  writeFileSync(file, natsConfiguration(settings), { mode: 0o600 });
  const server = startServer(file, progress);
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
  const verify = tokenReviewer({ ...readApiServer(read("SLIPWAY_API_DIR")), nowMs: Date.now });
  const callout = await startCallout({
    ...{ host: "127.0.0.1", port: natsPort, password, issuer, verify },
    ...{ access: access.current, nowMs: Date.now, log },
  });
  progress.callout = callout;
  log("info", "bus is listening", { identity, port: mqttPort });
  setInterval(() => void callout.recheck(), recheckMs);
  const stop = (): void => {
    progress.stopping = true;
    log("info", "bus stops", { refusedConnections: callout.refused });
    access.close();
    mirror.close();
    server.kill("SIGTERM");
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
}

/** Its log goes to ours as it is, and what is denied becomes an alarm: it is said there and nowhere else. */
function startServer(file: string, progress: Progress): ChildProcess {
  const server = spawn("nats-server", ["-c", file], { stdio: ["ignore", "inherit", "pipe"] });
  watchServerLog(server.stderr, (line) => process.stderr.write(line), log);
  server.on("error", (cause) => end(new Fault("nats-missing", `nats-server cannot be started: ${cause.message}`)));
  server.on("exit", (code, signal) => {
    if (progress.stopping) process.exit(0);
    end(new Fault("nats-ended", `nats-server ended (${signal ?? code})`));
  });
  return server;
}

function end(cause: unknown): never {
  logFailure(log, cause);
  process.exit(1);
}

main({ callout: undefined, stopping: false }).catch(end);
