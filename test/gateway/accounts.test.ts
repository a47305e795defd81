import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { validateAccount } from "#core/bus-validators.generated.js";
import type { StrategyId } from "#core/identity.ts";
import type { AccountMessage } from "#core/messages.ts";
import { AccountTeller } from "#gateway/accounts.ts";
import { type Bench, cleanUp, openBench, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const of = (bench: Bench) => bench.accounts.message(strategy);

test("an account is what the book has, at the gateway's prices", () => {
  const bench = openBench({ feeBps: "10" });
  expect(of(bench)).toMatchObject({ positions: {}, openOrders: 0, standing: "trading" });
  expect(of(bench).cash).toBeUndefined();
  bench.price("AAPL", "100");
  bench.send({ quantity: "10" });
  bench.price("AAPL", "90");
  expect(of(bench)).toEqual({
    ...{ v: 1, type: "account", cash: "8999", equity: "9899", drawdown: "0.0101", positions: { AAPL: "10" } },
    ...{ openOrders: 0, standing: "trading", atMs: bench.nowMs },
  });
  expect(validateAccount({ ...of(bench), session: "s", seq: 1 })).toBe(true);
});

test("without a price its worth is not known, and nothing is made up", () => {
  const folder = temporaryFolder();
  const bench = openBench({ folder });
  bench.price("AAPL", "100");
  bench.send({ quantity: "10" });
  bench.close();
  const next = of(openBench({ folder }));
  expect(next).toMatchObject({ cash: "9000", positions: { AAPL: "10" } });
  expect([next.equity, next.drawdown]).toEqual([undefined, undefined]);
});

test.each([
  ["halt", "halted"],
  ["reduce", "reducing"],
  ["flatten", "halted"],
] as const)("after %s it is %s, and by whom", (verb, standing) => {
  const bench = openBench();
  bench.command({ verb });
  expect(of(bench)).toMatchObject({
    standing,
    reason: expect.stringContaining("by alice (halt-1): a bad tick") as string,
  });
  expect(validateAccount({ ...of(bench), session: "s", seq: 1 })).toBe(true);
});

test("it is said when it has changed, and not again", () => {
  const bench = openBench({ simulation: { delayMs: 100 } });
  bench.price("AAPL", "100");
  const said: (readonly [string, AccountMessage])[] = [];
  const publish = async (topic: string, message: object): Promise<void> => {
    said.push([topic, message as AccountMessage]);
  };
  const teller = new AccountTeller({
    ...{ accounts: bench.accounts, bus: { publish }, log: () => undefined, guarded: (work) => work() },
  });
  teller.look();
  teller.look();
  expect(said.map(([topic]) => topic)).toEqual([`strat/${strategy}/account`]);
  bench.send({ quantity: "10" });
  teller.changed(strategy);
  teller.changed(strategy);
  vi.advanceTimersByTime(1_000);
  expect(said.map(([, { openOrders }]) => openOrders)).toEqual([0, 1]);
  bench.clock.advance(1_000);
  bench.price("AAPL", "101");
  teller.look();
  expect(said.at(-1)?.[1]).toMatchObject({ openOrders: 0, equity: "10010" });
  teller.look();
  expect(said).toHaveLength(3);
  teller.stop();
});

test("thousands are told in turn, a bounded number each second", () => {
  const all = Array.from({ length: 450 }, (_, index) => `team/s${index}` as StrategyId);
  const told: string[] = [];
  let price = 0;
  const accounts = {
    strategies: () => all,
    message: () => ({ ...of(openedOnce), equity: String(price) }),
  };
  const openedOnce = openBench();
  const publish = async (topic: string): Promise<void> => void told.push(topic);
  const teller = new AccountTeller({ accounts, bus: { publish }, log: () => undefined, guarded: (work) => work() });
  for (price = 1; price <= 3; price += 1) teller.look();
  expect(told).toHaveLength(600);
  expect(new Set(told).size).toBe(450);
});
