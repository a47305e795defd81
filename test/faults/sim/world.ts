// A whole data plane in one process: feed, broker, gateway, exchange and a pod, each made of the production modules, each of which may end at any step.
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { feedAccess } from "#core/access.ts";
import { decimal } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { StrategyId } from "#core/identity.ts";
import type {
  OrderEventMessage,
  OrderRequestMessage,
  OrderResendMessage,
  OrderStatementMessage,
} from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import type { TimerTurn } from "#executor/algorithm.ts";
import { Life } from "#executor/life.ts";
import { Store } from "#executor/store.ts";
import type { MarketSource } from "#feed/port.ts";
import { feedState, replayFeed } from "#feed/replay.ts";
import { Book } from "#gateway/book.ts";
import { steadyClock } from "#gateway/clock.ts";
import type { StrategyLimits } from "#gateway/limits.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import { runGateway } from "#gateway/run.ts";
import type { Venue } from "#gateway/venue.ts";
import { type AlgorithmHost, connectHost, hostAlgorithm } from "./algorithm.ts";
import { BrokerPlace, type BrokerSettings } from "./broker.ts";
import { DiskState, simDisk } from "./disk.ts";
import { Exchange, type ExchangeSettings, SimVenue } from "./exchange.ts";
import { owedByExecutor, owedByGateway, type Told } from "./left.ts";
import { enter, Killed, type OnStep, type Process, Sim, Process as SimProcess } from "./time.ts";

export const strategy = "seed/sim" as StrategyId;
export const startingCash = decimal("100000");
const instruments = ["AAPL", "IBM"];
const stateDir = "/state";
/** How often names reach the disk. */
const settleMs = 5_000;

export interface WorldSettings {
  readonly seed: number;
  readonly algorithm: AlgorithmName;
  /** Milliseconds that it takes for an answer. */
  readonly thinkMs: number;
  readonly broker: BrokerSettings;
  /** Undefined: the venue on paper, at its best. */
  readonly exchange: ExchangeSettings | undefined;
  readonly steps: number;
  readonly msPerStep: number;
  readonly durability: "process" | "power";
}

export type AlgorithmName = "steady" | "sized" | "hooked";

/** What runs under one name; another process takes its place when it ends. */
export type Role = "broker" | "gateway" | "feed" | "executor" | "algorithm";
export const roles: readonly Role[] = ["broker", "gateway", "feed", "executor", "algorithm"];

/** What reaches a disk is the simulation's business, so its files need none: a flush costs milliseconds there. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

interface Line {
  readonly atMs: number;
  readonly process: string;
  readonly level: string;
  readonly message: string;
}

/** What is known of one executor process. */
interface Known extends Told {
  readonly life: Life;
  readonly place: number;
  readonly sent: Set<string>;
  taken: number;
  turn: TimerTurn | undefined;
  /** Whether the volume that it wrote to is gone. */
  bereft: boolean;
}

export class World {
  readonly sim: Sim;
  readonly settings: WorldSettings;
  readonly place: BrokerPlace;
  readonly exchange: Exchange | undefined;
  readonly disk = new DiskState();
  readonly folder = mkdtempSync(join(memory, "faults-"));
  readonly lines: Line[] = [];
  /** Order requests as they reached the broker, the first of each id, and all of them. */
  readonly requests = new Map<string, OrderRequestMessage>();
  /** Ids that only executors asked for which another one had replaced by then: nobody owes them an answer. */
  readonly fenced = new Set<string>();
  /** Ids that nobody else asked for, after the gateway had answered an executor that was started later. */
  readonly late = new Set<string>();
  #fence = 0;
  readonly #questions = new Map<number, { readonly epoch: number; readonly place: number }>();
  /** Executors in the order of their starts. */
  readonly #lives = new Map<Process, Known>();
  /** Of the current gateway. */
  #acknowledged = new Set<string>();
  #said = new Map<number, OrderEventMessage>();
  /** A power cut may take back what was told. */
  #powerFailed = false;
  /** What was seen to be wrong on the way. */
  readonly problems: string[] = [];
  readonly current = new Map<Role, Process>();
  life: Life | undefined;
  #host: AlgorithmHost | undefined;
  #book: Book | undefined;
  /** The gateway's disk is full. */
  bookFull = false;
  /** No process is started any more once it ended. */
  #over = false;
  #feedOver = false;
  #sessions = 0;
  #version: string;
  starts = 0;

