import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { add, compare, type Decimal, decimal, multiply, subtract } from "#core/decimal.ts";
import {
  isFinal,
  neverArrived,
  newOrder,
  type Order,
  type OrderEffect,
  type OrderInput,
  type OrderReport,
  openQuantity,
  orderStatuses,
  stepOrder,
} from "#core/order.ts";

const zero = decimal("0");
const settling = { timesMin: 3, forMs: 60_000 };

const report = (
  status: OrderReport["status"],
  filled = "0",
  change: Partial<OrderReport> = {},
): OrderInput & { readonly type: "report" } => ({
  type: "report",
  report: {
    status,
    filled: decimal(filled),
    notional: multiply(decimal(filled), decimal("100"), "exact"),
    fee: zero,
    ...change,
  },
});
const lost: OrderInput = { type: "lost" };
const cancel: OrderInput = { type: "cancel" };
const restart: OrderInput = { type: "restart" };
const missing = (atMs: number): OrderInput => ({ type: "not-found", atMs, settling });

function play(inputs: readonly OrderInput[]): { readonly order: Order; readonly did: readonly string[] } {
  let order = newOrder(decimal("10"));
  const did: string[] = [];
  for (const input of inputs) {
    const [next, effects] = stepOrder(order, input);
    order = next;
    did.push(...effects.map((effect) => (effect.do === "alarm" ? effect.code : effect.do)));
  }
  return { order, did };
}

