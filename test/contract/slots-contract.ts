import { describe, expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { Algorithm, PortfolioNow } from "#executor/algorithm.ts";
import type { DataMessage } from "#executor/messages.ts";
import type { OpenAlgorithm } from "./algorithm-contract.ts";

// Sizing and guard of a strategy's own, over every language and transport: the same answers to the same questions.

/** Bets half of the most while prices are calm and a tenth when they are not, and lets nothing above a cap through whole. */
const own = {
  typescript: `
export default class {
  initialize() { return ["quotes"]; }
  event(data, context) { context.log.info("bet " + context.portfolio.optimize(data)); return { sid: data.sid, side: "buy" }; }
}
export class sizing {
  initialize(params, context) { this.seen = 0; this.part = Number(params.part); context.log.info("part " + params.part); }
  observe(data, context) { this.seen += 1; context.indicators.stdev(data.sid, 3).update(Number(data.quote)); }
  optimize(wager, context) {
    const calm = (context.indicators.stdev(wager.sid, 3).value ?? 0) < 1;
    context.log.debug([wager.sid, wager.price, wager.most, this.seen, context.portfolio.cash, context.portfolio.orders.length, context.mode].join(" "));
    return (Number(wager.most) * (calm ? this.part : 0.1)).toFixed(2);
  }
  snapshot() { return { seen: this.seen }; }
  restore(state) { this.seen = state.seen; }
}
export const guard = {
  check(order, context) {
    if (order.sid === "GOOG") return { reason: "not " + order.sid };
    if (context.portfolio.equity === "0") return { reason: "nothing left", quantity: "0" };
    if (Number(order.quantity) > 2) { context.log.warn("cut at " + order.price); return { reason: "at most 2", quantity: "2.0" }; }
  },
};
`,
  python: `class Algorithm:
    def initialize(self, params):
        return ["quotes"]
    def event(self, data, context):
        context.log.info("bet " + context.portfolio.optimize(data))
        return {"sid": data["sid"], "side": "buy"}
`,
  files: {
    "sizing.py": `class Sizing:
    def initialize(self, params, context):
        self.seen = 0
        self.part = float(params["part"])
        context.log.info("part " + params["part"])
    def observe(self, data, context):
        self.seen += 1
        context.indicators.stdev(data["sid"], 3).update(float(data["quote"]))
    def optimize(self, wager, context):
        calm = (context.indicators.stdev(wager["sid"], 3).value or 0) < 1
        p = context.portfolio
        context.log.debug(" ".join([wager["sid"], wager["price"], wager["most"], str(self.seen), p.cash, str(len(p.orders)), context.mode]))
        return f'{float(wager["most"]) * (self.part if calm else 0.1):.2f}'
    def snapshot(self):
        return {"seen": self.seen}
    def restore(self, state):
        self.seen = state["seen"]
`,
    "guard.py": `class Guard:
    def check(self, order, context):
        if order["sid"] == "GOOG":
            return {"reason": "not " + order["sid"]}
        if context.portfolio.equity == "0":
            return {"reason": "nothing left", "quantity": "0"}
        if float(order["quantity"]) > 2:
            context.log.warn("cut at " + order["price"])
            return {"reason": "at most 2", "quantity": "2.0"}
        return None
`,
  },
};

const bare = `class A:
    def initialize(self, params): return []
    def event(self, data): pass
`;
/** Of the state: this same version. */
const writer = { params: {}, same: true };
const start = { mode: "paper", seed: 77, strategy: "seed/own" } as const;
const params = { part: "0.5", starting_cash: "1000" };
const now: PortfolioNow = { cash: "900", equity: "1000", positions: {}, bet: "600" };
const at = 7_000_000;

function quote(seq: number, price: string): DataMessage {
  return { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: price, session: "s", seq, ts: seq * at };
}

export function slotsContract(open: OpenAlgorithm): void {
  describe("sizing and guard of its own", () => {
    const opened = async (): Promise<Algorithm> => {
      const algorithm = await open(own);
      await algorithm.describe();
      const file = (name: string): string => `${name}.py`;
      await algorithm.initialize({ ...start, params, slots: { sizing: file("sizing"), guard: file("guard") } });
      return algorithm;
    };
    const bets = async (algorithm: Algorithm, price: string): Promise<readonly unknown[]> => {
      const wager = { sid: "AAPL", price, most: "600" };
      const { bet, logs } = await algorithm.optimize(wager, at, now);
      return [formatDecimal(bet), ...logs.map(({ message }) => message)];
    };

    test("the sizing sees each event, is asked for signals, and by portfolio.optimize()", async () => {
      const algorithm = await opened();
      await algorithm.warm(quote(1, "100"), at, now);
      const said = await algorithm.event(quote(2, "100.5"), 2 * at, now);
      expect(said.logs.map(({ message }) => message)).toEqual(["AAPL 100.5 600 2 900 0 paper", "bet 300"]);
      expect(await bets(algorithm, "100.5")).toEqual(["300", "AAPL 100.5 600 2 900 0 paper"]);
      await algorithm.event(quote(3, "120"), 3 * at, now);
      expect(await bets(algorithm, "120")).toEqual(["60", "AAPL 120 600 3 900 0 paper"]);
    });

    test("its state and its indicators outlive the process", async () => {
      const algorithm = await opened();
      for (const [seq, price] of [
        [1, "100"],
        [2, "130"],
        [3, "90"],
      ] as const)
        await algorithm.warm(quote(seq, price), seq * at, now);
      const saved = await algorithm.snapshot();
      const again = await opened();
      await again.warm(quote(1, "5"), at, now);
      await again.restore(JSON.parse(JSON.stringify(saved)), writer);
      expect(await bets(again, "90")).toEqual(await bets(algorithm, "90"));
    });

    test("the guard lets go, holds back, or makes smaller", async () => {
      const algorithm = await opened();
      // What initialize() logged is taken by the first call.
      await algorithm.warm(quote(1, "100"), at, now);
      const order = { side: "buy", price: "100" } as const;
      const ask = (sid: string, quantity: string, equity = "1000") =>
        algorithm.check({ ...order, sid, quantity }, at, { ...now, equity });
      expect(await ask("AAPL", "1")).toEqual({ logs: [] });
      expect((await ask("GOOG", "1")).verdict).toEqual({ reason: "not GOOG", quantity: decimal("0") });
      expect((await ask("AAPL", "1", "0")).verdict).toEqual({ reason: "nothing left", quantity: decimal("0") });
      expect(await ask("AAPL", "3")).toEqual({
        verdict: { reason: "at most 2", quantity: decimal("2") },
        logs: [{ level: "warn", message: "cut at 100" }],
      });
    });

    test.each([
      { answers: "5", says: "decimal string" },
      { answers: '"-1"', says: "decimal string" },
      { answers: '"1e3"', says: "decimal string" },
      { answers: "[]", says: "decimal string" },
    ])("a sizing that answers $answers is refused", async ({ answers, says }) => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event() {} }\nexport class sizing { optimize() { return ${answers}; } }`,
        python: bare,
        files: { "sizing.py": `class Sizing:\n    def optimize(self, wager): return ${answers}\n` },
      });
      await algorithm.describe();
      await algorithm.initialize({ ...start, params, slots: { sizing: "sizing.py" } });
      await expect(algorithm.optimize({ sid: "AAPL", most: "1" }, at, now)).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringContaining(says),
      });
    });

    test("what it bets above the most is cut to it", async () => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event() {} }\nexport class sizing { optimize() { return "1000000"; } }`,
        python: bare,
        files: { "sizing.py": `class Sizing:\n    def optimize(self, wager): return "1000000"\n` },
      });
      await algorithm.describe();
      await algorithm.initialize({ ...start, params, slots: { sizing: "sizing.py" } });
      expect((await algorithm.optimize({ sid: "AAPL", most: "12.5" }, at, now)).bet).toBe(decimal("12.5"));
    });

    test.each([
      { answers: ['"no"', '"no"'], says: "{reason, quantity?}" },
      { answers: ["true", "True"], says: "{reason, quantity?}" },
      { answers: ['({ reason: "r", quantity: "3" })', '{"reason": "r", "quantity": "3"}'], says: "smaller" },
      { answers: ['({ reason: "r", quantity: 1 })', '{"reason": "r", "quantity": 1}'], says: "smaller" },
      {
        answers: ['({ reason: "r", qty: "1" })', '{"reason": "r", "qty": "1"}'],
        says: "the answer of check() has no field qty; did you mean quantity?",
      },
      {
        answers: ['({ reason: "r", quantity: "1.00001" })', '{"reason": "r", "quantity": "1.00001"}'],
        says: "smaller",
      },
    ])("a guard that answers $answers.0 is refused", async ({ answers: [typescript, python], says }) => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event() {} }\nexport class guard { check() { return ${typescript}; } }`,
        python: bare,
        files: { "guard.py": `class Guard:\n    def check(self, order): return ${python}\n` },
      });
      await algorithm.describe();
      await algorithm.initialize({ ...start, params, slots: { guard: "guard.py" } });
      const order = { sid: "AAPL", side: "buy", quantity: "2" } as const;
      await expect(algorithm.check(order, at, now)).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringContaining(says),
      });
    });

    test("one without its method does not start", async () => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event() {} }\nexport class sizing { optimise() {} }`,
        python: bare,
        files: { "sizing.py": "class Sizing:\n    def optimise(self): pass\n" },
      });
      await algorithm.describe();
      await expect(algorithm.initialize({ ...start, params, slots: { sizing: "sizing.py" } })).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringContaining("optimize()"),
      });
    });
  });
}
