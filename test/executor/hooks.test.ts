import { describe, expect, test } from "vitest";
import type { CommandMessage } from "#core/messages.ts";
import { traceparent } from "#core/trace.ts";
import type { Event } from "#executor/events.ts";
import { lengthOf } from "#executor/line.ts";
import { redo } from "#executor/orders.ts";
import { formatSaved, parseSaved } from "#executor/saved.ts";
import type { Kept } from "#executor/state.ts";
import { Bench, market, order, quote } from "./bench.ts";
import { effective, type Rig, rigOf, until } from "./rig.ts";

const minute = { name: "minute", everySeconds: 60 };
const at = (seq: number, seconds: number, session = "s"): Event =>
  market(quote("AAPL", seq, "100", session, seconds * 1_000_000));
const timed = (...timers: readonly { readonly name: string; readonly everySeconds: number }[]): Bench =>
  new Bench(["on_timer"], timers).start();

describe("a timer", () => {
  test("has its turn once an interval of event time has passed, before the event that shows it", () => {
    const bench = timed(minute).send(at(1, 30)).decide().send(at(2, 59)).decide().send(at(3, 61));
    expect(bench.given()).toEqual(["AAPL:1", "AAPL:2", "minute@60000000"]);
    expect(bench.decide().decide().send(at(4, 119.9)).given().slice(3)).toEqual(["AAPL:3", "AAPL:4"]);
  });

  test("of several instants that passed at once has the last, and timers come in the order of time", () => {
    const bench = timed(minute, { name: "five", everySeconds: 300 }).send(at(1, 1)).decide().send(at(2, 400));
    bench.decide().decide();
    expect(bench.given().slice(1)).toEqual(["five@300000000", "minute@360000000", "AAPL:2"]);
  });

  test("is set anew by a replay that begins anew, and its orders are others", () => {
    const bench = timed(minute).send(at(1, 59)).decide().send(at(2, 61));
    const order = { sid: "AAPL", side: "buy", quantity: "1" };
    bench
      .decide(order)
      .decide()
      .send(at(1, 50, "t"))
      .decide()
      .send(at(2, 61, "t"))
      .decide(order)
      .decide();
    expect(bench.given()).toEqual(["AAPL:1", "minute@60000000", "AAPL:2", "AAPL:1", "minute@60000000", "AAPL:2"]);
    const [first, second] = bench.published("order/request") as { cause: string; clientOrderId: string; ts: number }[];
    expect(first).toMatchObject({ cause: "timer:minute:60000000:s", ts: 60_000_000 });
    expect(second?.cause).toBe("timer:minute:60000000:t");
    expect(second?.clientOrderId).not.toBe(first?.clientOrderId);
  });

  test("is not set back by an event that comes out of order", () => {
    const bench = timed(minute).send(at(1, 59)).decide().send(at(2, 61)).decide().decide();
    bench
      .send(market(quote("GOOG", 1, "1", "other", 58_000_000)))
      .decide()
      .send(at(3, 62))
      .decide();
    expect(bench.given().slice(1)).toEqual(["minute@60000000", "AAPL:2", "GOOG:1", "AAPL:3"]);
  });

  test("that had its turn before a kill has it no more: it was written down first", () => {
    const bench = timed(minute).send(at(1, 59)).decide().send(at(2, 61));
    const { timers } = bench.state;
    const before: Kept = { ...bench.state, timers: new Map([["minute", 0]]) };
    const entry = bench.effects.flatMap((effect) => (effect.do === "journal" ? [effect.entry] : []));
    expect(entry).toEqual([{ kind: "timer", name: "minute", time: 60_000_000 }]);
    expect(entry.reduce(redo, before).timers).toEqual(timers);
    const saved = { strategy: "a/b", writer: "w", algorithm: null, journal: 1, savedAtMs: 0 };
    const read = parseSaved(formatSaved({ ...saved, kept: bench.state }));
    expect("saved" in read ? read.saved.kept.timers : read.why).toEqual(timers);
  });

  test("waits for what is in flight, and an event that waits for it may still be replaced", () => {
    const bench = timed(minute).send(at(1, 59), at(2, 61)).decide().send(at(3, 62)).decide();
    expect(bench.given()).toEqual(["AAPL:1", "minute@60000000", "AAPL:3"]);
    expect(bench.state.counters.conflated).toBe(1);
  });
});

