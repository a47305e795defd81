import type { JsonObject } from "#core/json.ts";
import type { CommandMessage, OrderStatementMessage } from "#core/messages.ts";
import { unreachable } from "#core/result.ts";
import { rewind } from "#core/rewind.ts";
import type { Outcome, TimerTurn } from "./algorithm.ts";
import { checked, decide, sized } from "./deciding.ts";
import { arrived, cameBefore, commanded, isNews, newest, seenOf } from "./inbox.ts";
import { entriesIn, firstOf, lineOf, without } from "./line.ts";
import { causeOf, type MarketEvent } from "./messages.ts";
import { askAgain, book, remember, say } from "./orders.ts";
import { applyQuote } from "./portfolio.ts";
import { askResend, orderEvent, statement } from "./resends.ts";
import { pricesKept } from "./sizing.ts";
import { askAll, gateway, isOpen, settle, withStatus } from "./standing.ts";
import {
  andThen,
  type Effect,
  type Event,
  elapsedMs,
  type Item,
  type JournalEntry,
  metricMessage,
  portfolioNow,
  type Seen,
  type State,
  type Step,
} from "./state.ts";
import { dueTimer, setTimers } from "./timers.ts";

const metricEveryMs = 250;
const heartbeatMs = 5_000;
const snapshotEveryMs = 2_000;

/** What an event does to a running executor. Pure: same state and event, same answer. */
export function step(state: State, event: Event): Step {
  switch (event.type) {
    case "ready":
      return ready(state, event);
    case "market":
      return andThen(arrived(state, event.event, event.superseded), take);
    case "earlier":
      return cameBefore(state, event.event);
    case "order-event":
      return andThen(orderEvent(state, event.event), take);
    case "statement":
      return stated(state, event.statement, event.nowMs);
    case "connected":
      return askResend(state, event.nowMs, true);
    case "command":
      return andThen(commanded(state, event.command), take);
    case "gateway":
      return gateway(state, event, event.nowMs);
    case "bad-payload":
      return badPayload(state, event.topic);
    case "decided":
      return decided(state, event.outcome, event.nowMs);
    case "sized":
    case "checked":
      return answered(state, event);
    case "failed":
      return failed(state, event.message, event.place, event.nowMs);
    case "snapshotted":
      return snapshotted(state, event);
    case "fault":
      return fault(state, event.message, event.nowMs);
    case "stop":
      return stop(state, event.reason, event.nowMs);
    case "tick":
      return tick(state, event);
    default:
      return unreachable(event);
  }
}

/** The warm-up is over: what it showed is no longer news. */
function ready(state: State, { history, errors = 0, trouble, nowMs }: Extract<Event, { type: "ready" }>): Step {
  let { portfolio, earlier, timers } = state;
  let processed = state.processed;
  for (const event of history) {
    if (beginsAnew(processed, event)) timers = setTimers(state.settings.timers, timers, event.message.ts, true);
    ({ portfolio, earlier } = priced({ settings: state.settings, portfolio, earlier, processed }, event));
    processed = processed.with(event.channel, seenOf(event.message));
  }
  const waiting = [...entriesIn(state.inbox)];
  const inbox = lineOf(waiting.filter(([, item]) => item.kind !== "market" || isNews(item.event, processed)));
  let { received } = state;
  for (const [channel, seen] of processed) received = received.with(channel, newest(received.get(channel), seen));
  const counters = { ...state.counters, errors: state.counters.errors + errors };
  const warmed = {
    ...state,
    counters,
    portfolio,
    earlier,
    timers,
    processed,
    received,
    inbox,
    warmedBy: history.length,
    lastError: trouble === undefined ? undefined : { message: trouble, atMs: nowMs },
    unsaved: true,
  };
  return andThen(
    andThen(settle(warmed, nowMs), (next) => askAll(next, nowMs, next.asking.due)),
    take,
  );
}

