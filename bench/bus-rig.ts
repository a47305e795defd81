// What the benches of the bus share: one strategy that orders at each quote, brokers, and the processes around them.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, connectBus } from "#bus/client.ts";
import { freePorts } from "#bus/loopback.ts";
import { type Access, consoleAccess, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { OrderRequestMessage } from "#core/messages.ts";
import { heapFlags } from "#local/launch.ts";
import { buildPrograms } from "../scripts/programs.ts";
import { mosquittoProcess } from "../test/brokers/mosquitto.ts";
import { BrokerProcess } from "../test/brokers/process.ts";
import { mosquittoProgram } from "../test/brokers/programs.ts";

/** The instrument that a bare echo answers in the same seconds as the executor: what is late with both is not the executor's. */
export const probeSid = "PROBE";

export const startingCash = "1000000000";

export function benchStrategy(name: string, instruments: readonly string[]): EffectiveStrategy {
  return {
    ...{ team: "bench", name, environment: "paper", owner: "bench", running: true, errorPolicy: "halt" },
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    ...{ channels: ["quotes"], publishes: [], params: {} },
    portfolio: { startingCash, sizing: { use: "random" } },
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

/** As a container of 256 MiB is started. */
const heap = heapFlags(256 * 2 ** 20);

export interface ExecutorOptions {
  readonly name?: string;
  readonly algorithm?: string;
  readonly joins?: string;
}

/** Microseconds of the machine's monotonic clock: the same in all its processes. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Strategies of one environment with a feed, a gateway, the brokers between them, and the processes of all. */
export class BusRig {
  readonly folder = mkdtempSync(join(tmpdir(), "slipway-bench-bus-"));
  readonly instruments: readonly string[];
  readonly #access: readonly Access[];
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #children: ChildProcess[] = [];
  #starts = 0;

  /** @param names of the strategies; all have the same instruments, but for the probe */
  constructor(names: readonly string[] = ["ticks", "probe"], instruments = 20) {
    this.instruments = Array.from({ length: instruments }, (_, index) => `SYM${index}`);
    const strategies = names.map((name) => benchStrategy(name, name === "probe" ? [probeSid] : this.instruments));
    this.#access = [
      ...strategies.map(executorAccess),
      ...[gatewayAccess("paper"), feedAccess("paper", "bench", "replay"), consoleAccess("paper")],
    ];
    this.#passwords = new Map(this.#access.map(({ identity }) => [identity, "secret"]));
    for (const strategy of strategies) {
      mkdirSync(this.at("spec", strategy.name), { recursive: true });
      writeFileSync(this.at("spec", strategy.name, "spec.json"), JSON.stringify(strategy));
    }
    writeFileSync(this.at("token"), "secret");
  }

  at(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Builds the programs that run here. */
  async open(source: string): Promise<void> {
    writeFileSync(this.at("algorithm.mjs"), source);
    await buildPrograms(this.at("programs"));
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

  /** @param joins a file that lists the processes of a control group: the executor is in it from its start on */
  executor(
    url: string,
    { name = "ticks", algorithm = `module:${this.at("algorithm.mjs")}`, joins }: ExecutorOptions = {},
  ): Promise<ChildProcess> {
    this.#starts += 1;
    const env = {
      ...{ SLIPWAY_STRATEGY: `bench/${name}`, SLIPWAY_NAMESPACE: "bench-paper", SLIPWAY_SERVICE_ACCOUNT: name },
      ...{ SLIPWAY_SPEC_DIR: this.at("spec", name), SLIPWAY_ALGORITHM: algorithm },
      ...this.#shared(url, `state-${this.#starts}`),
    };
    const argv = [process.execPath, ...heap, this.at("programs", "executor.mjs")];
    const line = joins === undefined ? argv : ["sh", "-c", `echo $$ >"${joins}" && exec "$@"`, "sh", ...argv];
    return this.start(line, "subscribed and warmed", env);
  }

  /** The process of the algorithm that stands in `algorithm.py`, and where an executor reaches it. */
  async pythonAlgorithm(): Promise<{ readonly child: ChildProcess; readonly address: string }> {
    const socket = this.at("rpc.sock");
    const child = await this.start(["python3", "-m", "slipway"], "", {
      PATH: process.env["PATH"],
      ...{ PYTHONPATH: join(import.meta.dirname, "../sdk/python"), PYTHONDONTWRITEBYTECODE: "1" },
      ...{ SLIPWAY_ALGORITHM_BUNDLE: this.folder, SLIPWAY_ALGORITHM_ENTRY: "algorithm.py" },
      ...{ SLIPWAY_RPC_SOCKET: socket, SLIPWAY_PORT_HEALTH: "0" },
    });
    return { child, address: `unix://${socket}` };
  }

  /** What every process of the data plane is told. */
  #shared(url: string, state: string): NodeJS.ProcessEnv {
    return {
      ...{ SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_BUS_URL: url, SLIPWAY_BUS_TOKEN_FILE: this.at("token") },
      ...{ SLIPWAY_STATE_DIR: this.at(state), SLIPWAY_PORT_PROBE: "0" },
    };
  }

  /** The real gateway, with a venue on paper and limits that let everything of the named strategies pass. Its state is in `gateway`. */
  gateway(url: string, names: readonly string[]): Promise<ChildProcess> {
    for (const folder of ["limits", "bounds"]) mkdirSync(this.at(folder), { recursive: true });
    const { limits } = benchStrategy("any", this.instruments);
    const keys = Object.fromEntries(Object.entries(limits).map(([key, value]) => [`limits.${key}`, String(value)]));
    const write = (path: string, value: object): void => writeFileSync(this.at(path), JSON.stringify(value));
    for (const name of names)
      write(`limits/bench.${name}`, {
        strategy: `bench/${name}`,
        running: "true",
        startingCash: "1000000000",
        ...keys,
      });
    write("bounds/bounds.json", { everyone: limits, teams: {}, strategies: {} });
    const strategies = Object.fromEntries(names.map((name) => [`bench/${name}`, "cancel"]));
    write("standing.json", { halts: [], refused: [], strategies });
    write("venues.json", { paper: { kind: "paper", feeBps: "1", slippageBps: "2" } });
    const env = {
      ...{ SLIPWAY_NAMESPACE: "slipway-paper", SLIPWAY_SERVICE_ACCOUNT: "gateway", ...this.#shared(url, "gateway") },
      ...{ SLIPWAY_GATEWAY_LIMITS_DIR: this.at("limits"), SLIPWAY_GATEWAY_BOUNDS_FILE: this.at("bounds/bounds.json") },
      SLIPWAY_GATEWAY_STANDING_FILE: this.at("standing.json"),
      SLIPWAY_GATEWAY_VENUES_FILE: this.at("venues.json"),
    };
    return this.start([process.execPath, ...heap, this.at("programs", "gateway.mjs")], "gateway is online", env);
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
    return this.start(node("bus-echo.ts", ...given), "ready");
  }

  /** Publishes quotes when told to by a line on its input. */
  feed(url: string, perSecond: number, seconds: number, probePerSecond: number): Promise<ChildProcess> {
    const given = [perSecond, seconds, probePerSecond].map(String);
    return this.start(node("bus-feed.ts", url, ...given, probeSid, ...this.instruments), "ready");
  }

  async #embedded(): Promise<BrokerProcess> {
    const [port = 0, probe = 0] = await freePorts(2);
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
  async start(argv: readonly string[], says: string, env: NodeJS.ProcessEnv = process.env): Promise<ChildProcess> {
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
