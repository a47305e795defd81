import { unanswered } from "./deciding.ts";
import { andThen, type Effect, type Event, type JournalEntry, type Step } from "./events.ts";
import { take } from "./giving.ts";
import { entriesIn } from "./line.ts";
import { say } from "./orders.ts";
import { isOpen, settle, withStatus } from "./standing.ts";
import type { State } from "./state.ts";

// How a call to the algorithm fails, a life ends, and what is kept of it.

/**
 * The algorithm threw. `halt` ends the process, so that it comes back from its last good state; `skip` drops that event, or the one decision that its
 * sizing or guard was asked about.
 */
export function failed(state: State, message: string, place: string | undefined, nowMs: number): Step {
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
  const { inFlight } = state;
  const again = inFlight?.kind === "snapshot" ? unkept(counted, reason, nowMs) : counted;
  const settled = andThen([again, effects], (next) => settle(next, nowMs));
  const asked = inFlight?.kind === "sizing" || inFlight?.kind === "guard" ? inFlight.deciding : undefined;
  const rest = asked === undefined ? settled : andThen(settled, (next) => unanswered(next, asked, nowMs));
  return andThen(rest, take);
}

/** Without its state of now: the last snapshot that was written holds, with the journal since. */
function unkept(state: State, last: string, nowMs: number): State {
  const times = (state.snapshotFailing?.times ?? 0) + 1;
  return { ...state, snapshotDue: false, snapshotAtMs: nowMs, snapshotFailing: { times, last } };
}

export function fault(state: State, message: string, nowMs: number): Step {
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

export function snapshotted(state: State, { algorithm, nowMs }: Extract<Event, { type: "snapshotted" }>): Step {
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
    snapshotFailing: undefined,
    snapshotAtMs: nowMs,
    unsaved: queued.length > 0,
  };
  if (state.inFlight?.kind !== "snapshot" || !state.inFlight.last) return andThen([saved, [save]], take);
  return andThen([saved, [save]], (next) => andThen(withStatus(next, "stopped", state.stopping, nowMs), exit(0)));
}

export function stop(state: State, reason: string, nowMs: number): Step {
  if (state.stopping !== undefined) return [state, []];
  const stopping: State = { ...state, stopping: reason };
  // Before the first event there is nothing to stop and nothing new to keep.
  if (!isOpen(state.status)) return andThen(withStatus(stopping, "stopped", reason, nowMs), exit(0));
  return andThen(withStatus(stopping, "stopping", reason, nowMs), take);
}