/** Gives the algorithm its next event if it is free. */
function take(state: State): Step {
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
function beginsAnew(processed: ReadonlyMap<string, Seen>, { channel, message }: MarketEvent): boolean {
  const last = processed.get(channel);
  return last !== undefined && last.session !== message.session && message.ts < last.ts;
}

type Priced = Pick<State, "portfolio" | "earlier">;

/** What a price does to the portfolio; an event without one does nothing. */
function priced(
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

function decided(state: State, outcome: Outcome, nowMs: number): Step {
  const logs = outcome.logs.map((log): Effect => ({ do: "log", ...log }));
  const { inFlight } = state;
  const free: State = { ...state, inFlight: undefined };
  if (inFlight?.kind === "stop") {
    // The last snapshot is of what is left after the stop hook.
    return [{ ...free, inFlight: { kind: "snapshot", last: true } }, [...logs, { do: "call-snapshot" }]];
  }
  if (inFlight?.kind !== "event") return [free, logs];
  const cause = { id: inFlight.cause, ts: inFlight.ts };
  return andThen(
    andThen([free, logs], (next) => decide(next, outcome.decisions, cause, nowMs)),
    take,
  );
}

/** The sizing or the guard of the strategy's own answered: the decisions in question go on. */
function answered(state: State, event: Extract<Event, { type: "sized" | "checked" }>): Step {
  const { inFlight } = state;
  const free: State = { ...state, inFlight: undefined };
  const { logs } = event.type === "sized" ? event.sized : event.checked;
  const said = logs.map((log): Effect => ({ do: "log", ...log }));
  const goOn = (next: State): Step => {
    if (event.type === "sized" && inFlight?.kind === "sizing")
      return sized(next, inFlight.deciding, event.sized, event.nowMs);
    if (event.type === "checked" && inFlight?.kind === "guard")
      return checked(next, inFlight.deciding, inFlight.quantity, event.checked, event.nowMs);
    return [next, []];
  };
  return andThen(andThen([free, said], goOn), take);
}

/** The algorithm threw. `halt` ends the process, so that it comes back from its last good state; `skip` drops that event. */
function failed(state: State, message: string, place: string | undefined, nowMs: number): Step {
  const where = place === undefined ? "" : ` at ${place}`;
  const effects: Effect[] = [
    { do: "journal", entry: { kind: "error" } },
    say("error", `the algorithm failed${where}: ${message}`),
  ];
  const reason = `${message}${where}`;
  const errors = state.counters.errors + 1;
  const counted: State = {
    ...state,
    inFlight: undefined,
    counters: { ...state.counters, errors },
    lastError: { message: `${errors} errors, the last: ${reason}`, atMs: nowMs },
    dirty: true,
  };
  if (state.stopping !== undefined) {
    // It was asked to end and does; its state is the last snapshot's.
    return andThen([counted, effects], (next) => andThen(withStatus(next, "stopped", state.stopping, nowMs), exit(0)));
  }
  if (state.settings.effective.errorPolicy === "halt") {
    return andThen([counted, effects], (next) => andThen(withStatus(next, "faulted", reason, nowMs), exit(1)));
  }
  const again: State = { ...counted, snapshotDue: false };
  return andThen(
    andThen([again, effects], (next) => settle(next, nowMs)),
    take,
  );
}

function fault(state: State, message: string, nowMs: number): Step {
  if (!isOpen(state.status) && state.status !== "warming-up") return [state, []];
  const log = say("error", message);
  if (state.stopping !== undefined) {
    // Both containers of a pod are told to stop at once; what was not snapshotted stands in the journal.
    return andThen([state, [log]], (next) => andThen(withStatus(next, "stopped", state.stopping, nowMs), exit(0)));
  }
  return andThen([state, [log]], (next) => andThen(withStatus(next, "faulted", message, nowMs), exit(1)));
}

function exit(code: 0 | 1): (state: State) => Step {
  return (state) => [state, [{ do: "exit", code }]];
}

function snapshotted(state: State, { algorithm, nowMs }: Extract<Event, { type: "snapshotted" }>): Step {
  const { portfolio, counters, pending, processed, timers, commands, told } = state;
  const queued: JournalEntry[] = [];
  for (const [, item] of entriesIn(state.inbox)) {
    if (item.kind === "order") queued.push({ kind: "order-event", event: item.event });
  }
  const save: Effect = {
    do: "save",
    kept: { portfolio, counters, pending, processed, timers, commands, told },
    algorithm,
    queued,
  };
  const saved: State = {
    ...state,
    inFlight: undefined,
    snapshotDue: false,
    snapshotAtMs: nowMs,
    unsaved: queued.length > 0,
  };
  if (state.inFlight?.kind !== "snapshot" || !state.inFlight.last) return andThen([saved, [save]], take);
  return andThen([saved, [save]], (next) => andThen(withStatus(next, "stopped", state.stopping, nowMs), exit(0)));
}

function stop(state: State, reason: string, nowMs: number): Step {
  if (state.stopping !== undefined) return [state, []];
  const stopping: State = { ...state, stopping: reason };
  // Before the first event there is nothing to stop and nothing new to keep.
  if (!isOpen(state.status)) return andThen(withStatus(stopping, "stopped", reason, nowMs), exit(0));
  return andThen(withStatus(stopping, "stopping", reason, nowMs), take);
}

/** Whoever answers what was asked now is online, whatever a will says that comes late; unless it has said itself that it takes no orders. */
function stated(state: State, said: OrderStatementMessage, nowMs: number): Step {
  const isAnswer = said.asked === state.asking.atMs;
  const taken = statement(state, said, (before, message) => fault(before, message, nowMs));
  if (!isAnswer) return taken;
  return andThen(taken, (next) => {
    if (!next.gatewayOnline && !next.gatewayDeclines) return gateway(next, { online: true }, nowMs);
    const opens = state.heard === undefined && isOpen(next.status) && next.stopping === undefined;
    return opens ? settle(next, nowMs) : [next, []];
  });
}

function badPayload(state: State, topic: string): Step {
  const counters = { ...state.counters, badPayloads: state.counters.badPayloads + 1 };
  return [{ ...state, counters, dirty: true }, [say("warn", `a malformed message on ${topic}`)]];
}

function tick(state: State, event: Extract<Event, { type: "tick" }>): Step {
  const { nowMs } = event;
  let result: Step = [state, []];
  if (!isOpen(state.status)) return result;
  const saidMs = elapsedMs(state.metricAtMs, nowMs);
  if ((state.dirty && saidMs >= metricEveryMs) || saidMs >= heartbeatMs) {
    const message = metricMessage(state, event);
    const publish: Effect = { do: "publish", topic: "metric", message, qos: 0, retain: false };
    result = [{ ...state, dirty: false, metricAtMs: nowMs }, [publish]];
  }
  if (state.stopping !== undefined) return result;
  result = andThen(result, (next) => askAgain(next, nowMs, false));
  result = andThen(result, (next) => askResend(next, nowMs, false));
  if (state.status === "degraded") result = andThen(result, (next) => settle(next, nowMs));
  if (!state.unsaved || state.snapshotDue || elapsedMs(state.snapshotAtMs, nowMs) < snapshotEveryMs) return result;
  return andThen(result, (next) => take({ ...next, snapshotDue: true }));
}
