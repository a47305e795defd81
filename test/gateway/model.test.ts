import { rmSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { add, compare, type Decimal, decimal, formatDecimal, max, multiply, subtract } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { type Bench, cleanUp, limitsOf, openBench, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

type Action =
  | {
      readonly kind: "order";
      readonly id: number;
      readonly sid: string;
      readonly side: "buy" | "sell";
      readonly quantity: string;
      readonly epoch: number;
    }
  | { readonly kind: "price"; readonly sid: string; readonly price: string }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "restart" };

const sid = fc.constantFrom("AAPL", "IBM", "MSFT");
const cents = (most: number): fc.Arbitrary<string> =>
  fc
    .integer({ min: 1, max: most })
    .map((value) => `${Math.floor(value / 100)}.${String(value % 100).padStart(2, "0")}`);
const order = fc.record({
  kind: fc.constant("order" as const),
  id: fc.integer({ min: 0, max: 60 }),
  sid,
  side: fc.constantFrom("buy" as const, "buy" as const, "sell" as const),
  quantity: fc.oneof(cents(3000), cents(300)),
  epoch: fc.integer({ min: 0, max: 60 }).map((value) => (value === 60 ? 2 : 1)),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: order },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("price" as const), sid, price: cents(20_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.integer({ min: 0, max: 700 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
);

/** What the account must be, from the fills alone. */
interface Model {
  cash: Decimal;
  readonly positions: Map<string, Decimal>;
  readonly prices: Map<string, Decimal>;
  readonly acceptedMs: number[];
  readonly answers: Map<string, OrderEventMessage>;
}

const limits = limitsOf({ orderRate: { count: 3, seconds: 1 }, maxDrawdown: decimal("0.5") });
const zero = decimal("0");

function check(model: Model, event: OrderEventMessage, nowMs: number): void {
  // Neither uses the id up: the order that has it, or may yet have it, is another one's.
  if (event.reason?.code === "order-id-reused" || event.reason?.code === "stale-epoch") return;
  const earlier = model.answers.get(event.clientOrderId);
  if (earlier !== undefined) {
    expect(event).toEqual(earlier);
    return;
  }
  model.answers.set(event.clientOrderId, event);
  if (event.status !== "filled") return;
  const [price, quantity, fee] = [event.price, event.filledQuantity, event.fee].map((text) => decimal(text ?? ""));
  const last = model.prices.get(event.sid) ?? zero;
  const held = model.positions.get(event.sid) ?? zero;
  const notional = multiply(price!, quantity!, "exact");
  const buys = event.side === "buy";
  model.cash = subtract(buys ? subtract(model.cash, notional) : add(model.cash, notional), fee!);
  const position = buys ? add(held, quantity!) : subtract(held, quantity!);
  if (position === zero) model.positions.delete(event.sid);
  else model.positions.set(event.sid, position);
  expect(compare(buys ? price! : last, buys ? last : price!)).toBeGreaterThanOrEqual(0);
  expect(limits.instruments).toContain(event.sid);
  expect(compare(model.cash, zero)).toBeGreaterThanOrEqual(0);
  expect(compare(position, zero)).toBeGreaterThanOrEqual(0);
  expect(compare(multiply(quantity!, last, "ceiling"), limits.maxOrderNotional)).toBeLessThanOrEqual(0);
  const value = multiply(position, max(price!, last), "ceiling");
  if (buys) expect(compare(value, limits.maxPositionNotional)).toBeLessThanOrEqual(0);
  model.acceptedMs.push(nowMs);
  expect(model.acceptedMs.filter((ms) => ms > nowMs - 1000).length).toBeLessThanOrEqual(3);
}

function play(actions: readonly Action[], folder: string): number {
  const open = (): Bench => {
    const opened = openBench({ folder, limits, slippageBps: "7", feeBps: "3" });
    opened.gateway.openAccount(strategy);
    return opened;
  };
  const model: Model = {
    cash: limits.startingCash,
    positions: new Map(),
    prices: new Map(),
    acceptedMs: [],
    answers: new Map(),
  };
  let bench = open();
  let nowMs = 1000;
  const setPrice = (instrument: string, price: string): void => {
    bench.price(instrument, price);
    model.prices.set(instrument, decimal(price));
  };
  for (const instrument of ["AAPL", "IBM"]) setPrice(instrument, "100");
  for (const step of actions) {
    if (step.kind === "time") nowMs += step.ms;
    if (step.kind === "price") setPrice(step.sid, step.price);
    if (step.kind === "restart") {
      bench.close();
      bench = open();
      for (const [instrument, price] of model.prices) bench.price(instrument, formatDecimal(price));
    }
    if (step.kind !== "order") continue;
    bench.nowMs = nowMs;
    const { id, kind, ...change } = step;
    const event = bench.send({ ...change, clientOrderId: `${kind}-${id}` });
    check(model, event!, nowMs);
  }
  const account = bench.book.accounts().get(strategy);
  expect(account?.cash ?? limits.startingCash).toBe(model.cash);
  expect(new Map(account?.positions)).toEqual(model.positions);
  bench.close();
  return [...model.answers.values()].filter(({ status }) => status === "filled").length;
}

test("no sequence of requests breaks a limit, each id is filled once, and the book is what the fills make of the cash", () => {
  let fills = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 10, maxLength: 80 }), (actions) => {
      const folder = temporaryFolder();
      fills += play(actions, folder);
      rmSync(folder, { recursive: true, force: true });
    }),
    { numRuns: 60 },
  );
  // A model that never sees a fill shows nothing.
  expect(fills).toBeGreaterThan(60);
});
