import type { CommandMessage } from "#core/messages.ts";
import { isReplaceable, type MarketEvent } from "./messages.ts";
import { say } from "./orders.ts";
import { commandsMax, type Item, type Seen, type State, type Step } from "./state.ts";

// What waits for the algorithm, in order.

/** Each arrival copies the line, so it must not be long. */
const queuedMax = 1_000;

/** The later one of a session; of another session the second. */
export function newest(a: Seen | undefined, b: Seen): Seen {
  return a !== undefined && a.session === b.session && a.seq > b.seq ? a : b;
}

/** Whether the algorithm has not been given this event. Another session is always news: its numbers start anew. */
export function isNews({ channel, message }: MarketEvent, seen: ReadonlyMap<string, Seen>): boolean {
  const last = seen.get(channel);
  return last === undefined || last.session !== message.session || message.seq > last.seq;
}

/**
 * Puts an event in line. A newer quote or indicator takes the place of one the algorithm has not come to; the others wait.
 *
 * @param superseded how many it took the place of on its way here
 */
export function arrived(state: State, event: MarketEvent, superseded = 0): Step {
  const { channel, message } = event;
  if (state.stopping !== undefined || !isNews(event, state.received)) return [state, []];
  const last = state.received.get(channel);
  const missed = last?.session === message.session ? Math.max(0, message.seq - last.seq - 1 - superseded) : 0;
  const received = new Map(state.received).set(channel, seenOf(message));
  const replaceable = isReplaceable(event);
  const key = replaceable ? channel : `queued:${state.arrivals}`;
  const conflated = superseded + (state.inbox.has(key) ? 1 : 0);
  const inbox = new Map(state.inbox);
  inbox.delete(key);
  inbox.set(key, { kind: "market", event });
  const dropped = replaceable ? 0 : dropOldest(inbox);
  const counters = {
    ...state.counters,
    gaps: state.counters.gaps + missed + dropped,
    conflated: state.counters.conflated + conflated,
  };
  return [{ ...state, received, inbox, arrivals: state.arrivals + 1, counters }, []];
}

function dropOldest(inbox: Map<string, Item>): number {
  if (inbox.size <= queuedMax) return 0;
  for (const key of inbox.keys()) {
    if (!key.startsWith("queued:")) continue;
    inbox.delete(key);
    return 1;
  }
  return 0;
}

/** Commands wait in line with the rest. One that came already is not carried out again. */
export function commanded(state: State, command: CommandMessage): Step {
  const { id, verb } = command;
  if (state.commands.includes(id)) return [state, []];
  const refuse = (why: string): Step => [
    state,
    [say("warn", `the command ${verb} of ${command.by} is not carried out: ${why}`)],
  ];
  if (!state.settings.hooks.has("on_command")) return refuse("the algorithm takes no commands");
  if ([...state.inbox.keys()].filter((key) => key.startsWith("command:")).length >= commandsMax)
    return refuse("too many wait");
  return [{ ...state, inbox: new Map(state.inbox).set(`command:${id}`, { kind: "command", command }) }, []];
}

/** What is remembered of a channel. */
export function seenOf({ session, seq, ts }: MarketEvent["message"]): Seen {
  return { session, seq, ts };
}
