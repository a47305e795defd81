import { compare, type Decimal, decimal, subtract } from "./decimal.ts";
import type { OrderStatus } from "./messages.ts";
import { unreachable } from "./result.ts";

// The life of one order: what the venue says, asked or not, once, twice, late, out of order or never. The venue's word is the truth about fills,
// and a lost answer is no rejection: an order is unknown until the venue was asked.

export const orderStatuses = [
  "pending-new",
  "new",
  "partially-filled",
  "filled",
  "pending-cancel",
  "canceled",
  "rejected",
  "expired",
  "denied",
  "unknown",
] as const satisfies readonly OrderStatus[];

/** Whether nothing is awaited of an order any more. A venue's late word about fills is heard all the same. */
export function isFinal(status: OrderStatus): boolean {
  switch (status) {
    case "filled":
    case "canceled":
    case "rejected":
    case "expired":
    case "denied":
      return true;
    case "pending-new":
    case "new":
    case "partially-filled":
    case "pending-cancel":
    case "unknown":
      return false;
    default:
      return unreachable(status);
  }
}

export interface OrderReason {
  readonly code: string;
  readonly message: string;
}

/** An order that passed the gateway's checks. Totals are cumulative, in quote currency. */
export interface Order {
  readonly status: OrderStatus;
  readonly quantity: Decimal;
  readonly filled: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
  readonly reason: OrderReason | undefined;
  /** The venue has shown once that it has the order: it can never turn out not to have arrived. */
  readonly acknowledged: boolean;
  /** Somebody wants it canceled; the request goes out as soon as the venue is known to have the order. */
  readonly cancelWanted: boolean;
  /** The request to cancel is on its way, and its answer is not lost. */
  readonly cancelSent: boolean;
  /** How often in a row, and since when, the venue has said that it does not know the order. */
  readonly missing: { readonly times: number; readonly sinceMs: number } | undefined;
}

/** What a venue says about an order: all of it, each time. */
export interface OrderReport {
  readonly status: "new" | "partially-filled" | "filled" | "canceled" | "rejected" | "expired";
  readonly filled: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
  readonly reason?: OrderReason;
}

/** When "I do not know this order" is believed: so often, over so long a time. Never by time alone. */
export interface Settling {
  readonly timesMin: number;
  readonly forMs: number;
}

export type OrderInput =
  | { readonly type: "report"; readonly report: OrderReport }
  /** No answer came, or one that says nothing: timeout, 5xx, too many requests, a cut connection. */
  | { readonly type: "lost" }
  | { readonly type: "not-found"; readonly atMs: number; readonly settling: Settling }
  | { readonly type: "cancel" }
  /** The venue refuses to cancel it: mostly because it is done. */
  | { readonly type: "cancel-refused" }
  /** The process that waited for an answer is gone. */
  | { readonly type: "restart" };

export type OrderEffect =
  /** More was filled, or a fee came later; differences to what was known. */
  | { readonly do: "fill"; readonly quantity: Decimal; readonly notional: Decimal; readonly fee: Decimal }
  /** Ask the venue what became of it. */
  | { readonly do: "ask" }
  | { readonly do: "cancel" }
  | { readonly do: "alarm"; readonly code: OrderAlarm; readonly message: string };

export type OrderAlarm = "report-contradicts" | "order-forgotten" | "order-alive" | "filled-when-over";

export type OrderStep = readonly [order: Order, effects: readonly OrderEffect[]];

/** Why an order that no venue knows is given up. A venue that shows it later is believed. */
export const neverArrived = "order-never-arrived";

const zero = decimal("0");

export function newOrder(quantity: Decimal): Order {
  return {
    ...{ status: "pending-new", quantity, filled: zero, notional: zero, fee: zero, reason: undefined },
    ...{ acknowledged: false, cancelWanted: false, cancelSent: false, missing: undefined },
  };
}

/** What is on order still: it may yet be filled. */
export function openQuantity({ status, quantity, filled }: Order): Decimal {
  return isFinal(status) ? zero : subtract(quantity, filled);
}

export function stepOrder(order: Order, input: OrderInput): OrderStep {
  switch (input.type) {
    case "report":
      return heard(order, input.report);
    case "lost":
      return lost(order);
    case "not-found":
      return notFound(order, input);
    case "cancel":
      return cancel(order);
    case "cancel-refused":
      return isFinal(order.status) ? [order, []] : [{ ...order, cancelSent: false }, [{ do: "ask" }]];
    case "restart":
      return restart(order);
    default:
      return unreachable(input);
  }
}

function lost(order: Order): OrderStep {
  if (isFinal(order.status)) return [order, []];
  const status = order.status === "pending-new" ? "unknown" : order.status;
  return [{ ...order, status, cancelSent: false }, [{ do: "ask" }]];
}

/** What was on its way may have arrived or not. */
function restart(order: Order): OrderStep {
  const [next, effects] = lost(order);
  return [{ ...next, missing: undefined }, effects];
}

function cancel(order: Order): OrderStep {
  const { status } = order;
  if (isFinal(status) || order.cancelWanted) return [order, []];
  if (status === "pending-new") return [{ ...order, cancelWanted: true }, []];
  if (status === "unknown") return [{ ...order, cancelWanted: true }, [{ do: "ask" }]];
  return [{ ...order, status: "pending-cancel", cancelWanted: true, cancelSent: true }, [{ do: "cancel" }]];
}

