import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Broker, startBroker } from "#bus/broker.ts";
import { type Bus, connectBus } from "#bus/client.ts";
import { Recorder } from "#bus/recorder.ts";
import { type Access, consoleAccess, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { MetricMessage, OrderEventMessage, OrderRequestMessage, StateMessage } from "#core/messages.ts";
import { readMessage } from "#core/payload.ts";
import { allValidators } from "../fixtures/bus-messages.ts";
import { answerQuestions } from "../fixtures/statement.ts";

const root = join(import.meta.dirname, "../..");
export const deadlineMs = 60_000;

export function effective(overrides: Partial<EffectiveStrategy> = {}): EffectiveStrategy {
  return {
    team: "seed",
    name: "random",
    environment: "paper",
    owner: "alice",
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    running: true,
    channels: ["quotes"],
    publishes: ["signal"],
    params: { threshold: 0.3 },
    portfolio: { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "0.1" } },
    limits: {
      instruments: ["AAPL", "GOOG"],
      venues: ["paper"],
      maxOrderNotional: "2000",
      maxPositionNotional: "5000",
      orderRate: "10/1s",
      maxDrawdown: "0.5",
    },
    resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
    errorPolicy: "halt",
    ...overrides,
  };
}

/** @param what of a function, what it says when it was not in time */
export async function until<Value>(
  what: string | (() => string),
  find: () => Value | undefined | false,
  limitMs = deadlineMs,
): Promise<Value> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs)
      throw new Error(`not within ${limitMs} ms: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A process of the executor with what it wrote. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Its exit code, once all that it wrote is in `output`. */
  readonly exited: Promise<number | null>;
}

/** A rig within a test, closed when that is over. */
export function rigOf(...given: ConstructorParameters<typeof Rig>): Rig {
  const rig = new Rig(...given);
  onTestFinished(() => rig.close());
  return rig;
}

/**
 * A real broker with its access rules, one strategy's directories, and two test doubles at the bus: a feed that says what it is told, and a
 * gateway that answers by a script (fills all at the last quote, unless told otherwise) and keeps a book by order id.
 */
export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), "executor-"));
  readonly spec: EffectiveStrategy;
  readonly own: string;
  readonly states: StateMessage[] = [];
  readonly metrics: MetricMessage[] = [];
  readonly logs: string[] = [];
  readonly signals: unknown[] = [];
  /** Every request that arrived, repeats included. */
  readonly requests: OrderRequestMessage[] = [];
  readonly book = new Map<string, OrderEventMessage>();
  readonly quotes = new Map<string, string>();
  answers: "fill" | "deny" | "silence" = "fill";
  feeEach = "0";
  session = "s1";
  /** Of the broker, if it was asked for. */
  recorder: Recorder | undefined;
  #broker: Broker | undefined;
  #gateway: Bus | undefined;
  #feed: Bus | undefined;
  #watcher: Bus | undefined;
  readonly #others: Bus[] = [];
  readonly #malformed: string[] = [];
  #seqs = new Map<string, number>();
  #orderSeq = 0;
  readonly #children: Running[] = [];

  constructor(spec: EffectiveStrategy = effective()) {
    this.spec = spec;
    this.own = `strat/${spec.team}/${spec.name}`;
    for (const name of ["spec", "state"]) mkdirSync(join(this.folder, name));
    writeFileSync(join(this.folder, "token"), "secret");
    writeFileSync(join(this.folder, "spec/spec.json"), JSON.stringify(spec));
  }

  /** @param options.others more identities that the broker knows */
  async open(
    options: { readonly gateway?: boolean; readonly others?: readonly Access[]; readonly recorder?: boolean } = {},
  ): Promise<this> {
    const all = [
      ...(options.others ?? []),
      executorAccess(this.spec),
      gatewayAccess("paper"),
      feedAccess("paper", "stocks", "replay"),
      consoleAccess("paper"),
    ];
    const access = new Map(all.map((item): [string, Access] => [item.identity, item]));
    this.#broker = await startBroker({
      host: "127.0.0.1",
      port: 0,
      access: () => access,
      verify: (_identity, password) => password === "secret",
      log: () => undefined,
      tap: (topic, payload) => this.recorder?.take(topic, payload),
    });
    if (options.recorder === true) this.#openRecorder(access);
    this.#watcher = await this.#client("slipway-paper/console");
    this.#watcher.onMessage(({ topic, payload }) => {
      const read = readMessage(topic, payload, allValidators);
      if (!read.ok) this.#malformed.push(`${topic}: ${read.error.message}: ${Buffer.from(payload).toString()}`);
      const value: unknown = JSON.parse(Buffer.from(payload).toString());
      if (topic === `${this.own}/state`) this.states.push(value as StateMessage);
      if (topic === `${this.own}/metric`) this.metrics.push(value as MetricMessage);
      if (topic === `${this.own}/signal`) this.signals.push(value);
      if (topic === `${this.own}/log`) this.logs.push((value as { message: string }).message);
    });
    await this.#watcher.subscribe("strat/#", { qos: 1 });
    this.#feed = await this.#client("slipway-paper/feed-stocks");
    if (options.gateway !== false) await this.openGateway();
    return this;
  }

  #openRecorder(access: ReadonlyMap<string, Access>): void {
    const say = this.#broker?.say.bind(this.#broker);
    this.recorder = new Recorder({
      environment: "paper",
      access: () => access,
      answer: (topic, message) => say?.(topic, message, { qos: 0, retain: false }),
      nowMs: Date.now,
    });
    const state = { v: 1, type: "recorder-state", state: "online", session: "r", seq: 1, atMs: 1 };
    say?.("refill/state", state, { qos: 1, retain: true });
  }

  async openGateway(): Promise<void> {
    const offline = { v: 1, type: "gateway-state", state: "offline", session: "g", atMs: 0 };
    this.#gateway = await this.#client("slipway-paper/gateway", { topic: "gw/state", message: offline, retain: true });
    this.#gateway.onMessage(({ topic, payload }) => {
      if (topic.endsWith("/order/request")) this.#request(JSON.parse(Buffer.from(payload).toString()));
    });
    await this.#gateway.subscribe("strat/+/+/order/request", { qos: 1 });
    await answerQuestions(this.#gateway, this.spec.portfolio.startingCash);
    await this.gatewayState("online");
  }

  async gatewayState(state: "online" | "offline", reason?: string): Promise<void> {
    const why = reason === undefined ? {} : { reason };
    const message = { v: 1, type: "gateway-state", state, ...why, session: "g", atMs: 1 };
    await this.#gateway?.publish("gw/state", message, { qos: 1, retain: true });
  }

  async connect(identity: string): Promise<Bus> {
    const bus = await this.#client(identity);
    this.#others.push(bus);
    return bus;
  }

  #client(identity: string, will?: { topic: string; message: object; retain: boolean }): Promise<Bus> {
    return connectBus({
      url: `mqtt://127.0.0.1:${this.port}`,
      identity,
      password: () => "secret",
      connectTimeoutMs: deadlineMs,
      ...(will === undefined ? {} : { will }),
    });
  }

  get port(): number {
    return this.#broker?.port ?? 0;
  }

  #request(request: OrderRequestMessage): void {
    this.requests.push(request);
    const known = this.book.get(request.clientOrderId);
    if (known !== undefined) return void this.answer(known);
    if (this.answers === "silence") return;
    const filled = this.answers === "fill";
    this.#orderSeq += 1;
    const event: OrderEventMessage = {
      v: 1,
      type: "order-event",
      clientOrderId: request.clientOrderId,
      status: filled ? "filled" : "denied",
      sid: request.sid,
      venue: request.venue,
      side: request.side,
      quantity: request.quantity,
      filledQuantity: filled ? request.quantity : "0",
      ...(filled ? { price: this.quotes.get(request.sid) ?? "100", fee: this.feeEach } : {}),
      ...(filled ? {} : { reason: { code: "max-order-notional", message: "above the limit" } }),
      seq: this.#orderSeq,
      ts: request.ts,
    };
    this.book.set(request.clientOrderId, event);
    this.answer(event);
  }

  answer(event: OrderEventMessage): void {
    void this.#gateway?.publish(`${this.own}/order/event`, event, { qos: 1 });
  }

  quote(sid: string, quote: string, skip = 0): object {
    const channel = `md/replay/${sid}/quote`;
    const seq = (this.#seqs.get(channel) ?? 0) + 1 + skip;
    this.#seqs.set(channel, seq);
    this.quotes.set(sid, quote);
    return { v: 1, type: "quote", sid, venue: "replay", quote, session: this.session, seq, ts: 1_000_000 * (seq + 1) };
  }

  async say(sid: string, quote: string, skip = 0): Promise<void> {
    await this.publish(`md/replay/${sid}/quote`, this.quote(sid, quote, skip));
  }

  async publish(topic: string, message: object, retain = false): Promise<void> {
    await this.#feed?.publish(topic, message, retain ? { qos: 1, retain } : { qos: 1 });
  }

  newSession(session: string): void {
    this.session = session;
    this.#seqs = new Map();
  }

  async history(sid: string, quotes: readonly string[]): Promise<void> {
    const events = quotes.map((quote) => this.quote(sid, quote));
    await this.publish(
      `md/replay/${sid}/history`,
      { v: 1, type: "history", sid, venue: "replay", session: this.session, events },
      true,
    );
  }

  /** Writes a module into the rig's folder and answers with its address. */
  module(source: string): string {
    const path = join(this.folder, "algorithm.mjs");
    writeFileSync(path, source);
    return `module:${path}`;
  }

  /**
   * Its probes answer on a port of the system's choice; whoever asks them names one in `extra`.
   *
   * @param program the executor's sources, or what was built of them
   */
  async spawn(
    algorithm: string,
    extra: { readonly [name: string]: string } = {},
    program = join(root, "src/executor/main.ts"),
  ): Promise<Running> {
    return this.#track(
      spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
        env: {
          PATH: process.env["PATH"],
          SLIPWAY_STRATEGY: `${this.spec.team}/${this.spec.name}`,
          SLIPWAY_ENVIRONMENT: "paper",
          SLIPWAY_NAMESPACE: `${this.spec.team}-paper`,
          SLIPWAY_SERVICE_ACCOUNT: this.spec.name,
          SLIPWAY_SPEC_DIR: join(this.folder, "spec"),
          SLIPWAY_ALGORITHM: algorithm,
          SLIPWAY_BUS_URL: `mqtt://127.0.0.1:${this.port}`,
          SLIPWAY_BUS_TOKEN_FILE: join(this.folder, "token"),
          SLIPWAY_STATE_DIR: join(this.folder, "state"),
          SLIPWAY_PORT_PROBE: "0",
          ...extra,
        },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  }

  /** Python behind a socket, as the second container of a pod. */
  async spawnPython(bundle: string, entry: string): Promise<Running & { readonly address: string }> {
    const socket = join(this.folder, "rpc.sock");
    const running = this.#track(
      spawn("python3", ["-m", "slipway"], {
        cwd: this.folder,
        env: {
          PATH: process.env["PATH"],
          PYTHONPATH: join(root, "sdk/python"),
          PYTHONDONTWRITEBYTECODE: "1",
          SLIPWAY_ALGORITHM_BUNDLE: bundle,
          SLIPWAY_ALGORITHM_ENTRY: entry,
          SLIPWAY_RPC_SOCKET: socket,
          SLIPWAY_PORT_HEALTH: "0",
        },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    return { ...running, address: `unix://${socket}` };
  }

  #track(child: ChildProcess): Running {
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
    const running = { child, output: () => output, exited };
    this.#children.push(running);
    return running;
  }

  /** What its newest process wrote last, for who reads of a test that failed. */
  lastWords(): string {
    const newest = this.#children.at(-1);
    return `${JSON.stringify(this.states.at(-1))}; the newest process (exit code ${newest?.child.exitCode}) wrote last:\n${newest?.output().slice(-2_000)}`;
  }

  /** The newest state that an executor said. */
  state(name: StateMessage["state"]): Promise<StateMessage> {
    return until(
      () => `state ${name}, not ${this.lastWords()}`,
      () => {
        const last = this.states.at(-1);
        return last?.state === name ? last : undefined;
      },
    );
  }

  metric(what: string, holds: (metric: MetricMessage) => boolean): Promise<MetricMessage> {
    return until(
      () => `${what}; the last was ${JSON.stringify(this.metrics.at(-1))}, the state ${this.lastWords()}`,
      () => this.metrics.findLast(holds),
    );
  }

  stateFile(name: string): string {
    return readFileSync(join(this.folder, "state", name), "utf8");
  }

  async close(): Promise<void> {
    for (const { child } of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    for (const bus of [...this.#others, this.#watcher, this.#gateway, this.#feed]) await bus?.close();
    await this.#broker?.close();
    rmSync(this.folder, { recursive: true, force: true });
    // Whatever a test is about: what an executor says keeps to its schema.
    if (this.#malformed.length > 0) throw new Error(`malformed messages:\n${this.#malformed.join("\n")}`);
  }
}

export function strategyFolder(name: string): string {
  return join(root, "strategies/seed", name);
}
