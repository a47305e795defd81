import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { formatDecimal } from "#core/decimal.ts";
import { canonicalJson, type JsonValue } from "#core/json.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import type { Algorithm, Outcome, PortfolioNow } from "#executor/algorithm.ts";
import type { DataMessage } from "#executor/messages.ts";

// The contract of an algorithm, over every language and transport: the same inputs give the same outputs, to the byte.

/** Opens one algorithm. Both sources say the same in their language. */
export type OpenAlgorithm = (sources: {
  /** One module, as the bundler makes it. */
  readonly typescript: string;
  readonly python: string;
  /** More files of the Python folder. */
  readonly files?: { readonly [name: string]: string };
}) => Promise<Algorithm>;

/** Uses every hook and everything that a context has. */
export const twin = {
  typescript: `
const prices = (context, data) => {
  const { indicators } = context;
  const price = Number(data.quote);
  return [
    indicators.sma(data.sid, 5).update(price),
    indicators.ema(data.sid, 7).update(price),
    indicators.stdev(data.sid, 4).update(price),
    indicators.returns(data.sid, 3).update(price),
  ];
};
export default class Twin {
  describe() {
    return {
      name: "twin", version: "1.2.3", description: "says what it sees",
      params: {
        edge: { type: "number", default: 0.5, min: 0, max: 1, description: "when to trade" },
        side: { type: "string", default: "buy", choices: ["buy", "sell"] },
        size: { type: "string" },
      },
      channels: ["quotes"],
      commands: { say: "says it" },
    };
  }
  initialize(params, context) {
    this.seen = 0;
    this.params = params;
    context.every(60, "minute");
    context.every(300);
    context.log.info(context.mode + " " + params.side + " " + params.starting_cash);
    try { params.edge = 2; } catch { context.log.info("frozen"); }
    return ["quotes"];
  }
  warm(data, context) { this.seen += 1; prices(context, data); }
  event(data, context) {
    this.seen += 1;
    const [sma, ema, stdev, change] = prices(context, data);
    const { cash, equity, positions, orders } = context.portfolio;
    context.log.debug([cash, equity, positions[data.sid] ?? "0", orders.map((order) => order.clientOrderId + order.side + (order.status ?? "")).join("+"), context.portfolio.optimize(data), String(context.clock.now())].join("|"));
    if (sma === undefined || ema === undefined || stdev === undefined || change === undefined) return undefined;
    if (context.random() > this.params.edge) return [{ sid: data.sid, side: sma > ema ? "buy" : "sell" }];
    return stdev > 0.5 || change > 0 ? { sid: data.sid, side: this.params.side, quantity: this.params.size } : null;
  }
  onOrder(event, context) { context.log.warn(event.status + " " + context.clock.now()); return event.status === "denied" ? { sid: event.sid, side: "sell" } : undefined; }
  onTimer(timer, context) { context.log.info(timer.name + " " + timer.time + " " + context.clock.now()); return { sid: "AAPL", side: "buy", quantity: "1" }; }
  onCommand(command, context) { context.log.info(command.verb + " " + command.arguments.word); return []; }
  snapshot() { return { seen: this.seen }; }
  restore(state) { this.seen = state.seen; }
  stop(reason, context) { context.log.info("stop " + reason + " " + this.seen); }
}
`,
  python: `
def prices(context, data):
    indicators = context.indicators
    price = float(data["quote"])
    return [
        indicators.sma(data["sid"], 5).update(price),
        indicators.ema(data["sid"], 7).update(price),
        indicators.stdev(data["sid"], 4).update(price),
        indicators.returns(data["sid"], 3).update(price),
    ]

class Twin:
    @staticmethod
    def describe():
        return {
            "name": "twin", "version": "1.2.3", "description": "says what it sees",
            "params": {
                "edge": {"type": "number", "default": 0.5, "min": 0, "max": 1, "description": "when to trade"},
                "side": {"type": "string", "default": "buy", "choices": ["buy", "sell"]},
                "size": {"type": "string"},
            },
            "channels": ["quotes"],
            "commands": {"say": "says it"},
        }

    def initialize(self, params, context):
        self.seen = 0
        self.params = params
        context.every(60, "minute")
        context.every(300)
        context.log.info(context.mode + " " + params["side"] + " " + params["starting_cash"])
        try:
            params["edge"] = 2
        except TypeError:
            context.log.info("frozen")
        return ["quotes"]

    def warm(self, data, context):
        self.seen += 1
        prices(context, data)

    def event(self, data, context):
        self.seen += 1
        sma, ema, stdev, change = prices(context, data)
        p = context.portfolio
        orders = "+".join(order["clientOrderId"] + order["side"] + order.get("status", "") for order in p.orders)
        context.log.debug("|".join([p.cash, p.equity, p.positions.get(data["sid"], "0"), orders, p.optimize(data), str(context.clock.now())]))
        if sma is None or ema is None or stdev is None or change is None:
            return None
        if context.random() > self.params["edge"]:
            return [{"sid": data["sid"], "side": "buy" if sma > ema else "sell"}]
        return {"sid": data["sid"], "side": self.params["side"], "quantity": self.params["size"]} if stdev > 0.5 or change > 0 else None

    def on_order(self, event, context):
        context.log.warn(f"{event['status']} {context.clock.now()}")
        return {"sid": event["sid"], "side": "sell"} if event["status"] == "denied" else None

    def on_timer(self, timer, context):
        context.log.info(f"{timer['name']} {timer['time']} {context.clock.now()}")
        return {"sid": "AAPL", "side": "buy", "quantity": "1"}

    def on_command(self, command, context):
        context.log.info(command["verb"] + " " + command["arguments"]["word"])
        return []

    def snapshot(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]

    def stop(self, reason, context):
        context.log.info(f"stop {reason} {self.seen}")
`,
};

