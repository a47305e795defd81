import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { Event } from "#executor/events.ts";
import { Bench, market, quote } from "./bench.ts";
import { effective, type Rig, rigOf, until } from "./rig.ts";

const sized = (bet: string): Event => ({ type: "sized", sized: { bet: decimal(bet), logs: [] }, nowMs: 1 });
const passes: Event = { type: "checked", checked: { logs: [] }, nowMs: 1 };
const ruled = (quantity: string): Event => ({
  type: "checked",
  checked: { verdict: { reason: "too much", quantity: decimal(quantity) }, logs: [] },
  nowMs: 1,
});

function withFiles(portfolio: Partial<EffectiveStrategy["portfolio"]>): Bench {
  const sizing = { use: "fixed-cash", cash: "100" } as const;
  const bench = new Bench([], [], effective({ portfolio: { startingCash: "1000", sizing, ...portfolio } })).start();
  return bench.send(market(quote("AAPL", 1, "100")));
}

const sizing = { use: "file", file: "sizing.ts" } as const;
const guard = { file: "guard.ts" } as const;
const buy = { sid: "AAPL", side: "buy" };
const asked = (bench: Bench): readonly object[] =>
  bench.effects.flatMap((effect): readonly object[] => {
    if (effect.do === "call-optimize") return [effect.wager];
    return effect.do === "call-check" ? [effect.order] : [];
  });
const quantities = (bench: Bench): readonly string[] =>
  (bench.published("order/request") as { quantity: string }[]).map(({ quantity }) => quantity);
const warned = (bench: Bench): readonly string[] =>
  bench.effects.flatMap((effect) => (effect.do === "log" ? [effect.message] : []));

describe("a sizing of the strategy's own", () => {
  test("is asked for each signal to buy, one after the other, with what is left", () => {
    const bench = withFiles({ sizing }).decide([buy, buy, { ...buy, quantity: "1" }]);
    expect(asked(bench)).toEqual([{ sid: "AAPL", price: "100", most: "990" }]);
    bench.send(sized("500"));
    expect(asked(bench)).toHaveLength(2);
    expect(asked(bench)[1]).toEqual({ sid: "AAPL", price: "100", most: "495" });
    bench.send(sized("0"));
    expect(quantities(bench)).toEqual(["5", "1"]);
    expect(bench.state.inFlight).toBeUndefined();
  });

  test("bets no more than one order may be worth, whatever it says", () => {
    const spec = effective();
    const limits = { ...spec.limits, maxOrderNotional: "250" };
    const bench = new Bench([], [], effective({ limits, portfolio: { startingCash: "1000", sizing } })).start();
    bench
      .send(market(quote("AAPL", 1, "100")))
      .decide(buy)
      .send(sized("900"));
    expect(quantities(bench)).toEqual(["2.5"]);
  });

  test("while it is asked nothing else is given to the algorithm, and what waits is", () => {
    const bench = withFiles({ sizing })
      .decide(buy)
      .send(market(quote("GOOG", 1, "50")));
    expect(bench.given()).toEqual(["AAPL:1"]);
    expect(bench.send(sized("100")).given()).toEqual(["AAPL:1", "GOOG:1"]);
  });

  test("that throws costs the decision that it was asked about and no other, where errors are skipped", () => {
    const skips = effective({ errorPolicy: "skip", portfolio: { startingCash: "1000", sizing } });
    const bench = new Bench([], [], skips)
      .start()
      .send(market(quote("AAPL", 1, "100")))
      .decide([buy, { ...buy, quantity: "3" }, buy, { ...buy, quantity: "4" }]);
    const failed: Event = { type: "failed", message: "TypeError: no", place: "sizing.ts:3:5", nowMs: 2 };
    bench.send(failed);
    expect(quantities(bench)).toEqual(["3"]);
    bench.send(failed);
    expect(quantities(bench)).toEqual(["3", "4"]);
    expect(bench.state).toMatchObject({ status: "degraded", inFlight: undefined });
    expect(warned(bench).at(-1)).toBe("the algorithm failed at sizing.ts:3:5: TypeError: no");
  });

  test("orders nothing once the gateway is gone or it is told to stop, and then stops", () => {
    const gone = withFiles({ sizing }).decide(buy).send({ type: "gateway", online: false, nowMs: 2 }, sized("100"));
    expect(quantities(gone)).toEqual([]);
    const stopped = withFiles({ sizing }).decide(buy).send({ type: "stop", reason: "enough", nowMs: 2 });
    expect(stopped.effects.some((effect) => effect.do === "call-stop")).toBe(false);
    stopped.send(sized("100"));
    expect(quantities(stopped)).toEqual([]);
    expect(stopped.effects.some((effect) => effect.do === "call-stop")).toBe(true);
  });
});

