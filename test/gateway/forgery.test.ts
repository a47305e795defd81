import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import {
  type Bench,
  bytes,
  cleanUp,
  commandOf,
  limitsOf,
  openBench,
  requestOf,
  requestTopic,
  strategy,
} from "./fixtures.ts";

// What an executor may try at the gateway's door, whatever the broker lets through. Each way is refused and raised: an answer that says no, a dead
// letter, a counter or an alarm. (What the broker itself refuses is tested with the brokers.)

cleanUp();

const other = "seed/random-ts" as StrategyId;
const otherTopic = `strat/${other}/order/request`;
const wire = (change: object): Uint8Array => bytes({ ...requestOf({ clientOrderId: "forged" }), ...change });

interface Way {
  readonly name: string;
  readonly topic?: string;
  readonly payload: Uint8Array;
  /** What must hold before. */
  readonly prepare?: (bench: Bench) => void;
}

const fill = {
  ...{ v: 1, type: "order-event", clientOrderId: "forged", status: "filled", sid: "AAPL", venue: "paper", side: "buy" },
  ...{ quantity: "10", filledQuantity: "10", price: "1", fee: "0", seq: 9, ts: 1 },
};
const took = (id: string) => (bench: Bench) => void bench.send({ clientOrderId: id, quantity: "1" });