const bare = {
  typescript: `export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy" }; } }`,
  python: `class Bare:
    def initialize(self, params):
        return ["quotes"]
    def event(self, data):
        return {"sid": data["sid"], "side": "buy"}
`,
};

/** Of the state: this same version. */
const writer = { params: {}, same: true };
const start = { mode: "paper", seed: 77, strategy: "seed/twin" } as const;
const params = { edge: 0.3, side: "buy", size: "1.5", starting_cash: "1000" };

function quote(seq: number): DataMessage {
  // Prices of many digits, from a generator of one line: what is compared is the arithmetic.
  const price = `${90 + ((seq * 7919) % 23)}.${String((seq * 104_729) % 99_991).padStart(5, "0")}`;
  const sid = seq % 3 === 0 ? "GOOG" : "AAPL";
  return { v: 1, type: "quote", sid, venue: "replay", quote: price, session: "s", seq, ts: seq * 7_000_000 };
}

function portfolioAt(seq: number): PortfolioNow {
  const order = { clientOrderId: "c1", sid: "AAPL", side: "buy", quantity: "2", filledQuantity: "1" } as const;
  const orders = seq % 5 === 0 ? { orders: [{ ...order, status: "partially-filled" as const }] } : {};
  return { cash: `${1000 - seq}`, equity: "1000", positions: { AAPL: `${seq}` }, bet: "12.5", ...orders };
}

function orderEvent(seq: number): OrderEventMessage {
  const common = { v: 1, type: "order-event", venue: "paper", sid: "AAPL", side: "buy", quantity: "1" } as const;
  const status = seq % 2 === 0 ? "denied" : "new";
  return { ...common, clientOrderId: `c${seq}`, status, filledQuantity: "0", seq, ts: seq * 7_000_000 };
}

function texts({ decisions, logs }: Outcome): JsonValue {
  const sized = decisions.map(({ sid, side, quantity }) => [
    sid,
    side,
    quantity === undefined ? null : formatDecimal(quantity),
  ]);
  return { decisions: sized, logs: logs.map(({ level, message }) => [level, message]) };
}

