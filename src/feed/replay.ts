import type { FeedStateMessage, HistoryMessage, MarketMessage, Unstamped } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import type { FeedConfig } from "./config.ts";
import { channelOf, type MarketEvent, type MarketSource, type Step } from "./port.ts";
import { formatDay } from "./time.ts";

/** How many events the retained history of an instrument holds. */
export const historyEventsMax = 64;

/** What the replay needs of the bus. */
export interface FeedBus {
  publish(topic: string, message: object, options?: { readonly qos?: 0 | 1; readonly retain?: boolean }): Promise<void>;
  onConnection(handler: (state: "connected" | "disconnected") => void): () => void;
  readonly connected: boolean;
}

export interface Clock {
  /** Milliseconds since the epoch, for people. */
  wallMs(): number;
  /** Milliseconds since any moment; no clock that is set moves it. */
  elapsedMs(): number;
  /** Settles when so many have elapsed, or early when the signal is aborted. */
  sleepUntil(elapsedMs: number, signal: AbortSignal): Promise<void>;
}

export interface ReplayOptions {
  readonly config: FeedConfig;
  readonly source: MarketSource;
  readonly bus: FeedBus;
  /** Names the next session, never twice. */
  readonly nextSession: () => string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Between the end of the data and the next session. */
  readonly pauseMs: number;
  /** Called when a session starts. */
  readonly onSession?: (session: string) => void;
  /** Ends after so many sessions; without it, when `signal` is aborted. */
  readonly sessionsMax?: number;
}

/** What one step publishes: the histories first, and only when the broker has them the events. */
export interface StepMessages {
  readonly histories: readonly HistoryMessage[];
  readonly events: readonly MarketMessage[];
}

const stateEveryMs = 1_000;

/** Groups events of the same instant. @throws Fault `market-data-malformed` if time goes back */
export function* stepsOf(source: MarketSource): Generator<Step> {
  let events: MarketEvent[] = [];
  for (const event of source.events()) {
    const ts = events[0]?.ts ?? event.ts;
    if (event.ts < ts) throw new Fault("market-data-malformed", `${source.name} goes back in time at ${event.ts}`);
    if (event.ts > ts) {
      yield { ts, events };
      events = [];
    }
    events.push(event);
  }
  const [first] = events;
  if (first !== undefined) yield { ts: first.ts, events };
}

/** One session: numbers the events of each channel and keeps each instrument's latest. Pure but for its own counters. */
export class Session {
  readonly id: string;
  readonly #venue: string;
  readonly #seqs = new Map<string, number>();
  readonly #histories: Map<string, readonly MarketMessage[]>;
  #count = 0;

  constructor(id: string, venue: string, instruments: readonly string[]) {
    this.id = id;
    this.#venue = venue;
    this.#histories = new Map(instruments.map((sid) => [sid, []]));
  }

  /** Events so far, those of the warm-up included. */
  get count(): number {
    return this.#count;
  }

  /** Takes a step in. */
  advance(step: Step): StepMessages {
    const events: MarketMessage[] = [];
    for (const event of step.events) {
      const channel = channelOf(event);
      const seq = (this.#seqs.get(channel) ?? 0) + 1;
      this.#seqs.set(channel, seq);
      const message: MarketMessage = { v: 1, ...event, venue: this.#venue, session: this.id, seq };
      events.push(message);
      const earlier = this.#histories.get(event.sid) ?? [];
      this.#histories.set(event.sid, [...earlier, message].slice(-historyEventsMax));
      this.#count += 1;
    }
    const touched = new Set(events.map(({ sid }) => sid));
    return { events, histories: this.histories().filter(({ sid }) => touched.has(sid)) };
  }

  /** Of every instrument, those without an event yet included: an empty one replaces what an older session left retained. */
  histories(): readonly HistoryMessage[] {
    return [...this.#histories].map(([sid, events]) => ({
      v: 1,
      type: "history",
      sid,
      venue: this.#venue,
      session: this.id,
      events,
    }));
  }
}

/**
 * Replays a source at a pace, session after session, until the signal is aborted.
 *
 * The hand-over to a subscriber that joins at any moment has no gap: each event is in the retained history before it is published, and
 * the broker has acknowledged that history. So the subscriber takes the first history of a session, then each event with a higher seq.
 * Nothing is published while the bus is away; the replay waits and goes on in order.
 */
