import type { OrderEventMessage, OrderRequestMessage } from "#core/messages.ts";
import { traceparent } from "#core/trace.ts";
import { finalStatuses } from "./messages.ts";
import { applyOrderEvent } from "./portfolio.ts";
import { commandsMax, type Effect, type JournalEntry, type Kept, type State } from "./state.ts";

const askAgainMs = 2_000;
const askExpiredMs = 10_000;

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

export function send(request: OrderRequestMessage): Effect {
  return { do: "publish", topic: "order/request", message: request, qos: 1, retain: false };
}

/** One line that leads from what caused an order to what became of it. */
export function note(message: string, { clientOrderId, cause, sid, side, quantity }: OrderRequestMessage): Effect {
  return {
    do: "note",
    message,
    fields: { traceparent: traceparent(cause, clientOrderId), clientOrderId, cause, sid, side, quantity },
  };
}

export function say(level: "warn" | "error", message: string): Effect {
  return { do: "log", level, message, byAlgorithm: false };
}
