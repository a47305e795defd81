import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { parseRequest, strategyOfTopic } from "#gateway/request.ts";
import { bytes, cleanUp, limitsOf, openBench, quote, requestOf, requestTopic, strategy } from "./fixtures.ts";

cleanUp();

describe("a request from an executor", () => {
  test.each([
    ["another version", { v: 2 }, "v is 2"],
    ["another type", { type: "cancel" }, "type"],
    ["no id", { clientOrderId: "" }, "clientOrderId"],
    ["an id of 65 characters", { clientOrderId: "a".repeat(65) }, "clientOrderId"],
    ["an id with a line break", { clientOrderId: "a\nb" }, "clientOrderId"],
    ["a negative epoch", { epoch: -1 }, "epoch"],
    ["a broken epoch", { epoch: 1.5 }, "epoch"],
    ["an epoch beyond 2^53", { epoch: 2 ** 53 }, "epoch"],
    ["a path as instrument", { sid: "../x" }, "sid"],
    ["a venue with a wildcard", { venue: "+" }, "venue"],
    ["another side", { side: "short" }, "side"],
    ["another order type", { orderType: "limit" }, "orderType"],
    ["a number as quantity", { quantity: 10 }, "quantity"],
    ["no quantity", { quantity: "0" }, "not above 0"],
    ["a negative quantity", { quantity: "-1" }, "not above 0"],
    ["five decimals", { quantity: "1.00001" }, "at most 4 decimals"],
    ["an exponent", { quantity: "1e3" }, "quantity"],
    ["not a number", { quantity: "NaN" }, "quantity"],
    ["a quantity above the greatest", { quantity: "1000000000.0001" }, "above 1000000000"],
    ["a cause with a blank", { cause: "a b" }, "cause"],
    ["a cause of 257 characters", { cause: "a".repeat(257) }, "cause"],
    ["no expiry", { expiresAtMs: null }, "expiresAtMs"],
    ["a time that is text", { ts: "5" }, "ts"],
    ["a field too many", { limitPrice: "1" }, "limitPrice"],
    ["its own limits", { limits: {} }, "limits"],
  ])("%s is malformed", (_name, change, says) => {
    const parsed = parseRequest(bytes({ ...requestOf(), ...change }));
    expect(parsed.ok ? "" : parsed.error.message).toContain(says);
  });

  test.each(["1", "0.0001", "1.5", "1.50", "1000000000", "0.10000000"])("quantity %s is read", (quantity) => {
    expect(parseRequest(bytes(requestOf({ quantity }))).ok).toBe(true);
  });

  test.each([
    ["4097 bytes", Buffer.alloc(4097, 0x20)],
    ["nothing", Buffer.alloc(0)],
    ["half a JSON", Buffer.from('{"v":1')],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["null", Buffer.from("null")],
    ["a list", Buffer.from("[]")],
    ["a prototype", Buffer.from('{"__proto__":{"v":1}}')],
    ["deep nesting", Buffer.from("[".repeat(4000))],
  ])("%s is malformed", (_name, payload) => {
    expect(parseRequest(payload).ok).toBe(false);
  });

  test.each([
    ["strat/momentum/sma-cross/order/request", strategy],
    ["strat/momentum/sma-cross/order/event", undefined],
    ["strat/momentum/order/request", undefined],
    ["strat/momentum/a/b/order/request", undefined],
    ["strat/Momentum/x/order/request", undefined],
    ["strat/slipway-x/x/order/request", undefined],
    ["xstrat/momentum/sma-cross/order/request", undefined],
  ])("topic %s is of %s", (topic, expected) => {
    expect(strategyOfTopic(topic, "request")).toBe(expected);
  });
});