  constructor(settings: WorldSettings, onStep: OnStep) {
    this.settings = settings;
    this.sim = new Sim(settings.seed, onStep);
    this.place = new BrokerPlace(this.sim, settings.broker);
    this.exchange = settings.exchange === undefined ? undefined : new Exchange(this.sim, settings.exchange);
    this.#version = settings.algorithm;
    this.place.onPublish = (topic, payload, from) => this.#heard(topic, payload.toString(), from);
    this.place.onTaken = (_topic, by) => {
      const known = this.#lives.get(by);
      if (known !== undefined) known.taken = known.life.started?.loop.state.heard?.seq ?? 0;
    };
    this.place.onAcknowledged = (topic, payload, by) => {
      if (by !== this.current.get("gateway") || topic !== `strat/${strategy}/order/request`) return;
      this.#acknowledged.add((JSON.parse(payload.toString()) as OrderRequestMessage).clientOrderId);
    };
    this.sim.onUncaught = (thrown, process) => this.#crash(thrown, process);
  }

  #heard(topic: string, text: string, from: Process | undefined): void {
    const place = from === undefined ? 0 : (this.#lives.get(from)?.place ?? 0);
    if (topic === `strat/${strategy}/order/event` && from === this.current.get("gateway")) {
      const event = JSON.parse(text) as OrderEventMessage;
      this.#said.set(event.seq, event);
    }
    if (topic === `strat/${strategy}/order/resend`) {
      const { atMs, epoch } = JSON.parse(text) as OrderResendMessage;
      this.#questions.set(atMs, { epoch, place });
    }
    if (topic === `strat/${strategy}/order/statement`) {
      const { asked, epoch } = JSON.parse(text) as OrderStatementMessage;
      const asker = this.#questions.get(asked) ?? { epoch: 0, place: 0 };
      this.#fence = Math.max(this.#fence, asker.place);
      if (epoch < asker.epoch) this.problems.push(`the gateway told epoch ${asker.epoch} that the highest is ${epoch}`);
    }
    if (topic !== `strat/${strategy}/order/request`) return;
    const request = JSON.parse(text) as OrderRequestMessage;
    const { clientOrderId: id, epoch } = request;
    if (from !== undefined) this.#lives.get(from)?.sent.add(id);
    const replaced = epoch < Number(this.disk.files.get(`${stateDir}/epoch`)?.text);
    if (place >= this.#fence) this.late.delete(id);
    else if (!this.requests.has(id)) this.late.add(id);
    if (!replaced) this.fenced.delete(id);
    else if (!this.requests.has(id)) this.fenced.add(id);
    if (!this.requests.has(id)) this.requests.set(id, request);
  }

  /** What a process that was killed has told, its disk must know. */
  #owed(role: Role, process: Process): void {
    const known = this.#lives.get(process);
    const state = known?.life.started?.loop.state;
    if (role !== "executor" || known === undefined || state === undefined) return;
    // Of one that was replaced nobody reads it any more; nor what was on a volume that is lost.
    if (known.bereft) return;
    if (state.settings.epoch < Number(this.disk.files.get(`${stateDir}/epoch`)?.text)) return;
    this.problems.push(...owedByExecutor({ directory: stateDir, disk: this.disk }, state, known));
  }

  get bookFile(): string {
    return join(this.folder, "book.sqlite");
  }

  async play(storm: (world: World) => void): Promise<void> {
    enter(this.sim);
    // A strategy that was started often before; of the disk this is not sure yet.
    this.disk.files.set(`${stateDir}/epoch`, { text: "1000\n", durable: "1000\n" });
    const settle = (): void => {
      this.disk.settle();
      this.sim.schedule(settleMs, settle);
    };
    this.sim.schedule(settleMs, settle);
    for (const role of roles) this.start(role);
    storm(this);
    await this.sim.advance(this.settings.steps * this.settings.msPerStep + 5_000);
  }

  /** The storm is over: everything comes to its end. */
  async calm(ms: number): Promise<void> {
    this.#feedOver = true;
    if (this.exchange !== undefined) this.exchange.calm = true;
    this.current.get("feed")?.end("ended");
    await this.sim.advance(ms);
  }

  /** Ends everything. @returns the gateway's book, for who looks at it */
  finish(): Book {
    this.#over = true;
    for (const process of this.current.values()) process.end("ended");
    this.#closeBook();
    enter(undefined);
    return new Book({ file: this.bookFile, durability: "process" });
  }

