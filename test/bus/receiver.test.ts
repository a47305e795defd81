import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BusMessage } from "#bus/client.ts";
import { Numbers } from "#bus/numbers.ts";
import { Receiver, type Refill } from "#bus/receiver.ts";
import { type Gap, Sequence } from "#bus/sequence.ts";
import {
  validateCommand,
  validateGatewayState,
  validateQuote,
  validateSignal,
} from "#core/bus-validators.generated.js";
import type { DeadLetterMessage, QuoteMessage } from "#core/messages.ts";
import { samples } from "../fixtures/bus-messages.ts";

const [topic, sample] = samples.quote;
const quote = (seq: number, session = "s-1"): QuoteMessage => ({ ...sample, session, seq });
const raw = (where: string, message: unknown): BusMessage => ({
  topic: where,
  payload: Buffer.from(typeof message === "string" ? message : JSON.stringify(message)),
  retained: false,
  qos: 0,
});

function open(options: { readonly refill?: Refill; readonly deadTopic?: string } = {}) {
  const taken: unknown[] = [];
  const missed: number[] = [];
  const gaps: Gap[] = [];
  const logs: string[] = [];
  const letters: { readonly topic: string; readonly message: DeadLetterMessage }[] = [];
  const clock = { nowMs: 1_000 };
  const receiver = new Receiver(
    { publish: async (where, message) => void letters.push({ topic: where, message: message as DeadLetterMessage }) },
    {
      validators: {
        quote: validateQuote,
        signal: validateSignal,
        "gateway-state": validateGatewayState,
        command: validateCommand,
      },
      deadTopic: "gw/dead",
      nowMs: () => clock.nowMs,
      log: (_level, message) => logs.push(message),
      take: ({ message, earlier }) => {
        if (earlier === true && "seq" in message) missed.push(message.seq);
        taken.push("seq" in message ? message.seq : message.type);
      },
      missed: (gap) => gaps.push(gap),
      ...options,
    },
  );
  const say = (seq: number, session = "s-1"): void => receiver.receive(raw(topic, quote(seq, session)));
  return { receiver, taken, missed, gaps, logs, letters, clock, say };
}

describe("numbers", () => {
  test("each topic counts for itself, a will is 0, and others' numbers stay", () => {
    const numbers = new Numbers("c-1");
    const own = "strat/a/b/log";
    expect([own, own, "gw/state"].map((where) => numbers.stamp(where, { x: 1 }))).toEqual([
      { x: 1, session: "c-1", seq: 1 },
      { x: 1, session: "c-1", seq: 2 },
      { x: 1, session: "c-1", seq: 1 },
    ]);
    expect(numbers.stampWill("gw/state", {})).toEqual({ session: "c-1", seq: 0 });
    expect(numbers.stamp(topic, quote(9))).toEqual(quote(9));
    expect(numbers.stamp("strat/a/b/order/request", { y: 1 })).toEqual({ y: 1 });
    expect(numbers.stamp("nothing/of/ours", { y: 1 })).toEqual({ y: 1 });
  });
});

describe("sequence", () => {
  test("a repetition is old, a step is late, the first of a session may have any number", () => {
    const sequence = new Sequence();
    const take = (session: string, seq: number): string => sequence.take(topic, session, seq).is;
    expect([take("a", 31), take("a", 31), take("a", 30), take("a", 32), take("a", 35), take("a", 34)]).toEqual([
      ...["next", "old", "old", "next", "late", "old"],
    ]);
    expect(sequence.take(topic, "a", 40)).toEqual({ is: "late", gap: { topic, session: "a", from: 36, to: 39 } });
    expect([take("b", 7), take("a", 41), take("b", 8)]).toEqual(["next", "old", "next"]);
    expect(sequence.take("md/x/y/quote", "b", 1).is).toBe("next");
  });

  test("a will is news, and so is what its session says again when it comes back", () => {
    const sequence = new Sequence();
    const take = (session: string, seq: number): string => sequence.take("gw/state", session, seq).is;
    expect([take("a", 1), take("a", 2), take("a", 0), take("a", 1), take("a", 2), take("a", 2)]).toEqual([
      ...["next", "next", "next", "old", "next", "old"],
    ]);
    // The late will of a session that another one has followed.
    expect([take("b", 1), take("a", 0), take("b", 2)]).toEqual(["next", "old", "next"]);
    // The will of one that never said anything.
    expect([take("c", 0), take("b", 3)]).toEqual(["next", "next"]);
    const fresh = new Sequence();
    expect([fresh.take("gw/state", "a", 0).is, fresh.take("gw/state", "a", 5).is]).toEqual(["next", "next"]);
  });

  test("whatever is delayed, doubled or lost: each number at most once, in order, and the rest are the gaps", () => {
    const arrivals = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 });
    fc.assert(
      fc.property(arrivals, (seqs) => {
        const bench = open();
        for (const seq of seqs) bench.say(seq);
        const taken = bench.taken as number[];
        expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
        const missing = bench.gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
        const [first = 1, last = 0] = [taken[0], taken.at(-1)];
        const whole = [...taken, ...missing].sort((a, b) => a - b);
        expect(whole).toEqual(Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n));
        const { received, duplicates, missed } = bench.receiver.counters;
        expect({ received, duplicates, missed }).toEqual({
          ...{ received: taken.length, duplicates: seqs.length - taken.length, missed: missing.length },
        });
      }),
    );
  });
});

