import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type {
  GatewayCommandMessage,
  OrderEventMessage,
  OrderRequestMessage,
  OrderStatementMessage,
} from "#core/messages.ts";
import type { Accounts } from "#gateway/accounts.ts";
import { assemble, start } from "#gateway/assemble.ts";
import { Book, type BookOptions } from "#gateway/book.ts";
import type { Claims } from "#gateway/claims.ts";
import { type Clock, steadyClock } from "#gateway/clock.ts";
import type { Desk } from "#gateway/desk.ts";
import type { Gateway } from "#gateway/gateway.ts";
import type { Halts } from "#gateway/halts.ts";
import type { StrategyLimits } from "#gateway/limits.ts";
import type { LimitsEntry } from "#gateway/limits-directory.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import type { GitStanding } from "#gateway/standing.ts";
import type { Venue } from "#gateway/venue.ts";
import type { Simulation, VenueRules } from "#gateway/venue-settings.ts";
import { type TestClock, testClock } from "./clock.ts";

export const strategy = "momentum/sma-cross" as StrategyId;
export const requestTopic = `strat/${strategy}/order/request`;

export const limitsOf = (change: Partial<StrategyLimits> = {}): StrategyLimits => ({
  strategy,
  running: true,
  instruments: ["AAPL", "IBM"],
  venues: ["paper"],
  maxOrderNotional: decimal("2000"),
  maxPositionNotional: decimal("5000"),
  orderRate: { count: 10, seconds: 1 },
  maxDrawdown: decimal("0.2"),
  startingCash: decimal("10000"),
  ...change,
});

export const requestOf = (change: Partial<OrderRequestMessage> = {}): OrderRequestMessage => ({
  v: 1,
  type: "order",
  clientOrderId: "order-1",
  epoch: 1,
  sid: "AAPL",
  venue: "paper",
  side: "buy",
  orderType: "market",
  quantity: "10",
  cause: "s-1:md/replay/AAPL/quote:1",
  expiresAtMs: 1_000_000,
  ts: 5,
  ...change,
});

export const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

let quoted = 0;

export function quote(
  sid: string,
  price: string,
  ts = 7,
  session = "s-1",
): readonly [topic: string, payload: Uint8Array] {
  quoted += 1;
  const message = { v: 1, type: "quote", sid, venue: "replay", quote: price, session, seq: quoted, ts };
  return [`md/replay/${sid}/quote`, bytes(message)];
}

const opened: (() => void)[] = [];

