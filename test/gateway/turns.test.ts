import fc from "fast-check";
import { expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import type { TurnAnswerMessage } from "#core/messages.ts";
import { awayMsMax, Turns, waitingMsMax } from "#gateway/turns.ts";
import { limitsOf } from "./fixtures.ts";

/** Turns over so many strategies that are to run, without a bus: what it answered, in order. */
function bench(count: number) {
  const ids = Array.from({ length: count }, (_, index) => `team/s-${index}` as StrategyId);
  const stopped = new Set<StrategyId>();
  const answers: (readonly [strategy: string, granted: boolean])[] = [];
  let nowMs = 0;
  const turns = new Turns({
    bus: {
      publish: async (topic, message) => {
        answers.push([topic.split("/").slice(1, 3).join("/"), (message as TurnAnswerMessage).granted]);
      },
    },
    strategies: () => ids,
    limits: (strategy) => ({ kind: "limits", limits: limitsOf({ strategy, running: !stopped.has(strategy) }) }),
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    log: () => undefined,
  });
  const say = (wants: "leave" | "back", index: number, epoch = 1): void =>
    turns.hear(ids[index] as StrategyId, { v: 1, type: "turn-request", epoch, wants, atMs: nowMs });
  return {
    answers,
    stop: (index: number) => stopped.add(ids[index] as StrategyId),
    leave: (index: number, epoch?: number) => say("leave", index, epoch),
    back: (index: number) => say("back", index, 2),
    pass: (ms: number) => {
      nowMs += ms;
    },
    granted: (): readonly string[] => answers.filter(([, granted]) => granted).map(([strategy]) => strategy),
  };
}

test.each([
  { running: 1, atOnce: 1 },
  { running: 7, atOnce: 1 },
  { running: 8, atOnce: 2 },
  { running: 20, atOnce: 5 },
])("of $running executors that ask at once $atOnce may leave", ({ running, atOnce }) => {
  const { leave, granted, answers } = bench(running);
  for (let index = 0; index < running; index += 1) leave(index);
  expect(granted()).toHaveLength(atOnce);
  expect(answers).toHaveLength(running);
});

test("who waits leaves when another is back, in the order of asking, without asking again", () => {
  const { leave, back, granted } = bench(4);
  for (const index of [2, 0, 3]) leave(index);
  expect(granted()).toEqual(["team/s-2"]);
  back(2);
  expect(granted()).toEqual(["team/s-2", "team/s-0"]);
  back(0);
  expect(granted()).toEqual(["team/s-2", "team/s-0", "team/s-3"]);
});

test("one that asks again keeps its place; one whose answer was lost gets it again, and takes no second place", () => {
  const { leave, back, granted } = bench(4);
  for (const index of [0, 1, 2, 1, 0]) leave(index);
  expect(granted()).toEqual(["team/s-0", "team/s-0"]);
  back(0);
  expect(granted().at(-1)).toBe("team/s-1");
});

test("one that does not come back holds its place for a minute", () => {
  const { leave, pass, granted } = bench(4);
  leave(0);
  pass(awayMsMax - 1);
  leave(1);
  expect(granted()).toEqual(["team/s-0"]);
  pass(1);
  leave(1);
  expect(granted()).toEqual(["team/s-0", "team/s-1"]);
});

test("one that is stopped holds no place", () => {
  const { leave, stop, granted } = bench(4);
  leave(0);
  stop(0);
  leave(1);
  expect(granted()).toEqual(["team/s-0", "team/s-1"]);
});

test("one that waited and asks no longer has ended: its turn is the next one's", () => {
  const { leave, back, pass, granted } = bench(4);
  for (const index of [0, 1]) leave(index);
  pass(waitingMsMax);
  leave(2);
  back(0);
  expect(granted()).toEqual(["team/s-0", "team/s-2"]);
});

test("whatever is asked in whatever order, within a minute no more are away than may be", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("leave", "back"), fc.nat(11), fc.nat(400)), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (asked) => {
      const { leave, back, pass, answers } = bench(12);
      const away = new Set<string>();
      for (const [what, index, ms] of asked) {
        pass(ms);
        const before = answers.length;
        if (what === "back") away.delete(`team/s-${index}`);
        if (what === "leave") leave(index);
        else back(index);
        for (const [strategy, granted] of answers.slice(before)) if (granted) away.add(strategy);
        expect(away.size).toBeLessThanOrEqual(3);
      }
    }),
  );
});
