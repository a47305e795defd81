import { globSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "#bus/loopback.ts";
import { mosquittoFiles } from "#bus/mosquitto.ts";
import type { Access } from "#core/access.ts";
import type { BrokerKind } from "../contract/bus-bench.ts";
import { BrokerProcess } from "./process.ts";
import { mosquittoProgram } from "./programs.ts";

/** Writes what Mosquitto reads at its start. */
export function writeMosquitto(
  { port, folder: directory }: Pick<BrokerProcess, "port" | "folder">,
  access: readonly Access[],
  passwords: ReadonlyMap<string, string>,
): void {
  const [plugin] = globSync("/usr/lib/*/mosquitto_dynamic_security.so");
  if (plugin === undefined) throw new Error("no Mosquitto: node test/brokers/install.ts");
  const { username: user } = userInfo();
  const options = { access, passwords, host: "127.0.0.1", port, directory, plugin, user, persistent: true };
  for (const [name, text] of Object.entries(mosquittoFiles(options)))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
}

/** A Mosquitto that runs. */
export async function mosquittoProcess(
  access: readonly Access[],
  passwords: ReadonlyMap<string, string>,
): Promise<BrokerProcess> {
  const program = mosquittoProgram() ?? "mosquitto";
  const argv = (folder: string): readonly string[] => [program, "-c", join(folder, "mosquitto.conf")];
  const broker = new BrokerProcess("mosquitto", await freePort(), argv);
  writeMosquitto(broker, access, passwords);
  await broker.start();
  return broker;
}

/** Debian's Mosquitto with its dynamic security plugin. */
export const mosquitto: BrokerKind = {
  name: "mosquitto",
  denied: "silence",
  keeps: true,
  repeats: "first",
  async open(access, passwords) {
    const broker = await mosquittoProcess(access, passwords);
    return {
      port: broker.port,
      async restart(state) {
        await broker.stop();
        if (state === "lost") rmSync(join(broker.folder, "mosquitto.db"), { force: true });
        await broker.start();
      },
      async allow(rules) {
        await broker.stop();
        writeMosquitto(broker, rules, passwords);
        await broker.start();
      },
      violations: () => undefined,
      close: () => broker.close(),
    };
  },
};