describe("what becomes of an order", () => {
  test.each<{ name: string; inputs: readonly OrderInput[]; status: string; did: string }>([
    {
      name: "accepted and filled in two parts",
      inputs: [report("new"), report("partially-filled", "4"), report("filled", "10")],
      status: "filled",
      did: "fill fill",
    },
    { name: "filled at once", inputs: [report("filled", "10")], status: "filled", did: "fill" },
    {
      name: "the same fill three times",
      inputs: [report("filled", "10"), report("filled", "10"), report("filled", "10")],
      status: "filled",
      did: "fill",
    },
    { name: "rejected", inputs: [report("rejected")], status: "rejected", did: "" },
    {
      name: "an older word after a newer one",
      inputs: [report("partially-filled", "4"), report("new"), report("partially-filled", "2")],
      status: "partially-filled",
      did: "fill",
    },
    {
      name: "an older word after the last one",
      inputs: [report("filled", "10"), report("new")],
      status: "filled",
      did: "fill",
    },
    {
      name: "an acceptance after the cancellation",
      inputs: [report("new"), report("canceled"), report("new")],
      status: "canceled",
      did: "",
    },
    { name: "expired in part", inputs: [report("expired", "3")], status: "expired", did: "fill" },
    { name: "a lost answer is not a rejection", inputs: [lost], status: "unknown", did: "ask" },
    { name: "a lost answer, then found", inputs: [lost, report("filled", "10")], status: "filled", did: "ask fill" },
    { name: "not found twice", inputs: [lost, missing(0), missing(90_000)], status: "unknown", did: "ask ask ask" },
    {
      name: "not found three times at once",
      inputs: [lost, missing(0), missing(1), missing(59_999)],
      status: "unknown",
      did: "ask ask ask ask",
    },
    {
      name: "not found often enough",
      inputs: [lost, missing(0), missing(1), missing(60_000)],
      status: "rejected",
      did: "ask ask ask",
    },
    {
      name: "not found, found",
      inputs: [lost, missing(0), missing(1), report("new")],
      status: "new",
      did: "ask ask ask",
    },
    {
      name: "a clock set back does not settle it",
      inputs: [lost, missing(100_000), missing(0), missing(59_999)],
      status: "unknown",
      did: "ask ask ask ask",
    },
    {
      name: "given up, then alive",
      inputs: [lost, missing(0), missing(1), missing(60_000), report("filled", "10")],
      status: "filled",
      did: "ask ask ask fill order-alive",
    },
    {
      name: "given up, then only accepted",
      inputs: [lost, missing(0), missing(1), missing(60_000), report("new")],
      status: "new",
      did: "ask ask ask order-alive",
    },
    {
      name: "known once, it is never given up",
      inputs: [report("new"), missing(0), missing(1), missing(99_999_999)],
      status: "unknown",
      did: "order-forgotten ask ask ask",
    },
    { name: "canceled", inputs: [report("new"), cancel, report("canceled")], status: "canceled", did: "cancel" },
    { name: "cancel twice", inputs: [report("new"), cancel, cancel], status: "pending-cancel", did: "cancel" },
    { name: "cancel before it is accepted", inputs: [cancel, report("new")], status: "pending-cancel", did: "cancel" },
    {
      name: "cancel while unknown",
      inputs: [lost, cancel, report("new")],
      status: "pending-cancel",
      did: "ask ask cancel",
    },
    {
      name: "filled before the cancellation came",
      inputs: [report("new"), cancel, { type: "cancel-refused" }, report("filled", "10")],
      status: "filled",
      did: "cancel ask fill",
    },
    {
      name: "a lost cancellation is sent again",
      inputs: [report("new"), cancel, lost, report("new")],
      status: "pending-cancel",
      did: "cancel ask cancel",
    },
    {
      name: "part filled while being canceled",
      inputs: [report("new"), cancel, report("partially-filled", "4"), report("canceled", "5")],
      status: "canceled",
      did: "cancel fill fill",
    },
    {
      name: "a fill after the cancellation",
      inputs: [report("new"), report("canceled"), report("canceled", "4")],
      status: "canceled",
      did: "fill filled-when-over",
    },
    {
      name: "all filled after the cancellation",
      inputs: [report("canceled"), report("filled", "10")],
      status: "filled",
      did: "fill filled-when-over",
    },
    { name: "restarted before the answer", inputs: [restart], status: "unknown", did: "ask" },
    { name: "restarted in between", inputs: [report("new"), restart], status: "new", did: "ask" },
    {
      name: "restarted while canceling",
      inputs: [report("new"), cancel, restart, report("new")],
      status: "pending-cancel",
      did: "cancel ask cancel",
    },
    {
      name: "restarted at the end",
      inputs: [report("filled", "10"), restart, lost, cancel],
      status: "filled",
      did: "fill",
    },
    {
      name: "more than was ordered",
      inputs: [report("filled", "10.1")],
      status: "pending-new",
      did: "report-contradicts ask",
    },
    {
      name: "a value without a quantity",
      inputs: [report("new", "0", { notional: decimal("1") })],
      status: "pending-new",
      did: "report-contradicts ask",
    },
    {
      name: "a quantity without a value",
      inputs: [report("filled", "10", { notional: zero })],
      status: "pending-new",
      did: "report-contradicts ask",
    },
    {
      name: "more for less money",
      inputs: [report("new", "4"), report("new", "5", { notional: decimal("400") })],
      status: "partially-filled",
      did: "fill report-contradicts",
    },
    {
      name: "a fee below zero",
      inputs: [report("filled", "10", { fee: decimal("-1") })],
      status: "pending-new",
      did: "report-contradicts ask",
    },
    {
      name: "filled, but not whole",
      inputs: [report("filled", "9")],
      status: "pending-new",
      did: "report-contradicts ask",
    },
    {
      name: "a fee that comes later",
      inputs: [report("filled", "10"), report("filled", "10", { fee: decimal("1") })],
      status: "filled",
      did: "fill fill",
    },
    {
      name: "a last word that knows less",
      inputs: [report("new", "4"), report("canceled", "2")],
      status: "partially-filled",
      did: "fill ask",
    },
    { name: "rejected with a fill", inputs: [report("rejected", "4")], status: "canceled", did: "fill" },
  ])("$name → $status", ({ inputs, status, did }) => {
    const played = play(inputs);
    expect(played.order.status).toBe(status);
    expect(played.did.join(" ")).toBe(did);
  });

  test("what was never there says so", () => {
    expect(play([lost, missing(0), missing(1), missing(60_000)]).order.reason).toEqual({
      code: neverArrived,
      message: "the venue was asked 3 times in 60000 ms and does not know it: the request never arrived",
    });
  });
});

// A venue that is right about its orders, behind a network that does anything: what it said may come late, again, out of order or never.

type Happening =
  | { readonly kind: "arrives" | "rejects" | "ends" | "restart" | "cancel" | "lost" | "cancel-refused" }
  | { readonly kind: "fills"; readonly part: number }
  /** The word of some moment is delivered; 0 is the newest. */
  | { readonly kind: "hears"; readonly back: number }
  | { readonly kind: "asks"; readonly afterMs: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("arrives", "rejects", "ends", "restart", "cancel", "lost", "cancel-refused"),
  }) as fc.Arbitrary<Happening>,
  fc.record({ kind: fc.constant("fills" as const), part: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant("hears" as const), back: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant("asks" as const), afterMs: fc.integer({ min: 0, max: 40_000 }) }),
);

interface Truth {
  readonly words: OrderReport[];
  state: "away" | "open" | "over";
}

function now({ words }: Truth): OrderReport {
  return words.at(-1) ?? { status: "new", filled: zero, notional: zero, fee: zero };
}

const quantity = decimal("10");

