import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { BusMessage } from "#bus/client.ts";
import { Receiver } from "#bus/receiver.ts";
import { Recorder, type RecorderOptions } from "#bus/recorder.ts";
import { RefillClient } from "#bus/refill-client.ts";
import type { Gap } from "#bus/sequence.ts";
import { executorAccess } from "#core/access.ts";
import { validateBar, validateRefill } from "#core/bus-validators.generated.js";
import type { RefillMessage } from "#core/messages.ts";
import { effective } from "../executor/rig.ts";
import { samples } from "../fixtures/bus-messages.ts";

const channel = "md/replay/AAPL/bar/1d";
const spec = effective({ team: "momentum", name: "sma", channels: [channel, "quotes"] });
const access = new Map([["momentum-paper/sma", executorAccess(spec)]]);
const [, sample] = samples.bar;
const bar = (seq: number, session = "s-1") => ({ ...sample, sid: "AAPL", venue: "replay", session, seq });
const bytes = (message: unknown): Uint8Array => Buffer.from(JSON.stringify(message));
const request = (change: object = {}) => ({
  ...{ v: 1, type: "refill-request", id: "a-1", topic: channel, session: "s-1", from: 1, to: 9 },
  ...change,
});

function open(kept?: RecorderOptions["kept"], amongOthers = false) {
  const answers: { readonly topic: string; readonly message: RefillMessage }[] = [];
  const recorder = new Recorder({
    environment: "paper",
    access: () => access,
    answer: (topic, message) => {
      answers.push({ topic, message });
      queueMicrotask(() => client.take(message));
    },
    ...{ nowMs: () => 1_000, amongOthers },
    ...(kept === undefined ? {} : { kept }),
  });
  const client = new RefillClient(
    { publish: async (topic, message) => recorder.take(topic, bytes(message)) },
    "momentum/sma",
    { bar: validateBar },
  );
  client.online = true;
  const ask = (change: object = {}, who = "momentum/sma"): readonly number[] | "refused" => {
    const before = answers.length;
    recorder.take(`refill/${who}/request`, bytes(request(change)));
    const answer = answers[before];
    return answer === undefined ? "refused" : answer.message.messages.map((message) => Number(message["seq"]));
  };
  return { recorder, answers, ask, client };
}

test("among others: who has the beginning answers at once, who has a part later, who has nothing not at all", () => {
  vi.useFakeTimers();
  const { recorder, answers, ask } = open(undefined, true);
  for (const seq of [3, 4, 5]) recorder.take(channel, bytes(bar(seq)));
  expect(ask({ from: 3, to: 4 })).toEqual([3, 4]);
  expect(ask({ from: 2, to: 4 })).toBe("refused");
  vi.advanceTimersByTime(900);
  expect(answers[1]?.message.messages.map(({ seq }) => seq)).toEqual([3, 4]);
  expect(ask({ from: 7, to: 9 })).toBe("refused");
  vi.advanceTimersByTime(900);
  expect(answers).toHaveLength(2);
  vi.useRealTimers();
});

