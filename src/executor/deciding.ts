import { type Decimal, decimal, formatDecimal, min } from "#core/decimal.ts";
import type { OrderRequestMessage, SignalMessage, Unstamped } from "#core/messages.ts";
import { traceparent } from "#core/trace.ts";
import type { Decision } from "./decisions.ts";
import type { Effect, Step } from "./events.ts";
import { note, say, send } from "./orders.ts";
import { drawdownOf, sellable, sharesFor, withinOrder } from "./portfolio.ts";
import { betOn, portfolioNow, priceOf, reservedBy } from "./portfolio-now.ts";
import { clientOrderId } from "./random.ts";
import type { Checked, Sized } from "./slots.ts";
import type { Deciding, State } from "./state.ts";

/** How long the gateway may still take a request. */
export const expiryMs = 10_000;
/** Unanswered requests beyond this mean that nobody answers: no more are sent. */
const pendingMax = 500;
const zero = decimal("0");

/** A step, and how many orders have come of the event so far. */
type Stage = readonly [State, readonly Effect[], number];

/**
 * Publishes the signals of an event's decisions and turns them into order requests, each written down before it is sent. Where a sizing or a guard
 * of the strategy's own is to be asked, it stops there: `sized` and `checked` go on.
 */
export function decide(state: State, decisions: readonly Decision[], cause: Deciding["cause"], nowMs: number): Step {
  return proceed([state, [], 0], { cause, decisions, index: 0, sent: 0 }, nowMs);
}

/** Goes on with what the sizing answered. */
export function sized(state: State, deciding: Deciding, { bet }: Sized, nowMs: number): Step {
  const decision = deciding.decisions[deciding.index];
  if (decision === undefined) return [state, []];
  const price = state.portfolio.quotes.get(decision.sid);
  const most = betOn(state, deciding.cause.id, decision.sid);
  const stage = guard(state, deciding, decision, sharesFor(min(bet, most), price), nowMs);
  return proceed(stage, { ...deciding, index: deciding.index + 1 }, nowMs);
}

/** Goes on with what the guard answered. @param quantity of the order that it was asked about */
export function checked(
  state: State,
  deciding: Deciding,
  quantity: Decimal,
  { verdict }: Checked,
  nowMs: number,
): Step {
  const decision = deciding.decisions[deciding.index];
  if (decision === undefined) return [state, []];
  const stage = ruled(state, deciding, decision, quantity, verdict, nowMs);
  return proceed(stage, { ...deciding, index: deciding.index + 1 }, nowMs);
}

/** Goes on after the one decision that was asked about and not answered: it is dropped, and no other. */
export function unanswered(state: State, deciding: Deciding, nowMs: number): Step {
  return proceed([state, [], deciding.sent], { ...deciding, index: deciding.index + 1 }, nowMs);
}

/** From a stage to the end of the decisions, or to the next question. */
function proceed(from: Stage, deciding: Deciding, nowMs: number): Step {
  let [state, effects, sent] = from;
  for (let { index } = deciding; index < deciding.decisions.length && state.inFlight === undefined; index += 1) {
    const decision = deciding.decisions[index];
    if (decision === undefined) break;
    const at = { ...deciding, index, sent };
    const [next, more, count] = begin(state, at, decision, nowMs);
    effects = [...effects, ...signalOf(state, at, decision), ...more];
    [state, sent] = [next, count];
  }
  return [state, effects];
}

function begin(state: State, deciding: Deciding, decision: Decision, nowMs: number): Stage {
  const { cause, sent } = deciding;
  if (!isOpen(state)) return [state, [], sent];
  const { sid, side, quantity } = decision;
  const sizing = state.settings.effective.portfolio.sizing;
  if (side === "sell" || quantity !== undefined || sizing.use !== "file")
    return guard(state, deciding, decision, quantityOf(state, decision, cause.id), nowMs);
  const portfolio = portfolioNow(state, cause.id, sid);
  const wager = { sid, ...priceOf(state, sid), most: portfolio.bet };
  return [
    { ...state, inFlight: { kind: "sizing", deciding } },
    [{ do: "call-optimize", wager, ts: cause.ts, portfolio }],
    sent,
  ];
}

/** Without a gateway there is nobody to ask: what was decided now would be stale when it is back. Before its first word nobody knows what is held. */
function isOpen({ gatewayOnline, heard, stopping }: State): boolean {
  return gatewayOnline && heard !== undefined && stopping === undefined;
}

function signalOf(
  { settings }: State,
  { cause, index }: Deciding,
  { sid, side, quantity }: Decision,
): readonly Effect[] {
  if (quantity !== undefined || !settings.effective.publishes.includes("signal")) return [];
  // The id of the order that comes of it, if one does.
  const id = clientOrderId(settings.strategy, cause.id, index);
  const { id: causeId, ts } = cause;
  const message: Unstamped<SignalMessage> = { v: 1, type: "signal", id, sid, side, ts, cause: causeId };
  return [{ do: "publish", topic: "signal", message, qos: 0, retain: false }];
}

