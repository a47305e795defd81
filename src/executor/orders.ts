import { decimal } from "#core/decimal.ts";
import { eventDigest } from "#core/event-digest.ts";
import type { OrderEventMessage, OrderRequestMessage, OrderStatementMessage, OrderStatus } from "#core/messages.ts";
import { traceparent } from "#core/trace.ts";
import type { Effect, JournalEntry } from "./events.ts";
import { finalStatuses } from "./messages.ts";
import { applyOrderEvent, statedPortfolio } from "./portfolio.ts";
import { commandsMax, elapsedMs, type Kept, type Pending, type State } from "./state.ts";

const askAgainMs = 2_000;
const askExpiredMs = 10_000;

/**
 * Asks again for the same order, now as this process: the gateway answers what it knows from its book, and would deny what it does not know from a
 * process before this one. A lost answer is not a rejection.
 */
export function askAgain(state: State, nowMs: number, all: boolean): readonly [State, readonly Effect[]] {
  if (!state.gatewayOnline || state.pending.size === 0) return [state, []];
  const pending = new Map(state.pending);
  const effects: Effect[] = [];
  for (const [id, entry] of state.pending) {
    const unanswered = entry.status === undefined || entry.status === "unknown";
    const waitMs = nowMs > entry.request.expiresAtMs ? askExpiredMs : askAgainMs;
    if (!unanswered || (!all && elapsedMs(entry.askedAtMs, nowMs) < waitMs)) continue;
    const request = { ...entry.request, epoch: state.settings.epoch };
    pending.set(id, { ...entry, request, askedAtMs: nowMs });
    effects.push(send(request));
  }
  return effects.length === 0 ? [state, []] : [{ ...state, pending }, effects];
}

/** Books an order event. It is the only thing that changes cash and positions. */
export function book(kept: Kept, event: OrderEventMessage): readonly [Kept, readonly Effect[]] {
  const { counters } = kept;
  const told = { seq: event.seq, digest: eventDigest(event) };
  const applied = applyOrderEvent(kept.portfolio, event, (id) => kept.pending.has(id));
  if (!applied.ok) {
    const counted = { ...counters, badPayloads: counters.badPayloads + 1 };
    return [{ ...kept, told, counters: counted }, [say("error", applied.error.message)]];
  }
  const known = kept.pending.get(event.clientOrderId);
  const entry = known !== undefined && isAbout(event, known) ? known : undefined;
  const pending = entry === undefined ? kept.pending : answeredIn(kept.pending, entry, event.status);
  const denied = entry !== undefined && event.status === "denied";
  const effects: Effect[] = entry === undefined ? [] : [note(`order ${event.status}`, entry.request, fillsIn(event))];
  if (denied || (entry !== undefined && event.status === "rejected")) {
    const why = event.reason === undefined ? "" : `: ${event.reason.message}`;
    // What was asked for: a refusal of what cannot be read says 0.
    const { side, quantity, sid } = entry.request;
    effects.push(say("warn", `order to ${side} ${quantity} ${sid} ${event.status}${why}`));
  }
  const counted = {
    ...counters,
    fills: counters.fills + (applied.value === kept.portfolio ? 0 : 1),
    denied: counters.denied + (denied ? 1 : 0),
  };
  return [{ ...kept, portfolio: applied.value, pending, counters: counted, told }, effects];
}

/** The requests without a final answer, once one of them has had this one. */
export function answeredIn(pending: Kept["pending"], entry: Pending, status: OrderStatus): Kept["pending"] {
  const next = new Map(pending);
  const { clientOrderId } = entry.request;
  if (finalStatuses.has(status)) next.delete(clientOrderId);
  else next.set(clientOrderId, { ...entry, status });
  return next;
}

/** Whether an event about an order's id answers this executor's request: another one may have been refused for using the id. */
export function isAbout({ status, reason, ...event }: OrderEventMessage, { request }: Pending): boolean {
  if (status !== "denied") return true;
  // To one that was replaced; whether that is this one, a statement says.
  if (reason?.code === "stale-epoch") return false;
  if (reason?.code !== "order-id-reused") return true;
  const { sid, venue, side, quantity } = request;
  const same = event.sid === sid && event.venue === venue && event.side === side;
  return same && decimal(event.quantity) === decimal(quantity);
}

/** What the book says is held takes the place of what was thought. What is without a final answer is to be asked again. */
export function adoptAccount(kept: Kept, statement: OrderStatementMessage): Kept {
  const pending = new Map([...kept.pending].map(([id, entry]) => [id, { ...entry, status: undefined, askedAtMs: 0 }]));
  const told = { seq: statement.last, digest: statement.digest };
  return { ...kept, portfolio: statedPortfolio(kept.portfolio, statement), pending, told };
}

/** What a journal's entry did, done again after a restart. */
export function redo(kept: Kept, entry: JournalEntry): Kept {
  // One that was written down twice, or before the account was taken over.
  if (entry.kind === "order-event")
    return entry.event.seq === (kept.told?.seq ?? 0) + 1 ? book(kept, entry.event)[0] : kept;
  if (entry.kind === "account") return adoptAccount(kept, entry.statement);
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
export function note(
  message: string,
  { clientOrderId, cause, sid, side, quantity }: OrderRequestMessage,
  more: { readonly [name: string]: string } = {},
): Effect {
  return {
    do: "note",
    message,
    fields: { traceparent: traceparent(cause, clientOrderId), clientOrderId, cause, sid, side, quantity, ...more },
  };
}

/** How much is filled, at which average price, and what it cost in fees. */
function fillsIn({ filledQuantity, price, fee }: OrderEventMessage): { readonly [name: string]: string } {
  if (price === undefined) return {};
  return { filledQuantity, price, ...(fee === undefined ? {} : { fee }) };
}

export function say(level: "warn" | "error", message: string): Effect {
  return { do: "log", level, message };
}