describe("the guard", () => {
  const guarded = (guard: object): Bench => {
    const sizing = { use: "fixed-cash", cash: "100" } as const;
    return new Bench([], [], effective({ portfolio: { startingCash: "1000", sizing, guard } })).start();
  };
  const buy = { sid: "AAPL", side: "buy", quantity: "1" };
  const said = (bench: Bench): readonly string[] =>
    bench.effects.flatMap((effect) => (effect.do === "log" ? [effect.message] : []));

  test("lets so many orders of an event through, and counts anew with the next one", () => {
    const bench = guarded({ ordersPerEvent: "2" }).send(at(1, 1)).decide([buy, buy, buy]);
    expect(bench.published("order/request")).toHaveLength(2);
    expect(said(bench)).toEqual(["order to buy AAPL held back by portfolio.guard: an event has at most 2 orders"]);
    expect(bench.send(at(2, 2)).decide(buy).published("order/request")).toHaveLength(3);
  });

  test("from its drawdown on only sells", () => {
    const bench = guarded({ drawdown: "0.05" }).send(at(1, 1)).decide(buy);
    const [request] = bench.published("order/request") as { clientOrderId: string }[];
    bench.send({ type: "order-event", event: order(request?.clientOrderId ?? "", "filled", 1) });
    // One share bought for 10 and worth 100: the peak is 1090.
    bench.send(market(quote("AAPL", 2, "100", "s", 2_000_000))).decide();
    bench.send(market(quote("AAPL", 3, "46", "s", 3_000_000))).decide(buy);
    expect(bench.published("order/request")).toHaveLength(2);
    bench.send(market(quote("AAPL", 4, "45", "s", 4_000_000))).decide([buy, { sid: "AAPL", side: "sell" }]);
    expect(said(bench).at(-1)).toContain("the drawdown is 0.05045871, and from 0.05 on it only sells");
    expect(bench.published("order/request").at(-1)).toMatchObject({ side: "sell" });
    expect(bench.published("order/request")).toHaveLength(3);
  });
});

