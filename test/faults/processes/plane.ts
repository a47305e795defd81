// A data plane of real processes: a broker, the gateway with its book, a feed, an executor with its module and one with Python beside it.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { consoleAccess, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { StandInExchange } from "../../gateway/exchange.ts";
import { recovered } from "../sim/left.ts";
import { type BrokerName, planBroker } from "./brokers.ts";
import { Child } from "./child.ts";
import type { Place } from "./schedule.ts";

const root = join(import.meta.dirname, "../../..");
const password = "secret";
const lastMax = 40;
const instruments = ["BTC-USD", "ETH-USD"];
export const strategies = ["seed/ts", "seed/py"] as const;
export type Strategy = (typeof strategies)[number];

/** A request that an executor has written down. */
export interface Requested {
  readonly id: string;
  readonly cause: string;
  readonly strategy: Strategy;
  /** It was made by an executor whose place another one had taken: nobody owes it an answer. */
  readonly replaced: boolean;
}

export class Plane {
  readonly folder = mkdtempSync(join(tmpdir(), "storm-"));
  readonly exchange = new StandInExchange();
  readonly requested: Requested[] = [];
  /** What processes said that a person would be called for. */
  readonly cries: string[] = [];
  readonly places = new Map<Place, Child>();
  /** The last lines of all. */
  readonly last: string[] = [];
  readonly #trace: (line: string) => void;
  #leave: () => void = () => undefined;

  constructor(trace: (line: string) => void) {
    this.#trace = trace;
  }

