import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Retained } from "#bus/retained.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const said: string[] = [];
  const retained = new Retained((topic, payload) => said.push(`${topic} ${payload}`));
  const after = (seconds: number): readonly string[] => {
    vi.advanceTimersByTime(seconds * 1_000);
    return said.splice(0);
  };
  return { retained, after };
}

test("what does not change is said again twice, when an election is over for sure, and then no more", () => {
  const { retained, after } = open();
  retained.set("gw/state", "online");
  expect(after(9)).toEqual([]);
  expect(after(11)).toEqual(["gw/state online"]);
  expect(after(40)).toEqual(["gw/state online"]);
  expect(after(3_600)).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("what changes all the time is said again once it does not: the newest, and never an older one", () => {
  const { retained, after } = open();
  for (let n = 0; n < 30; n += 1) {
    retained.set("a", String(n));
    expect(after(4)).toEqual([]);
  }
  retained.set("b", "x");
  expect(after(15)).toEqual(["a 29", "b x"]);
  expect([...retained]).toEqual([
    ["a", "29"],
    ["b", "x"],
  ]);
  retained.stop();
  expect(after(3_600)).toEqual([]);
});

test("after another connection, which said all of it, it is said again twice: a will of the one before may have come behind it", () => {
  const { retained, after } = open();
  retained.reconnected();
  expect(vi.getTimerCount()).toBe(0);
  retained.set("gw/state", "online");
  after(3_600);
  retained.reconnected();
  expect(after(9)).toEqual([]);
  expect(after(11)).toEqual(["gw/state online"]);
  retained.reconnected();
  expect(after(20)).toEqual(["gw/state online"]);
  expect(after(3_600)).toEqual(["gw/state online"]);
  expect(vi.getTimerCount()).toBe(0);
});
