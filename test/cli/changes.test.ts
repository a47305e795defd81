import { expect, test } from "vitest";
import { Changes, summarize } from "#cli/up/changes.ts";
import type { Overview, OverviewRow } from "#console/overview.ts";
import { sampleOverview } from "../console/fixtures.ts";

const sample = sampleOverview();
const [row] = sample.rows;
const at = (changes: Partial<OverviewRow>): Overview => {
  if (row === undefined) throw new Error("the sample has rows");
  return { ...sample, rows: [{ ...row, strategy: "me/first", problem: null, ...changes }] };
};
const running = at({ stage: "running", state: "running" });
const stopped = at({ stage: "stopped", state: "stopped" });
const waiting = (restarts: number, problem = "pod first-0: it ended"): Overview =>
  at({ stage: "synced", state: "CrashLoopBackOff", problem, restarts });
const starting = (state: string, problem = "pod first-0: it ended"): Overview =>
  at({ stage: "synced", state, problem });

/** What is said to these looks, a quarter of a second each. */
function said(...looks: readonly Overview[]): readonly string[] {
  const changes = new Changes();
  return looks.flatMap((overview, index) => changes.look(overview, index * 250));
}

test("a process that ends again and again is told of once, and that it came back", () => {
  const round = [waiting(1), starting("offline"), starting("initializing"), running, running];
  expect(said(running, ...round, ...round, ...round)).toEqual([
    "  me/first: running → synced, CrashLoopBackOff: pod first-0: it ended",
    "  me/first: synced, CrashLoopBackOff → running",
  ]);
});

test("another problem is news, another number in it is not", () => {
  const price = (text: string): Overview => waiting(1, `RangeError: ${text} on port ${text}1`);
  expect(said(running, price("3.5"), price("12"), waiting(2), price("7"), waiting(3))).toEqual([
    "  me/first: running → synced, CrashLoopBackOff: RangeError: 3.5 on port 3.51",
    "  me/first: synced, CrashLoopBackOff: pod first-0: it ended",
  ]);
});

test("an executor's problem says its state once", () => {
  const faulted = at({ stage: "running", state: "faulted", problem: "faulted: Error: boom at algorithm.ts:4:5" });
  expect(said(running, faulted)).toEqual(["  me/first: running → running, faulted: Error: boom at algorithm.ts:4:5"]);
});

test("after a minute of being well the same problem is news again", () => {
  const minute = Array.from({ length: 250 }, () => running);
  expect(said(running, waiting(1), ...minute, waiting(2))).toEqual([
    "  me/first: running → synced, CrashLoopBackOff: pod first-0: it ended",
    "  me/first: synced, CrashLoopBackOff → running",
    "  me/first: running → synced, CrashLoopBackOff: pod first-0: it ended",
  ]);
});

test("what a person does is told of each time", () => {
  expect(said(running, stopped, running, stopped)).toEqual([
    "  me/first: running → stopped",
    "  me/first: stopped → running",
    "  me/first: running → stopped",
  ]);
  expect(said(running, waiting(1), running, stopped, running, waiting(2))).toHaveLength(5);
});

test("a refused order is none, and no strategy fills the screen", () => {
  expect(said(running, at({ stage: "running", state: "running", problem: "last refused order: no" }))).toEqual([]);
  const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"];
  expect(said(running, ...letters.map((letter) => waiting(1, `problem ${letter}`)))).toHaveLength(20);
});

test("the summary counts the restarts", () => {
  expect(summarize(waiting(3))).toBe("  me/first CrashLoopBackOff, 3 restarts");
});
