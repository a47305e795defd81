import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FeedStateMessage, HistoryMessage, MarketMessage } from "#core/messages.ts";
import type { MarketEvent, MarketSource } from "#feed/port.ts";
import { type Clock, type FeedBus, historyEventsMax, replayFeed } from "#feed/replay.ts";

/** What a broker does with one publish. */
interface Published {
  readonly topic: string;
  readonly message: HistoryMessage | MarketMessage | FeedStateMessage;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

class FakeBus implements FeedBus {
  connected = true;
  readonly published: Published[] = [];
  readonly whileAway: Published[] = [];
  readonly #handlers = new Set<(state: "connected" | "disconnected") => void>();
  onPublish: () => void = () => undefined;

  async publish(
    topic: string,
    message: object,
    options: { readonly qos?: 0 | 1; readonly retain?: boolean } = {},
  ): Promise<void> {
    const entry = {
      topic,
      message: structuredClone(message) as Published["message"],
      qos: options.qos ?? 0,
      retain: options.retain ?? false,
    };
    (this.connected ? this.published : this.whileAway).push(entry);
    this.onPublish();
  }

  onConnection(handler: (state: "connected" | "disconnected") => void): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  turn(state: "connected" | "disconnected"): void {
    this.connected = state === "connected";
    for (const handler of [...this.#handlers]) handler(state);
  }
}

/** Time that moves only when someone sleeps, and a wall's clock that is set at will. */
function fakeClock(): Clock & { ms: number; aheadMs: number; readonly slept: number[] } {
  const clock = {
    ms: 0,
    aheadMs: 0,
    slept: [] as number[],
    wallMs: () => clock.ms + clock.aheadMs,
    elapsedMs: () => clock.ms,
    async sleepUntil(ms: number): Promise<void> {
      clock.slept.push(Math.max(0, ms - clock.ms));
      clock.ms = Math.max(ms, clock.ms);
    },
  };
  return clock;
}

function sourceOf(events: readonly MarketEvent[]): MarketSource {
  const times = events.map(({ ts }) => ts);
  const instruments = [...new Set(events.map(({ sid }) => sid))];
  return { name: "test", instruments, fromTs: times[0] ?? 0, toTs: times.at(-1) ?? 0, events: () => events };
}

const quotes = (count: number, sids: readonly string[] = ["A", "B"]): readonly MarketEvent[] =>
  Array.from({ length: count }, (_, step) =>
    sids.map((sid): MarketEvent => ({ type: "quote", sid, quote: String(step + 1), ts: step * 1000 })),
  ).flat();

async function run(
  events: readonly MarketEvent[],
  options: {
    readonly warmup?: number;
    readonly msPerStep?: number;
    readonly sessionsMax?: number;
    readonly bus?: FakeBus;
    readonly signal?: AbortSignal;
    readonly clock?: ReturnType<typeof fakeClock>;
  } = {},
): Promise<{ readonly bus: FakeBus; readonly clock: ReturnType<typeof fakeClock> }> {
  const bus = options.bus ?? new FakeBus();
  const clock = options.clock ?? fakeClock();
  let sessions = 0;
  await replayFeed({
    config: {
      name: "stocks",
      source: "test",
      venue: "replay",
      msPerStep: options.msPerStep ?? 0,
      warmup: options.warmup ?? 0,
    },
    source: sourceOf(events),
    bus,
    nextSession: () => {
      sessions += 1;
      return `s-${sessions}`;
    },
    clock,
    signal: options.signal ?? new AbortController().signal,
    pauseMs: 500,
    sessionsMax: options.sessionsMax ?? 1,
  });
  return { bus, clock };
}

/** What a subscriber gets that joins after `joined` publishes: the retained history first, then the live events it has not seen there. */
function subscriber(published: readonly Published[], joined: number, sid: string): readonly MarketMessage[] {
  const topic = `md/replay/${sid}`;
  const isHistory = (entry: Published): boolean => entry.topic === `${topic}/history`;
  const retained = published.slice(0, joined).findLast(isHistory) ?? published.slice(joined).find(isHistory);
  const history = retained === undefined ? [] : (retained.message as HistoryMessage).events;
  const got = [...history];
  for (const entry of published.slice(joined)) {
    if (entry.topic !== `${topic}/quote`) continue;
    const message = entry.message as MarketMessage;
    if (message.seq > (got.at(-1)?.seq ?? 0)) got.push(message);
  }
  return got;
}

describe("the hand-over", () => {
  test("a subscriber that joins at any moment gets every event once: no gap, no duplicate", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 0, max: 95 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (steps, warmup, when) => {
          const { bus } = await run(quotes(steps), { warmup });
          const joined = Math.floor(when * (bus.published.length + 1));
          for (const sid of ["A", "B"]) {
            const seqs = subscriber(bus.published, joined, sid).map(({ seq }) => seq);
            const first = seqs[0] ?? 0;
            expect(seqs).toEqual(Array.from({ length: steps - first + 1 }, (_, index) => first + index));
            expect(first === 1 || seqs.length >= historyEventsMax).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("the warm-up is history only, an instrument without events has an empty one", async () => {
    const late: MarketEvent = { type: "quote", sid: "C", quote: "9", ts: 4000 };
    const { bus } = await run([...quotes(4), late], { warmup: 3 });
    const first = bus.published.slice(0, 3);
    expect(first.map(({ topic, message }) => [topic, (message as HistoryMessage).events.length])).toEqual([
      ["md/replay/A/history", 3],
      ["md/replay/B/history", 3],
      ["md/replay/C/history", 0],
    ]);
    expect(first[0]).toMatchObject({
      qos: 1,
      retain: true,
      message: { v: 1, type: "history", sid: "A", venue: "replay", session: "s-1" },
    });
    const live = bus.published.filter(({ topic }) => topic.endsWith("/quote"));
    expect(live.map(({ topic, message }) => [topic, (message as MarketMessage).seq])).toEqual([
      ["md/replay/A/quote", 4],
      ["md/replay/B/quote", 4],
      ["md/replay/C/quote", 1],
    ]);
    expect(live[0]).toMatchObject({ qos: 0, retain: false });
    expect(live[0]?.message).toEqual({
      ...{ v: 1, type: "quote", sid: "A", venue: "replay", quote: "4", session: "s-1", seq: 4, ts: 3000 },
    });
  });

  test("a warm-up longer than the data ends", async () => {
    const { bus } = await run(quotes(3), { warmup: 100 });
    expect(bus.published.filter(({ topic }) => topic.endsWith("/quote"))).toEqual([]);
    expect(bus.published.at(-1)?.message).toMatchObject({ type: "feed-state", events: 6, ts: 2000 });
  });
});

describe("sessions and pace", () => {
  test("at the end a new session starts after the pause, with numbers of its own and no history of the last", async () => {
    const { bus, clock } = await run(quotes(3, ["A"]), { warmup: 1, sessionsMax: 2, msPerStep: 10 });
    const live = bus.published
      .filter(({ topic }) => topic.endsWith("/quote"))
      .map(({ message }) => message as MarketMessage);
    expect(live.map(({ session, seq }) => `${session}:${seq}`)).toEqual(["s-1:2", "s-1:3", "s-2:2", "s-2:3"]);
    expect(clock.slept).toEqual([10, 10, 500, 10, 10]);
    for (const { topic, message } of bus.published) {
      if (!topic.endsWith("/history")) continue;
      const { session, events } = message as HistoryMessage;
      expect(events.every((event) => event.session === session)).toBe(true);
    }
  });

  test("the state says from, to and how far, once a second and at both ends", async () => {
    const { bus } = await run(quotes(5, ["A"]), { msPerStep: 600 });
    const states = bus.published.filter(({ topic }) => topic === "feed/stocks/state");
    expect(states.every(({ retain, qos }) => retain && qos === 1)).toBe(true);
    expect(states.map(({ message }) => (message as FeedStateMessage).events)).toEqual([0, 2, 4, 5]);
    expect(states.at(-1)?.message).toEqual({
      ...{ v: 1, type: "feed-state", state: "online", eventsSession: "s-1", from: "1970-01-01", to: "1970-01-01" },
      ...{ ts: 4000, events: 5, atMs: 3000 },
    });
  });

  test("a clock that is set, back or ahead, changes no pace, and the state is said on", async () => {
    const bus = new FakeBus();
    const clock = fakeClock();
    bus.onPublish = () => {
      if (bus.published.length % 5 === 0) clock.aheadMs = clock.aheadMs === 0 ? -3_600_000 : 0;
    };
    await run(quotes(5, ["A"]), { msPerStep: 600, bus, clock });
    expect(clock.slept).toEqual([600, 600, 600, 600, 600]);
    const states = bus.published.filter(({ topic }) => topic === "feed/stocks/state");
    expect(states.map(({ message }) => (message as FeedStateMessage).events)).toEqual([0, 2, 4, 5]);
  });

  test("while the bus is away nothing is published and nothing is lost", async () => {
    const bus = new FakeBus();
    let cuts = 0;
    bus.onPublish = () => {
      cuts += 1;
      if (cuts % 7 !== 0) return;
      bus.turn("disconnected");
      setImmediate(() => bus.turn("connected"));
    };
    await run(quotes(40), { bus, warmup: 5 });
    const seqs = (sid: string): readonly number[] =>
      bus.published
        .filter(({ topic }) => topic === `md/replay/${sid}/quote`)
        .map(({ message }) => (message as MarketMessage).seq);
    const expected = Array.from({ length: 35 }, (_, index) => index + 6);
    expect([seqs("A"), seqs("B")]).toEqual([expected, expected]);
    // Histories of one step are handed over together; the bus itself keeps those that a cut overtakes.
    expect(bus.whileAway.every(({ qos, retain }) => qos === 1 && retain)).toBe(true);
  });

  test("it ends when told, also while the bus is away", async () => {
    const stop = new AbortController();
    const bus = new FakeBus();
    bus.onPublish = () => {
      if (bus.published.length !== 9) return;
      bus.turn("disconnected");
      setImmediate(() => stop.abort());
    };
    await run(quotes(40), { bus, signal: stop.signal });
    expect(bus.published).toHaveLength(9);
  });

  test("a source that goes back in time is a fault", async () => {
    const [first, second] = [quotes(1, ["A"]), quotes(2, ["A"]).slice(1)];
    await expect(run([...second, ...first])).rejects.toThrow("goes back in time");
  });
});
