import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { fileVerifier, watchAccess } from "./access-dir.ts";
import {
  type Environment,
  logFailure,
  parsePort,
  processLog,
  readIdentity,
  requireVariables,
  startProbes,
  stopSignal,
} from "./process.ts";
import type { RunningBus, RunningBusOptions } from "./running-bus.ts";

const log = processLog(process, Date.now);
const storeBytesMax = 192 * 2 ** 20;

/** The bus process of docs/runtime.md on one machine: a broker that knows each identity's topics, and a recorder. */
async function main(): Promise<void> {
  const stopping = stopSignal(process);
  const env = process.env;
  const { probePort, probeHost, identity, environment, stateDir } = readIdentity(env);
  const read = requireVariables(env, ["SLIPWAY_PORT_MQTT", "SLIPWAY_BUS_ACCESS_DIR", "SLIPWAY_BUS_TOKENS_FILE"]);
  let bus: RunningBus | undefined;
  // Before it listens there is nothing to bring to an end.
  void stopping.then(() => {
    if (bus === undefined) process.exit(0);
  });
  const notYet = (): string | undefined => (bus === undefined ? "not listening yet" : undefined);
  const probes = await startProbes({
    ...{ port: probePort, host: probeHost, startup: notYet, ready: notYet, live: () => undefined },
  });
  const access = watchAccess(read("SLIPWAY_BUS_ACCESS_DIR"), log);
  bus = await open(env, read("SLIPWAY_BUS_TOKENS_FILE"), {
    ...{ host: "127.0.0.1", port: parsePort("SLIPWAY_PORT_MQTT", read("SLIPWAY_PORT_MQTT")), environment, stateDir },
    ...{ access: access.current, nowMs: Date.now, log, ended: end },
  });
  log("info", "bus is listening", { identity, port: bus.port });
  await stopping;
  log("info", "bus stops", bus.stats());
  access.close();
  await Promise.all([bus.close(), probes.close()]);
}

/** With the broker that `SLIPWAY_BUS_BROKER` names; a program of its own is at `SLIPWAY_BUS_PROGRAM`. */
async function open(env: Environment, tokensFile: string, options: RunningBusOptions): Promise<RunningBus> {
  const verify = fileVerifier(tokensFile, log);
  const broker = env["SLIPWAY_BUS_BROKER"] ?? "embedded";
  const program = (): string => requireVariables(env, ["SLIPWAY_BUS_PROGRAM"])("SLIPWAY_BUS_PROGRAM");
  switch (broker) {
    case "embedded": {
      const { startEmbeddedBus } = await import("./embedded-bus.ts");
      return startEmbeddedBus({ ...options, verify });
    }
    case "nats": {
      const { startNatsBus } = await import("./nats-bus.ts");
      return startNatsBus({
        ...{ ...options, program: program(), scratchDir: options.stateDir, storeBytesMax },
        verify: async (identity, password) => (verify(identity, password) ? {} : undefined),
      });
    }
    case "mosquitto": {
      const { startMosquittoBus } = await import("./mosquitto-bus.ts");
      const folder = requireVariables(env, ["SLIPWAY_BUS_PASSWORDS_DIR"])("SLIPWAY_BUS_PASSWORDS_DIR");
      return startMosquittoBus({
        ...{ ...options, program: program() },
        passwordOf(identity) {
          const file = join(folder, identity.replace("/", "."));
          const password = existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
          // The digests say who still is a client.
          return password !== undefined && verify(identity, password) ? password : undefined;
        },
      });
    }
    default:
      throw new Fault(
        "environment-malformed",
        `SLIPWAY_BUS_BROKER is ${JSON.stringify(broker)}, not embedded, mosquitto or nats`,
      );
  }
}

function end(cause: unknown): never {
  logFailure(log, cause);
  process.exit(1);
}

main().then(() => process.exit(0), end);
