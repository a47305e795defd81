import { rmSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { add, compare, type Decimal, decimal, formatDecimal, multiply, subtract } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { isFinal, neverArrived } from "#core/order.ts";
import { applyOrderEvent, openPortfolio, type Portfolio } from "#executor/portfolio.ts";
import { paperPlan, paperReport } from "#gateway/paper.ts";
import type { Simulation } from "#gateway/venue-settings.ts";
import { testClock } from "./clock.ts";
import {
  type Bench,
  cleanUp,
  limitsOf,
  openBench,
  rulesOf,
  simulationOf,
  strategy,
  temporaryFolder,
} from "./fixtures.ts";

// The gateway is killed between any two steps of its book, the venue is late, rejects, loses requests and answers, fills in parts and repeats
// itself, clocks jump by an hour, two executors of one strategy send the same and other things. A failing run prints its seed and path: put
// them into SLIPWAY_SEED and SLIPWAY_PATH to see it again; SLIPWAY_RUNS says how many are tried.

cleanUp();

type Happening =
  | {
      readonly kind: "order";
      readonly id: number;
      readonly side: "buy" | "sell";
      readonly cents: number;
      readonly epoch: 1 | 2;
    }
  | { readonly kind: "price"; readonly cents: number }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "jump"; readonly hours: number }
  | { readonly kind: "restart" | "cancel" }
  /** The process ends at this step of its book, whichever it is at then. */
  | { readonly kind: "kill"; readonly step: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("order" as const),
      id: fc.integer({ min: 0, max: 25 }),
      side: fc.constantFrom("buy" as const, "buy" as const, "sell" as const),
      cents: fc.integer({ min: 1, max: 1_500 }),
      epoch: fc.constantFrom(1 as const, 1 as const, 1 as const, 2 as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("price" as const), cents: fc.integer({ min: 8_000, max: 12_000 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 1, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("jump" as const), hours: fc.constantFrom(-1, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("restart" as const, "cancel" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill" as const), step: fc.integer({ min: 1, max: 40 }) }) },
);
const simulation: fc.Arbitrary<Simulation> = fc.record({
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  delayMs: fc.constantFrom(0, 0, 300, 2_000),
  fills: fc.integer({ min: 1, max: 4 }),
  fillEveryMs: fc.constantFrom(0, 500),
  rejectPercent: fc.constantFrom(0, 20),
  loseRequestPercent: fc.constantFrom(0, 30),
  loseAnswerPercent: fc.constantFrom(0, 30),
  repeatPercent: fc.constantFrom(0, 50),
});

const limits = limitsOf({ orderRate: { count: 50, seconds: 1 }, maxDrawdown: decimal("1"), instruments: ["AAPL"] });
const rules = { feeBps: decimal("3"), slippageBps: decimal("7") };
const killed = new Error("killed");
const zero = decimal("0");
const dollars = (cents: number): string => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;

class World {
  readonly folder = temporaryFolder();
  readonly clock = testClock(10_000_000);
  readonly simulation: Simulation;
  readonly heard: OrderEventMessage[] = [];
  killAt = Number.POSITIVE_INFINITY;
  kills = 0;
  price = 10_000;
  bench: Bench;

  constructor(settings: Simulation) {
    this.simulation = settings;
    this.bench = this.open();
  }

  open(): Bench {
    // Timers of a process that is gone are gone, too; its wall clock goes on.
    const bench = openBench({
      ...{ folder: this.folder, limits, rules, simulation: this.simulation, clock: this.clock },
      onStep: () => {
        this.killAt -= 1;
        if (this.killAt === 0) throw killed;
      },
    });
    bench.price("AAPL", dollars(this.price));
    return bench;
  }

  /** What the process that dies had published is heard; what it had only written down is said by the next one. */
  survive(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      if (thrown !== killed) throw thrown;
      this.kills += 1;
      this.reopen();
    }
    this.heard.push(...this.bench.events.splice(0));
  }

  reopen(): void {
    this.heard.push(...this.bench.events.splice(0));
    this.bench.close();
    this.killAt = Number.POSITIVE_INFINITY;
    this.bench = this.open();
    for (const { event } of this.bench.book.unpublished()) this.heard.push(event);
  }
}

function play(settings: Simulation, happenings: readonly Happening[]): World {
  const world = new World(settings);
  for (const event of happenings) {
    const { bench } = world;
    if (event.kind === "kill") world.killAt = event.step;
    if (event.kind === "jump") world.clock.wall += event.hours * 3_600_000;
    if (event.kind === "restart") world.reopen();
    if (event.kind === "price") world.price = event.cents;
    world.survive(() => {
      if (event.kind === "price") bench.price("AAPL", dollars(event.cents));
      if (event.kind === "time") world.clock.advance(event.ms);
      if (event.kind === "cancel") bench.desk.cancel(strategy);
      if (event.kind !== "order") return;
      const { id, side, epoch } = event;
      const expiresAtMs = Number.MAX_SAFE_INTEGER;
      bench.send({ clientOrderId: `order-${id}`, side, epoch, quantity: dollars(event.cents), expiresAtMs });
    });
  }
  // The storm is over: everything comes to its end.
  for (let hours = 0; hours < 3; hours += 1) world.survive(() => world.clock.advance(3_600_000));
  return world;
}

/** An executor that hears everything twice and in any order, and one that hears it as it was said. */
function portfolioOf(events: readonly OrderEventMessage[]): Portfolio {
  let portfolio = openPortfolio(limits.startingCash);
  for (const event of events) {
    const applied = applyOrderEvent(portfolio, event);
    if (!applied.ok) throw new Error(applied.error.message);
    portfolio = applied.value;
  }
  return portfolio;
}

function check(world: World): { readonly fills: number; readonly gaveUp: number } {
  const { bench, heard } = world;
  const account = bench.book.accounts().get(strategy);
  const orders = new Map(
    heard
      .filter(({ reason }) => reason?.code !== "order-id-reused" && reason?.code !== "stale-epoch")
      .map((event) => [event.clientOrderId, event]),
  );
  let [cash, held]: [Decimal, Decimal] = [limits.startingCash, zero];
  let [fills, gaveUp] = [0, 0];
  for (const [clientOrderId, last] of orders) {
    const state = bench.book.state({ strategy, clientOrderId });
    if (state === undefined) {
      expect(last.status).toBe("denied");
      continue;
    }
    const { placed, order } = state;
    expect(isFinal(order.status)).toBe(true);
    expect(last).toMatchObject({ status: order.status, filledQuantity: formatDecimal(order.filled) });
    // The venue's own word about this order, at the end of all days.
    const plan = paperPlan(world.simulation, placed);
    const truth = paperReport(rulesOf(rules), plan, placed, Number.MAX_SAFE_INTEGER);
    expect(order.reason?.code === neverArrived).toBe(truth === undefined);
    if (truth !== undefined) {
      const { status, filled, notional, fee } = truth;
      expect(order).toMatchObject({ status, filled, notional, fee });
    } else gaveUp += 1;
    const buys = placed.side === "buy";
    cash = subtract(buys ? subtract(cash, order.notional) : add(cash, order.notional), order.fee);
    held = buys ? add(held, order.filled) : subtract(held, order.filled);
    if (order.filled !== zero) fills += 1;
  }
  // The book is what the fills make of the cash, and so is whatever an executor makes of the events.
  expect(account?.cash ?? limits.startingCash).toBe(cash);
  expect(account?.positions.get("AAPL") ?? zero).toBe(held);
  expect(compare(cash, zero)).toBeGreaterThanOrEqual(0);
  expect(compare(held, zero)).toBeGreaterThanOrEqual(0);
  const shuffled = [...heard, ...heard].sort((a, b) => hash(a) - hash(b));
  for (const portfolio of [portfolioOf(heard), portfolioOf([...shuffled, ...heard])]) {
    expect(portfolio.cash).toBe(cash);
    expect(portfolio.positions.get("AAPL") ?? zero).toBe(held);
  }
  return { fills, gaveUp };
}

function hash({ seq, clientOrderId }: OrderEventMessage): number {
  return (seq * 7_919 + clientOrderId.length * 104_729) % 1_009;
}

const { SLIPWAY_SEED: seed, SLIPWAY_PATH: path } = process.env;

test("no order is lost or doubled, and everybody's books agree with the venue's", { timeout: 120_000 }, () => {
  const seen = { fills: 0, gaveUp: 0, kills: 0 };
  fc.assert(
    fc.property(simulation, fc.array(happening, { minLength: 5, maxLength: 60 }), (settings, happenings) => {
      const world = play(simulationOf(settings), happenings);
      const { fills, gaveUp } = check(world);
      seen.fills += fills;
      seen.gaveUp += gaveUp;
      seen.kills += world.kills;
      world.bench.close();
      rmSync(world.folder, { recursive: true, force: true });
    }),
    {
      numRuns: Number(process.env["SLIPWAY_RUNS"] ?? 80),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  );
  if (path === undefined) expect(Math.min(seen.fills / 10, seen.gaveUp, seen.kills)).toBeGreaterThan(5);
});

test("positions and cash on order are never spent twice", () => {
  const bench = openBench({ limits, simulation: { delayMs: 1_000 } });
  bench.price("AAPL", "100");
  for (const id of ["a", "b", "c"]) bench.send({ clientOrderId: id, quantity: "20" });
  // 6000 of the position's 5000 would be on order.
  expect(bench.events.map(({ status, reason }) => reason?.code ?? status)).toEqual([
    ...["pending-new", "pending-new", "position-notional-exceeded"],
  ]);
  bench.clock.advance(1_000);
  expect(bench.book.accounts().get(strategy)?.positions.get("AAPL")).toBe(decimal("40"));
  bench.send({ clientOrderId: "d", side: "sell", quantity: "20" });
  bench.send({ clientOrderId: "e", side: "sell", quantity: "20" });
  expect(bench.send({ clientOrderId: "f", side: "sell", quantity: "0.0001" })?.reason?.code).toBe("position-short");
  bench.clock.advance(1_000);
  expect(bench.book.accounts().get(strategy)).toMatchObject({
    cash: multiply(decimal("100"), decimal("100"), "exact"),
    positions: new Map(),
  });
});
