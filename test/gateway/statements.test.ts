import { describe, expect, test } from "vitest";
import { eventDigest } from "#core/event-digest.ts";
import type { OrderResendMessage, OrderStatementMessage } from "#core/messages.ts";
import { type Bench, bytes, cleanUp, openBench, strategy, temporaryFolder } from "./fixtures.ts";

// An executor says what it has heard; the gateway tells the rest from its book, and what the book says is held.

cleanUp();

function ask(bench: Bench, change: Partial<OrderResendMessage> = {}): OrderStatementMessage | undefined {
  const before = bench.statements.length;
  const { after = 0 } = change;
  const known = bench.events.find(({ seq }) => seq === after);
  const digest = known === undefined ? {} : { digest: eventDigest(known) };
  const asked = { v: 1, type: "order-resend", epoch: 1, after, ...digest, anew: false, atMs: 77, ...change };
  bench.gateway.receive(`strat/${strategy}/order/resend`, bytes(asked));
  return bench.statements[before];
}

function traded(bench = openBench()): Bench {
  bench.price("AAPL", "100");
  bench.gateway.openAccount(strategy);
  for (const id of ["a", "b", "c"]) bench.send({ clientOrderId: id, quantity: "2" });
  return bench;
}

describe("a question about what was missed", () => {
  test("is answered with the account and the events, as they were told first", () => {
    const bench = traded();
    const told = bench.events.slice();
    expect(ask(bench, { after: 1 })).toMatchObject({
      ...{ epoch: 1, asked: 77, resent: true, last: 3, cash: "9400", positions: { AAPL: "6" }, open: [] },
    });
    expect(bench.events.slice(told.length)).toEqual(told.slice(1));
  });

  test("of one that has all tells it so, and nothing twice", () => {
    const bench = traded();
    const last = bench.events.at(-1);
    expect(ask(bench, { after: 3 })).toMatchObject({ resent: true, last: 3, digest: eventDigest(last!) });
    expect(bench.events).toHaveLength(3);
  });

  test.each([
    ["that the book does not have", { after: 9, digest: "0".repeat(32) }],
    ["of another content", { after: 2, digest: "0".repeat(32) }],
    ["of which there is no state", { anew: true }],
  ])("from an event %s gets the account alone", (_name, change) => {
    const bench = traded();
    expect(ask(bench, change)).toMatchObject({ resent: false, last: 3, cash: "9400" });
    expect(bench.events).toHaveLength(3);
  });

  test("that the book has forgotten gets the account alone", () => {
    const bench = traded(openBench({ eventsKept: 1 }));
    bench.book.markPublished(bench.book.unpublished());
    bench.clock.advance(600_000);
    bench.book.retention.forget(bench.book.retention.find(strategy, 0, bench.clock.wall), bench.clock.wall);
    expect(ask(bench, { after: 0 })).toMatchObject({ resent: false, last: 3 });
    expect(ask(bench, { after: 2 })).toMatchObject({ last: 3 });
  });

  test("of a strategy without orders opens its account", () => {
    const bench = openBench();
    expect(ask(bench, { anew: true })).toMatchObject({ resent: true, last: 0, cash: "10000", positions: {} });
    bench.limits.clear();
    const other = openBench();
    other.limits.clear();
    expect(ask(other)).toBeUndefined();
  });

  test("says what is filled of open orders, and comes a page at a time", () => {
    const bench = openBench({
      simulation: { fills: 4, fillEveryMs: 60_000 },
      limits: { maxOrderNotional: (10n ** 12n) as never },
    });
    bench.price("AAPL", "100");
    for (let id = 0; id < 210; id += 1) {
      bench.clock.advance(1_000);
      bench.send({ clientOrderId: `o-${id}`, quantity: "99999" });
    }
    expect(bench.events.at(-1)?.seq).toBe(210);
    const before = bench.events.length;
    expect(ask(bench)).toMatchObject({ resent: true, last: 210 });
    expect(bench.events.slice(before).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
  });
});

describe("whoever asks all the time", () => {
  test("is answered ten times in a second, and told again once; the next second is a new one", () => {
    const bench = traded();
    const told = bench.events.slice();
    const askOften = (): number =>
      Array.from({ length: 50 }, () => ask(bench)).filter((said) => said !== undefined).length;
    expect(askOften()).toBe(10);
    expect(bench.statements.at(-1)).toMatchObject({ resent: true, last: 3 });
    expect(bench.events.slice(told.length)).toEqual(told);
    bench.clock.advance(1_000);
    expect(askOften()).toBe(10);
    expect(bench.events.slice(2 * told.length)).toEqual(told);
    // So far it may have waited at the broker for a gateway that was away.
    const alarms = (): number => bench.logs.filter((line) => line.includes("floods the gateway")).length;
    expect(alarms()).toBe(0);
    bench.clock.advance(1_000);
    askOften();
    expect(alarms()).toBe(1);
    bench.clock.advance(5_000);
    askOften();
    expect(alarms()).toBe(1);
  });

  test("keeps none of its own orders from being looked at", () => {
    const bench = traded();
    for (let time = 0; time < 50; time += 1) ask(bench);
    expect(bench.send({ clientOrderId: "after", quantity: "1" })).toMatchObject({ status: "filled" });
  });
});

describe("an epoch", () => {
  test("is fenced from the moment at which its successor asks, over a restart too", () => {
    const folder = temporaryFolder();
    const bench = openBench({ folder });
    bench.price("AAPL", "100");
    expect(ask(bench, { epoch: 2 })).toMatchObject({ epoch: 2 });
    expect(bench.send({ epoch: 1 })).toMatchObject({ status: "denied", reason: { code: "stale-epoch" } });
    bench.close();
    const next = openBench({ folder });
    next.price("AAPL", "100");
    expect(next.send({ clientOrderId: "b", epoch: 1 })).toMatchObject({ reason: { code: "stale-epoch" } });
    expect(ask(next, { epoch: 1 })).toMatchObject({ epoch: 2 });
  });

  test("that is too low uses up no id: the executor that took over asks for the same order, and gets it", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    ask(bench, { epoch: 2 });
    expect(bench.send({ epoch: 1 })).toMatchObject({ status: "denied" });
    expect(bench.send({ epoch: 2 })).toMatchObject({ status: "filled" });
  });
});
