import type { JsonObject } from "#core/json.ts";
import type { CommandMessage } from "#core/messages.ts";
import { unreachable } from "#core/result.ts";
import { rewind } from "#core/rewind.ts";
import type { TimerTurn } from "./algorithm.ts";
import { andThen, type Step } from "./events.ts";
import { seenOf } from "./inbox.ts";
import { firstOf, without } from "./line.ts";
import { causeOf, type MarketEvent } from "./messages.ts";
import { book, remember } from "./orders.ts";
import { applyQuote } from "./portfolio.ts";
import { portfolioNow } from "./portfolio-now.ts";
import { pricesKept } from "./sizing.ts";
import { isOpen } from "./standing.ts";
import type { Item, Seen, State } from "./state.ts";
import { dueTimer, setTimers } from "./timers.ts";

// What waits is given to the algorithm, one event at a time.

/** Gives the algorithm its next event if it is free. */
export function take(state: State): Step {
  if (state.inFlight !== undefined || !isOpen(state.status)) return [state, []];
  if (state.stopping !== undefined) {
    return [{ ...state, inFlight: { kind: "stop" } }, [{ do: "call-stop", reason: state.stopping }]];
  }
  if (state.snapshotDue) return [{ ...state, inFlight: { kind: "snapshot", last: false } }, [{ do: "call-snapshot" }]];
  const first = firstOf(state.inbox);
  if (first === undefined) return [state, []];
  const [key, item] = first;
  if (item.kind === "market") {
    // What shows that a timer's instant has come waits for it: the algorithm sees time go forward.
    const due = dueTimer(state.settings.timers, state.timers, item.event.message.ts);
    if (due !== undefined) return giveTimer(state, due, item.event.message.session);
  }
  const next = { ...state, inbox: without(state.inbox, key) };
  switch (item.kind) {
    case "market":
      return giveMarket(next, item.event);
    case "order":
      return giveOrder(next, item);
    case "command":
      return giveCommand(next, item.command);
    default:
      return unreachable(item);
  }
}

/** Written down first: a timer has each of its turns once, whatever is killed. */
function giveTimer(state: State, turn: TimerTurn, session: string): Step {
  const { name, time } = turn;
  // A replay that begins anew comes by the same instants again, and they are others.
  const cause = `timer:${name}:${time}:${session}`;
  const next: State = {
    ...state,
    timers: new Map(state.timers).set(name, time),
    inFlight: { kind: "event", cause, ts: time },
    unsaved: true,
  };
  return [
    next,
    [
      { do: "journal", entry: { kind: "timer", name, time } },
      { do: "call-timer", turn, portfolio: portfolioNow(next, cause) },
    ],
  ];
}

function giveCommand(state: State, { id, verb, arguments: given }: CommandMessage): Step {
  const cause = `command:${id}`;
  const ts = state.lastEventTs ?? Math.max(0, ...[...state.processed.values()].map((seen) => seen.ts));
  const next: State = {
    ...state,
    commands: remember(state.commands, id),
    inFlight: { kind: "event", cause, ts },
    unsaved: true,
  };
  const command = { id, verb, arguments: (given ?? {}) as JsonObject };
  return [
    next,
    [
      { do: "journal", entry: { kind: "command", id } },
      { do: "call-command", command, ts, portfolio: portfolioNow(next, cause) },
    ],
  ];
}

function giveMarket(state: State, event: MarketEvent): Step {
  const { channel, message } = event;
  const cause = causeOf(event);
  const next: State = {
    ...state,
    ...priced(state, event),
    timers: setTimers(state.settings.timers, state.timers, message.ts, beginsAnew(state.processed, event)),
    processed: state.processed.with(channel, seenOf(message)),
    counters: { ...state.counters, events: state.counters.events + 1 },
    inFlight: { kind: "event", cause, ts: message.ts },
    lastEventTs: message.ts,
    dirty: true,
    unsaved: true,
  };
  return [next, [{ do: "call-event", event, portfolio: portfolioNow(next, cause, message.sid) }]];
}

/** Whether it is of another session and from before what came last: a replay that was rewound. */
export function beginsAnew(processed: ReadonlyMap<string, Seen>, { channel, message }: MarketEvent): boolean {
  const last = processed.get(channel);
  return last !== undefined && last.session !== message.session && message.ts < last.ts;
}

type Priced = Pick<State, "portfolio" | "earlier">;

/** What a price does to the portfolio; an event without one does nothing. */
export function priced(
  { settings, portfolio, earlier, processed }: Priced & Pick<State, "processed" | "settings">,
  { channel, message, price }: MarketEvent,
): Priced {
  if (price === undefined) return { portfolio, earlier };
  const rewinding = rewind(processed, earlier, channel, message);
  const { rewound } = rewinding;
  const kept = pricesKept(settings.effective.portfolio.sizing);
  const next = applyQuote(portfolio, message.sid, price, { rewound, pricesKept: kept });
  return { portfolio: next, earlier: rewinding.earlier };
}

function giveOrder(state: State, { event }: Extract<Item, { kind: "order" }>): Step {
  const [kept, effects] = book(state, event);
  const booked: Step = [{ ...state, ...kept, dirty: true, unsaved: true }, effects];
  if (!state.settings.hooks.has("on_order")) return andThen(booked, take);
  const cause = `order:${event.clientOrderId}:${event.seq}`;
  return andThen(booked, (next) => [
    { ...next, inFlight: { kind: "event", cause, ts: event.ts } },
    [{ do: "call-order", event, portfolio: portfolioNow(next, cause, event.sid) }],
  ]);
}
