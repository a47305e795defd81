// What the benches of the bus share: one strategy that orders at each quote, brokers, and the processes around them.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "#bus/client.ts";
import { type Access, consoleAccess, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { OrderRequestMessage } from "#core/messages.ts";
import { buildPrograms } from "../scripts/programs.ts";
import { mosquittoProcess } from "../test/brokers/mosquitto.ts";
import { BrokerProcess, freePort } from "../test/brokers/process.ts";
import { mosquittoProgram } from "../test/brokers/programs.ts";

/** The instrument that a bare echo answers in the same seconds as the executor: what is late with both is not the executor's. */
export const probeSid = "PROBE";

export function benchStrategy(name: string, instruments: readonly string[]): EffectiveStrategy {
  return {
    ...{ team: "bench", name, environment: "paper", owner: "bench", running: true, errorPolicy: "halt" },
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    ...{ channels: ["quotes"], publishes: [], params: {} },
    portfolio: { startingCash: "1000000000", sizing: { use: "random" } },
    limits: {
      ...{ instruments, venues: ["paper"], maxOrderNotional: "1000000", maxPositionNotional: "1000000000" },
      ...{ orderRate: "999999/1s", maxDrawdown: "1" },
    },
    resources: { cpu: "1", memory: "256Mi", state: "256Mi" },
  };
}

/** An algorithm that answers each event with one small order, or one of so many. */
export function buyer(everyNth = 1): string {
  return `export default class { #seen = 0; initialize() { return ["quotes"]; }
    event(data) { this.#seen += 1; if (this.#seen % ${everyNth} === 0) return { sid: data.sid, side: "buy", quantity: "0.0001" }; } }`;
}

/** Microseconds of the machine's monotonic clock: the same in all its processes. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** One strategy's executor, a bare echo beside it, a feed, a gateway and the brokers between them. */
export class BusRig {
  readonly folder = mkdtempSync(join(tmpdir(), "slipway-bench-bus-"));
  readonly instruments = Array.from({ length: 20 }, (_, index) => `SYM${index}`);
  readonly strategy = benchStrategy("ticks", this.instruments);
  readonly #access: readonly Access[] = [
    executorAccess(this.strategy),
    executorAccess(benchStrategy("probe", [probeSid])),
    gatewayAccess("paper"),
    feedAccess("paper", "bench", "replay"),
    consoleAccess("paper"),
  ];
  readonly #passwords = new Map(this.#access.map(({ identity }) => [identity, "secret"]));
  readonly #children: ChildProcess[] = [];
  #starts = 0;

  async open(source: string): Promise<void> {
    mkdirSync(join(this.folder, "spec"));
    writeFileSync(join(this.folder, "spec/spec.json"), JSON.stringify(this.strategy));
    writeFileSync(join(this.folder, "token"), "secret");
    writeFileSync(join(this.folder, "algorithm.mjs"), source);
    await buildPrograms(join(this.folder, "programs"));
  }

  close(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Mosquitto is there where it is installed. */
  brokers(): ReadonlyMap<string, () => Promise<BrokerProcess>> {
    const kinds = new Map<string, () => Promise<BrokerProcess>>([["aedes", () => this.#embedded()]]);
    if (mosquittoProgram() !== undefined) kinds.set("mosquitto", () => mosquittoProcess(this.#access, this.#passwords));
    return kinds;
  }

  client(url: string, name: "gateway" | "console"): Promise<Bus> {
    return connectBus({
      ...{ url, identity: `slipway-paper/${name}`, password: () => "secret", connectTimeoutMs: 10_000 },
    });
  }

  /** @param join a file that lists the processes of a control group: the executor is in it from its start on */
  executor(url: string, joins?: string): Promise<ChildProcess> {
    const at = (name: string): string => join(this.folder, name);
    this.#starts += 1;
    const env = {
      ...{ SLIPWAY_STRATEGY: "bench/ticks", SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_NAMESPACE: "bench-paper" },
      ...{ SLIPWAY_SERVICE_ACCOUNT: "ticks", SLIPWAY_SPEC_DIR: at("spec") },
      ...{ SLIPWAY_ALGORITHM: `module:${at("algorithm.mjs")}`, SLIPWAY_BUS_URL: url },
      ...{ SLIPWAY_BUS_TOKEN_FILE: at("token"), SLIPWAY_STATE_DIR: at(`state-${this.#starts}`) },
      SLIPWAY_PORT_PROBE: "0",
    };
    const argv = [process.execPath, join(this.folder, "programs", "executor.mjs")];
    const line = joins === undefined ? argv : ["sh", "-c", `echo $$ >"${joins}" && exec "$@"`, "sh", ...argv];
    return this.#start(line, "subscribed and warmed", env);
  }

  /** A plain mqtt.js client that answers each quote with a message as large as an order request. */
  echo(url: string, name: "ticks" | "probe"): Promise<ChildProcess> {
    const own = `strat/bench/${name}`;
    const request: OrderRequestMessage = {
      ...{ v: 1, type: "order", clientOrderId: "0".repeat(32), epoch: 1, sid: "SYM0", venue: "paper", side: "buy" },
      ...{ orderType: "market", quantity: "0.0001", cause: "", expiresAtMs: 1_760_000_000_000, ts: 1 },
    };
    const sids = name === "ticks" ? this.instruments : [probeSid];
    const given = [url, `bench-paper/${name}`, own, JSON.stringify(request), ...sids.map((sid) => `md/+/${sid}/quote`)];
    return this.#start(node("bus-echo.ts", ...given), "ready");
  }

  /** Publishes quotes when told to by a line on its input. */
  feed(url: string, perSecond: number, seconds: number, probePerSecond: number): Promise<ChildProcess> {
    const given = [perSecond, seconds, probePerSecond].map(String);
    return this.#start(node("bus-feed.ts", url, ...given, probeSid, ...this.instruments), "ready");
  }

  async #embedded(): Promise<BrokerProcess> {
    const [port, probe] = [await freePort(), await freePort()];
    const main = join(import.meta.dirname, "../src/bus/main.ts");
    const broker = new BrokerProcess("bench-aedes", port, (at) => {
      const access = join(at, "access");
      mkdirSync(access);
      for (const rule of this.#access)
        writeFileSync(join(access, rule.identity.replace("/", ".")), JSON.stringify(rule));
      const digest = createHash("sha256").update("secret").digest("hex");
      const tokens = Object.fromEntries([...this.#passwords.keys()].map((id) => [id, digest]));
      writeFileSync(join(at, "tokens.json"), JSON.stringify(tokens));
      const env = [
        ...["SLIPWAY_ENVIRONMENT=paper", "SLIPWAY_NAMESPACE=slipway-paper", "SLIPWAY_SERVICE_ACCOUNT=bus"],
        ...[`SLIPWAY_STATE_DIR=${at}`, `SLIPWAY_PORT_PROBE=${probe}`, `SLIPWAY_PORT_MQTT=${port}`],
        ...[`SLIPWAY_BUS_ACCESS_DIR=${access}`, `SLIPWAY_BUS_TOKENS_FILE=${join(at, "tokens.json")}`],
      ];
      return ["env", ...env, process.execPath, "--disable-warning=ExperimentalWarning", main];
    });
    await broker.start();
    return broker;
  }

  /** A process, once it has said that it is ready. */
  async #start(argv: readonly string[], says: string, env: NodeJS.ProcessEnv = process.env): Promise<ChildProcess> {
    const [program = "", ...rest] = argv;
    const child = spawn(program, rest, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        output = `${output}${chunk.toString()}`.slice(-10_000);
      });
    const endMs = performance.now() + 20_000;
    while (!output.includes(says)) {
      if (child.exitCode !== null || performance.now() > endMs) throw new Error(`not ready:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return child;
  }
}

function node(script: string, ...given: readonly string[]): readonly string[] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", join(import.meta.dirname, script), ...given];
}

export async function stopped(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await gone;
}