const ways: readonly Way[] = [
  // Whose order it is.
  { name: "another strategy's name in the payload", payload: wire({ strategy: other }) },
  { name: "another team in the payload", payload: wire({ team: "seed" }) },
  { name: "an order for a strategy that does not exist", topic: "strat/seed/nobody/order/request", payload: wire({}) },
  { name: "an order below the name of a team alone", topic: "strat/seed/order/request", payload: wire({}) },
  { name: "an order one level too deep", topic: "strat/seed/random-ts/x/order/request", payload: wire({}) },
  { name: "an order in capital letters", topic: "strat/Seed/random-ts/order/request", payload: wire({}) },
  { name: "an order with a wildcard as strategy", topic: "strat/+/+/order/request", payload: wire({}) },
  { name: "an order in a system namespace", topic: "strat/kube-system/x/order/request", payload: wire({}) },
  // Who may send now.
  {
    name: "a lower epoch",
    payload: wire({ epoch: 1 }),
    prepare: (bench) => void bench.send({ clientOrderId: "newer", epoch: 7, quantity: "1" }),
  },
  { name: "an epoch of its own making", payload: wire({ epoch: -1 }) },
  { name: "an epoch beyond all numbers", payload: wire({ epoch: Number.MAX_SAFE_INTEGER + 1 }) },
  { name: "an order that is over long since", payload: wire({ expiresAtMs: 1 }) },
  { name: "an order that never ends", payload: wire({ expiresAtMs: 1e300 }) },
  {
    name: "a stopped strategy that buys",
    payload: wire({}),
    prepare: (bench) => void bench.limits.set(strategy, { kind: "limits", limits: limitsOf({ running: false }) }),
  },
  { name: "a halted strategy", payload: wire({}), prepare: (bench) => bench.command({ id: "h", scope: "momentum" }) },
  {
    name: "a reduced strategy that buys",
    payload: wire({}),
    prepare: (bench) => bench.command({ id: "r", verb: "reduce", scope: "all" }),
  },
  // Limits of its own.
  { name: "limits in the payload", payload: wire({ limits: { maxOrderNotional: "1000000" } }) },
  { name: "a price of its own", payload: wire({ price: "0.01" }) },
  { name: "a fee of its own", payload: wire({ fee: "0" }) },
  {
    name: "a prototype that brings a field along",
    payload: Buffer.from(
      JSON.stringify(requestOf({ clientOrderId: "forged", quantity: "9999" })).replace(
        "{",
        '{"__proto__":{"quantity":"1"},',
      ),
    ),
  },
  {
    name: "the same key twice, the larger last",
    payload: Buffer.from(
      JSON.stringify(requestOf({ clientOrderId: "forged", quantity: "1" })).replace(/}$/, ',"quantity":"9999"}'),
    ),
  },
  { name: "an instrument that is not allowed", payload: wire({ sid: "DOGE" }) },
  { name: "an instrument that is a path", payload: wire({ sid: "AAPL/../DOGE" }) },
  { name: "a venue that is not allowed", payload: wire({ venue: "kraken" }) },
  { name: "an order type that nobody checks", payload: wire({ orderType: "stop" }) },
  { name: "more than one order may be worth", payload: wire({ quantity: "20.0001" }) },
  { name: "more than is there to sell", payload: wire({ side: "sell", quantity: "1" }) },
  { name: "a negative quantity, to sell by buying", payload: wire({ quantity: "-1" }) },
  { name: "a quantity that is a number", payload: wire({ quantity: 1 }) },
  { name: "a quantity in hexadecimal", payload: wire({ quantity: "0x10" }) },
  { name: "a quantity of nothing", payload: wire({ quantity: "0.0000" }) },
  { name: "a quantity that a float would round", payload: wire({ quantity: "1.00000000000000001" }) },
  { name: "a quantity beyond all", payload: wire({ quantity: "9".repeat(400) }) },
  // Ids.
  {
    name: "an id that is used, for another order",
    payload: wire({ clientOrderId: "mine", quantity: "2" }),
    prepare: took("mine"),
  },
  {
    name: "an id that is used, from another cause",
    payload: wire({ clientOrderId: "mine", quantity: "1", cause: "s:x:2" }),
    prepare: took("mine"),
  },
  {
    name: "an id that is used, in something unreadable",
    payload: bytes({ clientOrderId: "mine" }),
    prepare: took("mine"),
  },
  { name: "an id of the gateway's own orders", payload: wire({ clientOrderId: "gw-0123456789abcdef01234567" }) },
  { name: "an id with a line break", payload: wire({ clientOrderId: "a\nb" }) },
  { name: "an id that is a list", payload: wire({ clientOrderId: ["forged"] }) },
  // Other messages than orders.
  { name: "a fill as a request", payload: bytes(fill) },
  { name: "a fill on the topic of fills", topic: `strat/${strategy}/order/event`, payload: bytes(fill) },
  { name: "a fill for another strategy", topic: `strat/${other}/order/event`, payload: bytes(fill) },
  { name: "a command as a request", payload: bytes(commandOf()) },
  {
    name: "a command to go on",
    topic: "gw/cmd/resume",
    payload: bytes({ ...commandOf(), verb: "resume" }),
    prepare: (bench) => bench.command({ id: "h" }),
  },
  {
    name: "a command that lifts a halt by its id",
    topic: "gw/cmd/reduce",
    payload: bytes({ ...commandOf({ id: "h", verb: "reduce" }) }),
    prepare: (bench) => bench.command({ id: "h" }),
  },
  {
    name: "what is halted, said by itself",
    topic: "gw/halts",
    payload: bytes({ v: 1, type: "gateway-halts", halts: [], refused: [], session: "s", seq: 1, atMs: 1 }),
    prepare: (bench) => bench.command({ id: "h" }),
  },
  {
    name: "the gateway's state, said by itself",
    topic: "gw/state",
    payload: bytes({ v: 1, type: "gateway-state", state: "offline", session: "s", seq: 1, atMs: 1 }),
  },
  { name: "limits on the bus", topic: "gw/limits", payload: bytes({ strategy, maxOrderNotional: "1000000" }) },
  // Payloads that are none.
  { name: "nothing", payload: Buffer.alloc(0) },
  { name: "half a message", payload: Buffer.from('{"v":1,"type":"order"') },
  { name: "bytes that are no text", payload: Buffer.from([0xff, 0xfe, 0x00]) },
  { name: "a list of orders", payload: bytes([requestOf(), requestOf()]) },
  { name: "a hundred thousand bytes", payload: Buffer.alloc(100_000, 0x20) },
  { name: "a thousand levels", payload: Buffer.from(`${"[".repeat(1_000)}${"]".repeat(1_000)}`) },
];