/** Everything that an algorithm answers to events `from` to `to`. */
async function drive(algorithm: Algorithm, from: number, to: number): Promise<readonly JsonValue[]> {
  const outputs: JsonValue[] = [];
  for (let seq = from; seq < to; seq += 1) {
    const now = seq * 7_000_000;
    const portfolio = portfolioAt(seq);
    if (seq % 9 === 0) outputs.push(texts(await algorithm.timer({ name: "minute", time: now - 1 }, portfolio)));
    outputs.push(texts(await algorithm.event(quote(seq), now, portfolio)));
    if (seq % 4 === 0) outputs.push(texts(await algorithm.order(orderEvent(seq), now, portfolio)));
    if (seq % 25 !== 0) continue;
    const command = { id: `k${seq}`, verb: "say", arguments: { word: `w${seq}` } };
    outputs.push(texts(await algorithm.command(command, now, portfolio)));
  }
  return outputs;
}

function digest(outputs: readonly JsonValue[]): string {
  return createHash("sha256").update(canonicalJson(outputs)).digest("hex");
}

/** Of the outputs of the twin below: another one means that algorithms behave otherwise than they did. */
const digestOfTwin = "8db671831cfb0660dc55d563f20eaa37e6587cc8191ee94b4eca62f41cede59c";