describe("the gateway", () => {
  test("answers what it can of a malformed request, and keeps nothing of it", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    bench.gateway.receive(requestTopic, bytes({ ...requestOf(), quantity: 10 }));
    expect(bench.events).toMatchObject([
      { clientOrderId: "order-1", status: "denied", reason: { code: "order-malformed" }, seq: 1 },
    ]);
    expect(bench.gateway.counters).toMatchObject({ malformed: 1, accepted: 0 });
    expect(bench.send()).toMatchObject({ status: "filled", seq: 2 });
  });

  test("does not answer what has no id", () => {
    const bench = openBench();
    bench.gateway.receive(requestTopic, bytes({}));
    expect(bench.events).toEqual([]);
    expect(bench.gateway.counters.malformed).toBe(1);
  });

  test("a repeated request gets the same event again, also after its expiry, with another epoch and with the strategy stopped", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    const first = bench.send();
    expect(first).toMatchObject({ status: "filled", price: "100", filledQuantity: "10" });
    bench.nowMs = 2_000_000;
    bench.limits.set(strategy, { kind: "limits", limits: limitsOf({ running: false }) });
    expect(bench.send({ epoch: 2, expiresAtMs: 3_000_000, ts: 99, quantity: "10.0" })).toEqual(first);
    expect(bench.send({ epoch: 0 })).toEqual(first);
    expect(bench.gateway.counters).toMatchObject({ accepted: 1, repeated: 2 });
    expect(bench.logs.filter((line) => line === "order")).toHaveLength(1);
  });

  test.each([
    ["quantity", { quantity: "11" }],
    ["side", { side: "sell" as const }],
    ["instrument", { sid: "IBM" }],
    ["venue", { venue: "live" }],
    ["cause", { cause: "s-1:md/replay/AAPL/quote:2" }],
  ])("the same id with another %s is denied with an alarm", (_name, change) => {
    const bench = openBench();
    bench.price("AAPL", "100");
    bench.send();
    expect(bench.send(change)).toMatchObject({ status: "denied", reason: { code: "order-id-reused" }, seq: 2 });
    expect(bench.logs.filter((line) => line.startsWith("alarm"))).toHaveLength(1);
    expect(bench.send()).toMatchObject({ status: "filled", seq: 1 });
  });

  test("an unreadable request with the id of a filled order is a reuse", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    bench.send();
    bench.gateway.receive(requestTopic, bytes({ clientOrderId: "order-1" }));
    expect(bench.events[1]).toMatchObject({ status: "denied", reason: { code: "order-id-reused" } });
  });

  test("the topic decides whose order it is, whatever the payload claims", () => {
    const other = "seed/random-ts" as StrategyId;
    const bench = openBench();
    bench.limits.set(other, { kind: "limits", limits: limitsOf({ strategy: other }) });
    bench.price("AAPL", "100");
    bench.gateway.receive(`strat/${other}/order/request`, bytes({ ...requestOf(), strategy }));
    expect(bench.events[0]).toMatchObject({ status: "denied", reason: { code: "order-malformed" } });
    bench.send({ clientOrderId: "order-2" }, `strat/${other}/order/request`);
    expect(bench.book.accounts().get(other)?.positions.size).toBe(1);
    expect(bench.book.accounts().get(strategy)).toBeUndefined();
    // The ids of two strategies are two sets of ids.
    expect(bench.send({ clientOrderId: "order-2" })).toMatchObject({ status: "filled", seq: 1 });
  });

  test("a newer executor fences the older one, also after a restart", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    bench.gateway.openAccount(strategy);
    expect(bench.send({ clientOrderId: "a", epoch: 5, quantity: "1" })?.status).toBe("filled");
    expect(bench.send({ clientOrderId: "b", epoch: 4, quantity: "1" })?.reason?.code).toBe("stale-epoch");
    expect(bench.send({ clientOrderId: "c", epoch: 6, expiresAtMs: 1 })?.reason).toMatchObject({
      code: "order-expired",
      message: expect.stringMatching(
        /^the order expired at 1970-01-01T00:00:00\.001Z, \d+ ms ago by the gateway's clock/,
      ),
    });
    expect(bench.send({ clientOrderId: "d", epoch: 5, quantity: "1" })?.reason?.code).toBe("stale-epoch");
    expect(bench.book.epoch(strategy)).toBe(6);
  });

  test("an order of an unknown strategy is denied and stays denied", () => {
    const bench = openBench();
    bench.limits.clear();
    bench.price("AAPL", "100");
    expect(bench.send()?.reason?.code).toBe("strategy-unknown");
    bench.limits.set(strategy, { kind: "limits", limits: limitsOf() });
    expect(bench.send()?.reason?.code).toBe("strategy-unknown");
    expect(bench.send({ clientOrderId: "order-2" })?.status).toBe("filled");
  });

  test("a tightening takes effect on the next order", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    expect(bench.send({ clientOrderId: "a", quantity: "1" })?.status).toBe("filled");
    bench.limits.set(strategy, { kind: "limits", limits: limitsOf({ instruments: ["IBM"] }) });
    expect(bench.send({ clientOrderId: "b", quantity: "1" })?.reason?.code).toBe("instrument-not-allowed");
    bench.limits.set(strategy, { kind: "unreadable", message: "torn" });
    expect(bench.send({ clientOrderId: "c", quantity: "1" })?.reason?.code).toBe("limits-unreadable");
  });

  test("a replay that begins anew is no drawdown; a fall inside it is", () => {
    const bench = openBench({ limits: { startingCash: decimal("2000") } });
    const give = (sid: string, price: string, session: string, ts: number): void =>
      bench.gateway.receive(...quote(sid, price, ts, session));
    give("AAPL", "100", "one", 10);
    give("IBM", "100", "one", 10);
    expect(bench.send({ clientOrderId: "a", quantity: "10" })?.status).toBe("filled");
    give("AAPL", "200", "one", 20);
    // Rewound: half of the equity is gone, and nobody lost it.
    give("AAPL", "20", "two", 10);
    give("IBM", "100", "two", 10);
    expect(bench.send({ clientOrderId: "b", quantity: "10" })?.status).toBe("filled");
    // Inside the new session the bound holds again, and a later session that goes on forwards in time changes nothing.
    give("AAPL", "200", "two", 20);
    give("AAPL", "20", "three", 30);
    expect(bench.send({ clientOrderId: "c", quantity: "1" })?.reason?.code).toBe("drawdown-exceeded");
  });

  test("a drawdown from the peak that prices made stops buying, sales pass", () => {
    const bench = openBench({ limits: { startingCash: decimal("1000") } });
    bench.price("AAPL", "100");
    bench.send({ clientOrderId: "a", quantity: "10" });
    bench.price("AAPL", "200");
    bench.price("AAPL", "160");
    expect(bench.send({ clientOrderId: "b", side: "sell", quantity: "1" })?.status).toBe("filled");
    expect(bench.send({ clientOrderId: "c", quantity: "1" })?.status).toBe("filled");
    bench.price("AAPL", "159.99");
    expect(bench.send({ clientOrderId: "d", side: "sell", quantity: "1" })?.status).toBe("filled");
    expect(bench.send({ clientOrderId: "e", quantity: "1" })?.reason?.code).toBe("drawdown-exceeded");
  });

  test.each([
    ["another instrument in the payload", "md/replay/AAPL/quote", { sid: "IBM" }],
    ["another venue in the payload", "md/replay/AAPL/quote", { venue: "live" }],
    ["zero", "md/replay/AAPL/quote", { quote: "0" }],
    ["a negative", "md/replay/AAPL/quote", { quote: "-1" }],
    ["a number", "md/replay/AAPL/quote", { quote: 100 }],
    ["a price beyond all", "md/replay/AAPL/quote", { quote: "1000000000.1" }],
    ["a bar on a quote's topic", "md/replay/AAPL/quote", { type: "bar", close: "1" }],
    ["a quote on a bar's topic", "md/replay/AAPL/bar/1d", {}],
    ["a history", "md/replay/AAPL/history", {}],
  ])("%s is no price", (_name, topic, change) => {
    const bench = openBench();
    const quote = { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: "100", session: "s", seq: 1, ts: 1 };
    bench.gateway.receive(topic, bytes({ ...quote, ...change }));
    expect(bench.send()?.reason?.code).toBe("price-missing");
  });

  test("the close of a bar is a price", () => {
    const bench = openBench();
    const bar = {
      v: 1,
      type: "bar",
      sid: "AAPL",
      venue: "replay",
      interval: "1d",
      open: "1",
      high: "3",
      low: "1",
      close: "2",
    };
    bench.gateway.receive("md/replay/AAPL/bar/1d", bytes({ ...bar, volume: "9", session: "s", seq: 1, ts: 77 }));
    expect(bench.send()).toMatchObject({ status: "filled", price: "2", ts: 77 });
  });

  test("a flood is not written down", () => {
    const bench = openBench();
    for (let count = 0; count < 500; count += 1) bench.send({ clientOrderId: `o-${count}` });
    expect(bench.gateway.counters).toMatchObject({ requests: 500, flooded: 300, denied: 200 });
    expect(bench.logs.filter((line) => line.includes("floods"))).toHaveLength(1);
    bench.nowMs += 1000;
    expect(bench.send({ clientOrderId: "later" })?.status).toBe("denied");
  });

  test("no payload and no topic ends it", () => {
    const bench = openBench();
    bench.price("AAPL", "100");
    const good = requestOf();
    const field = fc.constantFrom(...Object.keys(good));
    const almost = fc.tuple(field, fc.jsonValue()).map(([key, value]) => bytes({ ...good, [key]: value }));
    const payload = fc.oneof(
      almost,
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
    );
    const topic = fc.oneof(fc.constant(requestTopic), fc.constant("md/replay/AAPL/quote"), fc.string());
    fc.assert(
      fc.property(topic, payload, (where, what) => {
        bench.nowMs += 100;
        bench.gateway.receive(where, what);
        const account = bench.book.accounts().get(strategy);
        expect(account === undefined || account.cash >= 0n).toBe(true);
      }),
      { numRuns: 300 },
    );
    for (const event of bench.events) {
      expect(["filled", "denied"]).toContain(event.status);
    }
  });
});