test("one trace leads from what caused an order to what became of it, the same in a replay", () => {
  const run = (): readonly object[] => {
    const bench = new Bench().start().send(at(1, 5)).decide({ sid: "AAPL", side: "buy", quantity: "1" });
    const [request] = bench.published("order/request") as { clientOrderId: string }[];
    bench.send({ type: "order-event", event: order(request?.clientOrderId ?? "", "filled", 1) });
    return bench.effects.flatMap((effect) =>
      effect.do === "note" ? [{ said: effect.message, ...effect.fields }] : [],
    );
  };
  const [requested, filled] = run() as { said: string; traceparent: string; cause: string }[];
  expect([requested?.said, filled?.said]).toEqual(["order requested", "order filled"]);
  expect(requested?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(requested?.cause).toBe("s:md/replay/AAPL/quote:1");
  expect(filled?.traceparent).toBe(requested?.traceparent);
  expect(run()).toEqual([requested, filled]);
  expect(traceparent("a", "o").slice(0, 36)).toBe(traceparent("a", "p").slice(0, 36));
});

const command = (id: string): CommandMessage => ({
  ...{ v: 1, type: "command", id, verb: "rebalance", by: "slipway-paper/operator", expiresAtMs: 9e15, atMs: 1 },
});
const sent = (id: string): Event => ({ type: "command", command: command(id) });

describe("a command", () => {
  test("is given once whatever comes again, in line, and may decide", () => {
    const bench = new Bench(["on_command"]).start().send(at(1, 5), sent("c1"), sent("c1")).decide();
    expect(bench.given()).toEqual(["AAPL:1", "rebalance"]);
    bench.decide({ sid: "AAPL", side: "buy", quantity: "1" }).send(sent("c1"));
    expect(bench.given()).toHaveLength(2);
    expect(bench.published("order/request")).toMatchObject([{ cause: "command:c1", ts: 5_000_000 }]);
    const entry = bench.effects.flatMap((effect) => (effect.do === "journal" ? [effect.entry] : []));
    expect(entry[0]).toEqual({ kind: "command", id: "c1" });
  });

  test("to an algorithm without the hook costs no call", () => {
    const bench = new Bench().start().send(sent("c1"));
    expect(bench.given()).toEqual([]);
    expect(bench.effects.at(-1)).toMatchObject({ do: "log", message: expect.stringContaining("takes no commands") });
  });

  test("beyond a hundred that wait is refused", () => {
    const bench = new Bench(["on_command"]).start().send(at(1, 1));
    for (let n = 0; n < 101; n += 1) bench.send(sent(`c${n}`));
    expect(lengthOf(bench.state.inbox)).toBe(100);
    expect(bench.effects.at(-1)).toMatchObject({ do: "log", message: expect.stringContaining("too many wait") });
  });
});

const operator = { identity: "slipway-paper/operator", publish: ["strat/+/+/cmd/+"], subscribe: [] };
async function open(): Promise<Rig> {
  const rig = rigOf();
  return rig.open({ others: [operator] });
}

describe("a process", () => {
  const source = `export default class {
    describe() { return { params: { threshold: { type: "number" }, word: { type: "string", default: "by default" } } }; }
    initialize(params, context) { this.word = params.word; context.every(2, "tick"); return ["quotes"]; }
    event({ quote }, context) { context.log.info("event " + quote); }
    onTimer(timer, context) { context.log.info("timer " + timer.time); }
    onCommand({ verb, arguments: { word } }, context) { context.log.info([verb, word, this.word].join(" ")); }
    stop(reason, context) { context.log.info("stop: " + reason); }
  }`;

  test("gives timers, commands and defaults, and calls stop() within its grace", async () => {
    const rig = await open();
    const executor = await rig.spawn(rig.module(source));
    await rig.state("running");
    // One after the other: of those that wait only the newest is taken.
    for (const quote of ["100", "101", "102"]) {
      await rig.say("AAPL", quote);
      await until(quote, () => rig.logs.includes(`event ${quote}`));
    }
    await until("a timer", () => rig.logs.includes("timer 4000000"));
    const bus = await rig.connect(operator.identity);
    for (const id of ["k1", "k1", "k2"]) {
      const message = { ...command(id), verb: "say", arguments: { word: id }, expiresAtMs: Date.now() + 60_000 };
      await bus.publish(`${rig.own}/cmd/say`, message, { qos: 1 });
    }
    await until("the commands", () => rig.logs.includes("say k2 by default"));
    executor.child.kill("SIGTERM");
    expect(await executor.exited).toBe(0);
    await rig.state("stopped");
    expect(rig.logs.filter((line) => line.startsWith("say "))).toEqual(["say k1 by default", "say k2 by default"]);
    expect(rig.logs).toContain("stop: asked to stop");
  });

  test.each([
    {
      name: "parameters that it does not take",
      source: source.replace("threshold", "treshold"),
      says: 'params.threshold is no parameter of the algorithm, which has treshold, word; did you mean "treshold"?',
    },
    {
      name: "a description that is none",
      source: source.replace('"number"', '"float"'),
      says: "describe() is refused",
    },
    { name: "timers without a hook", source: source.replace("onTimer", "onTime"), says: "there is no onTimer()" },
  ])("refuses $name with 2", async ({ source: refused, says }) => {
    const rig = await open();
    const executor = await rig.spawn(rig.module(refused));
    expect(await executor.exited).toBe(2);
    expect((await rig.state("faulted")).reason).toContain(says);
  });
});
