import { type Decimal, decimal, formatDecimal, min } from "#core/decimal.ts";
import type { OrderEventMessage, OrderRequestMessage, SignalMessage, Unstamped } from "#core/messages.ts";
import { traceparent } from "#core/trace.ts";
import type { Decision } from "./decisions.ts";
import { finalStatuses } from "./messages.ts";
import { applyOrderEvent, drawdownOf, sellable, sharesFor, withinOrder } from "./portfolio.ts";
import { clientOrderId } from "./random.ts";
import { betOn, commandsMax, type Effect, type JournalEntry, type Kept, reservedBy, type State } from "./state.ts";

/** How long the gateway may still take a request. */
export const expiryMs = 10_000;
/** Unanswered requests beyond this mean that nobody answers: no more are sent. */
const pendingMax = 500;
const askAgainMs = 2_000;
const askExpiredMs = 10_000;

/** Publishes the signals of an event's decisions and turns them into order requests, each written down before it is sent. */
export function decide(
  state: State,
  decisions: readonly Decision[],
  cause: { readonly id: string; readonly ts: number },
  nowMs: number,
): readonly [State, readonly Effect[]] {
  let next = state;
  const effects: Effect[] = [];
  let sent = 0;
  for (const [index, decision] of decisions.entries()) {
    const { sid, side } = decision;
    if (decision.quantity === undefined && next.settings.effective.publishes.includes("signal")) {
      // The id of the order that comes of it, if one does.
      const id = clientOrderId(next.settings.strategy, cause.id, index);
      const { id: causeId, ts } = cause;
      const message: Unstamped<SignalMessage> = { v: 1, type: "signal", id, sid, side, ts, cause: causeId };
      effects.push({ do: "publish", topic: "signal", message, qos: 0, retain: false });
    }
    // Without a gateway there is nobody to ask: what was decided now would be stale when it is back.
    if (!next.gatewayOnline || next.stopping !== undefined) continue;
    const quantity = quantityOf(next, decision, cause.id);
    if (quantity <= decimal("0")) continue;
    const held = heldBack(next, side, sent);
    if (held !== undefined) {
      effects.push(say("warn", `order to ${side} ${sid} held back by portfolio.guard: ${held}`));
      continue;
    }
    const request = makeRequest(next, { sid, side, quantity }, cause, index, nowMs);
    sent += 1;
    if (next.pending.has(request.clientOrderId)) continue;
    if (next.pending.size >= pendingMax) {
      effects.push(say("error", `${pendingMax} orders are unanswered; the one for ${sid} was not sent`));
      continue;
    }
    next = {
      ...next,
      pending: new Map(next.pending).set(request.clientOrderId, { request, status: undefined, askedAtMs: nowMs }),
      counters: { ...next.counters, orders: next.counters.orders + 1 },
      dirty: true,
      unsaved: true,
    };
    effects.push(
      { do: "journal", entry: { kind: "request", request } },
      note("order requested", request),
      send(request),
    );
  }
  return [next, effects];
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

/** Asks again, byte for byte: the gateway answers what it knows from its book. A lost answer is not a rejection. */
export function askAgain(state: State, nowMs: number, all: boolean): readonly [State, readonly Effect[]] {
  if (!state.gatewayOnline || state.pending.size === 0) return [state, []];
  const pending = new Map(state.pending);
  const effects: Effect[] = [];
  for (const [id, entry] of state.pending) {
    const unanswered = entry.status === undefined || entry.status === "unknown";
    const waitMs = nowMs > entry.request.expiresAtMs ? askExpiredMs : askAgainMs;
    if (!unanswered || (!all && nowMs - entry.askedAtMs < waitMs)) continue;
    pending.set(id, { ...entry, askedAtMs: nowMs });
    effects.push(send(entry.request));
  }
  return effects.length === 0 ? [state, []] : [{ ...state, pending }, effects];
}

/** Books an order event. It is the only thing that changes cash and positions. */
export function book(kept: Kept, event: OrderEventMessage): readonly [Kept, readonly Effect[]] {
  const { counters } = kept;
  const applied = applyOrderEvent(kept.portfolio, event, (id) => kept.pending.has(id));
  if (!applied.ok) {
    const counted = { ...counters, badPayloads: counters.badPayloads + 1 };
    return [{ ...kept, counters: counted }, [say("error", applied.error.message)]];
  }
  const entry = kept.pending.get(event.clientOrderId);
  const pending = new Map(kept.pending);
  if (finalStatuses.has(event.status)) pending.delete(event.clientOrderId);
  else if (entry !== undefined) pending.set(event.clientOrderId, { ...entry, status: event.status });
  const denied = entry !== undefined && event.status === "denied";
  const effects: Effect[] = entry === undefined ? [] : [note(`order ${event.status}`, entry.request)];
  if (denied || (entry !== undefined && event.status === "rejected")) {
    const why = event.reason === undefined ? "" : `: ${event.reason.message}`;
    effects.push(say("warn", `order to ${event.side} ${event.quantity} ${event.sid} ${event.status}${why}`));
  }
  const counted = {
    ...counters,
    fills: counters.fills + (applied.value === kept.portfolio ? 0 : 1),
    denied: counters.denied + (denied ? 1 : 0),
  };
  const { processed, timers, commands } = kept;
  return [{ portfolio: applied.value, pending, counters: counted, processed, timers, commands }, effects];
}

/** What a journal's entry did, done again after a restart. */
export function redo(kept: Kept, entry: JournalEntry): Kept {
  if (entry.kind === "order-event") return book(kept, entry.event)[0];
  const { counters } = kept;
  if (entry.kind === "error") return { ...kept, counters: { ...counters, errors: counters.errors + 1 } };
  if (entry.kind === "timer") return { ...kept, timers: new Map(kept.timers).set(entry.name, entry.time) };
  if (entry.kind === "command") return { ...kept, commands: remember(kept.commands, entry.id) };
  const { request } = entry;
  if (kept.pending.has(request.clientOrderId)) return kept;
  return {
    ...kept,
    pending: new Map(kept.pending).set(request.clientOrderId, { request, status: undefined, askedAtMs: 0 }),
    counters: { ...counters, orders: counters.orders + 1 },
  };
}

/** The list with one more at its end, and not longer than it may be. */
export function remember(commands: readonly string[], id: string): readonly string[] {
  return [...commands, id].slice(-commandsMax);
}

function send(request: OrderRequestMessage): Effect {
  return { do: "publish", topic: "order/request", message: request, qos: 1, retain: false };
}

/** One line that leads from what caused an order to what became of it. */
function note(message: string, { clientOrderId, cause, sid, side, quantity }: OrderRequestMessage): Effect {
  return {
    do: "note",
    message,
    fields: { traceparent: traceparent(cause, clientOrderId), clientOrderId, cause, sid, side, quantity },
  };
}

function say(level: "warn" | "error", message: string): Effect {
  return { do: "log", level, message, byAlgorithm: false };
}
