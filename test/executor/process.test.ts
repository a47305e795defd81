import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort } from "#bus/loopback.ts";
import type { MetricMessage, OrderRequestMessage } from "#core/messages.ts";
import { effective, type Rig, rigOf, strategyFolder, until } from "./rig.ts";

const rig = (...given: Parameters<typeof rigOf>): Promise<Rig> => rigOf(...given).open();

const buyAlways = `export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy", quantity: "1" }; } }`;
const buyOnce = `export default class {
  #bought = false;
  initialize() { return ["quotes"]; }
  event(data) { if (this.#bought) return; this.#bought = true; return { sid: data.sid, side: "buy", quantity: "2" }; }
  snapshot() { return { bought: this.#bought }; }
  restore(state) { this.#bought = state.bought; }
}`;

/** All of a request but who asks. */
function contentOf(request: OrderRequestMessage): string {
  return JSON.stringify({ ...request, epoch: 0 });
}

async function probe(port: number, path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

describe("a trading executor", () => {
  test("says its state, trades on quotes, and holds what was filled; SIGTERM ends it with 0", async () => {
    const bench = await rig();
    bench.feeEach = "0.5";
    const port = await freePort();
    const executor = await bench.spawn(bench.module(buyOnce), { SLIPWAY_PORT_PROBE: String(port) });
    const running = await bench.state("running");
    expect(bench.states.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1])).toEqual([
      "initializing",
      "restoring",
      "warming-up",
      "running",
    ]);
    expect(running).toMatchObject({ epoch: 1, warmedBy: 0 });
    expect(running.algorithm).toMatch(/^[0-9a-f]{64}$/);
    expect(await Promise.all(["/startup", "/ready", "/live", "/other"].map((path) => probe(port, path)))).toEqual([
      200, 200, 200, 404,
    ]);
    await bench.say("AAPL", "100");
    const bought = await bench.metric("a fill", ({ fills }) => fills === 1);
    expect(bought).toMatchObject({
      cash: "9799.5",
      equity: "9999.5",
      positions: { AAPL: "2" },
      orders: 1,
      events: 1,
      denied: 0,
    });
    await bench.say("AAPL", "110");
    const worth = await bench.metric("the new price", ({ events }) => events === 2);
    expect(worth).toMatchObject({ cash: "9799.5", equity: "10019.5", positions: { AAPL: "2" }, fills: 1 });
    executor.child.kill("SIGTERM");
    expect(await executor.exited).toBe(0);
    expect((await bench.state("stopped")).reason).toBe("asked to stop");
    expect(bench.stateFile("epoch")).toBe("1\n");
    const again = await bench.spawn(bench.module(buyOnce));
    expect(await bench.state("running")).toMatchObject({ epoch: 2 });
    await bench.say("AAPL", "120");
    expect(await bench.metric("after the restart", ({ events }) => events === 3)).toMatchObject({
      cash: "9799.5",
      orders: 1,
      positions: { AAPL: "2" },
    });
    expect(again.child.exitCode).toBeNull();
  });

  test("what the portfolio sizes never exceeds the order limit: it buys and sells a large position in parts", async () => {
    const spec = effective({ portfolio: { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "1" } } });
    const bench = await rig(spec);
    // Buys until 40 are held, then sells until none is: without a quantity, and with one that names all it holds.
    const source = `export default class {
      #sells = false;
      initialize() { return ["quotes"]; }
      event(data, { portfolio }) {
        const held = portfolio.positions[data.sid] ?? "0";
        this.#sells ||= Number(held) >= 40;
        if (!this.#sells) return { sid: data.sid, side: "buy" };
        if (held === "0") return undefined;
        return Number(held) >= 30 ? { sid: data.sid, side: "sell" } : { sid: data.sid, side: "sell", quantity: held };
      }
    }`;
    await bench.spawn(bench.module(source));
    await bench.state("running");
    const prices = ["100", "100", "110", "110", "110", "110"];
    for (const [index, price] of prices.entries()) {
      await bench.say("AAPL", price);
      await bench.metric("its fill", ({ fills }) => fills === Math.min(index + 1, 5));
    }
    expect(bench.requests.map(({ side, quantity }) => `${side} ${quantity}`)).toEqual([
      "buy 20",
      "buy 20",
      "sell 18.1818",
      "sell 18.1818",
      "sell 3.6364",
    ]);
    expect(await bench.metric("all events", ({ events }) => events === 6)).toMatchObject({ positions: {}, denied: 0 });
  });

  test("a denied order changes nothing but the counter", async () => {
    const bench = await rig();
    bench.answers = "deny";
    await bench.spawn(bench.module(buyOnce));
    await bench.state("running");
    await bench.say("AAPL", "100");
    expect(await bench.metric("a denial", ({ denied }) => denied === 1)).toMatchObject({
      cash: "10000",
      fills: 0,
      positions: {},
      orders: 1,
    });
    await until("why it was denied", () => bench.logs.find((line) => line.includes("denied: above the limit")));
  });

  test("a killed executor comes back with every order once", async () => {
    const bench = await rig();
    const algorithm = bench.module(buyAlways);
    let executor = await bench.spawn(algorithm);
    await bench.state("running");
    let said = 0;
    for (const round of [1, 2, 3]) {
      for (let index = 0; index < 5; index += 1) {
        said += 1;
        await bench.say(index % 2 === 0 ? "AAPL" : "GOOG", String(10 + said));
      }
      // In the middle of it: some answers are under way, and no snapshot need have been written.
      await until("an order of this round", () => bench.book.size >= round * 2);
      executor.child.kill("SIGKILL");
      await executor.exited;
      await bench.state("offline");
      executor = await bench.spawn(algorithm);
      await until(
        () => `epoch ${round + 1}, not ${bench.lastWords()}`,
        () => bench.states.findLast(({ state, epoch }) => state === "running" && epoch === round + 1),
      );
    }
    await bench.say("AAPL", "50");
    await until("the last order", () => [...bench.book.values()].some(({ price }) => price === "50"));
    const all = (metric: MetricMessage): boolean =>
      metric.fills === bench.book.size && metric.orders === bench.book.size;
    const count = await bench.metric("all is booked once", all);
    const bought = new Map<string, number>();
    let cash = 10_000;
    for (const { sid, quantity, price } of bench.book.values()) {
      bought.set(sid, (bought.get(sid) ?? 0) + Number(quantity));
      cash -= Number(quantity) * Number(price);
    }
    expect(count.fills).toBe(bench.book.size);
    expect(count.positions).toEqual(Object.fromEntries([...bought].map(([sid, quantity]) => [sid, String(quantity)])));
    expect(count.cash).toBe(String(cash));
    // Nothing was asked with the same id and another content.
    for (const id of bench.book.keys()) {
      const texts = new Set(bench.requests.filter(({ clientOrderId }) => clientOrderId === id).map(contentOf));
      expect(texts.size).toBe(1);
    }
  });

  test("an unanswered order is asked again, also after a restart, and then with the new epoch", async () => {
    const bench = await rig();
    bench.answers = "silence";
    const algorithm = bench.module(buyOnce);
    const executor = await bench.spawn(algorithm);
    await bench.state("running");
    await bench.say("AAPL", "100");
    await until("the request", () => bench.requests.length >= 1);
    executor.child.kill("SIGKILL");
    await executor.exited;
    bench.answers = "fill";
    await bench.spawn(algorithm);
    expect(await bench.metric("the late fill", ({ fills }) => fills === 1)).toMatchObject({ cash: "9800", orders: 1 });
    expect(new Set(bench.requests.map(contentOf)).size).toBe(1);
    expect([bench.requests[0]?.epoch, bench.requests.at(-1)?.epoch]).toEqual([1, 2]);
  });
});

