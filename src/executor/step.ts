import type { OrderStatementMessage } from "#core/messages.ts";
import { unreachable } from "#core/result.ts";
import type { Outcome } from "./algorithm.ts";
import { checked, decide, sized } from "./deciding.ts";
import { failed, fault, snapshotted, stop } from "./ending.ts";
import { andThen, type Effect, type Event, type Step } from "./events.ts";
import { beginsAnew, priced, take } from "./giving.ts";
import { arrived, cameBefore, commanded, isNews, newest, seenOf } from "./inbox.ts";
import { entriesIn, lineOf } from "./line.ts";
import { askAgain, say } from "./orders.ts";
import { metricMessage } from "./reports.ts";
import { askResend, orderEvent, statement } from "./resends.ts";
import { askAll, gateway, isOpen, settle } from "./standing.ts";
import { elapsedMs, type State } from "./state.ts";
import { setTimers } from "./timers.ts";

const metricEveryMs = 250;
const heartbeatMs = 5_000;
const snapshotEveryMs = 2_000;
/** An algorithm that cannot say its state is asked again after twice the time, and at least so often. */
const snapshotWaitMsMax = 600_000;

/** What the bus brings and could be read. */
const readable: ReadonlySet<Event["type"]> = new Set([
  "market",
  "earlier",
  "order-event",
  "statement",
  "command",
  "gateway",
]);

/** What an event does to a running executor. Pure: same state and event, same answer. */
export function step(before: State, event: Event): Step {
  const state =
    before.unreadable !== undefined && readable.has(event.type) ? { ...before, unreadable: undefined } : before;
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
      return badPayload(state, event);
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

function badPayload(state: State, { topic, nowMs }: Extract<Event, { type: "bad-payload" }>): Step {
  const counters = { ...state.counters, badPayloads: state.counters.badPayloads + 1 };
  const unreadable = { ...(state.unreadable ?? { sinceMs: nowMs, topic }), untilMs: nowMs };
  return [{ ...state, counters, unreadable, dirty: true }, [say("warn", `a malformed message on ${topic}`)]];
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
  if (state.status === "degraded" || state.unreadable !== undefined)
    result = andThen(result, (next) => settle(next, nowMs));
  const waitMs = Math.min(snapshotEveryMs * 2 ** (state.snapshotFailing?.times ?? 0), snapshotWaitMsMax);
  if (!state.unsaved || state.snapshotDue || elapsedMs(state.snapshotAtMs, nowMs) < waitMs) return result;
  return andThen(result, (next) => take({ ...next, snapshotDue: true }));
}