describe("receiver", () => {
  test("gaps are counted and told; the log has one line a second", () => {
    const bench = open();
    for (const seq of [1, 3, 5, 9]) bench.say(seq);
    expect(bench.receiver.counters).toMatchObject({ received: 4, missed: 5 });
    expect(bench.gaps).toHaveLength(3);
    expect(bench.logs).toEqual(["messages are missing"]);
  });

  test("a signal that another process of its strategy says again is a repetition", () => {
    const [where, signal] = samples.signal;
    const bench = open();
    const say = (id: string, session: string, seq: number): void =>
      bench.receiver.receive(raw(where, { ...signal, id, session, seq }));
    for (const [id, session, seq] of [
      ["a", "s-1", 5],
      ["b", "s-1", 6],
      ["b", "s-2", 1],
      ["c", "s-2", 2],
    ] as const)
      say(id, session, seq);
    expect([bench.taken, bench.receiver.counters.duplicates]).toEqual([[5, 6, 2], 1]);
    for (let n = 0; n < 1_000; n += 1) say(`n-${n}`, "s-2", 3 + n);
    say("c", "s-2", 1_003);
    expect(bench.taken).toHaveLength(1_004);
  });

  test("a command is not carried out after its time", () => {
    const [where, command] = samples.command;
    const bench = open();
    for (const expiresAtMs of [999, 1_000]) bench.receiver.receive(raw(where, { ...command, expiresAtMs, atMs: 1 }));
    expect([bench.taken, bench.receiver.counters.expired]).toEqual([["command"], 1]);
  });
});

describe("dead letters", () => {
  test("name the topic, the mistake and the first bytes, and are themselves good messages", async () => {
    const { validateDeadLetter } = await import("#core/bus-validators.generated.js");
    const bench = open();
    const strange = `\u202e${"é".repeat(1_500)}`;
    bench.receiver.receive(raw(topic, strange));
    bench.receiver.receive(raw(`md/${"x".repeat(400)}`, quote(1)));
    expect(bench.letters.map(({ topic: where }) => where)).toEqual(["gw/dead", "gw/dead"]);
    const [first, second] = bench.letters.map(({ message }) => ({ ...message, session: "c", seq: 1 }));
    expect(first).toMatchObject({ topic, code: "payload-malformed", bytes: 3_003, suppressed: 0, atMs: 1_000 });
    expect(Buffer.from(first?.payload ?? "", "base64")).toEqual(Buffer.from(strange).subarray(0, 768));
    expect(second).toMatchObject({ code: "topic-unknown" });
    for (const letter of [first, second]) expect(validateDeadLetter(letter), JSON.stringify(letter)).toBe(true);
    expect([bench.receiver.counters.refused, bench.taken]).toEqual([2, []]);
  });

  test("a flood makes ten a second, and the next one says how many there were", () => {
    const bench = open();
    for (let n = 0; n < 1_000; n += 1) bench.receiver.receive(raw(topic, "{}"));
    expect(bench.letters).toHaveLength(10);
    bench.clock.nowMs += 1_000;
    bench.receiver.receive(raw(topic, "{}"));
    expect(bench.letters.at(-1)?.message.suppressed).toBe(990);
    expect(bench.receiver.counters.refused).toBe(1_001);
  });

  test("there is none about a dead letter, and none where nobody may write one", () => {
    const bench = open();
    bench.receiver.receive(raw("gw/dead", samples["dead-letter"][1]));
    bench.receiver.receive(raw("strat/a/b/dead", "{"));
    expect([bench.letters, bench.receiver.counters.refused]).toEqual([[], 2]);
    const silent = new Receiver(
      { publish: () => Promise.reject(new Error("not to be called")) },
      { validators: {}, nowMs: () => 0, log: () => undefined, take: () => undefined },
    );
    silent.receive(raw(topic, "{"));
    expect(silent.counters.refused).toBe(1);
  });
});