  close(): void {
    this.#over = true;
    this.#closeBook();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the algorithm would keep. */
  async algorithmState(): Promise<unknown> {
    const { state } = Object(await (await this.#host?.algorithm)?.snapshot());
    return state;
  }

  /** The next process of a role. */
  start(role: Role): void {
    if (this.#over || (role === "feed" && this.#feedOver)) return;
    this.starts += 1;
    const process = new SimProcess(this.sim, role);
    this.current.set(role, process);
    process.onEnd((how) => this.#ended(role, process, how));
    try {
      process.run(() => this.#boot(role, process));
    } catch (thrown) {
      this.sim.caught(thrown, process);
    }
  }

  #boot(role: Role, process: Process): void {
    if (role === "broker") this.place.start(process);
    if (role === "gateway") this.#bootGateway(process);
    if (role === "feed") this.#bootFeed(process);
    if (role === "algorithm") this.#bootAlgorithm(process);
    if (role === "executor") this.bootExecutor(process);
  }

  #ended(role: Role, process: Process, how: "killed" | "ended"): void {
    this.lines.push({ atMs: this.sim.nowMs, process: role, level: "info", message: `--- ${how}` });
    if (!this.#over) this.#owed(role, process);
    // Another one may have taken its place already: then nobody waits for this one.
    if (this.current.get(role) !== process) return;
    this.sim.schedule(100 + this.sim.draw(900), () => {
      if (this.current.get(role) === process) this.start(role);
    });
  }

  #crash(thrown: unknown, process: Process): boolean {
    const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.#log(process)("error", message);
    if (process.name === "executor" && thrown instanceof Error) this.life?.fault(thrown.message);
    else process.end("ended");
    return thrown instanceof Fault;
  }

  /** An executor with a pod's state directory; a second one may have the same. */
  bootExecutor(process: Process): void {
    const log = this.#log(process);
    let store: Store;
    try {
      store = new Store(stateDir, simDisk(this.disk, process));
    } catch (cause) {
      if (cause instanceof Killed) throw cause;
      log("error", String(cause));
      process.end("ended");
      return;
    }
    const life = new Life({
      process: {
        environment: "paper",
        namespace: "seed-paper",
        serviceAccount: "sim",
        identity: "seed-paper/sim",
        stateDir,
        ...{ probePort: 0, probeHost: "127.0.0.1" },
      },
      effective: effective(),
      store,
      bus: this.#bus(process),
      algorithm: () =>
        connectHost(
          process,
          () => this.#host,
          (turn) => {
            known.turn = turn;
          },
        ),
      log,
      nowMs: () => process.wallMs(),
      rssBytes: () => 1,
      linesDropped: () => 0,
      end: () => process.end("ended"),
    });
    this.life = life;
    const known: Known = {
      life,
      place: this.#lives.size + 1,
      sent: new Set(),
      taken: 0,
      turn: undefined,
      bereft: false,
    };
    this.#lives.set(process, known);
    life.run().catch((cause: unknown) => {
      if (!(cause instanceof Killed)) void life.leave(1, cause instanceof Error ? cause.message : String(cause));
    });
  }

  #bootAlgorithm(process: Process): void {
    const path = join(import.meta.dirname, "..", "algorithms", `${this.#version}.ts`);
    this.#host = hostAlgorithm(process, path, this.settings.thinkMs);
  }

  #bootGateway(process: Process): void {
    this.#closeBook();
    if (existsSync(this.bookFile) && !this.#powerFailed)
      this.problems.push(...owedByGateway(this.bookFile, this.#acknowledged, this.#said));
    this.#acknowledged = new Set();
    this.#said = new Map();
    const log = this.#log(process);
    const crash = (cause: unknown): never => {
      if (!(cause instanceof Killed)) {
        log("error", cause instanceof Error ? cause.message : String(cause));
        if (!(cause instanceof Fault)) this.sim.uncaught.push(cause);
        process.end("ended");
      }
      throw new Killed("gateway");
    };
    const guarded = (work: () => void): void => {
      try {
        work();
      } catch (cause) {
        crash(cause);
      }
    };
    guarded(() => {
      const book = new Book({
        file: this.bookFile,
        durability: this.settings.durability,
        onStep: (step) => {
          process.step(`book ${step}`);
          if (this.bookFull && step === "commit") throw new Fault("book-full", "the book cannot be written");
        },
      });
      this.#book = book;
      const time = {
        wallMs: () => process.wallMs(),
        elapsedMs: () => this.sim.nowMs,
        after: (ms: number, work: () => void) => process.after(ms, () => guarded(work)),
      };
      const clock = steadyClock(time, book.lastMs());
      book.noteStart(clock.nowMs());
      const venue: Venue =
        this.exchange === undefined
          ? new PaperVenue("paper", paperRules, undefined, clock)
          : new SimVenue(this.exchange, process);
      const running = runGateway({
        ...{ environment: "paper", identity: "slipway-paper/gateway", bus: this.#bus(process), book, clock, log },
        wallMs: () => process.wallMs(),
        venues: new Map([["paper", venue]]),
        files: {
          limits: () => ({ kind: "limits", limits }),
          strategies: () => [strategy],
          standing: { halts: new Map(), refused: new Set(), strategies: new Map([[strategy, "cancel"]]) },
          ...{ problem: undefined, onStanding: () => undefined, onChange: () => undefined },
        },
        stopping: new Promise<undefined>(() => undefined),
        end: crash,
        progress: () => undefined,
      });
      running.catch((cause: unknown) => this.sim.caught(cause, process));
    });
  }

  #bootFeed(process: Process): void {
    this.#sessions += 1;
    const session = `feed-${this.#sessions}`;
    const clock = {
      wallMs: () => process.wallMs(),
      elapsedMs: () => this.sim.nowMs,
      sleepUntil: (ms: number) => new Promise<void>((resolve) => process.after(ms - this.sim.nowMs, resolve)),
    };
    const source = prices(this.settings.steps);
    const run = async (): Promise<void> => {
      const bus = await connectBus({
        ...this.#bus(process),
        identity: "slipway-paper/feed-stocks",
        access: feedAccess("paper", "stocks", "replay"),
        will: {
          topic: "feed/stocks/state",
          message: feedState(source, "offline", session, clock.wallMs()),
          retain: true,
        },
      });
      await replayFeed({
        config: {
          name: "stocks",
          source: "vega-stocks",
          venue: "replay",
          msPerStep: this.settings.msPerStep,
          warmup: 2,
        },
        ...{ source, bus, clock, pauseMs: 1_000, sessionsMax: 1 },
        nextSession: () => session,
        signal: new AbortController().signal,
      });
    };
    run().catch((cause: unknown) => this.sim.caught(cause, process));
  }

  #bus(process: Process): Pick<Parameters<typeof connectBus>[0], "url" | "password" | "dial"> {
    return {
      url: "mqtt://simulation:1",
      password: () => "secret",
      dial: (settings) => this.place.dial(process, settings),
    };
  }

  #log(process: Process): Log {
    return (level, message, fields) => {
      if (!process.alive) return;
      const more = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
      this.lines.push({ atMs: this.sim.nowMs, process: process.name, level, message: `${message}${more}` });
    };
  }

  #closeBook(): void {
    const book = this.#book;
    this.#book = undefined;
    try {
      book?.close();
    } catch {
      // A process that was killed in a transaction has closed it.
    }
  }

  /** The machine fails: what was not on its disk for sure is gone, of every process. */
  power(): void {
    this.#powerFailed = true;
    const wal = `${this.bookFile}-wal`;
    const copies = [this.bookFile, wal].filter((file) => existsSync(file));
    for (const file of copies) copyFileSync(file, `${file}.cut`);
    for (const process of this.current.values()) process.end("killed");
    this.#closeBook();
    rmSync(wal, { force: true });
    for (const file of copies) copyFileSync(`${file}.cut`, file);
    if (this.settings.durability === "process" && existsSync(wal))
      truncateSync(wal, this.sim.draw(statSync(wal).size + 1));
    this.disk.cut();
    this.place.forget();
  }

  /** The pod comes back on another machine, with an empty volume. */
  lose(): void {
    this.current.get("executor")?.end("killed");
    this.disk.lose();
    // One that was replaced may still be on its way out.
    for (const known of this.#lives.values()) known.bereft = true;
  }

  /** The next processes of the pod run another version of the algorithm. */
  upgrade(version: AlgorithmName): void {
    this.#version = version;
    this.current.get("algorithm")?.end("killed");
    this.current.get("executor")?.end("killed");
  }
}

const paperRules = {
  ...{ feeBps: decimal("3"), slippageBps: decimal("7"), collarBps: undefined, maxOpenOrders: 100, hours: undefined },
};

const limits: StrategyLimits = {
  ...{ strategy, running: true, instruments, venues: ["paper"], startingCash },
  maxOrderNotional: decimal("20000"),
  maxPositionNotional: decimal("50000"),
  orderRate: { count: 1_000, seconds: 1 },
  maxDrawdown: decimal("1"),
};

function effective(): EffectiveStrategy {
  return {
    ...{ team: "seed", name: "sim", environment: "paper", owner: "alice", running: true, errorPolicy: "halt" },
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    channels: ["quotes"],
    publishes: [],
    params: {},
    portfolio: { startingCash: "100000", sizing: { use: "fixed-fraction", fraction: "0.05" } },
    limits: {
      ...{ instruments, venues: ["paper"], maxOrderNotional: "20000", maxPositionNotional: "50000" },
      ...{ orderRate: "1000/1s", maxDrawdown: "1" },
    },
    resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
  };
}

/** Prices that go up and down by a fixed rule, a step a minute of event time. */
function prices(steps: number): MarketSource {
  const minuteUs = 60_000_000;
  return {
    ...{ name: "simulation", instruments, fromTs: 0, toTs: (steps + 2) * minuteUs },
    *events() {
      for (let step = 1; step <= steps + 2; step += 1) {
        for (const [index, sid] of instruments.entries()) {
          const quote = String(100 + ((step * 7 + index * 3) % 11));
          yield { type: "quote", sid, quote, ts: step * minuteUs };
        }
      }
    },
  };
}