/** The guards with names hold back first; what they let through, a guard that is a file is asked about. */
function guard(state: State, deciding: Deciding, decision: Decision, quantity: Decimal, nowMs: number): Stage {
  const { cause, sent } = deciding;
  if (quantity <= zero || !isOpen(state)) return [state, [], sent];
  const { sid, side } = decision;
  const held = heldBack(state, side, sent);
  if (held !== undefined)
    return [state, [say("warn", `order to ${side} ${sid} held back by portfolio.guard: ${held}`)], sent];
  if (state.settings.effective.portfolio.guard?.file === undefined)
    return place(state, deciding, decision, quantity, nowMs);
  const order = { sid, side, quantity: formatDecimal(quantity), ...priceOf(state, sid) };
  return [
    { ...state, inFlight: { kind: "guard", deciding, quantity } },
    [{ do: "call-check", order, ts: cause.ts, portfolio: portfolioNow(state, cause.id, sid) }],
    sent,
  ];
}

function ruled(
  state: State,
  deciding: Deciding,
  decision: Decision,
  quantity: Decimal,
  verdict: Checked["verdict"],
  nowMs: number,
): Stage {
  const { sent } = deciding;
  if (!isOpen(state)) return [state, [], sent];
  if (verdict === undefined) return place(state, deciding, decision, quantity, nowMs);
  const { sid, side } = decision;
  const { file } = state.settings.effective.portfolio.guard ?? {};
  const order = `order to ${side} ${formatDecimal(quantity)} ${sid}`;
  const { reason, quantity: left } = verdict;
  if (left <= zero) return [state, [say("warn", `${order} held back by ${file}: ${reason}`)], sent];
  const [next, effects, count] = place(state, deciding, decision, left, nowMs);
  const smaller = `${order} made smaller by ${file}, to ${formatDecimal(left)}: ${reason}`;
  return [next, [say("warn", smaller), ...effects], count];
}

function place(state: State, deciding: Deciding, decision: Decision, quantity: Decimal, nowMs: number): Stage {
  const { cause, index } = deciding;
  const { sid, side } = decision;
  const sent = deciding.sent + 1;
  const request = makeRequest(state, { sid, side, quantity }, cause, index, nowMs);
  if (state.pending.has(request.clientOrderId)) return [state, [], sent];
  if (state.pending.size >= pendingMax)
    return [state, [say("error", `${pendingMax} orders are unanswered; the one for ${sid} was not sent`)], sent];
  const next: State = {
    ...state,
    pending: new Map(state.pending).set(request.clientOrderId, { request, status: undefined, askedAtMs: nowMs }),
    counters: { ...state.counters, orders: state.counters.orders + 1 },
    dirty: true,
    unsaved: true,
  };
  const journal: Effect = { do: "journal", entry: { kind: "request", request } };
  return [next, [journal, note("order requested", request), send(request)], sent];
}

/**
 * Why `portfolio.guard` holds an order back, as the end of a sentence. It is for the strategy's own good: whoever could change it still meets the
 * gateway.
 *
 * @param sent how many orders have come of this event
 */
function heldBack({ settings, portfolio }: State, side: "buy" | "sell", sent: number): string | undefined {
  const { drawdown, ordersPerEvent } = settings.effective.portfolio.guard ?? {};
  if (ordersPerEvent !== undefined && sent >= Number(ordersPerEvent))
    return `an event has at most ${ordersPerEvent} orders`;
  if (drawdown === undefined || side === "sell") return undefined;
  const lost = drawdownOf(portfolio);
  return lost >= decimal(drawdown)
    ? `the drawdown is ${formatDecimal(lost)}, and from ${drawdown} on it only sells`
    : undefined;
}

/**
 * Shares: the bet's for a signal to buy, all that is held for one to sell, or a quantity of the algorithm's own. A sale is cut to what is held
 * and to what one order may be worth; a purchase with a quantity is the algorithm's word, and the gateway's to refuse.
 */
function quantityOf(state: State, { sid, side, quantity }: Decision, cause: string): Decimal {
  if (side === "buy") return quantity ?? sharesFor(betOn(state, cause, sid), state.portfolio.quotes.get(sid));
  const held = sellable(state.portfolio, reservedBy(state), sid);
  const wanted = quantity === undefined ? held : min(quantity, held);
  const { maxOrderNotional } = state.settings.effective.limits;
  return withinOrder(wanted, state.portfolio.quotes.get(sid), decimal(maxOrderNotional));
}

function makeRequest(
  state: State,
  order: { readonly sid: string; readonly side: "buy" | "sell"; readonly quantity: Decimal },
  cause: { readonly id: string; readonly ts: number },
  index: number,
  nowMs: number,
): OrderRequestMessage {
  const { strategy, epoch, effective } = state.settings;
  const id = clientOrderId(strategy, cause.id, index);
  return {
    v: 1,
    type: "order",
    clientOrderId: id,
    epoch,
    sid: order.sid,
    // The one a spec names first; routing among several is not the executor's business yet.
    venue: effective.limits.venues[0] ?? "",
    side: order.side,
    orderType: "market",
    quantity: formatDecimal(order.quantity),
    cause: cause.id,
    traceparent: traceparent(cause.id, id),
    expiresAtMs: nowMs + expiryMs,
    ts: cause.ts,
  };
}