describe("a guard of the strategy's own", () => {
  test("lets go, makes smaller, or holds back, and that is said", () => {
    const bench = withFiles({ guard }).decide([buy, buy, buy]);
    expect(asked(bench)).toEqual([{ sid: "AAPL", side: "buy", quantity: "1", price: "100" }]);
    bench.send(passes, ruled("0.5"), ruled("0"));
    expect(quantities(bench)).toEqual(["1", "0.5"]);
    expect(warned(bench)).toEqual([
      "order to buy 1 AAPL made smaller by guard.ts, to 0.5: too much",
      "order to buy 1 AAPL held back by guard.ts: too much",
    ]);
  });

  test("is asked only about what the guards with names let through, and what they count was sent", () => {
    const bench = withFiles({ guard: { ...guard, ordersPerEvent: "1" } }).decide([buy, buy, buy]);
    bench.send(ruled("0"), passes);
    expect(asked(bench)).toHaveLength(2);
    expect(quantities(bench)).toEqual(["1"]);
    expect(warned(bench).at(-1)).toContain("an event has at most 1 orders");
  });

  test("is asked about what a sizing of its own came to", () => {
    const bench = withFiles({ sizing, guard }).decide(buy).send(sized("333"));
    expect(asked(bench).at(-1)).toEqual({ sid: "AAPL", side: "buy", quantity: "3.33", price: "100" });
    expect(quantities(bench.send(passes))).toEqual(["3.33"]);
  });
});

describe("a process", () => {
  const opened = (extension: "ts" | "py"): Promise<Rig> => {
    const files = {
      sizing: { use: "file", file: `sizing.${extension}` },
      guard: { file: `guard.${extension}` },
    } as const;
    const rig = rigOf(effective({ portfolio: { startingCash: "10000", ...files } }));
    return rig.open();
  };
  const trades = async (rig: Rig): Promise<readonly string[]> => {
    await rig.state("running");
    // A newer price takes the place of one that waits, so each is waited for.
    await rig.say("AAPL", "100");
    await rig.metric("one fill", ({ fills }) => fills === 1);
    await rig.say("AAPL", "200");
    await rig.metric("two fills", ({ fills }) => fills === 2);
    await rig.say("GOOG", "50");
    await until("an order held back", () => rig.logs.some((line) => line.includes("held back")));
    return [...rig.requests.map(({ sid, quantity }) => `${sid} ${quantity}`), ...rig.logs].filter(
      (line) => !line.includes("subscribed"),
    );
  };
  const expected = ["AAPL 3", "AAPL 1.5", "order to buy 6 GOOG held back by guard.EXT: one instrument at a time"];

  test("TypeScript: sizes and holds back by the strategy's own files", async () => {
    const rig = await opened("ts");
    const source = `export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy" }; } }
export const sizing = { optimize: () => "300" };
export class guard { check(order, context) { const [held] = Object.keys(context.portfolio.positions); if (held !== undefined && held !== order.sid) return { reason: "one instrument at a time" }; } }`;
    await rig.spawn(rig.module(source));
    expect(await trades(rig)).toEqual(expected.map((line) => line.replace("EXT", "ts")));
  });

  test("Python: the same", async () => {
    const rig = await opened("py");
    const bundle = join(rig.folder, "bundle");
    mkdirSync(bundle);
    const files = {
      "algorithm.py": `class A:\n    def initialize(self, params): return ["quotes"]\n    def event(self, data): return {"sid": data["sid"], "side": "buy"}\n`,
      "sizing.py": `class Sizing:\n    def optimize(self, wager): return "300"\n`,
      "guard.py": `class Guard:\n    def check(self, order, context):\n        held = list(context.portfolio.positions)\n        return {"reason": "one instrument at a time"} if held and held[0] != order["sid"] else None\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(bundle, name), text);
    const { address } = await rig.spawnPython(bundle, "algorithm.py");
    await rig.spawn(address);
    expect(await trades(rig)).toEqual(expected.map((line) => line.replace("EXT", "py")));
  });
});