  async open(broker: BrokerName, msPerStep: number): Promise<void> {
    const specs = strategies.map(specOf);
    const access = [
      ...[gatewayAccess("paper"), feedAccess("paper", "prices", "replay"), consoleAccess("paper")],
      ...specs.map(executorAccess),
    ];
    const plan = await planBroker(broker, join(this.folder, "broker"), access, password);
    const url = await this.exchange.listen();
    this.#writeFiles(specs, msPerStep);
    this.#add("broker", plan.argv, plan.env);
    this.places.get("broker")?.start();
    this.#leave = await plan.attend();
    const bus = {
      SLIPWAY_BUS_URL: `mqtt://127.0.0.1:${plan.port}`,
      SLIPWAY_BUS_TOKEN_FILE: join(this.folder, "token"),
    };
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    const at = (name: string): string => join(this.folder, name);
    this.#add(
      "gateway",
      [...node, "--import", join(import.meta.dirname, "venue-hook.ts"), join(root, "src/gateway/main.ts")],
      {
        ...{ ...bus, ...self("slipway-paper", "gateway", at("gateway")), SLIPWAY_STORM_EXCHANGE: url },
        ...{ SLIPWAY_GATEWAY_LIMITS_DIR: at("limits"), SLIPWAY_GATEWAY_BOUNDS_FILE: at("bounds.json") },
        ...{ SLIPWAY_GATEWAY_STANDING_FILE: at("standing.json"), SLIPWAY_GATEWAY_VENUES_FILE: at("venues.json") },
        SLIPWAY_GATEWAY_KEYS_DIR: at("keys"),
      },
    );
    this.#add("feed", [...node, join(root, "src/feed/main.ts")], {
      ...{ ...bus, ...self("slipway-paper", "feed-prices", at("feed")), SLIPWAY_FEED_FILE: at("feed.json") },
    });
    this.#add("algorithm-py", ["python3", "-m", "slipway"], {
      ...{ PYTHONPATH: join(root, "sdk/python"), PYTHONDONTWRITEBYTECODE: "1", SLIPWAY_PORT_HEALTH: "0" },
      ...{ SLIPWAY_ALGORITHM_BUNDLE: join(import.meta.dirname, "algorithms"), SLIPWAY_ALGORITHM_ENTRY: "algorithm.py" },
      SLIPWAY_RPC_SOCKET: at("py.sock"),
    });
    const algorithms = {
      "seed/ts": `module:${join(import.meta.dirname, "algorithms/algorithm.ts")}`,
      "seed/py": `unix://${at("py.sock")}`,
    };
    for (const strategy of strategies) {
      const name = strategy === "seed/ts" ? "executor-ts" : "executor-py";
      this.#add(name, [...node, join(root, "src/executor/main.ts")], {
        ...{ ...bus, ...self("seed-paper", strategy.slice(5), this.stateOf(strategy)), SLIPWAY_STRATEGY: strategy },
        ...{ SLIPWAY_SPEC_DIR: at(`spec-${strategy.slice(5)}`), SLIPWAY_ALGORITHM: algorithms[strategy] },
      });
    }
    for (const [name, child] of this.places) if (name !== "broker") child.start();
  }

  get bookFile(): string {
    return join(this.folder, "gateway", "book.sqlite");
  }

  stateOf(strategy: Strategy): string {
    return join(this.folder, `state-${strategy.slice(5)}`);
  }

  /** What an executor that started now would know. */
  left(strategy: Strategy): ReturnType<typeof recovered> {
    const directory = this.stateOf(strategy);
    const files = readdirSync(directory).map((name) => join(directory, name));
    return recovered(directory, new Map(files.map((file): [string, string] => [file, readFileSync(file, "utf8")])));
  }

  /** Ends its processes at once. */
  kill(): void {
    for (const child of this.places.values()) child.kill();
  }

  /** Ends what is left of it, however it stands. */
  async close(): Promise<void> {
    this.kill();
    this.#leave();
    await this.exchange.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #add(name: Place, argv: readonly string[], env: { readonly [name: string]: string }): void {
    const line = (text: string, number: number): void => this.#heard(name, text, number);
    this.places.set(name, new Child({ name, argv, env, line }));
  }

  #heard(place: Place, text: string, number: number): void {
    this.#trace(`${place} ${number}: ${text}`);
    this.last.push(`${place} ${number}: ${text.slice(0, 500)}`);
    if (this.last.length > lastMax) this.last.shift();
    if (/takes over what the book says|"alarm: |not caught: |(?:Type|Reference|Range|Syntax)Error/.test(text))
      this.cries.push(`${place} ${number}: ${text.slice(0, 500)}`);
    if (!place.startsWith("executor") || !text.includes('"order requested"')) return;
    const { clientOrderId: id, cause } = JSON.parse(text) as { readonly clientOrderId: string; readonly cause: string };
    const replaced = number < (this.places.get(place)?.starts ?? 0);
    this.requested.push({ id, cause, replaced, strategy: place === "executor-ts" ? "seed/ts" : "seed/py" });
  }

  #writeFiles(specs: readonly EffectiveStrategy[], msPerStep: number): void {
    const write = (name: string, text: string): void => writeFileSync(join(this.folder, name), text);
    for (const name of ["limits", "keys/exchange"]) mkdirSync(join(this.folder, name), { recursive: true });
    write("token", password);
    const { limits } = specOf("seed/ts");
    const texts = { ...limits, instruments: instruments.join(","), venues: "exchange" };
    write("bounds.json", JSON.stringify({ everyone: limits, teams: {}, strategies: {} }));
    write(
      "standing.json",
      JSON.stringify({ halts: [], refused: [], strategies: { "seed/ts": "cancel", "seed/py": "cancel" } }),
    );
    const venue = {
      kind: "ccxt",
      exchange: "coinbaseexchange",
      secret: "exchange",
      feeBps: "10",
      slippageBps: "0",
      collarBps: "5000",
    };
    write("venues.json", JSON.stringify({ exchange: venue }));
    write("keys/exchange/apiKey", "key");
    write("keys/exchange/secret", Buffer.from("secret").toString("base64"));
    write("keys/exchange/password", "words");
    const rows = Array.from({ length: 2_000 }, (_, step) => {
      const time = new Date(Date.UTC(2026, 0, 1) + step * 60_000).toISOString();
      return instruments.map((sid, index) => `${sid},${time},${95 + ((step * 7 + index * 3) % 11)}`).join("\n");
    });
    write("prices.csv", `sid,time,quote\n${rows.join("\n")}\n`);
    const source = `csv:${join(this.folder, "prices.csv")}`;
    write("feed.json", JSON.stringify({ name: "prices", source, venue: "replay", msPerStep, warmup: 2 }));
    for (const spec of specs) {
      const of = Object.entries(texts).map(([key, value]) => [`limits.${key}`, value]);
      const strategy = `${spec.team}/${spec.name}`;
      const file = { strategy, running: "true", startingCash: spec.portfolio.startingCash, ...Object.fromEntries(of) };
      write(`limits/${spec.team}.${spec.name}`, JSON.stringify(file));
      mkdirSync(join(this.folder, `spec-${spec.name}`));
      write(`spec-${spec.name}/spec.json`, JSON.stringify(spec));
    }
  }
}

function self(namespace: string, account: string, stateDir: string): { readonly [name: string]: string } {
  return {
    ...{ SLIPWAY_ENVIRONMENT: "paper", SLIPWAY_NAMESPACE: namespace, SLIPWAY_SERVICE_ACCOUNT: account },
    ...{ SLIPWAY_STATE_DIR: stateDir, SLIPWAY_PORT_PROBE: "0" },
  };
}

function specOf(strategy: Strategy): EffectiveStrategy {
  const python = strategy === "seed/py";
  return {
    ...{
      team: "seed",
      name: strategy.slice(5),
      environment: "paper",
      owner: "alice",
      running: true,
      errorPolicy: "halt",
    },
    algorithm: { kind: "entry", entry: python ? "algorithm.py" : "algorithm.ts", runtime: python ? "python" : "node" },
    ...{ channels: ["quotes"], publishes: [], params: {} },
    portfolio: { startingCash: "100000", sizing: { use: "fixed-fraction", fraction: "0.05" } },
    limits: {
      ...{ instruments, venues: ["exchange"], maxOrderNotional: "20000", maxPositionNotional: "500000" },
      ...{ orderRate: "1000/1s", maxDrawdown: "1" },
    },
    resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
  };
}
