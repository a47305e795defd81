import { createHash } from "node:crypto";
import { add, type Decimal, decimal, divide, floorTo, multiply, negate, subtract } from "#core/decimal.ts";
import type { OrderReport } from "#core/order.ts";
import type { PlacedOrder } from "./venue.ts";
import type { Simulation, VenueRules } from "./venue-settings.ts";

// A venue on paper keeps nothing: what it says of an order is a function of the order, its seed and the time, so it is the same after any restart.

export interface PaperFill {
  /** At most 4 decimals, so that price times quantity is exact. */
  readonly price: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
}

/** How chance deals with one order. Times are milliseconds after it was accepted. */
export interface PaperPlan {
  readonly fate: "answered" | "rejected" | "request-lost" | "answer-lost";
  /** Each of its answers comes twice. */
  readonly repeats: boolean;
  readonly answerMs: number;
  readonly parts: readonly { readonly atMs: number; readonly quantity: Decimal }[];
}

const zero = decimal("0");
const bps = decimal("10000");
const priceDecimals = 4;
const quantityDecimals = 4;

/**
 * What an order would be filled at. All rounding is against the trader: a buyer's price up to the next 0.0001, a seller's down; the fee
 * up to the next 1e-8.
 */
export function paperFill(
  { feeBps, slippageBps }: Pick<VenueRules, "feeBps" | "slippageBps">,
  side: "buy" | "sell",
  quantity: Decimal,
  last: Decimal,
): PaperFill {
  const worse = side === "buy" ? "ceiling" : "floor";
  const factor = side === "buy" ? add(bps, slippageBps) : subtract(bps, slippageBps);
  // Rounding the same way to ever coarser steps is rounding once to the coarsest.
  const slipped = divide(multiply(last, factor, worse), bps, worse);
  const price = side === "buy" ? negate(floorTo(negate(slipped), priceDecimals)) : floorTo(slipped, priceDecimals);
  const notional = multiply(price, quantity, "exact");
  const fee = divide(multiply(notional, feeBps, "ceiling"), bps, "ceiling");
  return { price, notional, fee };
}

const perfect: Simulation = {
  ...{ seed: 0, delayMs: 0, fills: 1, fillEveryMs: 0 },
  ...{ rejectPercent: 0, loseRequestPercent: 0, loseAnswerPercent: 0, repeatPercent: 0 },
};

export function paperPlan(
  simulation: Simulation | undefined,
  { strategy, clientOrderId, quantity }: Pick<PlacedOrder, "strategy" | "clientOrderId" | "quantity">,
): PaperPlan {
  const settings = simulation ?? perfect;
  const chance = createHash("sha256").update(`${settings.seed}\0${strategy}\0${clientOrderId}`).digest();
  const draw = (index: number, below: number): number => chance.readUInt32BE(index * 4) % below;
  const parts = split(quantity, 1 + draw(0, settings.fills));
  return {
    fate: fateOf(settings, draw),
    repeats: draw(4, 100) < settings.repeatPercent,
    answerMs: settings.delayMs,
    parts: parts.map((part, index) => ({ atMs: settings.delayMs + index * settings.fillEveryMs, quantity: part })),
  };
}

function fateOf(settings: Simulation, draw: (index: number, below: number) => number): PaperPlan["fate"] {
  if (draw(1, 100) < settings.rejectPercent) return "rejected";
  if (draw(2, 100) < settings.loseRequestPercent) return "request-lost";
  return draw(3, 100) < settings.loseAnswerPercent ? "answer-lost" : "answered";
}

/** Equal parts, and what does not divide in the last; one part where they would be nothing. */
function split(quantity: Decimal, count: number): readonly Decimal[] {
  const part = floorTo(divide(quantity, (decimal("1") * BigInt(count)) as Decimal), quantityDecimals);
  if (part === zero) return [quantity];
  const parts: Decimal[] = Array.from({ length: count - 1 }, () => part);
  let rest = quantity;
  for (const taken of parts) rest = subtract(rest, taken);
  return [...parts, rest];
}

/** What the venue says of an order at a time; undefined if the order never arrived. */
export function paperReport(
  rules: VenueRules,
  plan: PaperPlan,
  order: PlacedOrder,
  nowMs: number,
): OrderReport | undefined {
  if (plan.fate === "request-lost") return undefined;
  if (plan.fate === "rejected") {
    const reason = { code: "venue-rejected", message: "the venue on paper rejects it, as its settings want of some" };
    const status = nowMs < order.arrivedMs + plan.answerMs ? "new" : "rejected";
    return { status, filled: zero, notional: zero, fee: zero, ...(status === "rejected" ? { reason } : {}) };
  }
  const endMs = canceledAtMs(plan, order);
  const canceled = endMs !== undefined && endMs <= nowMs;
  const totals = { filled: zero, notional: zero, fee: zero };
  for (const { atMs, quantity } of plan.parts) {
    const filledMs = order.arrivedMs + atMs;
    if (filledMs > nowMs || (endMs !== undefined && filledMs > endMs)) break;
    const fill = paperFill(rules, order.side, quantity, order.last);
    totals.filled = add(totals.filled, quantity);
    totals.notional = add(totals.notional, fill.notional);
    totals.fee = add(totals.fee, fill.fee);
  }
  if (totals.filled === order.quantity) return { status: "filled", ...totals };
  if (canceled) return { status: "canceled", ...totals };
  return { status: totals.filled === zero ? "new" : "partially-filled", ...totals };
}

/** When the venue has something new to say next; undefined if it has said all. */
export function paperNextMs(plan: PaperPlan, order: PlacedOrder, nowMs: number): number | undefined {
  if (plan.fate === "request-lost") return undefined;
  const { arrivedMs } = order;
  const endMs = canceledAtMs(plan, order);
  const fills = plan.fate === "rejected" ? [] : plan.parts.map(({ atMs }) => arrivedMs + atMs);
  const moments = [arrivedMs + plan.answerMs, ...fills].filter((moment) => endMs === undefined || moment <= endMs);
  return [...moments, ...(endMs === undefined ? [] : [endMs])]
    .filter((moment) => moment > nowMs)
    .sort((a, b) => a - b)[0];
}

function canceledAtMs({ answerMs }: PaperPlan, { cancelMs }: PlacedOrder): number | undefined {
  return cancelMs === undefined ? undefined : cancelMs + answerMs;
}
