import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderEventMessage, OrderRequestMessage } from "#core/messages.ts";
import { Book, type BookOptions } from "#gateway/book.ts";
import { type Clock, steadyClock } from "#gateway/clock.ts";
import { Desk } from "#gateway/desk.ts";
import { Gateway } from "#gateway/gateway.ts";
import { Ledger } from "#gateway/ledger.ts";
import type { StrategyLimits } from "#gateway/limits.ts";
import type { LimitsEntry } from "#gateway/limits-directory.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import { Prices } from "#gateway/prices.ts";
import type { Standing } from "#gateway/risk.ts";
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
  readonly book: Book;
  readonly events: OrderEventMessage[];
  readonly logs: string[];
  readonly limits: Map<StrategyId, LimitsEntry>;
  readonly clock: TestClock;
  /** What the gateway is told about a strategy beside its limits. */
  standing: Standing;
  nowMs: number;
  send(change?: Partial<OrderRequestMessage>, topic?: string): OrderEventMessage | undefined;
  price(sid: string, price: string): void;
  close(): void;
}

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
  readonly slippageBps?: string;
  readonly feeBps?: string;
  readonly rules?: Partial<VenueRules>;
  readonly simulation?: Partial<Simulation>;
  readonly clock?: TestClock;
  /** In place of the venue on paper. */
  readonly venue?: (clock: Clock) => Venue;
}

/** A gateway without a bus: what it says is in `events`. */
export function openBench(options: BenchOptions = {}): Bench {
  const folder = options.folder ?? temporaryFolder();
  const { onStep, bytesMax, simulation } = options;
  const file = join(folder, "book.sqlite");
  const hooks = { ...(onStep === undefined ? {} : { onStep }), ...(bytesMax === undefined ? {} : { bytesMax }) };
  const book = new Book({ file, durability: "process", ...hooks });
  const time = options.clock ?? testClock();
  const clock = steadyClock(time, book.lastMs());
  const events: OrderEventMessage[] = [];
  const logs: string[] = [];
  const limits = new Map<StrategyId, LimitsEntry>([[strategy, { kind: "limits", limits: limitsOf(options.limits) }]]);
  const say = ({ event }: { readonly event: OrderEventMessage }): void => void events.push(event);
  const rules = rulesOf({
    feeBps: decimal(options.feeBps ?? "0"),
    slippageBps: decimal(options.slippageBps ?? "0"),
    ...options.rules,
  });
  const paper = new PaperVenue("paper", rules, simulation && simulationOf(simulation), clock);
  const shared = {
    ...{ book, ledger: new Ledger(book.accounts()), prices: new Prices() },
    announcer: { announce: say, repeat: say },
    venues: new Map<string, Venue>([["paper", options.venue?.(clock) ?? paper]]),
    log: (_level: string, message: string) => void logs.push(message),
  };
  const desk = new Desk({ ...shared, clock });
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    desk.stop();
    book.close();
  };
  opened.push(close);
  const bench: Bench = {
    ...{ book, desk, events, logs, limits, clock: time, close, standing: { mode: "trade" } },
    get nowMs() {
      return time.wall;
    },
    set nowMs(ms: number) {
      time.wall = ms;
    },
    gateway: new Gateway({
      ...{ ...shared, desk, clock, wallMs: time.wallMs },
      limits: (id) => limits.get(id) ?? { kind: "absent" },
      bus: { publish: async () => undefined },
      standing: () => bench.standing,
    }),
    send(change, topic = requestTopic) {
      const before = events.length;
      bench.gateway.receive(topic, bytes(requestOf(change)));
      return events[before];
    },
    price(sid, price) {
      bench.gateway.receive(...quote(sid, price));
    },
  };
  desk.start();
  return bench;
}
