import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { eventDigest } from "#core/event-digest.ts";
import type {
  OrderEventMessage,
  OrderRequestMessage,
  OrderResendMessage,
  OrderStatementMessage,
} from "#core/messages.ts";
import type { JournalEntry } from "#executor/events.ts";
import { redo } from "#executor/orders.ts";
import type { Kept } from "#executor/state.ts";
import { Bench, market, order, quote } from "./bench.ts";

// What the gateway tells is numbered: taken once and in order, asked for when it is missing, and held against its book.

const told = (event: OrderEventMessage) => ({ type: "order-event", event }) as const;
const tick = (nowMs: number) => ({ type: "tick", rssBytes: 1, nowMs }) as const;
const buy = [{ sid: "AAPL", side: "buy", quantity: "1" }];

/** One that has asked for an order, and whose question about its events is answered. */
function trading(hooks: readonly string[] = []): { readonly bench: Bench; readonly id: string } {
  const bench = new Bench(hooks).start();
  bench
    .send(stated(bench, { last: 0 }))
    .send(market(quote("AAPL", 1)))
    .decide(buy);
  const [request] = bench.published("order/request") as OrderRequestMessage[];
  return { bench, id: request?.clientOrderId ?? "" };
}

function stated(
  bench: Bench,
  change: Partial<OrderStatementMessage>,
): {
  readonly type: "statement";
  readonly statement: OrderStatementMessage;
  readonly nowMs: number;
} {
  const [last] = (bench.published("order/resend") as OrderResendMessage[]).slice(-1);
  const statement: OrderStatementMessage = {
    ...{ v: 1, type: "order-statement", epoch: 1, asked: last?.atMs ?? -1, resent: true, last: 0 },
    ...{ cash: "1000", peak: "1000", positions: {}, open: [], atMs: 1, ...change },
  };
  return { type: "statement", statement, nowMs: 20 };
}

describe("order events", () => {
  test("are taken once, whoever says them again, and the hook hears each once", () => {
    const { bench, id } = trading(["on_order"]);
    const filled = order(id, "filled", 1);
    bench.send(told(filled), told(filled)).decide().send(told(filled)).decide();
    expect(bench.given()).toEqual(["AAPL:1", id]);
    expect(bench.state.portfolio).toMatchObject({ cash: decimal("990"), positions: new Map([["AAPL", decimal("1")]]) });
    expect(
      bench.effects.filter((effect) => effect.do === "journal" && effect.entry.kind === "order-event"),
    ).toHaveLength(1);
  });

  test("behind a gap wait for what is missing, which is asked for", () => {
    const { bench, id } = trading();
    const asked = bench.published("order/resend").length;
    bench.send(told(order("other", "canceled", 3)), told(order(id, "filled", 2)));
    expect(bench.state.portfolio.cash).toBe(decimal("1000"));
    expect(bench.state.pending.size).toBe(1);
    bench.send(tick(2_300), { type: "snapshotted", algorithm: null, nowMs: 2_301 });
    expect(bench.published("order/resend").slice(asked)).toMatchObject([{ after: 0, anew: false, epoch: 1 }]);
    for (const event of [order(id, "new", 1), order(id, "filled", 2), order("other", "canceled", 3)])
      bench.send(told(event));
    expect(bench.state.portfolio.cash).toBe(decimal("990"));
    expect(bench.state.told).toEqual({ seq: 3, digest: eventDigest(order("other", "canceled", 3)) });
  });

  test("that never come are asked for: at each start and connection, and while an order waits", () => {
    const { bench, id } = trading();
    bench.send(told(order(id, "new", 1)));
    const asked = (): number => bench.published("order/resend").length;
    const before = asked();
    bench.send({ type: "connected", nowMs: 100 });
    expect(asked()).toBe(before + 1);
    bench.send(stated(bench, { last: 1, digest: bench.state.heard?.digest ?? "" }));
    for (const nowMs of [1_000, 9_000, 10_101]) bench.send(tick(nowMs));
    expect(asked()).toBe(before + 2);
    expect(bench.published("order/resend").at(-1)).toMatchObject({
      after: 1,
      digest: eventDigest(order(id, "new", 1)),
    });
  });

  test("questions without an answer are repeated ever more seldom, also with a clock that was set back an hour", () => {
    const { bench } = trading();
    bench.send({ type: "connected", nowMs: 0 });
    const times: number[] = [];
    for (let nowMs = 250; nowMs < 130_000; nowMs += 250) {
      const before = bench.published("order/resend").length;
      bench.send(tick(nowMs));
      if (bench.published("order/resend").length > before) times.push(nowMs);
    }
    expect(times).toEqual([2_000, 6_000, 14_000, 30_000, 62_000, 122_000]);
    const before = bench.published("order/resend").length;
    bench.send(tick(130_000 - 3_600_000));
    expect(bench.published("order/resend").length).toBe(before + 1);
  });
});

