import type { CommandMessage } from "#core/messages.ts";
import type { Step } from "./events.ts";
import { entriesIn, type Line, lengthOf, queued, without } from "./line.ts";
import { isReplaceable, type MarketEvent } from "./messages.ts";
import { say } from "./orders.ts";
import { commandsMax, type Item, type Seen, type State } from "./state.ts";

// What waits for the algorithm, in order.

/** Beyond it an algorithm that is this far behind will not catch up: the oldest of what is not replaced by newer ones goes. */
const queuedMax = 1_000;

/** As many channels as an executor follows, which a `+` in a filter may stand for: what is remembered of each has a bound so. */
export const channelsMax = 20_000;

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
  if (state.received.size >= channelsMax && !state.received.has(channel)) return beyond(state, channel);
  const missed = missedBefore(state, event, superseded);
  const received = state.received.with(channel, seenOf(message));
  const replaceable = isReplaceable(event);
  const key = replaceable ? channel : `queued:${state.arrivals}`;
  const others = replaceable ? without(state.inbox, key) : state.inbox;
  const conflated = superseded + (others === state.inbox ? 0 : 1);
  const line = queued(others, key, { kind: "market", event });
  const inbox = replaceable ? line : shortened(line);
  const dropped = inbox === line ? 0 : 1;
  const counters = {
    ...state.counters,
    gaps: state.counters.gaps + missed + dropped,
    conflated: state.counters.conflated + conflated,
  };
  return [{ ...state, received, inbox, arrivals: state.arrivals + 1, counters }, []];
}

/** Nothing of another channel is taken; which one was the first is said once. */
function beyond(state: State, channel: string): Step {
  const counters = { ...state.counters, badPayloads: state.counters.badPayloads + 1 };
  const next: State = { ...state, counters, crowded: true, dirty: true };
  const why = `${channel} and others are not followed: more than ${channelsMax} channels are within what it asks for`;
  return [next, state.crowded ? [] : [say("error", why)]];
}

/** Takes notice of an event that the warm-up shows: what comes next follows it. */
export function cameBefore(state: State, event: MarketEvent): Step {
  if (!isNews(event, state.received)) return [state, []];
  const received = state.received.with(event.channel, seenOf(event.message));
  const counters = { ...state.counters, gaps: state.counters.gaps + missedBefore(state, event, 0) };
  return [{ ...state, received, counters }, []];
}

/** How many events of its channel lie between an event and the one that arrived before it. */
function missedBefore({ received }: State, { channel, message }: MarketEvent, superseded: number): number {
  const last = received.get(channel);
  return last?.session === message.session ? Math.max(0, message.seq - last.seq - 1 - superseded) : 0;
}

/** Without its oldest bar, trade or signal if it is too long; else the same line. */
function shortened(inbox: Line<Item>): Line<Item> {
  if (lengthOf(inbox) <= queuedMax) return inbox;
  for (const [key] of entriesIn(inbox)) if (key.startsWith("queued:")) return without(inbox, key);
  return inbox;
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
  const key = `command:${id}`;
  const waiting = [...entriesIn(state.inbox)].filter(([, { kind }]) => kind === "command");
  if (waiting.some(([other]) => other === key)) return [state, []];
  if (waiting.length >= commandsMax) return refuse("too many wait");
  return [{ ...state, inbox: queued(state.inbox, key, { kind: "command", command }) }, []];
}

/** What is remembered of a channel. */
export function seenOf({ session, seq, ts }: MarketEvent["message"]): Seen {
  return { session, seq, ts };
}
