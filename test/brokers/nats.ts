import { generateKeyPairSync, randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#bus/loopback.ts";
import { natsConfiguration } from "#bus/nats.ts";
import { startGuardedCallout } from "#bus/nats-guard.ts";
import { isViolation } from "#bus/violations.ts";
import type { Access } from "#core/access.ts";
import type { BrokerKind } from "../contract/bus-bench.ts";
import { BrokerProcess } from "./process.ts";
import { natsProgram } from "./programs.ts";

/** One nats-server, which asks our callout who may do what. */
export const nats: BrokerKind = {
  name: "nats-server",
  denied: "silence",
  keeps: true,
  repeats: "late",
  async open(access, passwords) {
    const [mqttPort = 0, natsPort = 0] = await freePorts(2);
    const { privateKey: issuer } = generateKeyPairSync("ed25519");
    const calloutPassword = randomBytes(16).toString("hex");
    const broker = new BrokerProcess("nats", mqttPort, (folder) => [natsProgram(), "-c", join(folder, "nats.conf")]);
    const storeDirectory = join(broker.folder, "store");
    const options = { host: "127.0.0.1", mqttPort, natsPort, storeDirectory, issuer, calloutPassword };
    writeFileSync(join(broker.folder, "nats.conf"), natsConfiguration(options), { mode: 0o600 });
    await broker.start();
    let rules = byIdentity(access);
    const cutOff: string[] = [];
    const callout = await startGuardedCallout({
      host: "127.0.0.1",
      port: natsPort,
      password: calloutPassword,
      issuer,
      access: () => rules,
      verify: async (identity, password) => (passwords.get(identity) === password ? {} : undefined),
      nowMs: Date.now,
      log: () => undefined,
      cutOff: (topic, reason) => cutOff.push(`${topic}: ${reason}`),
    });
    const restart = async (state: "kept" | "lost"): Promise<void> => {
      await broker.stop();
      if (state === "lost") rmSync(storeDirectory, { recursive: true, force: true });
      await broker.start();
    };
    return {
      port: mqttPort,
      cutOff,
      restart,
      async allow(next) {
        rules = byIdentity(next);
        // What a connection may do was decided when it came; they all come again.
        await restart("kept");
      },
      violations: () => broker.output.split("\n").filter(isViolation).length,
      async close() {
        callout.close();
        await broker.close();
      },
    };
  },
};

export function byIdentity(access: readonly Access[]): ReadonlyMap<string, Access> {
  return new Map(access.map((rule) => [rule.identity, rule]));
}