describe("a recorder", () => {
  test("gives what it has of a session, in order, to the topic of who asked", () => {
    const { recorder, answers, ask } = open();
    for (const seq of [1, 2, 3, 5, 8]) recorder.take(channel, bytes(bar(seq)));
    recorder.take(channel, bytes(bar(2, "s-2")));
    expect(ask({ from: 2, to: 5 })).toEqual([2, 3, 5]);
    expect(ask({ session: "s-2" })).toEqual([2]);
    expect([ask({ from: 9, to: 9 }), ask({ topic: "md/replay/AAPL/quote" })]).toEqual([[], []]);
    expect(answers[0]?.topic).toBe("refill/momentum/sma/answer");
    expect(answers[0]?.message.messages[0]).toEqual(bar(2));
    expect(answers.every(({ message }) => validateRefill(message))).toBe(true);
    expect(recorder.stats).toMatchObject({ topics: 1, asked: 4, refilled: 4, refused: 0 });
  });

  test("gives nobody what it may not subscribe to, and no stranger anything", () => {
    const { recorder, ask } = open();
    for (const topic of ["md/replay/GOOG/bar/1d", "strat/carry/rates/signal", "ind/replay/AAPL/sma/10"])
      recorder.take(topic, bytes(bar(1)));
    expect(ask({ topic: "md/replay/GOOG/bar/1d" })).toBe("refused");
    expect(ask({ topic: "strat/carry/rates/signal" })).toBe("refused");
    expect(ask({ topic: "ind/replay/AAPL/sma/10" })).toBe("refused");
    expect(ask({ topic: "md/#" })).toBe("refused");
    expect(ask({}, "momentum/other")).toBe("refused");
    expect(ask({ from: 0 })).toBe("refused");
    expect(recorder.stats).toMatchObject({ asked: 6, refilled: 0, refused: 6 });
  });

  test("keeps no order, state or answer, and answers so many in a second", () => {
    const { recorder, ask } = open();
    for (const topic of ["strat/momentum/sma/order/request", "strat/momentum/sma/state", "gw/state", "$SYS/x", "md/x"])
      recorder.take(topic, bytes({ v: 1 }));
    expect(recorder.stats.topics).toBe(0);
    const said = Array.from({ length: 60 }, () => ask());
    expect(said.filter((answer) => answer === "refused")).toHaveLength(10);
  });

  test("keeps the last of each topic, and in all no more than it may: the quietest goes", () => {
    const size = bytes(bar(1)).length;
    const { recorder, ask } = open({ perTopicMax: 3, bytesMax: 8 * size });
    for (let seq = 1; seq <= 7; seq += 1) recorder.take(channel, bytes(bar(seq)));
    expect(ask()).toEqual([5, 6, 7]);
    for (const sid of ["AAPL", "GOOG"]) {
      for (let seq = 1; seq <= 3; seq += 1) recorder.take(`md/replay/${sid}/quote`, bytes(bar(seq)));
    }
    expect(ask()).toEqual([]);
    expect([ask({ topic: "md/replay/AAPL/quote" }), recorder.stats.topics]).toEqual([[1, 2, 3], 2]);
    expect(recorder.stats.bytes).toBeLessThanOrEqual(8 * size);
  });

  test("an answer is one message: what does not fit is asked for again", async () => {
    const { recorder, ask, client } = open();
    for (let seq = 1; seq <= 450; seq += 1) recorder.take(channel, bytes(bar(seq)));
    expect(ask({ to: 450 })).toHaveLength(200);
    const found = await client.ask({ topic: channel, session: "s-1", from: 1, to: 450 });
    expect(found.map((message) => ("seq" in message ? message.seq : 0))).toEqual(
      Array.from({ length: 450 }, (_, n) => n + 1),
    );
  });
});

describe("with a recorder", () => {
  test("whatever is lost on the way comes in order before what follows it, and nothing twice", async () => {
    const lost = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(lost, async (losses) => {
        const { recorder, client } = open();
        const taken: number[] = [];
        const gaps: Gap[] = [];
        const receiver = new Receiver(
          { publish: async () => undefined },
          {
            ...{ validators: { bar: validateBar }, nowMs: () => 0, log: () => undefined },
            take: ({ message }) => void taken.push("seq" in message ? message.seq : 0),
            missed: (gap) => gaps.push(gap),
            refill: (gap) => client.ask(gap),
          },
        );
        const hear = (seq: number): void => {
          const payload = bytes(bar(seq));
          const message: BusMessage = { topic: channel, payload, retained: false, qos: 0 };
          receiver.receive(message);
        };
        recorder.take(channel, bytes(bar(1)));
        hear(1);
        for (const [index, isLost] of [...losses, false].entries()) {
          recorder.take(channel, bytes(bar(index + 2)));
          if (!isLost) hear(index + 2);
          // Now and then the answer is there before the next one.
          if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await new Promise((resolve) => setImmediate(resolve));
        expect(gaps).toEqual([]);
        expect(taken).toEqual(Array.from({ length: losses.length + 2 }, (_, n) => n + 1));
        receiver.close();
      }),
      { numRuns: 200 },
    );
  });

  test("what it no longer has stays a gap, and is told", async () => {
    const { recorder, client } = open({ perTopicMax: 2, bytesMax: 1e6 });
    for (const seq of [1, 2, 3, 4, 5]) recorder.take(channel, bytes(bar(seq)));
    expect((await client.ask({ topic: channel, session: "s-1", from: 2, to: 4 })).length).toBe(1);
  });

  test("without one a gap is one at once", async () => {
    const { client, answers } = open();
    client.online = false;
    expect(await client.ask({ topic: channel, session: "s-1", from: 1, to: 4 })).toEqual([]);
    expect(answers).toEqual([]);
  });
});
