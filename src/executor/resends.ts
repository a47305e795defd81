import { eventDigest } from "#core/event-digest.ts";
import type { OrderEventMessage, OrderResendMessage, OrderStatementMessage } from "#core/messages.ts";
import type { Effect, Step } from "./events.ts";
import { entriesIn, lineOf, queued } from "./line.ts";
import { finalStatuses } from "./messages.ts";
import { adoptAccount, answeredIn, isAbout, say } from "./orders.ts";
import { agrees } from "./portfolio.ts";
import { type Asking, elapsedMs, type Item, type State } from "./state.ts";

// The gateway numbers what it tells a strategy. What is told is taken once and in order; what was missed is asked for, and what the book says is
// held is what is held.

const firstRetryMs = 2_000;
const lastRetryMs = 60_000;
/** How often the account is held against the book, while something is awaited and while nothing is. */
const everyMs = { awaiting: 10_000, idle: 60_000 };

/** The next event of the gateway's is written down before it is acknowledged, waits in line with the rest and is never dropped. */
export function orderEvent(state: State, event: OrderEventMessage): Step {
  const heard = state.heard?.seq;
  // Whatever happened before, the account that is awaited has it.
  if (heard === undefined) return [state, []];
  if (event.seq <= heard) return answeredAgain(state, event);
  if (event.seq > heard + 1) return [{ ...state, asking: { ...state.asking, due: true } }, []];
  const item: Item = { kind: "order", event };
  const inbox = queued(state.inbox, `order:${state.arrivals}`, item);
  const journal: Effect = { do: "journal", entry: { kind: "order-event", event } };
  const next = { ...state, inbox, arrivals: state.arrivals + 1 };
  return [{ ...next, heard: { seq: event.seq, digest: eventDigest(event) } }, [journal]];
}

/**
 * What was taken before may still answer a request that was asked again. Only a last word does: another one may be old and come late, and the last one
 * would not be asked for any more.
 */
function answeredAgain(state: State, event: OrderEventMessage): Step {
  const id = event.clientOrderId;
  const entry = state.pending.get(id);
  if (entry === undefined || !finalStatuses.has(event.status) || !isAbout(event, entry)) return [state, []];
  for (const [, item] of entriesIn(state.inbox))
    if (item.kind === "order" && item.event.clientOrderId === id) return [state, []];
  const pending = answeredIn(state.pending, entry, event.status);
  return [{ ...state, pending, dirty: true, unsaved: true }, []];
}

/**
 * Asks the gateway for what was missed, and what its book says; also one that is said to be offline, since word of that may be old.
 *
 * @param atOnce for a reason that is new: a start, a connection, a gateway that is back
 */
export function askResend(state: State, nowMs: number, atOnce: boolean): Step {
  const { asking, heard, settings } = state;
  if (!atOnce && !isTime(state, nowMs)) return [state, []];
  const after = heard?.seq ?? 0;
  const message: OrderResendMessage = {
    ...{ v: 1, type: "order-resend", epoch: settings.epoch, after, anew: heard === undefined },
    ...(heard?.digest === undefined ? {} : { digest: heard.digest }),
    atMs: nowMs,
  };
  const next: Asking = { due: true, tries: atOnce ? 0 : asking.tries + 1, atMs: nowMs, answered: false };
  return [{ ...state, asking: next }, [{ do: "publish", topic: "order/resend", message, qos: 1, retain: false }]];
}

function isTime({ asking, pending }: State, nowMs: number): boolean {
  const restMs = pending.size > 0 ? everyMs.awaiting : everyMs.idle;
  const waitMs = asking.due ? Math.min(firstRetryMs * 2 ** asking.tries, lastRetryMs) : restMs;
  return elapsedMs(asking.atMs, nowMs) >= waitMs;
}

/** What the gateway's book says. An executor that another one has replaced ends; `ends` says how. */
export function statement(
  state: State,
  said: OrderStatementMessage,
  ends: (state: State, message: string) => Step,
): Step {
  const { epoch } = state.settings;
  if (said.epoch > epoch) {
    const message = `another executor of this strategy was started after this one: the gateway has seen epoch ${said.epoch}, this is ${epoch}`;
    const [next, effects] = ends(state, message);
    return [next, [{ do: "fence", epoch: said.epoch }, ...effects]];
  }
  // The answer to an earlier question, or another one to a question that came twice: what was true before the first answer is not any more.
  if (said.asked !== state.asking.atMs || (state.asking.answered && !said.resent)) return [state, []];
  const answered: State = { ...state, asking: { ...state.asking, due: false, tries: 0, answered: true } };
  if (state.heard === undefined) return adopt(answered, said, undefined);
  if (!said.resent) return adopt(answered, said, "its events are not the book's");
  // What follows is awaited, and asked for again if it does not come.
  if (said.last > state.heard.seq) return [{ ...answered, asking: { ...answered.asking, due: true } }, []];
  const booked = state.told?.seq;
  if (said.last !== booked || agrees(state.portfolio, said)) return [answered, []];
  return adopt(answered, said, "its portfolio was not the book's");
}

/** The book's account takes the place of the portfolio. Requests without a final answer are asked again. */
function adopt(state: State, said: OrderStatementMessage, why: string | undefined): Step {
  const inbox = lineOf([...entriesIn(state.inbox)].filter(([, { kind }]) => kind !== "order"));
  const kept = adoptAccount(state, said);
  const next: State = { ...state, ...kept, inbox, heard: kept.told, dirty: true, unsaved: true };
  const journal: Effect = { do: "journal", entry: { kind: "account", statement: said } };
  if (why === undefined) return [next, [journal]];
  return [next, [journal, say("error", `${why}, as of order event ${said.last}: it takes over what the book says`)]];
}
