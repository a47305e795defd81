// A storm over real processes: kill −9 and SIGSTOP at instants drawn from a seed, then the end of the day, then the checks of the simulation.
import { setTimeout as sleep } from "node:timers/promises";
import { type Decimal, decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { isFinal } from "#core/order.ts";
import { SplitMix64 } from "#executor/random.ts";
import { Book } from "#gateway/book.ts";
import { exchangeOrderId } from "#gateway/ccxt-orders.ts";
import type { Mishap, StandInExchange } from "../../gateway/exchange.ts";
import {
  type AtVenue,
  againstAlgorithm,
  againstCauses,
  againstFills,
  againstVenue,
  ordersOf,
  same,
} from "../checks.ts";
import type { BrokerName } from "./brokers.ts";
import { Plane, type Strategy, strategies } from "./plane.ts";
import { type Blow, describeBlow, drawBlows } from "./schedule.ts";

export interface StormOptions {
  readonly seed: number;
  readonly broker: BrokerName;
  /** How long it blows, milliseconds. */
  readonly lastsMs: number;
  /** Milliseconds between two prices of each instrument. */
  readonly msPerStep: number;
  /** Told of each line of each process. */
  readonly trace?: (line: string) => void;
}

export interface StormOver {
  readonly problems: readonly string[];
  /** What happened, a line each. */
  readonly schedule: readonly string[];
  readonly orders: number;
  /** Processes that were started. */
  readonly starts: number;
}

const quietMs = 3_000;
const startMsMax = 60_000;
/** How long everything may take to come to its end. */
const endMsMax = 150_000;
const zero = decimal("0");

/** Plays one storm. Whatever happens, nothing of it is left running. */
export async function playStorm({ seed, broker, lastsMs, msPerStep, trace }: StormOptions): Promise<StormOver> {
  const plane = new Plane(trace ?? (() => undefined));
  const blows = drawBlows(seed, lastsMs);
  // Also where this process is told to end.
  const end = (): never => process.exit(1);
  const kill = (): void => plane.kill();
  process.on("exit", kill);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end);
  try {
    await plane.open(broker, msPerStep);
    // Everyone trades before it begins.
    const trading = await until(
      () => strategies.every((each) => plane.requested.some(({ strategy }) => strategy === each)),
      startMsMax,
    );
    if (!trading) throw new Error(`not everyone traded within ${startMsMax / 1_000} s:\n${plane.last.join("\n")}`);
    const weather = misbehave(plane.exchange, seed);
    const startMs = performance.now();
    for (const blow of blows) {
      await sleep(Math.max(0, blow.atMs - (performance.now() - startMs)));
      trace?.(`--- ${describeBlow(blow)}`);
      strike(plane, blow);
    }
    await sleep(Math.max(0, lastsMs - (performance.now() - startMs)));
    clearInterval(weather);
    plane.exchange.mishaps = [];
    return { ...(await endOfDay(plane)), schedule: blows.map(describeBlow) };
  } finally {
    process.off("exit", kill);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, end);
    await plane.close();
  }
}

function strike(plane: Plane, blow: Blow): void {
  switch (blow.what) {
    case "kill":
      plane.places.get(blow.place)?.signal("SIGKILL");
      break;
    case "pause":
      plane.places.get(blow.place)?.pause(blow.forMs);
      break;
    case "second":
      plane.places.get("executor-ts")?.pause(blow.forMs);
      plane.places.get("executor-ts")?.start();
      break;
  }
}

/** The exchange loses answers, breaks connections, has no time, and fills in parts: one mishap after the other. */
function misbehave(exchange: StandInExchange, seed: number): NodeJS.Timeout {
  const random = new SplitMix64(BigInt(seed) + 1n);
  const ways: readonly Mishap["do"][] = [
    "timeout-after",
    "cut-after",
    "500-after",
    "garbage-after",
    "429",
    "cut-before",
    "500-before",
  ];
  return setInterval(() => {
    const draw = (below: number): number => Math.floor(random.next() * below);
    exchange.fillsPercent = [100, 100, 60, 30][draw(4)] ?? 100;
    const on = draw(2) === 0 ? /^POST \/orders/ : /^GET \/orders/;
    exchange.mishaps = [{ on, do: ways[draw(ways.length)] ?? "429", times: 1 }];
  }, 700);
}

