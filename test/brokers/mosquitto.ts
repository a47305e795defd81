import { globSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { mosquittoFiles } from "#bus/mosquitto.ts";
import type { Access } from "#core/access.ts";
import type { BrokerKind } from "../contract/bus-bench.ts";
import { BrokerProcess, freePort } from "./process.ts";
import { mosquittoProgram } from "./programs.ts";

/** Debian's Mosquitto with its dynamic security plugin. */
export const mosquitto: BrokerKind = {
  name: "mosquitto",
  denied: "silence",
  keeps: true,
  async open(access, passwords) {
    const program = mosquittoProgram();
    const [plugin] = globSync("/usr/lib/*/mosquitto_dynamic_security.so");
    if (program === undefined || plugin === undefined) throw new Error("no Mosquitto: node test/brokers/install.ts");
    const port = await freePort();
    const broker = new BrokerProcess("mosquitto", port, (folder) => [program, "-c", join(folder, "mosquitto.conf")]);
    const write = (rules: readonly Access[]): void => {
      const { username: user } = userInfo();
      const options = { access: rules, passwords, host: "127.0.0.1", port, directory: broker.folder, plugin, user };
      for (const [name, text] of Object.entries(mosquittoFiles({ ...options, persistent: true })))
        writeFileSync(join(broker.folder, name), text, { mode: 0o600 });
    };
    write(access);
    await broker.start();
    return {
      port,
      async restart(state) {
        await broker.stop();
        if (state === "lost") rmSync(join(broker.folder, "mosquitto.db"), { force: true });
        await broker.start();
      },
      async allow(rules) {
        await broker.stop();
        write(rules);
        await broker.start();
      },
      violations: () => undefined,
      close: () => broker.close(),
    };
  },
};