describe("what was heard", () => {
  test("a fill that no snapshot holds yet survives a kill, also when nobody can be asked again", async () => {
    const bench = await rig();
    const algorithm = bench.module(buyOnce);
    const executor = await bench.spawn(algorithm);
    await bench.state("running");
    await bench.say("AAPL", "100");
    await bench.metric("the fill", ({ fills }) => fills === 1);
    executor.child.kill("SIGKILL");
    await executor.exited;
    await bench.gatewayState("offline");
    bench.metrics.length = 0;
    await bench.spawn(algorithm);
    await bench.state("halted");
    const first = await bench.metric("what it knows", () => true);
    expect(first).toMatchObject({ cash: "9800", fills: 1, orders: 1, positions: { AAPL: "2" } });
  });
});

describe("around the trading", () => {
  test("warms with what came before, drops its decisions, and takes the next event live", async () => {
    const bench = await rig();
    await bench.history("AAPL", ["1", "2", "3"]);
    await bench.history("GOOG", ["7"]);
    await bench.spawn(
      bench.module(`export default class { #seen = 0;
        initialize() { return ["quotes"]; }
        event(data, context) { this.#seen += 1; context.log.info("seen " + this.#seen + " " + data.quote); return { sid: data.sid, side: "buy", quantity: "1" }; } }`),
    );
    expect(await bench.state("running")).toMatchObject({ warmedBy: 4 });
    expect(bench.requests).toEqual([]);
    await bench.say("AAPL", "4");
    await until("the first live event is the fifth", () => bench.logs.find((line) => line === "seen 5 4"));
    expect(await bench.metric("one live event", ({ events }) => events === 1)).toMatchObject({ gaps: 0 });
    await bench.say("AAPL", "5", 3);
    expect(await bench.metric("three are missing", ({ events }) => events === 2)).toMatchObject({ gaps: 3 });
    bench.newSession("s2");
    await bench.say("AAPL", "6");
    expect(await bench.metric("a new session is no gap", ({ events }) => events === 3)).toMatchObject({ gaps: 3 });
  });

  test("skip holds while it is warmed too: what it throws on is dropped and counted", async () => {
    const bench = await rig(effective({ errorPolicy: "skip" }));
    await bench.history("AAPL", ["1", "2", "3"]);
    await bench.spawn(
      bench.module(`export default class {
        initialize() { return ["quotes"]; }
        event(data) { if (data.quote === "2") throw new Error("two"); } }`),
    );
    expect(await bench.state("running")).toMatchObject({ warmedBy: 3 });
    await bench.say("AAPL", "4");
    expect(await bench.metric("a live event", ({ events }) => events === 1)).toMatchObject({ errors: 1 });
  });

  test("sends no order while the gateway is offline, and goes on by itself", async () => {
    const bench = rigOf();
    await bench.open({ gateway: false });
    await bench.spawn(bench.module(buyAlways));
    expect((await bench.state("halted")).reason).toContain("gateway");
    await bench.say("AAPL", "100");
    await bench.metric("the event is seen", ({ events }) => events === 1);
    await bench.openGateway();
    await bench.state("running");
    expect(bench.requests).toEqual([]);
    await bench.say("AAPL", "101");
    await until("an order", () => bench.requests.length === 1);
    await bench.gatewayState("offline", "what is halted in Git cannot be read");
    expect((await bench.state("halted")).reason).toContain("(what is halted in Git cannot be read)");
  });

  test.each([
    {
      name: "channels outside the ceiling",
      source: `export default { initialize: () => ["md/+/TSLA/quote"], event() {} }`,
      says: "md/+/TSLA/quote",
    },
    { name: "no channels", source: `export default { initialize: () => 5, event() {} }`, says: "a list of strings" },
    { name: "no event()", source: "export default { initialize: () => [] }", says: "has no event()" },
    { name: "a syntax error", source: "export default {", says: "SyntaxError" },
    {
      name: "initialize() throws",
      source: `export default { initialize() { throw new Error("no luck") }, event() {} }`,
      says: "no luck",
    },
  ])("refuses with 2: $name", async ({ source, says }) => {
    const bench = await rig();
    const executor = await bench.spawn(bench.module(source));
    expect(await executor.exited).toBe(2);
    expect((await bench.state("faulted")).reason).toContain(says);
    expect(executor.output()).toContain(says);
  });

  test("refuses a spec of another strategy with 2", async () => {
    const bench = await rig();
    const executor = await bench.spawn(bench.module(buyOnce), { SLIPWAY_STRATEGY: "seed/other" });
    expect(await executor.exited).toBe(2);
    expect(executor.output()).toContain("seed/other");
  });

  test("names what is missing in its environment", async () => {
    const bench = await rig();
    const executor = await bench.spawn("module:x", { SLIPWAY_STATE_DIR: "" });
    expect(await executor.exited).toBe(1);
    expect(executor.output()).toContain("not set: SLIPWAY_STATE_DIR");
  });
});

