import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "#bus/loopback.ts";
import { natsConfiguration } from "#bus/nats.ts";
import { startCallout } from "#bus/nats-callout.ts";
import type { Access } from "#core/access.ts";
import { writeMosquitto } from "../../brokers/mosquitto.ts";
import { mosquittoProgram, natsProgram } from "../../brokers/programs.ts";
import type { Program } from "./child.ts";

export type BrokerName = "bus" | "mosquitto" | "nats";
export const brokerNames: readonly BrokerName[] = ["bus", "mosquitto", "nats"];

export interface BrokerPlan extends Pick<Program, "argv" | "env"> {
  readonly port: number;
  /** Once it listens: what it needs beside its process. */
  readonly attend: () => Promise<() => void>;
}

const nothing = async (): Promise<() => void> => () => undefined;

/** Writes what a broker reads at its start. @param folder it lives there, over all its restarts */
export async function planBroker(
  name: BrokerName,
  folder: string,
  access: readonly Access[],
  password: string,
): Promise<BrokerPlan> {
  mkdirSync(folder);
  const port = await freePort();
  const passwords = new Map(access.map(({ identity }) => [identity, password]));
  if (name === "mosquitto") {
    writeMosquitto({ folder, port }, access, passwords);
    return {
      port,
      argv: [mosquittoProgram() ?? "mosquitto", "-c", join(folder, "mosquitto.conf")],
      env: {},
      attend: nothing,
    };
  }
  if (name === "nats") return planNats(folder, port, access, password);
  const digest = createHash("sha256").update(password).digest("hex");
  mkdirSync(join(folder, "access"));
  for (const rule of access)
    writeFileSync(join(folder, "access", rule.identity.replace("/", ".")), JSON.stringify(rule));
  const tokens = Object.fromEntries([...passwords.keys()].map((identity) => [identity, digest]));
  writeFileSync(join(folder, "tokens.json"), JSON.stringify(tokens));
  const env = {
    ...{ SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_NAMESPACE: "slipway-paper", SLIPWAY_SERVICE_ACCOUNT: "bus" },
    ...{ SLIPWAY_STATE_DIR: folder, SLIPWAY_PORT_PROBE: "0", SLIPWAY_PORT_MQTT: String(port) },
    ...{ SLIPWAY_BUS_ACCESS_DIR: join(folder, "access"), SLIPWAY_BUS_TOKENS_FILE: join(folder, "tokens.json") },
  };
  const program = join(import.meta.dirname, "../../../src/bus/main.ts");
  return { port, argv: [process.execPath, program], env, attend: nothing };
}

async function planNats(
  folder: string,
  port: number,
  access: readonly Access[],
  password: string,
): Promise<BrokerPlan> {
  const natsPort = await freePort();
  const { privateKey: issuer } = generateKeyPairSync("ed25519");
  const calloutPassword = randomBytes(16).toString("hex");
  const options = {
    host: "127.0.0.1",
    mqttPort: port,
    natsPort,
    storeDirectory: join(folder, "store"),
    issuer,
    calloutPassword,
  };
  writeFileSync(join(folder, "nats.conf"), natsConfiguration(options), { mode: 0o600 });
  const rules = new Map(access.map((rule) => [rule.identity, rule]));
  const attend = async (): Promise<() => void> => {
    const callout = await startCallout({
      ...{ host: "127.0.0.1", port: natsPort, password: calloutPassword, issuer, access: () => rules },
      verify: async (_identity, given) => (given === password ? {} : undefined),
      ...{ nowMs: Date.now, log: () => undefined },
    });
    return () => callout.close();
  };
  return { port, argv: [natsProgram(), "-c", join(folder, "nats.conf")], env: {}, attend };
}
