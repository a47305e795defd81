// Whose turn it is to merge, on a forge that many machines share.
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import type { Turn } from "#delivery/merge.ts";
import { turnMsMax, turnOf, turnRef } from "#delivery/turn.ts";
import type { Mirror } from "#git/port.ts";
import { createTurnWatch } from "#server/turn-watch.ts";
import { alice, openSite, type Site } from "./fixture.ts";

let at: Site;
let mirror: Mirror;
let nowMs: number;
let waits: number;
let onPause: () => Promise<void>;
beforeEach(async () => {
  at = await openSite();
  const nothing = (): Promise<void> => Promise.resolve();
  mirror = { ...at.repository, fetch: nothing, fetchRef: nothing };
  [nowMs, waits, onPause] = [0, 0, nothing];
});
afterEach(() => at.close());

const steady = (): number => nowMs;
// Whoever sets it, it holds up nobody.
const clock = (): number => 1_700_000_000_000 - nowMs;

function turn(number: number): Turn {
  const pause = async (ms: number): Promise<void> => {
    nowMs += ms;
    waits += 1;
    await onPause();
  };
  const { forge } = at;
  const own = { number, by: alice, id: `${number}`, random: () => 0.5 };
  return turnOf({ repository: mirror, forge, ...own, clock, steady, pause });
}

test("whoever is alone makes no branch; who has lost once takes the turn, and leaves nothing behind", async () => {
  const one = turn(1);
  expect(await one.before(0)).toBe(false);
  expect(await mirror.resolve(turnRef)).toBeUndefined();
  expect(await one.before(1)).toBe(true);
  expect(await createTurnWatch({ repository: mirror, steady }).current()).toBe(1);
  expect(await one.before(2)).toBe(false);
  await one.done();
  expect(await mirror.resolve(turnRef)).toBeUndefined();
});

test("who comes while another one has it waits until that one is done", async () => {
  const [one, two] = [turn(1), turn(2)];
  await one.before(1);
  onPause = async () => {
    if (waits === 3) await one.done();
  };
  expect(await two.before(0)).toBe(true);
  expect(waits).toBe(3);
  expect(await createTurnWatch({ repository: mirror, steady }).current()).toBe(2);
  // What is left of the first takes nothing from the second.
  await one.done();
  expect(await createTurnWatch({ repository: mirror, steady }).current()).toBe(2);
});

test("one that was killed is taken over after a minute, and the server waits for it no longer", async () => {
  await turn(1).before(1);
  const watch = createTurnWatch({ repository: mirror, steady });
  expect(await watch.current()).toBe(1);
  nowMs += turnMsMax + 1;
  expect(await watch.current()).toBeUndefined();
  const startedMs = nowMs;
  expect(await turn(2).before(0)).toBe(true);
  expect(nowMs - startedMs).toBeGreaterThan(turnMsMax);
  expect(await watch.current()).toBe(2);
});

test("where the forge takes no such branch it goes without", async () => {
  const refused = new Fault("git-push-refused", "no such branch here");
  mirror = { ...mirror, updateRef: () => Promise.reject(refused) };
  const one = turn(1);
  expect(await one.before(1)).toBe(true);
  expect(await one.before(2)).toBe(false);
  await one.done();
});
