import { randomBytes } from "node:crypto";
import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Access } from "#core/access.ts";
import { Fault } from "#core/result.ts";
import { startBrokerProgram } from "./broker-program.ts";
import { startDynamicSecurity } from "./dynamic-security.ts";
import { freePort } from "./loopback.ts";
import { mosquittoFiles } from "./mosquitto.ts";
import { ownClient } from "./own-client.ts";
import { startRecorderClient } from "./recorder-client.ts";
import type { RunningBus, RunningBusOptions } from "./running-bus.ts";
import { violationAlarm } from "./violations.ts";

export interface MosquittoBusOptions extends RunningBusOptions {
  readonly program: string;
  /** Undefined while an identity has none. Mosquitto stretches passwords itself, so their digests are not enough. */
  readonly passwordOf: (identity: string) => string | undefined;
}

/** Where packages put it. */
export const pluginPattern = "/usr/{lib,lib64,local/lib}/{,*/}mosquitto_dynamic_security.so";
/** All but what it says of each packet, save of those that it denies: 1 µs a message for Mosquitto and 0.2 for grep, nothing for this process. */
const sieve = [
  "grep",
  "--line-buffered",
  "-a",
  "-v",
  "-E",
  "^[0-9]+: (Received |Sending |No will |Will |\t|  )",
] as const;
/** Whoever changes rights, and the recorder. */
const ownConnections = 2;

/** The dynamic security plugin of Mosquitto's package; undefined if it is nowhere. */
export function findDynamicSecurity(): string | undefined {
  return globSync(pluginPattern)[0];
}

/**
 * A Mosquitto as a child with its dynamic security plugin, and beside it, in this process, who tells it of changed rights, and the recorder. A client
 * whose rights change is cut and comes again; the others carry on. If one ends, all do.
 *
 * @throws Fault as `startBrokerProgram`, `dynamic-security-missing`
 */
export async function startMosquittoBus(options: MosquittoBusOptions): Promise<RunningBus> {
  const { program, host, stateDir, environment, access, passwordOf, nowMs, log, ended } = options;
  const plugin = findDynamicSecurity();
  if (plugin === undefined)
    throw new Fault("dynamic-security-missing", `Mosquitto's dynamic security plugin is not in ${pluginPattern}`);
  const port = options.port === 0 ? await freePort() : options.port;
  const directory = join(stateDir, "mosquitto");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const own = ownClient(environment);
  const admin = randomBytes(24).toString("base64url");
  const rules = (): ReadonlyMap<string, Access> => own.with(access());
  const passwordFor = (identity: string): string | undefined =>
    identity === own.access.identity ? own.password : passwordOf(identity);
  const start = new Map([...rules()].filter(([identity]) => passwordFor(identity) !== undefined));
  const passwords = new Map([...start.keys()].map((identity) => [identity, passwordFor(identity) ?? ""]));
  const { username: user } = userInfo();
  const files = mosquittoFiles({
    ...{ access: [...start.values()], passwords, host, port, directory, plugin, user, persistent: true, admin },
  });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
  const alarm = violationAlarm(log);
  const server = await startBrokerProgram({
    ...{ name: "mosquitto", program, argv: ["-c", join(directory, "mosquitto.conf")], port, log, ended },
    ...{ filter: sieve, onLine: alarm.look },
  });
  const url = `mqtt://127.0.0.1:${port}`;
  const security = await startDynamicSecurity({ url, password: admin, start, rules, passwordOf: passwordFor, log });
  const counts = (): Readonly<Record<string, number>> => {
    const { connections, published, dropped } = security.server;
    const clients = connections === undefined ? {} : { clients: Math.max(0, connections - ownConnections) };
    return {
      ...clients,
      ...(published === undefined ? {} : { published }),
      ...(dropped === undefined ? {} : { queueDropped: dropped }),
      violations: alarm.violations,
    };
  };
  const recorder = await startRecorderClient({
    ...{ url, own: own.access, password: own.password, environment, access, counts, nowMs, log },
  });
  return {
    port,
    ready: () => undefined,
    stats: () => ({ ...counts(), recorder: recorder.stats }),
    async close() {
      server.expectEnd();
      await recorder.close();
      await security.close();
      await server.stop();
    },
  };
}