async function endOfDay(plane: Plane): Promise<Omit<StormOver, "schedule">> {
  const problems: string[] = [];
  // Whoever stands still goes on, and nobody trades on new prices.
  for (const child of plane.places.values()) child.signal("SIGCONT");
  await plane.places.get("feed")?.stop(5_000);
  if (!(await settled(plane))) problems.push("it did not come to its end in time");
  for (const place of ["executor-ts", "executor-py", "algorithm-py", "gateway", "broker"] as const)
    await plane.places.get(place)?.stop(15_000);
  let orders = 0;
  let known = 0;
  for (const strategy of strategies) {
    const found = judge(plane, strategy, problems);
    orders += found.orders;
    known += found.atVenue;
  }
  if (known !== plane.exchange.orders.length)
    problems.push(`the exchange has ${plane.exchange.orders.length} orders, ${known} of them in the book`);
  const book = new Book({ file: plane.bookFile, durability: "process" });
  if (book.unpublished().length > 0) problems.push(`${book.unpublished().length} order events were never published`);
  book.close();
  // Two executors decide on the same events with what each of them holds.
  const expected = /an order id was used again for another order/;
  problems.push(...plane.cries.filter((cry) => !expected.test(cry)));
  const starts = [...plane.places.values()].reduce((sum, child) => sum + child.starts, 0);
  return { problems, orders, starts };
}

/** Whether nothing is awaited any more, for a while. */
async function settled(plane: Plane): Promise<boolean> {
  let [before, sinceMs] = ["", 0];
  return until(() => {
    const left = strategies.map((strategy) => plane.left(strategy));
    const now = JSON.stringify([left.map(({ told }) => told), plane.requested.length, plane.exchange.orders.length]);
    if (now !== before || left.some(({ pending }) => pending.size > 0)) sinceMs = performance.now();
    before = now;
    return performance.now() - sinceMs > quietMs;
  }, endMsMax);
}

async function until(holds: () => boolean, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    try {
      if (holds()) return true;
    } catch {
      // A file that is being replaced.
    }
    await sleep(100);
  }
  return false;
}

/** @returns how many orders it has in the book, and at the exchange */
function judge(
  plane: Plane,
  strategy: Strategy,
  problems: string[],
): { readonly orders: number; readonly atVenue: number } {
  const own: string[] = [];
  const orders = ordersOf(plane.bookFile, strategy);
  const requests = plane.requested.filter((request) => request.strategy === strategy);
  const owed = new Set(requests.flatMap(({ id, replaced }) => (replaced ? [] : [id])));
  for (const id of owed) if (!orders.has(id)) own.push(`${id} was asked for and is in no book`);
  for (const { id, status } of orders.values()) if (!isFinal(status)) own.push(`${id} stays ${status}`);
  const log = logOf(plane.exchange, strategy, orders);
  againstVenue(log, orders, own);
  againstCauses(new Map(requests.map((request) => [request.id, request])), 1, orders, own);
  const account = accountOf(plane.bookFile, strategy);
  againstFills(account, orders, own);
  const left = plane.left(strategy);
  same(own, "cash", left.portfolio.cash, account.cash);
  for (const sid of new Set([...left.portfolio.positions.keys(), ...account.positions.keys()]))
    same(own, sid, left.portfolio.positions.get(sid) ?? zero, account.positions.get(sid) ?? zero);
  for (const id of left.pending.keys()) own.push(`${id} is without a final answer at the executor`);
  againstAlgorithm(left.algorithm, orders, own);
  problems.push(...own.map((problem) => `${strategy}: ${problem}`));
  return { orders: orders.size, atVenue: log.length };
}

function accountOf(
  file: string,
  strategy: Strategy,
): { readonly cash: Decimal; readonly positions: ReadonlyMap<string, Decimal> } {
  const book = new Book({ file, durability: "process" });
  const account = [...book.accounts()].find(([id]) => id === strategy)?.[1];
  book.close();
  return account ?? { cash: decimal("100000"), positions: new Map() };
}

/** What the exchange has of a strategy's orders. Whose they are their ids say, which are made of ours. */
function logOf(
  exchange: StandInExchange,
  strategy: Strategy,
  orders: ReadonlyMap<string, unknown>,
): readonly AtVenue[] {
  const ids = new Map(
    [...orders.keys()].map((id) => [
      exchangeOrderId("coinbaseexchange", { strategy: strategy as StrategyId, clientOrderId: id }),
      id,
    ]),
  );
  return exchange.orders.flatMap(({ client_oid, filled, value: notional, fees: fee }) => {
    const id = ids.get(client_oid);
    const arrivals = 1 + (exchange.repeated.get(client_oid) ?? 0);
    return id === undefined ? [] : [{ id, arrivals, filled, notional, fee }];
  });
}