describe(`${ways.length} ways to cheat`, () => {
  test("are at least forty", () => {
    expect(ways.length).toBeGreaterThanOrEqual(40);
  });

  test.each(ways)("$name", ({ topic = requestTopic, payload, prepare }) => {
    const bench = openBench({ limits: { maxDrawdown: decimal("1") } });
    bench.limits.set(other, { kind: "limits", limits: limitsOf({ strategy: other }) });
    bench.price("AAPL", "100");
    bench.price("DOGE", "1");
    for (const id of [strategy, other]) bench.gateway.openAccount(id);
    prepare?.(bench);
    const { counters } = bench.gateway;
    const raised = (): number =>
      counters.denied + counters.malformed + counters.refused + bench.halts.message(1).refused.length;
    const before = {
      accounts: bench.book.accounts(),
      halts: bench.halts.message(1).halts,
      accepted: counters.accepted,
    };
    const [events, raisedBefore] = [bench.events.length, raised()];
    bench.gateway.receive(topic, payload);
    expect({
      accounts: bench.book.accounts(),
      halts: bench.halts.message(1).halts,
      accepted: counters.accepted,
    }).toEqual(before);
    expect(
      bench.events
        .slice(events)
        .map(({ status }) => status)
        .filter((status) => status !== "denied"),
    ).toEqual([]);
    expect(raised()).toBeGreaterThan(raisedBefore);
  });
});

test("two executors of one strategy: the same orders are one, the older one is fenced off, also when it was asleep", () => {
  const bench = openBench({ limits: { orderRate: { count: 100, seconds: 1 } } });
  bench.gateway.openAccount(strategy);
  bench.price("AAPL", "100");
  // Both see the same event: the same id, the same order, once.
  for (const epoch of [4, 5, 4]) bench.send({ clientOrderId: "same", epoch, quantity: "1" });
  expect(bench.book.accounts().get(strategy)?.positions.get("AAPL")).toBe(decimal("1"));
  // The older one was paused and goes on: what it alone decided is refused, what both decided is answered.
  expect(bench.send({ clientOrderId: "new", epoch: 6, quantity: "1" })?.status).toBe("filled");
  expect(bench.send({ clientOrderId: "old", epoch: 5, quantity: "1" })?.reason?.code).toBe("stale-epoch");
  expect(bench.send({ clientOrderId: "new", epoch: 5, quantity: "1" })?.status).toBe("filled");
  expect(bench.book.accounts().get(strategy)?.positions.get("AAPL")).toBe(decimal("2"));
});

test("what a replaced executor is denied uses up no id: the one that replaced it makes the same of the same event", () => {
  const bench = openBench();
  bench.price("AAPL", "100");
  for (const epoch of [1, 5]) bench.send({ clientOrderId: `first-${epoch}`, epoch, quantity: "1" });
  expect(bench.send({ clientOrderId: "same", epoch: 4, quantity: "1" })?.reason?.code).toBe("stale-epoch");
  expect(bench.send({ clientOrderId: "same", epoch: 5, quantity: "1" })?.status).toBe("filled");
});

test("an order of another strategy with the same id is another order", () => {
  const bench = openBench();
  bench.limits.set(other, { kind: "limits", limits: limitsOf({ strategy: other }) });
  bench.price("AAPL", "100");
  bench.send({ clientOrderId: "same", quantity: "1" });
  bench.send({ clientOrderId: "same", quantity: "2" }, otherTopic);
  expect([strategy, other].map((id) => bench.book.accounts().get(id)?.positions.get("AAPL"))).toEqual([
    decimal("1"),
    decimal("2"),
  ]);
});
