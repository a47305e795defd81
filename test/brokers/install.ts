// Gets what the brokers' tests run, unless it is there: Mosquitto from Debian's package, nats-server from its Go module.
//
//   node test/brokers/install.ts
//
// nats-server takes a minute once, then it is in the cache.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { artifacts } from "../kubernetes/artifacts.ts";
import { findGo } from "../kubernetes/go.ts";
import { compile, dropLeftovers, make } from "../kubernetes/make.ts";
import { goModule, mosquittoProgram, natsArtifact } from "./programs.ts";

const nats = natsArtifact();
await dropLeftovers(dirname(nats.folder));
if (mosquittoProgram() === undefined) installMosquitto();
if (existsSync(nats.folder)) console.log(`nats-server ${nats.version}: in the cache`);
else await buildNats();

async function buildNats(): Promise<void> {
  const go = await findGo(artifacts().go, make, 26);
  await make(nats, (folder) =>
    compile(go, goModule, "github.com/nats-io/nats-server/v2", join(folder, "nats-server"), []),
  );
}

function installMosquitto(): void {
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  // Its package would start a broker on port 1883; in run level 1 nothing is started.
  const install =
    "apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=120 mosquitto";
  const [program = "sh", ...argv] = [...root, "sh", "-c", install];
  spawnSync(program, argv, { stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 });
  if (mosquittoProgram() === undefined)
    throw new Error("there is no Mosquitto 2 and none could be installed: apt-get install mosquitto");
  console.log("mosquitto: installed");
}