describe("Python", () => {
  test("the TypeScript and the Python twin give the same orders on the same events", async () => {
    const orders: string[][] = [];
    /** How many orders there are after each event. The first algorithm decides within its call, so that no metric is of the middle of one. */
    const after: number[] = [];
    for (const language of ["ts", "py"]) {
      const bench = await rig();
      const folder = strategyFolder(`random-${language}`);
      const python = language === "py" ? await bench.spawnPython(folder, "algorithm.py") : undefined;
      await bench.spawn(python?.address ?? `module:${join(folder, "algorithm.ts")}`);
      await bench.state("running");
      for (let index = 0; index < 40; index += 1) {
        await bench.say(index % 2 === 0 ? "AAPL" : "GOOG", (100 + ((index * 37) % 23) / 4).toString());
        // The next event once this one is decided and filled: then both see the same portfolio.
        const filled = await bench.metric(
          `event ${index + 1}, with ${after[index] ?? "all"} fills`,
          ({ events, orders: sent, fills }) => events === index + 1 && fills === (after[index] ?? sent),
        );
        after[index] ??= filled.fills;
      }
      await bench.metric(
        "all filled",
        ({ events, fills, orders: sent }) => events === 40 && fills === sent && sent === bench.book.size,
      );
      orders.push(
        [...bench.book.values()].map(
          ({ clientOrderId, side, sid, quantity }) => `${clientOrderId} ${side} ${quantity} ${sid}`,
        ),
      );
    }
    expect(orders[0]?.length).toBeGreaterThan(10);
    expect(orders[0]?.some((order) => order.includes(" sell "))).toBe(true);
    expect(orders[1]).toEqual(orders[0]);
  });

  test("told to end together with its algorithm, the pod stops cleanly; without its algorithm it ends with 1", async () => {
    const bench = await rig();
    const python = await bench.spawnPython(strategyFolder("random-py"), "algorithm.py");
    const executor = await bench.spawn(python.address);
    await bench.state("running");
    await bench.say("AAPL", "100");
    await bench.metric("an event", ({ events }) => events === 1);
    python.child.kill("SIGTERM");
    executor.child.kill("SIGTERM");
    expect([await executor.exited, await python.exited]).toEqual([0, 0]);
    await bench.state("stopped");
    const other = await bench.spawnPython(strategyFolder("random-py"), "algorithm.py");
    const again = await bench.spawn(other.address);
    await bench.state("running");
    other.child.kill("SIGKILL");
    expect(await again.exited).toBe(1);
    expect((await bench.state("faulted")).reason).toContain("the algorithm ended");
  });
});