/** Ends what the tests of a file opened, newest first. */
export function cleanUp(): void {
  afterEach(() => {
    for (const close of opened.splice(0).reverse()) close();
  });
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slipway-gateway-"));
  opened.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Bench {
  readonly gateway: Gateway;
  readonly desk: Desk;
  readonly halts: Halts;
  readonly claims: Claims;
  readonly accounts: Accounts;
  readonly book: Book;
  readonly events: OrderEventMessage[];
  readonly statements: OrderStatementMessage[];
  readonly logs: string[];
  readonly limits: Map<StrategyId, LimitsEntry>;
  readonly clock: TestClock;
  /** What Git says; undefined: unreadable. `halts.reconcile` reads it. */
  readonly git: { standing: GitStanding | undefined };
  nowMs: number;
  send(change?: Partial<OrderRequestMessage>, topic?: string): OrderEventMessage | undefined;
  price(sid: string, price: string): void;
  command(change?: Partial<GatewayCommandMessage>): void;
  close(): void;
}

export const commandOf = (change: Partial<GatewayCommandMessage> = {}): GatewayCommandMessage => ({
  ...{ v: 1, type: "gateway-command", id: "halt-1", verb: "halt", scope: strategy, by: "alice" },
  ...{ reason: "a bad tick", expiresAtMs: Number.MAX_SAFE_INTEGER, atMs: 1 },
  ...change,
});

export const standingOf = (change: Partial<GitStanding> = {}): GitStanding => ({
  ...{ halts: new Map(), refused: new Set(), strategies: new Map([[strategy, "cancel"]]) },
  ...change,
});

export const rulesOf = (change: Partial<VenueRules> = {}): VenueRules => ({
  feeBps: decimal("0"),
  slippageBps: decimal("0"),
  collarBps: undefined,
  maxOpenOrders: 100,
  hours: undefined,
  ...change,
});

export const simulationOf = (change: Partial<Simulation> = {}): Simulation => ({
  ...{ seed: 1, delayMs: 0, fills: 1, fillEveryMs: 0 },
  ...{ rejectPercent: 0, loseRequestPercent: 0, loseAnswerPercent: 0, repeatPercent: 0 },
  ...change,
});

export interface BenchOptions {
  readonly folder?: string;
  readonly limits?: Partial<StrategyLimits>;
  readonly onStep?: BookOptions["onStep"];
  readonly bytesMax?: number;
  readonly eventsKept?: number;
  readonly slippageBps?: string;
  readonly feeBps?: string;
  readonly rules?: Partial<VenueRules>;
  readonly simulation?: Partial<Simulation>;
  readonly clock?: TestClock;
  readonly git?: GitStanding;
  /** In place of the venue on paper. */
  readonly venue?: (clock: Clock) => Venue;
}

/** A gateway without a bus: what it says is in `events`. */
export function openBench(options: BenchOptions = {}): Bench {
  const folder = options.folder ?? temporaryFolder();
  const { onStep, bytesMax, eventsKept, simulation } = options;
  const file = join(folder, "book.sqlite");
  const hooks = {
    ...(onStep === undefined ? {} : { onStep }),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(eventsKept === undefined ? {} : { eventsKept }),
  };
  const book = new Book({ file, durability: "process", ...hooks });
  const time = options.clock ?? testClock();
  const clock = steadyClock(time, book.lastMs());
  const events: OrderEventMessage[] = [];
  const statements: OrderStatementMessage[] = [];
  const logs: string[] = [];
  const limits = new Map<StrategyId, LimitsEntry>([[strategy, { kind: "limits", limits: limitsOf(options.limits) }]]);
  const say = ({ event }: { readonly event: OrderEventMessage }): void => void events.push(event);
  const rules = rulesOf({
    feeBps: decimal(options.feeBps ?? "0"),
    slippageBps: decimal(options.slippageBps ?? "0"),
    ...options.rules,
  });
  const paper = new PaperVenue("paper", rules, simulation && simulationOf(simulation), clock);
  const publish = async (topic: string, message: object): Promise<void> => {
    if (topic.endsWith("/order/statement")) statements.push(message as OrderStatementMessage);
  };
  const git: { standing: GitStanding | undefined } = { standing: options.git ?? standingOf() };
  const assembled = assemble({
    ...{ book, clock, wallMs: time.wallMs, bus: { publish } },
    announcer: { announce: say, repeat: say },
    venues: new Map<string, Venue>([["paper", options.venue?.(clock) ?? paper]]),
    limits: (id) => limits.get(id) ?? { kind: "absent" },
    strategies: () => [...limits.keys()],
    git: () => git.standing,
    log: (_level: string, message: string) => void logs.push(message),
  });
  const { gateway, desk, halts, claims, accounts } = assembled;
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    desk.stop();
    book.close();
  };
  opened.push(close);
  const bench: Bench = {
    ...{ gateway, book, desk, halts, claims, accounts, events, statements, logs, limits, git, clock: time, close },
    get nowMs() {
      return time.wall;
    },
    set nowMs(ms: number) {
      time.wall = ms;
    },
    send(change, topic = requestTopic) {
      const before = events.length;
      gateway.receive(topic, bytes(requestOf(change)));
      return events[before];
    },
    price(sid, price) {
      gateway.receive(...quote(sid, price));
    },
    command(change) {
      const message = commandOf(change);
      gateway.receive(`gw/cmd/${message.verb}`, bytes(message));
    },
  };
  start(assembled);
  return bench;
}
