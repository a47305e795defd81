// What must be true when a storm is over.
import { DatabaseSync } from "node:sqlite";
import { add, type Decimal, decimal, formatDecimal, parseDecimal, subtract } from "#core/decimal.ts";
import type { OrderStatus } from "#core/messages.ts";
import { isFinal, neverArrived } from "#core/order.ts";
import type { Account } from "#gateway/risk.ts";
import type { Fault } from "./scenario.ts";
import { settling } from "./sim/exchange.ts";
import { startingCash, strategy, type World } from "./sim/world.ts";

export interface BookedOrder {
  readonly id: string;
  readonly status: OrderStatus;
  readonly origin: string;
  readonly side: string;
  readonly sid: string;
  readonly filled: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
  readonly reason: string;
  readonly arrivedMs: number;
}

const zero = decimal("0");
/** Why an order is rejected that the venue does not know of; the second right after a gateway's start, the third when its turn does not come. */
const neverSent = [neverArrived, "venue-not-ready", "venue-busy"];

/** What is wrong, a sentence each. @param faults what happened to it */
export async function problemsOf(world: World, faults: readonly Fault[]): Promise<readonly string[]> {
  const problems: string[] = world.sim.uncaught.map(
    (thrown) => `not caught: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
  );
  problems.push(...world.problems);
  const state = world.life?.started?.loop.state;
  const algorithmState = await world.algorithmState();
  const book = world.finish();
  const account = book.accounts().get(strategy) ?? { cash: startingCash, positions: new Map<string, Decimal>() };
  if (book.unpublished().length > 0) problems.push(`${book.unpublished().length} order events were never published`);
  book.close();
  const orders = ordersOf(world.bookFile, strategy);
  // The executor's and the gateway's books.
  if (state === undefined) problems.push("no executor trades");
  else {
    if (state.status !== "running") problems.push(`the executor is ${state.status}: ${state.reason ?? ""}`);
    for (const { request, status } of state.pending.values())
      problems.push(
        `${request.clientOrderId} is without a final answer at the executor, the last is ${status ?? "none"}`,
      );
    same(problems, "cash", state.portfolio.cash, account.cash);
    for (const sid of new Set([...state.portfolio.positions.keys(), ...account.positions.keys()]))
      same(problems, sid, state.portfolio.positions.get(sid) ?? zero, account.positions.get(sid) ?? zero);
  }
  // No order is lost.
  // A request that no gateway had seen when the machine failed, or the executor's disk was lost, is in nobody's memory: then it was never made.
  const forgets = faults.some(({ kind }) => kind === "power" || kind === "lost");
  for (const id of world.requests.keys())
    if (!orders.has(id) && !world.fenced.has(id) && !forgets) problems.push(`${id} was asked for and is in no book`);
  // Nobody trades who was replaced.
  if (!faults.some(({ kind }) => kind === "power"))
    for (const id of world.late)
      if ((orders.get(id)?.status ?? "denied") !== "denied")
        problems.push(`${id} passed for an executor that was replaced`);
  for (const { id, status } of orders.values()) if (!isFinal(status)) problems.push(`${id} stays ${status}`);
  if (world.exchange !== undefined) {
    const log = [...world.exchange.log.values()];
    againstVenue(
      log.map(({ placed: { clientOrderId: id }, ...traded }) => ({ id, ...traded })),
      orders,
      problems,
    );
  }
  againstCauses(world.requests, world.settings.algorithm === "steady" ? 2 : 1, orders, problems);
  if (!faults.some(({ kind }) => kind === "clock")) againstExpiry(world, orders, problems);
  againstLog(world, faults, problems);
  againstFills(account, orders, problems);
  // Another version begins without the state of the one before, and what a power cut took back was never told.
  if (!faults.some(({ kind }) => kind === "upgrade" || kind === "power" || kind === "lost"))
    againstAlgorithm(algorithmState, orders, problems);
  return problems;
}

/** The account is what the fills make of the cash. */
export function againstFills(
  account: Pick<Account, "cash" | "positions">,
  orders: ReadonlyMap<string, BookedOrder>,
  problems: string[],
): void {
  let cash: Decimal = startingCash;
  const held = new Map<string, Decimal>();
  for (const { side, sid, filled, notional, fee } of orders.values()) {
    const buys = side === "buy";
    cash = subtract(buys ? subtract(cash, notional) : add(cash, notional), fee);
    held.set(sid, buys ? add(held.get(sid) ?? zero, filled) : subtract(held.get(sid) ?? zero, filled));
  }
  same(problems, "the fills' cash", cash, account.cash);
  for (const [sid, quantity] of held) same(problems, `the fills' ${sid}`, quantity, account.positions.get(sid) ?? zero);
}

/**
 * One event of the market, a timer or an order makes as many orders as its algorithm asks for, whoever decides on it.
 *
 * @param most how many that are
 */
export function againstCauses(
  requests: ReadonlyMap<string, { readonly cause: string }>,
  most: number,
  orders: ReadonlyMap<string, BookedOrder>,
  problems: string[],
): void {
  const counts = new Map<string, number>();
  for (const [id, { cause }] of requests)
    if ((orders.get(id)?.status ?? "denied") !== "denied") counts.set(cause, (counts.get(cause) ?? 0) + 1);
  for (const [cause, count] of counts) if (count > most) problems.push(`${cause} made ${count} orders`);
}

/** What is late is not carried out. */
function againstExpiry({ requests }: World, orders: ReadonlyMap<string, BookedOrder>, problems: string[]): void {
  for (const { id, status, arrivedMs } of orders.values()) {
    const { expiresAtMs } = requests.get(id) ?? {};
    if (status !== "denied" && expiresAtMs !== undefined && arrivedMs > expiresAtMs)
      problems.push(`${id} was carried out ${arrivedMs - expiresAtMs} ms after it was over`);
  }
}

/** What heals by itself must not have happened at all, but where something was taken back. */
function againstLog({ lines, exchange }: World, faults: readonly Fault[], problems: string[]): void {
  const may = (...kinds: readonly Fault["kind"][]): boolean => faults.some(({ kind }) => kinds.includes(kind));
  for (const { process, message } of lines) {
    if (process === "executor" && message.includes("it takes over what the book says") && !may("power"))
      problems.push(`the executor's account was wrong on the way: ${message}`);
    // Two executors decide on the same events with what each of them holds.
    if (message.includes("an order id was used again for another order") && !may("power", "second", "upgrade"))
      problems.push(message);
    const id = /"clientOrderId":"(\w+)"/.exec(message)?.[1] ?? "";
    // What arrives so late is given up by then.
    const late = (exchange?.lateMs.get(id) ?? 0) >= settling.forMs;
    if (message.includes("an order that was thought to be rejected") && !late) problems.push(message);
  }
}

/** What a venue has of an order. */
export interface AtVenue {
  readonly id: string;
  /** How often it was sent. */
  readonly arrivals: number;
  readonly filled: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
}

/** The book against the venue's own log. */
export function againstVenue(
  log: readonly AtVenue[],
  orders: ReadonlyMap<string, BookedOrder>,
  problems: string[],
): void {
  for (const { id, arrivals, filled, notional, fee } of log) {
    const booked = orders.get(id);
    if (arrivals > 1) problems.push(`${id} was sent to the venue ${arrivals} times`);
    if (booked === undefined) problems.push(`${id} was sent to the venue and is in no book`);
    else if (booked.filled !== filled || booked.notional !== notional || booked.fee !== fee)
      problems.push(`${id}: the venue filled ${formatDecimal(filled)}, the book has ${formatDecimal(booked.filled)}`);
  }
  const known = new Set(log.map(({ id }) => id));
  for (const { id, status, reason } of orders.values()) {
    if (status === "denied" || known.has(id)) continue;
    if (!neverSent.some((code) => reason.includes(code)))
      problems.push(`${id} is ${status} in the book, and the venue never had it: ${reason}`);
  }
}

/** An algorithm that keeps an account of its own has heard of every fill. */
export function againstAlgorithm(state: unknown, orders: ReadonlyMap<string, BookedOrder>, problems: string[]): void {
  const { filled } = Object(state) as { readonly filled?: { readonly [id: string]: string } };
  if (filled === undefined) return;
  for (const order of orders.values()) {
    const heard = filled[order.id] ?? "0";
    if (heard !== formatDecimal(order.filled))
      problems.push(
        `the algorithm heard that ${heard} of ${order.id} are filled, the book has ${formatDecimal(order.filled)}`,
      );
  }
}

export function same(problems: string[], what: string, executor: Decimal, book: Decimal): void {
  if (executor !== book) problems.push(`${what} is ${formatDecimal(executor)}, the book has ${formatDecimal(book)}`);
}

/** All orders of a strategy in a book that nobody has open. */
export function ordersOf(file: string, of: string): ReadonlyMap<string, BookedOrder> {
  const database = new DatabaseSync(file, { readOnly: true });
  const orders = new Map<string, BookedOrder>();
  for (const row of database.prepare("SELECT * FROM orders WHERE strategy = ?").all(of)) {
    const text = (column: string): string => String(row[column] ?? "");
    const amount = (column: string): Decimal => {
      const parsed = parseDecimal(text(column));
      if (!parsed.ok) throw new Error(`${column} is ${text(column)}`);
      return parsed.value;
    };
    const [id, side, sid, origin] = [text("client_order_id"), text("side"), text("sid"), text("origin")];
    const totals = { filled: amount("filled"), notional: amount("notional"), fee: amount("fee") };
    const told = {
      status: text("status") as OrderStatus,
      reason: text("reason"),
      arrivedMs: Number(text("arrived_ms")),
    };
    orders.set(id, { id, side, sid, origin, ...totals, ...told });
  }
  database.close();
  return orders;
}