describe("a statement", () => {
  test("that agrees changes nothing; one that says other amounts is taken over, and said", () => {
    const { bench, id } = trading();
    const filled = order(id, "filled", 1);
    bench.send(told(filled), { type: "connected", nowMs: 100 });
    bench.send(stated(bench, { last: 1, cash: "990", positions: { AAPL: "1" } }));
    expect(bench.effects.some((effect) => effect.do === "log")).toBe(false);
    bench.send({ type: "connected", nowMs: 200 });
    bench.send(stated(bench, { last: 1, cash: "985", positions: { AAPL: "2" } }));
    expect(bench.state.portfolio).toMatchObject({ cash: decimal("985"), positions: new Map([["AAPL", decimal("2")]]) });
    expect(bench.effects).toContainEqual(expect.objectContaining({ do: "log", level: "error" }));
  });

  test("of a book that was set back, or that has forgotten, takes the place of the portfolio; the journal says so", () => {
    const { bench, id } = trading();
    bench.send(told(order(id, "new", 1)), told(order(id, "partially-filled", 2)), { type: "connected", nowMs: 100 });
    const open = [{ clientOrderId: id, filledQuantity: "0.5", notional: "5", fee: "0.1" }];
    const account = { resent: false, last: 1, digest: "d", cash: "994.9", positions: { AAPL: "0.5" }, open };
    bench.send(stated(bench, account), { type: "connected", nowMs: 300 });
    expect(bench.state.portfolio.cash).toBe(decimal("994.9"));
    // Cumulative totals go on from what the book has of an open order.
    bench.send(told({ ...order(id, "filled", 2), notional: "10", fee: "0.2" }));
    expect(bench.state.portfolio).toMatchObject({
      cash: decimal("989.8"),
      positions: new Map([["AAPL", decimal("1")]]),
    });
    const entries = bench.effects.flatMap((effect) => (effect.do === "journal" ? [effect.entry] : []));
    const before: Kept = { ...new Bench().state };
    expect(entries.reduce(redo, before).portfolio).toMatchObject({ cash: decimal("989.8") });
  });

  test("to an executor without any state gives it the account: it trades from then on, and hears of nothing before", () => {
    const bench = new Bench(["on_order"]);
    bench.state = { ...bench.state, told: undefined, heard: undefined };
    bench.start();
    expect(bench.published("order/resend")).toMatchObject([{ after: 0, anew: true }]);
    expect(bench.state.status).toBe("halted");
    bench
      .send(told(order("before", "filled", 57)))
      .send(market(quote("AAPL", 1)))
      .decide(buy);
    expect(bench.published("order/request")).toEqual([]);
    bench.send(stated(bench, { resent: false, last: 57, digest: "d", cash: "10", positions: { IBM: "3" } }));
    expect(bench.state.status).toBe("running");
    bench.send(told(order("after", "filled", 58)));
    expect(bench.given()).toEqual(["AAPL:1", "after"]);
    expect(bench.effects.some((effect) => effect.do === "log" && effect.level === "error")).toBe(false);
  });

  test("of another question is not looked at", () => {
    const { bench } = trading();
    bench.send({ type: "connected", nowMs: 100 });
    const { statement, ...rest } = stated(bench, { resent: false, cash: "1", last: 0 });
    bench.send({ ...rest, statement: { ...statement, asked: 99 } });
    expect(bench.state.portfolio.cash).toBe(decimal("1000"));
  });

  test("that answers a question a second time is not looked at, also with a gap in between", () => {
    const bench = new Bench();
    bench.state = { ...bench.state, told: undefined, heard: undefined };
    bench.start();
    bench.send(stated(bench, { last: 0 })).send(told(order("other", "filled", 3)));
    expect(bench.state.asking.due).toBe(true);
    bench.send(stated(bench, { resent: false, last: 3, cash: "1" }));
    expect(bench.state).toMatchObject({ portfolio: { cash: decimal("1000") }, told: { seq: 0 } });
    for (const seq of [1, 2, 3]) bench.send(told(order("other", seq === 3 ? "filled" : "new", seq)));
    expect(bench.state.told?.seq).toBe(3);
  });

  test("with a higher epoch ends an executor that was replaced, and its next process comes after the other one", () => {
    const { bench } = trading();
    bench.send({ type: "connected", nowMs: 100 });
    bench.send(stated(bench, { epoch: 4 }));
    expect(bench.effects.slice(-4)).toMatchObject([
      { do: "fence", epoch: 4 },
      { do: "log", message: expect.stringContaining("epoch 4, this is 1") as string },
      { do: "publish", topic: "state", message: { state: "faulted" } },
      { do: "exit", code: 1 },
    ]);
  });

  test("shows that the gateway is online, whatever a late word of its end says", () => {
    const { bench } = trading();
    bench.send({ type: "gateway", online: false, isWill: true, nowMs: 50 }, tick(2_100));
    expect(bench.state.status).toBe("halted");
    bench.send(stated(bench, { last: 0 }));
    expect(bench.state).toMatchObject({ status: "running", gatewayOnline: true });
  });

  test("shows no such thing where the gateway has said itself that it takes no orders, and why", () => {
    const { bench } = trading();
    const declined = { type: "gateway", online: false, nowMs: 50 } as const;
    bench.send({ ...declined, reason: "the limits cannot be read" }, tick(2_100), stated(bench, { last: 0 }));
    expect(bench.state).toMatchObject({
      status: "halted",
      reason: "the gateway is not online (the limits cannot be read); no orders until it is",
    });
    bench.send({ ...declined, reason: "it was stopped" });
    expect(bench.effects.at(-1)).toMatchObject({
      do: "publish",
      topic: "state",
      message: { state: "halted", reason: expect.stringContaining("(it was stopped)") as string },
    });
    bench.send({ type: "gateway", online: true, nowMs: 60 });
    expect(bench.state).toMatchObject({ status: "running", reason: undefined });
  });
});