describe("refills", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

  test("what a recorder has comes before what waited, and other topics do not wait", async () => {
    const asked: Gap[] = [];
    const bench = open({
      refill: async (gap) => {
        asked.push(gap);
        return [2, 3].map((seq) => quote(seq));
      },
    });
    for (const seq of [1, 4, 5]) bench.say(seq);
    bench.receiver.receive(raw("gw/state", { ...samples["gateway-state"][1], seq: 77 }));
    expect(bench.taken).toEqual([1, 77]);
    await settled();
    expect(bench.taken).toEqual([1, 77, 2, 3, 4, 5]);
    expect(asked).toEqual([{ topic, session: "s-1", from: 2, to: 3 }]);
    expect(bench.receiver.counters).toMatchObject({ refilled: 2, missed: 0, received: 6 });
    bench.say(6);
    expect(bench.taken.at(-1)).toBe(6);
  });

  test.each([
    ["has nothing", async () => []],
    ["fails", () => Promise.reject(new Error("no recorder"))],
    ["answers never", () => new Promise<never>(() => undefined)],
    ["answers with another session", async () => [quote(2, "s-0"), quote(3, "s-0")]],
    ["answers with what was not asked", async () => [quote(1), quote(4), quote(9)]],
  ] satisfies readonly (readonly [string, Refill])[])("a recorder that %s leaves the gap", async (_name, refill) => {
    const bench = open({ refill });
    for (const seq of [1, 4, 5]) bench.say(seq);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([bench.taken, bench.gaps]).toEqual([[1, 4, 5], [{ topic, session: "s-1", from: 2, to: 3 }]]);
    expect(bench.receiver.counters).toMatchObject({ refilled: 0, missed: 2 });
  });

  test("a part is taken, twice the same once, and the holes are told", async () => {
    const bench = open({ refill: async () => [3, 3, 5].map((seq) => quote(seq)) });
    for (const seq of [1, 8]) bench.say(seq);
    await settled();
    expect(bench.taken).toEqual([1, 3, 5, 8]);
    expect(bench.gaps.map(({ from, to }) => [from, to])).toEqual([
      [2, 2],
      [4, 4],
      [6, 7],
    ]);
  });

  test("waiting is bounded in number, and in time for each gap", async () => {
    const bench = open({ refill: () => new Promise<never>(() => undefined) });
    bench.say(1);
    for (let seq = 3; seq <= 1_002; seq += 1) bench.say(seq);
    expect(bench.taken).toHaveLength(1_001);
    bench.say(1_010);
    await vi.advanceTimersByTimeAsync(1_000);
    bench.say(1_020);
    expect([bench.taken.at(-1), bench.gaps.length]).toEqual([1_002, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([bench.taken.at(-1), bench.gaps.length]).toEqual([1_010, 2]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([bench.taken.at(-1), bench.gaps.length]).toEqual([1_020, 3]);
    bench.receiver.close();
  });

  test("a gap behind a gap is asked for at once, and comes in its place whichever is answered first", async () => {
    const answers = new Map<number, () => void>();
    const bench = open({
      refill: ({ from, to }) =>
        new Promise((resolve) =>
          answers.set(from, () => resolve(Array.from({ length: to - from + 1 }, (_, n) => quote(from + n)))),
        ),
    });
    for (const seq of [1, 3, 6, 7]) bench.say(seq);
    expect([...answers.keys()]).toEqual([2, 4]);
    answers.get(4)?.();
    await settled();
    expect(bench.taken).toEqual([1]);
    answers.get(2)?.();
    await settled();
    expect([bench.taken, bench.gaps]).toEqual([[1, 2, 3, 4, 5, 6, 7], []]);
    bench.say(8);
    expect(bench.taken.at(-1)).toBe(8);
  });
});

describe("a receiver that resumes where another one ended", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const resumed = (refill: Refill | undefined, seq = 3) => {
    const bench = open(refill === undefined ? {} : { refill });
    const done = { yes: false };
    void bench.receiver.resume(topic, "s-1", seq).then(() => {
      done.yes = true;
    });
    return { ...bench, done };
  };
  const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

  test("asks for all since then, hands it on as earlier, and goes on behind it", async () => {
    const asked: Gap[] = [];
    const bench = resumed(async (gap) => {
      asked.push(gap);
      return [4, 5, 6].map((seq) => quote(seq));
    });
    await settled();
    expect(asked).toEqual([{ topic, session: "s-1", from: 4, to: Number.MAX_SAFE_INTEGER }]);
    expect([bench.taken, bench.missed, bench.done.yes]).toEqual([[4, 5, 6], [4, 5, 6], true]);
    // One that the recorder was quicker with, and those that follow.
    for (const seq of [6, 7, 8]) bench.say(seq);
    expect([bench.taken, bench.missed, bench.gaps]).toEqual([[4, 5, 6, 7, 8], [4, 5, 6], []]);
  });

  test("what comes meanwhile waits, is not earlier, and says where the question ends", async () => {
    let answer: (seqs: readonly number[]) => void = () => undefined;
    const bench = resumed(
      () =>
        new Promise((resolve) => {
          answer = (seqs) => resolve(seqs.map((seq) => quote(seq)));
        }),
    );
    for (const seq of [6, 7]) bench.say(seq);
    expect([bench.taken, bench.done.yes]).toEqual([[], false]);
    answer([4, 5, 6, 7]);
    await settled();
    expect([bench.taken, bench.missed, bench.gaps]).toEqual([[4, 5, 6, 7], [4, 5], []]);
  });

  test("a session that ended meanwhile is given to its end, then the new one", async () => {
    const bench = resumed(async () => [quote(4), quote(5), quote(1, "s-2")]);
    bench.say(1, "s-2");
    await settled();
    expect([bench.taken, bench.missed, bench.gaps]).toEqual([[4, 5, 1], [4, 5], []]);
    bench.say(2, "s-2");
    expect(bench.taken.at(-1)).toBe(2);
  });

  test("with a recorder that never answers, and with none, it waits no longer than it may, and the gap is told", async () => {
    const bench = resumed(() => new Promise<never>(() => undefined));
    bench.say(6);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([bench.taken, bench.missed, bench.done.yes]).toEqual([[6], [], true]);
    expect(bench.gaps).toEqual([{ topic, session: "s-1", from: 4, to: 5 }]);
    const without = resumed(undefined);
    without.say(6);
    await settled();
    expect([without.taken, without.done.yes, without.gaps.length]).toEqual([[6], true, 1]);
  });

  test("property: each message since then comes once and in order, earlier if it was not heard", async () => {
    const cases = fc.record({
      known: fc.integer({ min: 1, max: 10 }),
      away: fc.nat({ max: 10 }),
      heard: fc.nat({ max: 10 }),
      /** How many of those that are heard come before the answer does. */
      before: fc.nat({ max: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ known, away, heard, before }) => {
        const first = known + away + 1;
        const live = Array.from({ length: heard }, (_, index) => first + index);
        let published = first + Math.min(before, heard) - 1;
        let answer = (): void => undefined;
        const bench = resumed(
          ({ from, to }) =>
            new Promise((resolve) => {
              const until = (): number => Math.min(to, published);
              answer = () => resolve(Array.from({ length: until() - from + 1 }, (_, index) => quote(from + index)));
            }),
          known,
        );
        for (const seq of live.slice(0, before)) bench.say(seq);
        answer();
        await settled();
        for (const seq of live.slice(before)) {
          published = seq;
          bench.say(seq);
        }
        await settled();
        const all = Array.from({ length: away + heard }, (_, index) => known + 1 + index);
        expect([bench.taken, bench.missed, bench.gaps]).toEqual([all, all.slice(0, away), []]);
        bench.receiver.close();
      }),
    );
  });
});