export function algorithmContract(open: OpenAlgorithm): void {
  describe("the contract", () => {
    test("the same inputs give the same outputs, with every hook", async () => {
      const algorithm = await open(twin);
      const description = await algorithm.describe();
      const facts = await algorithm.initialize({ ...start, params });
      expect(facts.timers).toEqual([
        { name: "minute", everySeconds: 60 },
        { name: "300", everySeconds: 300 },
      ]);
      for (let seq = 1; seq < 20; seq += 1) await algorithm.warm(quote(seq), seq * 7_000_000, portfolioAt(seq));
      const outputs = [...(await drive(algorithm, 20, 200))];
      outputs.push((await algorithm.stop("enough")).map(({ level, message }) => [level, message]));
      expect(description).toMatchObject({ name: "twin", params: { edge: { type: "number", default: 0.5 } } });
      expect([...facts.hooks].sort()).toEqual([
        ...["on_command", "on_order", "on_timer", "restore", "snapshot", "stop", "warm"],
      ]);
      expect(outputs.at(-1)).toEqual([["info", "stop enough 199"]]);
      const wholly = [description as JsonValue, ...outputs];
      expect(digest(wholly)).toBe(digestOfTwin);
    });

    test("one that was restored goes on as one that was never stopped", async () => {
      const undisturbed = await open(twin);
      await undisturbed.describe();
      await undisturbed.initialize({ ...start, params });
      const first = await drive(undisturbed, 1, 60);
      const saved = await undisturbed.snapshot();
      const rest = await drive(undisturbed, 60, 120);
      const restored = await open(twin);
      await restored.describe();
      await restored.initialize({ ...start, params });
      // Takes what initialize() logged; what it saw is then forgotten.
      await restored.warm(quote(1), 1, portfolioAt(1));
      await restored.restore(JSON.parse(JSON.stringify(saved)), writer);
      expect(await drive(restored, 60, 120)).toEqual(rest);
      expect(first.length).toBeGreaterThan(60);
    });

    test("its state comes back as it was, to the digit", async () => {
      const sources = {
        typescript: `export default class {
  initialize(params) { this.state = params.side === "sell" ? null : { big: 2 ** 60, small: 0.1 + 0.2, one: 1, text: 'a "quoted" \\\\ é', none: null, list: [1.5, [], {}] }; return []; }
  event(data, context) { context.log.info(JSON.stringify(this.state)); }
  snapshot() { return this.state; }
  restore(state) { this.state = state; }
}`,
        python: `class A:
    def initialize(self, params):
        self.state = None if params["side"] == "sell" else {"big": [1795748386969123457, 2 ** 60 + 1, -(2 ** 70)], "one": 1.0, "small": 0.1 + 0.2, "text": 'a "quoted" \\\\ é', "none": None, "list": [1e300, -0.0, [], {}]}
        return []
    def event(self, data, context):
        context.log.info(repr(self.state))
    def snapshot(self):
        return self.state
    def restore(self, state):
        self.state = state
`,
      };
      const first = await open(sources);
      await first.initialize({ ...start, params });
      const saved = JSON.parse(JSON.stringify(await first.snapshot()));
      const again = await open(sources);
      await again.initialize({ ...start, params: { ...params, side: "sell" } });
      await again.restore(saved, writer);
      const seen = async (algorithm: Algorithm) => (await algorithm.event(quote(1), 1, portfolioAt(1))).logs;
      expect(await seen(again)).toEqual(await seen(first));
    });

    test.each([
      { state: ["{ a: [1, NaN] }", '{"a": [1, float("nan")]}'], says: /^snapshot\(\)\.a\[1\] is nan, which/i },
      { state: ["{ a: Infinity }", '{"a": float("inf")}'], says: /^snapshot\(\)\.a is inf/i },
      { state: ["{ a: { b: new Map() } }", '{"a": {"b": set()}}'], says: /^snapshot\(\)\.a\.b is a (Map|set), which/ },
      { state: ["new (class Own {})()", "A()"], says: /^snapshot\(\) is a (Own|A), which/ },
      { state: ["[new Date(0)]", '[__import__("datetime").date.min]'], says: /^snapshot\(\)\[0\] is a date/i },
      { state: ["[undefined]", "{1: 2}"], says: /^snapshot\(\)(\[0\] is undefined|.* has the key 1 of type int)/ },
      { state: ["{ a: 1n }", '{"a": 1j}'], says: /^snapshot\(\)\.a is a (bigint|complex)/ },
      { state: ["() => 1", "lambda: 1"], says: /^snapshot\(\) is a function/ },
      { state: ["this.itself()", "self.itself()"], says: /holds itself$/ },
      { state: ['"x".repeat(2 ** 20)', '"x" * 2 ** 20'], says: /1048578 bytes; at most 1048576/ },
    ])("a state of $state.0 is refused", async ({ state: [typescript, python], says }) => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event() {} itself() { const a = []; a.push(a); return a; } snapshot() { return ${typescript}; } }`,
        python: `class A:\n    def initialize(self, params): return []\n    def event(self, data): pass\n    def itself(self):\n        a = []\n        a.append(a)\n        return a\n    def snapshot(self): return ${python}\n`,
      });
      await algorithm.initialize({ ...start, params });
      await expect(algorithm.snapshot()).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringMatching(says),
      });
    });

    test("hooks that are left out are not there, and describe nothing", async () => {
      const algorithm = await open(bare);
      expect(await algorithm.describe()).toBeUndefined();
      const facts = await algorithm.initialize({ ...start, params });
      expect([[...facts.hooks], facts.timers, facts.channels]).toEqual([[], [], ["quotes"]]);
      expect(await drive(algorithm, 1, 2)).toEqual([{ decisions: [["AAPL", "buy", null]], logs: [] }]);
      expect(await algorithm.stop("enough")).toEqual([]);
    });

    test.each([
      { call: ["every(0)", "every(0)"], says: "whole seconds" },
      { call: ["every(1.5)", "every(1.5)"], says: "whole seconds" },
      { call: ['every(5, "a b")', 'every(5, "a b")'], says: "letters" },
      { call: ["every(5); context.every(5)", "every(5); context.every(5)"], says: "already" },
      { call: ['indicators.sma("x", 0)', 'indicators.sma("x", 0)'], says: "whole number" },
      { call: ['indicators.stdev("x", 1)', 'indicators.stdev("x", 1)'], says: "from 2 up" },
      { call: ['indicators.sma("x", 20000)', 'indicators.sma("x", 20000)'], says: "in all" },
      { call: ['indicators.sma("x", 2).update(NaN)', 'indicators.sma("x", 2).update(float("nan"))'], says: "finite" },
    ])("a context refuses $call.0", async ({ call: [typescript, python], says }) => {
      const algorithm = await open({
        typescript: `export default class { initialize(params, context) { context.${typescript}; return []; } event() {} }`,
        python: `class A:\n    def initialize(self, params, context):\n        context.${python}\n        return []\n    def event(self, data): pass\n`,
      });
      await expect(algorithm.initialize({ ...start, params })).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringContaining(says),
      });
    });

    test.each([
      {
        decides: 'sid: "AAPL", side: "buy", quantity: "5", type: "limit", price: "0.01", venue: "binance"',
        says: "a decision has no field type; it may have sid, side and quantity",
      },
      { decides: 'sid: "AAPL", side: "sell", qty: "1"', says: "a decision has no field qty; did you mean quantity?" },
      { decides: 'sid: "AAPL", side: "buy", quantiy: "1"', says: "has no field quantiy; did you mean quantity?" },
      { decides: 'symbol: "AAPL", side: "buy"', says: "has no field symbol; did you mean sid?" },
    ])("a decision {$decides} is refused, and all that were decided with it", async ({ decides, says }) => {
      const quoted = decides.replace(/(\w+): /g, '"$1": ');
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event(data) { return [{ sid: "AAPL", side: "buy" }, { ${decides} }]; } }`,
        python: `class A:\n    def initialize(self, params): return []\n    def event(self, data): return [{"sid": "AAPL", "side": "buy"}, {${quoted}}]\n`,
      });
      await algorithm.initialize({ ...start, params });
      await expect(algorithm.event(quote(1), 1, portfolioAt(1))).rejects.toMatchObject({
        name: "AlgorithmError",
        message: expect.stringContaining(says),
      });
    });

    test("params, orders and positions are read-only all the way down, and JSON", async () => {
      const algorithm = await open({
        typescript: `export default class {
  initialize(params) { this.params = params; return []; }
  event(data, context) {
    const { orders: [order], positions } = context.portfolio;
    const tries = [() => { this.params.nested.list.push(1); }, () => { this.params.nested.list[0].deep = 2; }, () => { this.params.nested.x = 2; },
      () => { delete this.params.nested; }, () => { order.quantity = "9"; }, () => { positions.AAPL = "9"; }];
    for (const change of tries) try { change(); context.log.error("changed"); } catch (error) { context.log.info(error.name); }
    context.log.info(JSON.stringify([this.params.nested, order, positions]));
  }
}`,
        python: `import copy, json, pickle
class A:
    def initialize(self, params):
        self.params = params
        return []
    def event(self, data, context):
        order, positions = context.portfolio.orders[0], context.portfolio.positions
        nested = self.params["nested"]
        tries = [lambda: nested["list"].append(1), lambda: nested["list"][0].update(deep=2), lambda: nested.__setitem__("x", 2),
            lambda: self.params.pop("nested"), lambda: order.__setitem__("quantity", "9"), lambda: positions.__setitem__("AAPL", "9")]
        for change in tries:
            try:
                change()
                context.log.error("changed")
            except TypeError as error:
                context.log.info("TypeError")
        mine = copy.deepcopy(nested)
        mine["list"][0]["deep"] = 3
        assert pickle.loads(pickle.dumps(nested)) == nested != mine
        context.log.info(json.dumps([nested, order, positions], separators=(",", ":")))
`,
      });
      const nested = { list: [{ deep: 1 }], x: 1 };
      await algorithm.initialize({ ...start, params: { ...params, nested } });
      const { logs } = await algorithm.event(quote(5), 5, portfolioAt(5));
      const { orders = [], positions } = portfolioAt(5);
      expect(logs.map(({ message }) => message)).toEqual([
        ...Array.from({ length: 6 }, () => "TypeError"),
        JSON.stringify([nested, orders[0], positions]),
      ]);
    });

    /** Fails on the first event only. @param fails a statement each, on a line of its own */
    const failing = (typescript: string, python: string): Parameters<OpenAlgorithm>[0] => ({
      typescript: `export default class {
  initialize() { this.seen = 0; return []; }
  event(data, context) {
    context.log.info("looks");
    context.log.warn("sees");
    this.seen += 1;
    if (this.seen > 1) return { sid: "AAPL", side: "buy" };
    ${typescript}
  }
}`,
      python: `class A:
    def initialize(self, params):
        self.seen = 0
        return []
    def event(self, data, context):
        context.log.info("looks")
        context.log.warn("sees")
        self.seen += 1
        if self.seen > 1: return {"sid": "AAPL", "side": "buy"}
        ${python}
`,
    });

    test.each([
      {
        what: "an exception",
        fails: ['throw new RangeError("unlucky");', 'raise ValueError("unlucky")'],
        at: [undefined, 10],
      },
      {
        what: "an exception that cannot be read",
        fails: [
          'throw { toString() { throw new Error("again"); } };',
          'raise type("E", (Exception,), {"__str__": lambda self: 1 / 0})()',
        ],
        at: [0, 10],
      },
      {
        what: "an exception of which nothing can be asked",
        fails: [
          'throw new Proxy(new Error("unlucky"), { get() { throw 1; }, getPrototypeOf() { throw 1; } });',
          "raise SystemExit(3)",
        ],
        at: [0, 10],
      },
      {
        what: "a decision that throws when it is read",
        fails: [
          'return { get sid() { throw new Error("unlucky"); }, side: "buy" };',
          'return type("D", (dict,), {"items": lambda self: 1 / 0})(sid="AAPL", side="buy")',
        ],
        at: [undefined, 10],
      },
      { what: "an answer of another kind", fails: ["return 5;", "return 5"], at: [3, 5] },
      { what: "an answer that is no JSON", fails: ["return () => 1;", "return {1, 2}"], at: [3, 5] },
      {
        what: "a decision of another kind",
        fails: ['return { sid: "AAPL", side: "hold" };', 'return {"sid": "AAPL", "side": "hold"}'],
        at: [3, 5],
      },
    ])(
      "$what is told with its line and what was logged before it, and the next event is another one",
      async ({ fails: [typescript = "", python = ""], at }) => {
        const algorithm = await open(failing(typescript, python));
        await algorithm.initialize({ ...start, params });
        const thrown: unknown = await algorithm.event(quote(1), 1, portfolioAt(1)).catch((error: unknown) => error);
        expect(thrown).toMatchObject({
          name: "AlgorithmError",
          said: {
            logs: [
              { level: "info", message: "looks" },
              { level: "warn", message: "sees" },
            ],
          },
        });
        const [, language, line] = /^algorithm\.(mjs|ts|py):?(\d+)?/.exec(String(Object(thrown).place)) ?? [];
        // Vitest gives a module's frames another address; test/executor/places.test.ts has what is thrown in a real process.
        const expected = language === "py" ? at[1] : at[0];
        if (expected !== undefined) expect(Number(line ?? 0)).toBe(expected);
        const next = await algorithm.event(quote(2), 2, portfolioAt(2));
        expect([next.decisions, next.logs.length]).toEqual([[{ sid: "AAPL", side: "buy" }], 2]);
      },
    );

    test("timers are asked for in initialize() only", async () => {
      const algorithm = await open({
        typescript: `export default class { initialize() { return []; } event(data, context) { context.every(1); } }`,
        python: `class A:\n    def initialize(self, params): return []\n    def event(self, data, context): context.every(1)\n`,
      });
      await algorithm.initialize({ ...start, params });
      await expect(algorithm.event(quote(1), 1, portfolioAt(1))).rejects.toMatchObject({
        message: expect.stringContaining("in initialize()"),
      });
    });
  });
}