function notFound(order: Order, { atMs, settling }: { readonly atMs: number; readonly settling: Settling }): OrderStep {
  if (isFinal(order.status)) return [order, []];
  // A clock that was set back starts the wait anew.
  const sinceMs = Math.min(order.missing?.sinceMs ?? atMs, atMs);
  const missing = { times: (order.missing?.times ?? 0) + 1, sinceMs };
  const asked: Order = { ...order, status: "unknown", cancelSent: false, missing };
  if (order.acknowledged) {
    const alarm: OrderEffect = {
      do: "alarm",
      code: "order-forgotten",
      message: "the venue had this order and does not know it any more; it stays unknown until the venue shows it",
    };
    return [asked, order.status === "unknown" ? [{ do: "ask" }] : [alarm, { do: "ask" }]];
  }
  if (missing.times < settling.timesMin || atMs - sinceMs < settling.forMs) return [asked, [{ do: "ask" }]];
  const message = `the venue was asked ${missing.times} times in ${atMs - sinceMs} ms and does not know it: the request never arrived`;
  return [{ ...asked, status: "rejected", reason: { code: neverArrived, message } }, []];
}

function heard(order: Order, report: OrderReport): OrderStep {
  const contradiction = contradicts(order, report);
  if (contradiction !== undefined) {
    const alarm: OrderEffect = { do: "alarm", code: "report-contradicts", message: contradiction };
    return [order, isFinal(order.status) ? [alarm] : [alarm, { do: "ask" }]];
  }
  // Less than is known is an old word that came late. A last word that says less is one, too: then the venue is asked what is true.
  if (compare(report.filled, order.filled) < 0)
    return [order, isFinal(order.status) || !isFinal(report.status) ? [] : [{ do: "ask" }]];
  const known: Order = { ...order, acknowledged: true, missing: undefined };
  const [filled, effects] = fill(known, report);
  return isFinal(order.status) ? heardLate(order, filled, report, effects) : settle(filled, report, effects);
}

/** Why a report cannot be true of this order; wrong data is worse than none. */
function contradicts({ quantity }: Order, { status, filled, notional, fee }: OrderReport): string | undefined {
  if (compare(filled, zero) < 0 || compare(filled, quantity) > 0)
    return "the venue reports a fill outside of what was ordered";
  if (compare(filled, zero) > 0 !== compare(notional, zero) > 0)
    return "the venue reports a quantity without its value, or a value without a quantity";
  if (compare(fee, zero) < 0) return "the venue reports a fee below zero";
  if (status === "filled" && compare(filled, quantity) !== 0) return "the venue reports a fill that is not whole";
  return undefined;
}

function fill(order: Order, report: OrderReport): OrderStep {
  const quantity = subtract(report.filled, order.filled);
  // The same quantity has the same value, whatever a rounded average makes of it later.
  const notional = quantity === zero ? order.notional : report.notional;
  const fee = compare(report.fee, order.fee) > 0 ? report.fee : order.fee;
  const value = subtract(notional, order.notional);
  if (quantity === zero && fee === order.fee) return [order, []];
  if (quantity !== zero && compare(value, zero) <= 0) {
    const message = "the venue reports more filled for no more money";
    return [order, [{ do: "alarm", code: "report-contradicts", message }]];
  }
  const effect: OrderEffect = { do: "fill", quantity, notional: value, fee: subtract(fee, order.fee) };
  return [{ ...order, filled: report.filled, notional, fee }, [effect]];
}

/** A report about an order that is open as far as we know. */
function settle(order: Order, report: OrderReport, effects: readonly OrderEffect[]): OrderStep {
  const reason = report.reason ?? order.reason;
  if (order.filled === order.quantity) return [{ ...order, status: "filled" }, effects];
  if (isFinal(report.status)) {
    const whole = report.status === "rejected" && order.filled !== zero ? "canceled" : report.status;
    return [{ ...order, status: whole, reason, cancelSent: false }, effects];
  }
  if (!order.cancelWanted) return [{ ...order, status: order.filled === zero ? "new" : "partially-filled" }, effects];
  const asked: Order = { ...order, status: "pending-cancel", cancelSent: true };
  return [asked, order.cancelSent ? effects : [...effects, { do: "cancel" }]];
}

/** A report about an order that was thought to be over. Fills are true whenever they come; an order that was given up may turn out to live. */
function heardLate(before: Order, order: Order, report: OrderReport, effects: readonly OrderEffect[]): OrderStep {
  if (before.status === "rejected" && report.status !== "rejected") {
    const alarm: OrderEffect = {
      do: "alarm",
      code: "order-alive",
      message: "the venue shows an order that was thought to be rejected",
    };
    return settle({ ...order, reason: undefined }, report, [...effects, alarm]);
  }
  if (before.filled === order.filled) return [{ ...order, status: before.status }, effects];
  const alarm: OrderEffect = {
    do: "alarm",
    code: "filled-when-over",
    message: `the venue filled more of an order that was ${before.status}`,
  };
  const over = before.status === "rejected" ? "canceled" : before.status;
  return [{ ...order, status: order.filled === order.quantity ? "filled" : over }, [...effects, alarm]];
}
