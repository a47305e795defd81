import { hostname } from "node:os";
import { Fault } from "#core/result.ts";
import { platformAccessMap, shardNames } from "#core/shards.ts";
import { watchAccess } from "../access-dir.ts";
import { readApiServer } from "../api-server.ts";
import { mirrorConfigMaps } from "../config-mirror.ts";
import type { NatsRoutes } from "../nats.ts";
import { type NatsBus, startNatsBus } from "../nats-bus.ts";
import {
  logFailure,
  parsePort,
  processLog,
  readIdentity,
  readListenHost,
  requireVariables,
  startProbes,
  stopSignal,
} from "../process.ts";
import { tokenReviewer } from "../token-review.ts";
import { routesPassword, watchRoutesPassword } from "./routes-secret.ts";

const log = processLog(process, Date.now);
/** Less than the claim of the platform's chart: a full store refuses messages, a full disk loses them. */
const storeBytesMax = 192 * 2 ** 20;

/**
 * The bus in a cluster (docs/runtime.md): a nats-server, and beside it, in this process, the callout that asks the API server who each client is, and
 * the recorder.
 */
async function main(): Promise<void> {
  const stopping = stopSignal(process);
  const env = process.env;
  const { probePort, probeHost, identity, environment, namespace, stateDir } = readIdentity(env);
  const read = requireVariables(env, [
    ...(["SLIPWAY_PORT_MQTT", "SLIPWAY_BUS_ACCESS_DIR", "SLIPWAY_API_DIR", "SLIPWAY_MIRROR_DIR"] as const),
  ]);
  let bus: NatsBus | undefined;
  // Before it listens there is nothing to bring to an end.
  void stopping.then(() => {
    if (bus === undefined) process.exit(0);
  });
  const notYet = (): string | undefined => (bus === undefined ? "not listening yet" : undefined);
  const ready = (): string | undefined => notYet() ?? bus?.ready();
  await startProbes({ port: probePort, host: probeHost, startup: notYet, ready, live: () => undefined });
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
  const apiServer = readApiServer(read("SLIPWAY_API_DIR"));
  const routes = await readRoutes(env["SLIPWAY_BUS_NODES"], () => routesPassword(apiServer, namespace, log));
  bus = await startNatsBus({
    ...(routes === undefined ? {} : { routes }),
    ...{ program: "nats-server", host: readListenHost(env), environment, stateDir, storeBytesMax, log, ended: end },
    port: parsePort("SLIPWAY_PORT_MQTT", read("SLIPWAY_PORT_MQTT")),
    scratchDir: env["TMPDIR"] ?? "/tmp",
    access: access.current,
    verify: tokenReviewer({ ...apiServer, nowMs: Date.now, steadyMs: () => performance.now(), log }),
    nowMs: Date.now,
  });
  const listening = bus;
  const watching =
    routes === undefined
      ? undefined
      : watchRoutesPassword({
          ...{ server: apiServer, namespace, password: routes.password, log },
          changed: (password) => listening.changeRoutesPassword(password),
        });
  log("info", "bus is listening", { identity, port: listening.port });
  await stopping;
  log("info", "bus stops", listening.stats());
  watching?.close();
  access.close();
  mirror.close();
  await listening.close();
}

/**
 * @param addresses of all nodes, `<pod>.<service>.<namespace>.svc:<port>` with commas between them
 * @throws Fault `environment-malformed` when this pod is none of them
 */
async function readRoutes(
  addresses: string | undefined,
  password: () => Promise<string>,
): Promise<NatsRoutes | undefined> {
  if (addresses === undefined) return undefined;
  const servers = addresses.split(",").map((address) => ({ name: address.split(".")[0] ?? "", address }));
  const name = hostname();
  const own = servers.find((server) => server.name === name);
  if (own === undefined)
    throw new Fault("environment-malformed", `SLIPWAY_BUS_NODES is ${addresses}, and this pod is ${name}`);
  const port = parsePort("SLIPWAY_BUS_NODES", own.address.split(":")[1] ?? "");
  return { name, host: readListenHost(process.env), port, servers, password: await password() };
}

function end(cause: unknown): never {
  logFailure(log, cause);
  process.exit(1);
}

main().then(() => process.exit(0), end);