describe("a denial of an order's id", () => {
  const denied = (id: string, code: string, change: Partial<OrderEventMessage> = {}): OrderEventMessage => ({
    ...order(id, "denied", 1),
    reason: { code, message: "no" },
    ...change,
  });

  test.each([
    ["another executor's, which was replaced", "stale-epoch", {}, 1],
    ["another request's with the same id", "order-id-reused", { quantity: "2" }, 1],
    ["its own", "order-id-reused", {}, 0],
    ["its own for a limit", "order-notional-exceeded", {}, 0],
  ])("that is %s leaves so many requests: %s", (_name, code, change, left) => {
    const { bench, id } = trading();
    bench.send(told(denied(id, code, change)));
    expect(bench.state.pending.size).toBe(left);
  });
});

test("what comes late of an order that is over by now does not answer for it: it is asked after until it has the last word", () => {
  const { bench, id } = trading();
  bench.send({ type: "connected", nowMs: 100 });
  bench.send(stated(bench, { resent: false, last: 2, digest: "d", cash: "990", positions: { AAPL: "1" } }));
  const asked = bench.published("order/request").length;
  bench.send(told(order(id, "new", 1)), tick(2_200));
  expect(bench.published("order/request").length).toBe(asked + 1);
  bench.send(told(order(id, "filled", 2)));
  expect(bench.state).toMatchObject({ pending: new Map(), portfolio: { cash: decimal("990") } });
});

test("a request that is asked again after a restart says the new epoch: the gateway denies an older one", () => {
  const { bench } = trading();
  const [first] = bench.published("order/request") as OrderRequestMessage[];
  const entries: JournalEntry[] = bench.effects.flatMap((effect) => (effect.do === "journal" ? [effect.entry] : []));
  const next = new Bench();
  const kept = entries.reduce(redo, { ...next.state } as Kept);
  next.state = { ...next.state, ...kept, settings: { ...next.state.settings, epoch: 2 } };
  next.start();
  expect(next.published("order/request")).toEqual([{ ...first, epoch: 2 }]);
});

test("a clock that was set back an hour does not keep an order from being asked after", () => {
  const { bench } = trading();
  bench.send(tick(1 - 3_600_000));
  expect(bench.published("order/request")).toHaveLength(2);
});

test("a clock that was set back an hour stops neither metrics nor snapshots", () => {
  const { bench } = trading();
  bench.send(tick(5_000), { type: "snapshotted", algorithm: null, nowMs: 5_001 });
  const before = bench.published("metric").length;
  bench
    .send(market(quote("AAPL", 2)))
    .decide()
    .send(tick(5_000 - 3_600_000));
  expect(bench.published("metric").length).toBe(before + 1);
  expect(bench.state.inFlight).toMatchObject({ kind: "snapshot" });
});