export async function replayFeed(options: ReplayOptions): Promise<void> {
  const { clock, signal, pauseMs, sessionsMax } = options;
  for (let done = 0; sessionsMax === undefined || done < sessionsMax; done += 1) {
    if (done > 0) await clock.sleepUntil(clock.elapsedMs() + pauseMs, signal);
    if (signal.aborted) return;
    await replaySession(options, options.nextSession());
    if (signal.aborted) return;
  }
}

async function replaySession(options: ReplayOptions, id: string): Promise<void> {
  const { config, source, clock, signal } = options;
  const session = new Session(id, config.venue, source.instruments);
  const steps = stepsOf(source);
  let ts: number | undefined;
  let ended = false;
  for (let count = 0; count < config.warmup && !ended; count += 1) {
    const { value, done } = steps.next();
    if (done === true) ended = true;
    else {
      session.advance(value);
      ts = value.ts;
    }
  }
  await publishHistories(options, session.histories());
  options.onSession?.(id);
  let statedMs = clock.elapsedMs();
  await publishState(options, session, ts);
  let dueMs = clock.elapsedMs();
  for (const step of steps) {
    dueMs = Math.max(dueMs + config.msPerStep, clock.elapsedMs());
    // Without a pace the loop would still have to let others run.
    await clock.sleepUntil(dueMs, signal);
    if (!(await connected(options))) return;
    await publishStep(options, session.advance(step));
    ts = step.ts;
    if (signal.aborted) return;
    if (clock.elapsedMs() - statedMs < stateEveryMs) continue;
    statedMs = clock.elapsedMs();
    await publishState(options, session, ts);
  }
  await publishState(options, session, ts);
}

async function publishStep(options: ReplayOptions, messages: StepMessages): Promise<void> {
  await publishHistories(options, messages.histories);
  for (const message of messages.events) {
    if (!(await connected(options))) return;
    await options.bus.publish(`md/${options.config.venue}/${channelOf(message)}`, message, { qos: 0 });
  }
}

async function publishHistories(options: ReplayOptions, histories: readonly HistoryMessage[]): Promise<void> {
  if (!(await connected(options))) return;
  const { bus, config } = options;
  await untilAborted(
    options.signal,
    Promise.all(
      histories.map((history) =>
        bus.publish(`md/${config.venue}/${history.sid}/history`, history, { qos: 1, retain: true }),
      ),
    ),
  );
}

async function publishState(options: ReplayOptions, session: Session, ts: number | undefined): Promise<void> {
  if (!(await connected(options))) return;
  const { config, source, clock, bus, signal } = options;
  const state: Unstamped<FeedStateMessage> = {
    ...feedState(source, "online", session.id, clock.wallMs()),
    events: session.count,
    ...(ts === undefined ? {} : { ts }),
  };
  await untilAborted(signal, bus.publish(`feed/${config.name}/state`, state, { qos: 1, retain: true }));
}

/** The state message without progress: also what the will says. */
export function feedState(
  source: MarketSource,
  state: FeedStateMessage["state"],
  session: string,
  atMs: number,
): Unstamped<FeedStateMessage> {
  const [from, to] = [formatDay(source.fromTs), formatDay(source.toTs)];
  return { v: 1, type: "feed-state", state, eventsSession: session, from, to, events: 0, atMs };
}

/** Waits for the bus; false when the feed is to end. */
async function connected({ bus, signal }: ReplayOptions): Promise<boolean> {
  if (!bus.connected && !signal.aborted) {
    const waiting = Promise.withResolvers<void>();
    const off = bus.onConnection((state) => {
      if (state === "connected") waiting.resolve();
    });
    // It may have come back before the handler was there.
    if (bus.connected) waiting.resolve();
    await untilAborted(signal, waiting.promise);
    off();
  }
  return !signal.aborted;
}

/** A publish may wait for the bus for ever; the end of the feed must not. What it waited for has its own failure. */
async function untilAborted(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return;
  }
  const aborted = Promise.withResolvers<void>();
  const settle = (): void => {
    work.catch(() => undefined);
    aborted.resolve();
  };
  signal.addEventListener("abort", settle, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", settle);
  }
}
