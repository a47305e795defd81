import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BusMessage } from "#bus/client.ts";
import { ok } from "#core/result.ts";
import { Turn } from "#executor/turn.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const own = "strat/momentum/sma";

function bench() {
  const said: { readonly wants: string; readonly epoch: number }[] = [];
  const handlers = new Set<(message: BusMessage) => void>();
  const logs: string[] = [];
  const turn = new Turn({
    bus: {
      publish: async (topic, message) => {
        expect(topic).toBe(`${own}/turn/request`);
        said.push(message as (typeof said)[number]);
      },
      subscribe: async () => ok(undefined),
      onMessage: (handler) => {
        handlers.add(handler);
        return () => handlers.delete(handler);
      },
    },
    ...{ own, epoch: 4, nowMs: () => 1, log: (_level, message) => logs.push(message) },
  });
  const answer = (granted: boolean, epoch = 4): void => {
    const message = { v: 1, type: "turn-answer", epoch, granted, away: 5, awayMax: 5, atMs: 1 };
    const payload = Buffer.from(JSON.stringify(message));
    for (const handler of handlers) handler({ topic: `${own}/turn/answer`, payload, retained: false, qos: 1 });
  };
  let ended = false;
  const wait = (): void =>
    void turn.wait().then(() => {
      ended = true;
    });
  return { turn, said, logs, answer, wait, handlers, ended: () => ended };
}

test("it asks until it may end, and is not meant by an answer to another epoch", async () => {
  const { said, answer, wait, handlers, ended, logs } = bench();
  wait();
  answer(false);
  answer(true, 3);
  await vi.advanceTimersByTimeAsync(20_000);
  answer(false);
  expect(said.map(({ wants }) => wants)).toEqual(["leave", "leave", "leave", "leave", "leave"]);
  expect(ended()).toBe(false);
  answer(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended()).toBe(true);
  expect(said).toHaveLength(5);
  expect(handlers.size).toBe(0);
  expect(logs).toEqual(["it is to end, and trades on until it is its turn"]);
});

test("it says once that it is back", () => {
  const { turn, said } = bench();
  turn.back();
  turn.back();
  expect(said.map(({ wants, epoch }) => [wants, epoch])).toEqual([["back", 4]]);
});

test("both containers of a pod ask, and it waits once", async () => {
  const { turn, said, answer } = bench();
  const both = Promise.all([turn.wait(), turn.wait()]);
  answer(true);
  await both;
  expect(said).toHaveLength(1);
});

test("without a gateway it leaves after half a minute; as long as one answers it waits", async () => {
  const { wait, answer, ended, logs } = bench();
  wait();
  for (let seconds = 0; seconds < 100; seconds += 20) {
    await vi.advanceTimersByTimeAsync(20_000);
    answer(false);
  }
  expect(ended()).toBe(false);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(ended()).toBe(false);
  await vi.advanceTimersByTimeAsync(6_000);
  expect(ended()).toBe(true);
  expect(logs.at(-1)).toBe("nobody gives turns; it ends without one");
});