function happen(truth: Truth, event: Happening): void {
  const last = now(truth);
  if (event.kind === "arrives" && truth.state === "away") {
    truth.state = "open";
    truth.words.push({ status: "new", filled: zero, notional: zero, fee: zero });
  }
  if (event.kind === "rejects" && truth.state === "away") {
    truth.state = "over";
    truth.words.push({ status: "rejected", filled: zero, notional: zero, fee: zero });
  }
  if (event.kind === "ends" && truth.state === "open") {
    truth.state = "over";
    truth.words.push({ ...last, status: "canceled" });
  }
  if (event.kind !== "fills" || truth.state !== "open") return;
  const more = multiply(subtract(quantity, last.filled), decimal(event.part === 10 ? "1" : `0.${event.part}`), "floor");
  if (more === zero) return;
  const filled = add(last.filled, more);
  const notional = add(last.notional, multiply(more, decimal("99.1234"), "ceiling"));
  const whole = filled === quantity;
  truth.words.push({
    status: whole ? "filled" : "partially-filled",
    filled,
    notional,
    fee: add(last.fee, decimal("0.1")),
  });
  if (whole) truth.state = "over";
}

interface Totals {
  filled: Decimal;
  notional: Decimal;
  fee: Decimal;
}

test("the book's totals are the sum of the fills and never fall, and once the venue is heard they are the venue's", () => {
  let unknown = 0;
  let finished = 0;
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), (events) => {
      const truth: Truth = { words: [], state: "away" };
      const sums: Totals = { filled: zero, notional: zero, fee: zero };
      let order = newOrder(quantity);
      let [asked, firstMs, nowMs] = [0, 0, 0];
      const take = (input: OrderInput): void => {
        const [next, effects] = stepOrder(order, input);
        check(order, next, input, effects, sums);
        order = next;
        if (order.status === "unknown") unknown += 1;
      };
      for (const event of events) {
        happen(truth, event);
        if (["restart", "cancel", "lost", "cancel-refused"].includes(event.kind)) {
          if (event.kind === "restart") asked = 0;
          take({ type: event.kind } as OrderInput);
        }
        if (event.kind === "hears" && truth.words.length > 0) {
          take({ type: "report", report: truth.words[Math.max(0, truth.words.length - 1 - event.back)] ?? now(truth) });
          asked = 0;
        }
        if (event.kind !== "asks") continue;
        nowMs += event.afterMs;
        if (truth.words.length > 0) {
          take({ type: "report", report: now(truth) });
          asked = 0;
          continue;
        }
        if (asked === 0) firstMs = nowMs;
        asked += 1;
        const open = !isFinal(order.status);
        take({ type: "not-found", atMs: nowMs, settling });
        const settled = asked >= settling.timesMin && nowMs - firstMs >= settling.forMs;
        if (open) expect(order.status).toBe(settled ? "rejected" : "unknown");
        if (settled) asked = 0;
      }
      if (truth.words.length === 0) return;
      take({ type: "report", report: now(truth) });
      const { filled, notional, fee, status } = now(truth);
      expect(order).toMatchObject({ filled, notional, fee });
      if (truth.state === "over") {
        finished += 1;
        expect(order.status).toBe(status);
      } else expect(isFinal(order.status)).toBe(false);
      expect(openQuantity(order)).toBe(truth.state === "over" ? zero : subtract(quantity, filled));
    }),
    { numRuns: 3_000 },
  );
  expect(Math.min(unknown, finished)).toBeGreaterThan(200);
});

function check(before: Order, after: Order, input: OrderInput, effects: readonly OrderEffect[], sums: Totals): void {
  for (const effect of effects) {
    if (effect.do !== "fill") continue;
    sums.filled = add(sums.filled, effect.quantity);
    sums.notional = add(sums.notional, effect.notional);
    sums.fee = add(sums.fee, effect.fee);
    for (const value of [effect.quantity, effect.notional, effect.fee])
      expect(compare(value, zero)).toBeGreaterThanOrEqual(0);
  }
  expect(after).toMatchObject(sums);
  expect(compare(after.filled, after.quantity)).toBeLessThanOrEqual(0);
  expect(orderStatuses).toContain(after.status);
  // Only the venue fills, rejects or ends an order; giving up takes its repeated word.
  if (after.status !== before.status && isFinal(after.status)) expect(["report", "not-found"]).toContain(input.type);
  // Whatever is said twice does nothing the second time.
  const [again, effectsAgain] = stepOrder(after, input);
  expect(effectsAgain.filter((effect) => effect.do === "fill")).toEqual([]);
  if (input.type === "report") expect(again).toEqual(after);
}
