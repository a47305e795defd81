import { describe, expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import { parseDecisions } from "#executor/decisions.ts";
import type { Event } from "#executor/events.ts";
import { channelsMax } from "#executor/inbox.ts";
import { causeOf, type MarketEvent, marketEvent } from "#executor/messages.ts";
import { drawdownOf, valued } from "#executor/portfolio.ts";
import { samples } from "../fixtures/bus-messages.ts";
import { Bench, bar, market, order, quote } from "./bench.ts";
import { effective } from "./rig.ts";

describe("one event in flight", () => {
  test("while it is busy, a newer quote takes the older one's place and is counted", () => {
    const bench = new Bench()
      .start()
      .send(market(quote("AAPL", 1)), market(quote("AAPL", 2)), market(quote("GOOG", 1)), market(quote("AAPL", 3)));
    expect(bench.given()).toEqual(["AAPL:1"]);
    bench.decide().decide().decide();
    expect(bench.given()).toEqual(["AAPL:1", "GOOG:1", "AAPL:3"]);
    expect(bench.state.counters).toMatchObject({ events: 3, conflated: 1, gaps: 0 });
  });

  test("quotes that were superseded on their way are conflated and no gap; what is missing beside them is one", () => {
    const bench = new Bench().start().send(market(quote("AAPL", 1)));
    const late = (seq: number, superseded: number): Event => ({
      ...{
        type: "market",
        event: marketEvent("md/replay/AAPL/quote", { ...samples.quote[1], sid: "AAPL", session: "s", seq }),
      },
      superseded,
    });
    bench.decide().send(late(5, 3));
    expect(bench.given()).toEqual(["AAPL:1", "AAPL:5"]);
    expect(bench.state.counters).toMatchObject({ events: 2, conflated: 3, gaps: 0 });
    bench.decide().send(late(9, 2));
    expect(bench.state.counters).toMatchObject({ events: 3, conflated: 5, gaps: 1 });
  });

  test("bars wait in order", () => {
    const bench = new Bench().start().send(...[1, 2, 3].map((seq) => market(bar(seq))));
    bench.decide().decide().decide();
    expect(bench.given()).toEqual(["AAPL:1", "AAPL:2", "AAPL:3"]);
    expect(bench.state.counters).toMatchObject({ events: 3, conflated: 0 });
  });

  test("of indicators the newest counts, trades and signals wait; what has no price moves nothing", () => {
    const of = <Kind extends "trade" | "indicator" | "signal">(kind: Kind, seq: number, change: object = {}): Event => {
      const [channel, message] = samples[kind];
      return market(marketEvent(channel, { ...message, sid: "AAPL", seq, ...change }));
    };
    const bench = new Bench().start().send(market(quote("GOOG", 1)), of("indicator", 1), of("trade", 1));
    bench.send(of("signal", 1), of("signal", 2), of("indicator", 2, { value: 5 }), of("trade", 2));
    for (let n = 0; n < 7; n += 1) bench.decide();
    const given = bench.effects.flatMap((effect) => (effect.do === "call-event" ? [effect.event.message] : []));
    expect(given.map(({ type, seq }) => `${type}:${seq}`)).toEqual([
      ...["quote:1", "trade:1", "signal:1", "signal:2", "indicator:2", "trade:2"],
    ]);
    expect(given[2]).toMatchObject({ strategy: "momentum/sma-cross", id: samples.signal[1].id });
    expect([...bench.state.portfolio.quotes.keys()]).toEqual(["GOOG", "AAPL"]);
    expect(formatDecimal(bench.state.portfolio.quotes.get("AAPL") ?? decimal("0"))).toBe("102.4");
    expect(bench.state.counters).toMatchObject({ events: 6, conflated: 1, gaps: 0 });
  });

  test("a cause is one line that the gateway takes, whatever the channel's length", () => {
    const [channel, message] = samples.indicator;
    const long = `${channel}/${Array.from({ length: 7 }, () => "x".repeat(40)).join("/")}`;
    expect(causeOf(marketEvent(channel, message))).toBe(`${message.session}:${channel}:7`);
    expect(causeOf(marketEvent(long, message))).toMatch(/^stocks-12-ab12cd34:[0-9a-f]{32}:7$/);
    expect(causeOf(marketEvent(...samples.signal))).toBe(`signal:${samples.signal[1].id}`);
  });

  test("beyond 20,000 channels nothing of another is taken: it is counted, and said once", () => {
    const bench = new Bench().start();
    for (let index = 0; index < channelsMax; index += 1) bench.send(market(quote(`S${index}`, 1))).decide();
    bench.effects = [];
    bench.send(market(quote("T1", 1)), market(quote("T2", 1)), market(quote("S7", 2)));
    expect(bench.given()).toEqual(["S7:2"]);
    const said = bench.effects.flatMap((effect) => (effect.do === "log" ? [effect.message] : []));
    expect(said).toEqual([expect.stringContaining("md/replay/T1/quote and others are not followed")]);
    expect(bench.state.counters).toMatchObject({ events: channelsMax + 1, badPayloads: 2 });
    expect([bench.state.received.size, bench.state.processed.size]).toEqual([channelsMax, channelsMax]);
  });

  test("beyond 1,000 waiting events the oldest bar is dropped and counted, an order event never", () => {
    const bench = new Bench(["on_order"])
      .start()
      .send(market(quote("GOOG", 1)), { type: "order-event", event: order("o1", "filled", 1) });
    bench.send(...Array.from({ length: 1_000 }, (_, index) => market(bar(index + 1))));
    expect(bench.state.counters.gaps).toBe(1);
    bench.decide().decide();
    expect(bench.given()).toEqual(["GOOG:1", "o1", "AAPL:2"]);
  });

  test("repeats and older events are ignored, gaps are counted, a new session is neither", () => {
    const bench = new Bench().start();
    for (const event of [
      quote("AAPL", 1),
      quote("AAPL", 1),
      quote("AAPL", 4),
      quote("AAPL", 2),
      quote("AAPL", 1, "100", "t"),
    ]) {
      bench.send(market(event)).decide();
    }
    expect(bench.given()).toEqual(["AAPL:1", "AAPL:4", "AAPL:1"]);
    expect(bench.state.counters.gaps).toBe(2);
  });

  test("events from before the warm-up's end wait, and those the warm-up showed are no news", () => {
    const bench = new Bench().send(market(quote("AAPL", 3)), market(quote("GOOG", 9)));
    expect(bench.given()).toEqual([]);
    bench.send(
      { type: "gateway", online: true, nowMs: 0 },
      { type: "ready", history: [quote("AAPL", 2), quote("AAPL", 3)], nowMs: 0 },
    );
    expect(bench.given()).toEqual(["GOOG:9"]);
    bench.decide().send(market(quote("AAPL", 4)));
    expect(bench.state.counters.gaps).toBe(0);
  });
});

describe("a new session", () => {
  /** Ten of each, bought at 50. */
  function holding(): Bench {
    const bench = new Bench();
    const held = new Map(["AAPL", "GOOG"].map((sid) => [sid, decimal("10")]));
    const portfolio = valued({ ...bench.state.portfolio, cash: decimal("0"), positions: held });
    bench.state = { ...bench.state, portfolio };
    return bench.start();
  }
  const hear = (bench: Bench, ...events: readonly MarketEvent[]): string => {
    for (const event of events) bench.send(market(event)).decide();
    return formatDecimal(drawdownOf(bench.state.portfolio));
  };
  const end = [quote("AAPL", 7, "100"), quote("GOOG", 7, "100")];

  test("of a replay that begins anew is no drawdown, until it has come to everything; a fall inside it is", () => {
    const bench = holding();
    expect(hear(bench, ...end)).toBe("0");
    expect(hear(bench, quote("AAPL", 1, "20", "t"))).toBe("0");
    expect(hear(bench, quote("AAPL", 2, "10", "t"), quote("GOOG", 2, "10", "t"))).toBe("0");
    expect(hear(bench, quote("AAPL", 3, "5", "t"))).toBe("0.25");
  });

  test("that goes on forward in time is one, as the gateway counts it", () => {
    const bench = holding();
    hear(bench, ...end);
    expect(hear(bench, quote("AAPL", 8, "50", "t"))).toBe("0.25");
  });

  test("is recognised in the warm-up, too", () => {
    const bench = holding();
    hear(bench, ...end);
    bench.send({
      type: "ready",
      history: [quote("AAPL", 1, "20", "t"), quote("GOOG", 1, "20", "t")],
      nowMs: 2,
    });
    expect(formatDecimal(drawdownOf(bench.state.portfolio))).toBe("0");
  });
});

describe("decisions", () => {
  test("a signal is published, sized and asked for, written down before it is sent", () => {
    const bench = new Bench()
      .start()
      .send(market(quote("AAPL", 1, "30")))
      .decide({ sid: "AAPL", side: "buy" }, 5);
    expect(bench.published("signal")).toEqual([
      {
        v: 1,
        type: "signal",
        id: expect.any(String),
        sid: "AAPL",
        side: "buy",
        ts: 1,
        cause: "s:md/replay/AAPL/quote:1",
      },
    ]);
    expect(bench.published("order/request")).toMatchObject([
      { quantity: "3.3333", venue: "paper", epoch: 1, expiresAtMs: 10_005, cause: "s:md/replay/AAPL/quote:1" },
    ]);
    const order = bench.effects.map((effect) => (effect.do === "publish" ? effect.topic : effect.do));
    expect(order.indexOf("journal")).toBeLessThan(order.indexOf("order/request"));
  });

  test("what is pending is not bet or sold twice", () => {
    const bench = new Bench()
      .start()
      .send(market(quote("AAPL", 1, "1")))
      .decide([1, 2, 3].map(() => ({ sid: "AAPL", side: "buy", quantity: "600" })));
    // An order's own quantity is the algorithm's business; a signal after them has no free cash.
    expect(bench.published("order/request")).toHaveLength(3);
    bench.send(market(quote("AAPL", 2, "1"))).decide({ sid: "AAPL", side: "buy" });
    expect(bench.published("order/request")).toHaveLength(3);
  });

  test("a sell is cut to what is held, and without anything held it is nothing", () => {
    const bench = new Bench()
      .start()
      .send({ type: "order-event", event: order("o", "filled", 1) }, market(quote("AAPL", 1, "1")));
    bench.decide([
      { sid: "AAPL", side: "sell", quantity: "5" },
      { sid: "AAPL", side: "sell" },
      { sid: "GOOG", side: "sell", quantity: "1" },
    ]);
    expect(bench.published("order/request")).toMatchObject([{ side: "sell", quantity: "1" }]);
  });

  test("the same event gives the same id", () => {
    const ids = [1, 2].map(
      () =>
        new Bench()
          .start()
          .send(market(quote("AAPL", 1)))
          .decide({ sid: "AAPL", side: "buy" })
          .published("order/request")[0],
    );
    expect(Reflect.get(ids[0] ?? {}, "clientOrderId")).toMatch(/^[0-9a-f]{32}$/);
    expect(ids[0]).toEqual(ids[1]);
  });

  test("without a gateway signals are said and nothing is asked", () => {
    const bench = new Bench()
      .send({ type: "ready", history: [], nowMs: 0 }, market(quote("AAPL", 1)))
      .decide({ sid: "AAPL", side: "buy" });
    expect(bench.state.status).toBe("halted");
    expect(bench.published("signal")).toHaveLength(1);
    expect(bench.published("order/request")).toEqual([]);
  });

  test("a lost answer is not a rejection: unknown is asked again with the same bytes, before and after its expiry", () => {
    const bench = new Bench()
      .start()
      .send(market(quote("AAPL", 1)))
      .decide({ sid: "AAPL", side: "buy" }, 0);
    const [request] = bench.published("order/request");
    const id = String(Reflect.get(request ?? {}, "clientOrderId"));
    bench.send({ type: "order-event", event: order(id, "unknown", 1) });
    for (const nowMs of [1_999, 2_000, 3_000, 12_000, 14_000, 22_000]) bench.send({ type: "tick", rssBytes: 1, nowMs });
    expect(bench.published("order/request")).toEqual([request, request, request, request]);
    // The snapshot that the ticks began is still being taken; the answer would wait for it.
    bench.send(
      { type: "snapshotted", algorithm: null, nowMs: 22_001 },
      { type: "order-event", event: order(id, "denied", 2) },
      { type: "tick", rssBytes: 1, nowMs: 99_000 },
    );
    expect(bench.published("order/request")).toHaveLength(4);
    expect(bench.state.counters.denied).toBe(1);
  });

  test("a refusal is told with what was asked for, whatever the gateway could read of it", () => {
    const bench = new Bench().start().send(market(quote("AAPL", 1)));
    bench.decide({ sid: "AAPL", side: "buy", quantity: "999999999999999999" });
    const [request] = bench.published("order/request") as { clientOrderId: string }[];
    const denied = { ...order(request?.clientOrderId ?? "", "denied", 1), quantity: "0" };
    bench.send({ type: "order-event", event: denied }).decide();
    const lines = bench.effects.flatMap((effect) => (effect.do === "log" ? [effect.message] : []));
    expect(lines.at(-1)).toMatch(/^order to buy 999999999999999999 AAPL denied/);
  });

  test.each([
    ["a text", "buy"],
    ["a side", { sid: "AAPL", side: "hold" }],
    ["a number as quantity", { sid: "AAPL", side: "buy", quantity: 1 }],
    ["five decimals", { sid: "AAPL", side: "buy", quantity: "1.00001" }],
    ["nothing of it", { sid: "AAPL", side: "buy", quantity: "0" }],
    ["less than nothing", { sid: "AAPL", side: "buy", quantity: "-1" }],
    ["an instrument with a slash", { sid: "a/b", side: "buy" }],
    ["one good and one bad", [{ sid: "AAPL", side: "buy" }, {}]],
    ["101 of them", Array.from({ length: 101 }, () => ({ sid: "AAPL", side: "buy" }))],
  ])("refused whole: %s", (_name, value) => {
    expect(parseDecisions(value)).toMatchObject({ ok: false, error: { code: "decisions-malformed" } });
  });
});

describe("a snapshot() that throws", () => {
  const failed: Event = { type: "failed", message: "TypeError: no", place: "algorithm.ts:3:5", nowMs: 0 };

  test("is asked for ever more seldom, with a line each time, and is said until it works", () => {
    const bench = new Bench([], [], effective({ errorPolicy: "skip" })).start();
    const askedAtMs: number[] = [];
    let asked = 0;
    const run = (fromMs: number, untilMs: number, works: boolean): void => {
      for (let nowMs = fromMs; nowMs < untilMs; nowMs += 250) {
        bench.send({ type: "tick", rssBytes: 1, nowMs });
        const calls = bench.effects.filter((effect) => effect.do === "call-snapshot").length;
        if (calls === asked) continue;
        asked = calls;
        askedAtMs.push(nowMs / 1000);
        bench.send(works ? { type: "snapshotted", algorithm: null, nowMs } : { ...failed, nowMs });
      }
    };
    run(250, 300_000, false);
    expect(askedAtMs).toEqual([2, 6, 14, 30, 62, 126, 254]);
    const lines = bench.effects.filter((effect) => effect.do === "log" && effect.level === "error");
    expect(lines).toHaveLength(7);
    expect(bench.state.status).toBe("degraded");
    expect(bench.state.reason).toBe(
      "its state is not kept: snapshot() has failed 7 times in a row, the last with TypeError: no at algorithm.ts:3:5",
    );
    run(300_000, 600_000, true);
    expect(askedAtMs.slice(7)).toEqual([510]);
    expect(bench.state.status).toBe("running");
  });

  test("what cannot be read at all is said after some seconds, and no longer when something can", () => {
    const bench = new Bench().start();
    const topic = "md/replay/AAPL/quote";
    bench.send({ type: "bad-payload", topic, nowMs: 1_000 }, { type: "tick", rssBytes: 1, nowMs: 5_000 });
    expect(bench.state.status).toBe("running");
    bench.send({ type: "bad-payload", topic, nowMs: 6_000 }, { type: "tick", rssBytes: 1, nowMs: 6_000 });
    expect(bench.state).toMatchObject({
      status: "degraded",
      reason: `nothing that came since 1970-01-01T00:00:01.000Z could be read; the first was on ${topic}`,
    });
    bench.send(market(quote("AAPL", 1)), { type: "tick", rssBytes: 1, nowMs: 6_250 });
    expect(bench.state.status).toBe("running");
  });
});

describe("ending", () => {
  test("stop waits for the call in flight, then the hook, a snapshot, `stopped` and 0", () => {
    const bench = new Bench().start().send(market(quote("AAPL", 1)), { type: "stop", reason: "asked", nowMs: 1 });
    expect(bench.effects.some((effect) => effect.do === "call-stop")).toBe(false);
    bench.decide().decide().send({ type: "snapshotted", algorithm: null, nowMs: 2 });
    const last = bench.effects
      .map((effect) => effect.do)
      .filter((name) => name !== "log")
      .slice(-5);
    expect(last).toEqual(["call-stop", "call-snapshot", "save", "publish", "exit"]);
    expect(bench.state.status).toBe("stopped");
  });

  test("stop while a snapshot is taken still calls the hook", () => {
    const bench = new Bench()
      .start()
      .send({ type: "tick", rssBytes: 1, nowMs: 2_000 }, { type: "stop", reason: "asked", nowMs: 2_001 });
    bench.send({ type: "snapshotted", algorithm: null, nowMs: 2_002 });
    expect(bench.effects.at(-1)).toEqual({ do: "call-stop", reason: "asked" });
  });

  test("an order event that waits when a snapshot is taken goes into the next journal", () => {
    const bench = new Bench()
      .start()
      .send({ type: "tick", rssBytes: 1, nowMs: 2_000 }, { type: "order-event", event: order("o", "filled", 1) });
    bench.send({ type: "snapshotted", algorithm: null, nowMs: 2_001 });
    const save = bench.effects.find((effect) => effect.do === "save");
    expect(save).toMatchObject({
      queued: [{ kind: "order-event", event: { clientOrderId: "o" } }],
      kept: { counters: { fills: 0 } },
    });
    expect(bench.state.counters.fills).toBe(1);
  });
});
