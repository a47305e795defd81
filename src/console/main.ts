import { connectBus } from "#bus/client.ts";
import {
  logFailure,
  parsePort,
  processLog,
  readBusAddress,
  readIdentity,
  requireVariables,
  startProbes,
  stopSignal,
} from "#bus/process.ts";
import { consoleAccess } from "#core/access.ts";
import { formatMetrics } from "./metrics.ts";
import { followBus, TelemetryReader } from "./telemetry.ts";
import { startTelemetryServer } from "./telemetry-server.ts";
import { formatTelemetry } from "./telemetry-text.ts";

const log = processLog(process, Date.now);

/** The console of a cluster (docs/runtime.md): hears the bus, says nothing on it, and answers what it heard. Returns the exit code. */
async function main(): Promise<number> {
  const stopping = stopSignal(process);
  const env = process.env;
  const { environment, identity, probePort, probeHost } = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_PORT_TELEMETRY"]);
  const port = parsePort("SLIPWAY_PORT_TELEMETRY", read("SLIPWAY_PORT_TELEMETRY"));
  let hears = false;
  const deaf = (): string | undefined => (hears ? undefined : "not connected to the bus");
  const probes = await startProbes({
    ...{ port: probePort, host: probeHost },
    ...{ startup: () => undefined, ready: deaf, live: () => undefined },
  });
  const telemetry = new TelemetryReader(Date.now);
  const server = await startTelemetryServer({
    ...{ host: probeHost, port },
    pages: {
      "/api/telemetry": { type: "application/json; charset=utf-8", text: () => `${formatTelemetry(telemetry)}\n` },
      "/metrics": {
        type: "text/plain; version=0.0.4; charset=utf-8",
        text: () => formatMetrics({ environment, telemetry }),
      },
    },
  });
  log("info", "console is listening", { identity, port: server.port });
  const connecting = connectBus({ ...readBusAddress(env), identity, access: consoleAccess(environment), log });
  const bus = await Promise.race([connecting, stopping]);
  if (bus !== undefined) {
    bus.onConnection((state) => {
      hears = state === "connected";
    });
    await followBus(bus, telemetry);
    hears = bus.connected;
    log("info", "console hears the bus");
    await stopping;
    await bus.close();
  }
  await Promise.all([server.stop(), probes.close()]);
  log("info", "console stopped", { badPayloads: telemetry.badPayloads });
  return 0;
}

main().then(
  (code) => process.exit(code),
  (cause: unknown) => {
    logFailure(log, cause);
    process.exit(1);
  },
);
