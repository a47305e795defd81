import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { add, type Decimal, decimal, formatDecimal, subtract } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { isFinal } from "#core/order.ts";
import { type CcxtClass, loadExchange } from "#gateway/ccxt-exchange.ts";
import { CcxtVenue } from "#gateway/ccxt-venue.ts";
import { realClock } from "./clock.ts";
import { type Mishap, StandInExchange } from "./exchange.ts";
import { type Bench, cleanUp, limitsOf, openBench, rulesOf, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const Coinbase = await loadExchange("coinbaseexchange");
const entry = pathToFileURL(createRequire(import.meta.url).resolve("ccxt"));
const errors = (await import(new URL("../js/src/base/errors.js", entry).href)) as Record<string, unknown>;

/** ccxt's own class, at our address; under a name of its own it is asked by lists, else by our order ids. */
function classAt(url: string, id: string): CcxtClass {
  const Parent = Coinbase as unknown as new (
    settings: object,
  ) => { describe(): object; deepExtend(...parts: object[]): object };
  return class extends Parent {
    override describe(): object {
      return this.deepExtend(super.describe(), {
        ...{ id, rateLimit: 1, urls: { api: { public: url, private: url } } },
        exceptions: {
          exact: {
            "request timestamp expired": errors["InvalidNonce"],
            "Duplicate client_oid": errors["DuplicateOrderId"],
          },
        },
      });
    }
  } as unknown as CcxtClass;
}

const keys = {
  apiKey: "key-of-the-test",
  secret: Buffer.from("secret of the test").toString("base64"),
  password: "words of the test",
};
const limits = limitsOf({
  ...{ instruments: ["BTC-USD", "ETH-USD"], maxDrawdown: decimal("1"), orderRate: { count: 999, seconds: 1 } },
  ...{ maxOrderNotional: decimal("100000"), maxPositionNotional: decimal("1000000"), startingCash: decimal("1000000") },
});
/** An answer that a busy machine gives too late is a lost one, and between two questions after an order there are up to 15 s. */
const wait = { timeout: 120_000, interval: 5 };

let exchange: StandInExchange;
let url: string;
beforeEach(async () => {
  exchange = new StandInExchange();
  url = await exchange.listen();
});
afterEach(() => exchange.close());

interface Trading extends Bench {
  readonly logged: string[];
}

async function trade(id = "standin", folder = temporaryFolder(), clock = realClock()): Promise<Trading> {
  const logged: string[] = [];
  const log = (_level: string, message: string, fields: object = {}): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const opened: CcxtVenue[] = [];
  const bench = openBench({
    ...{ folder, limits, clock },
    venue: (time) => {
      const venue = new CcxtVenue({
        ...{
          name: "paper",
          rules: rulesOf({ collarBps: decimal("50") }),
          exchange: classAt(url, id),
          keys,
          sandbox: false,
        },
        ...{ clock: time, log, timeoutMs: 150, pollMs: 20, askFirstMs: 10, settleMs: 200 },
      });
      opened.push(venue);
      return venue;
    },
  });
  bench.price("BTC-USD", "100");
  await expect.poll(() => opened[0]?.ready, wait).toBe(true);
  return Object.assign(bench, { logged });
}

const buy = (bench: Bench, change: Parameters<Bench["send"]>[0] = {}): OrderEventMessage | undefined =>
  bench.send({ sid: "BTC-USD", expiresAtMs: Number.MAX_SAFE_INTEGER, ...change });
const last = (bench: Bench, id = "order-1"): OrderEventMessage | undefined =>
  bench.events.findLast(({ clientOrderId }) => clientOrderId === id);
const held = (bench: Bench): string =>
  formatDecimal(bench.book.accounts().get(strategy)?.positions.get("BTC-USD") ?? decimal("0"));
const mishap = (on: RegExp, what: Mishap["do"], times = 1): Mishap => ({ on, do: what, times });

interface Case {
  readonly name: string;
  readonly mishaps?: readonly Mishap[];
  readonly prepare?: () => void;
  readonly change?: Parameters<Bench["send"]>[0];
  readonly ends: string;
  readonly code?: string;
  /** Orders that the exchange has, and what is held. */
  readonly there: number;
  readonly holds: string;
}

const post = /^POST \/orders/;
const look = /^GET \/orders/;

describe.each([
  ["by our own id", "coinbaseexchange"],
  ["in its lists", "standin"],
])("an exchange that is asked %s", (_name, id) => {
  test.each<Case>([
    { name: "answers", ends: "filled", there: 1, holds: "10" },
    ...(["timeout-after", "cut-after", "500-after", "garbage-after"] as const).map((what) => ({
      ...{ name: `${what}: it took effect`, mishaps: [mishap(post, what)], ends: "filled", there: 1, holds: "10" },
    })),
    ...(
      [
        "timeout-before",
        "cut-before",
        "500-before",
        "garbage-before",
        "emptiness-before",
        "429",
        "maintenance",
      ] as const
    ).map((what) => ({
      ...{
        name: `${what}: it did not`,
        mishaps: [mishap(post, what)],
        ends: "rejected",
        code: "order-never-arrived",
        there: 0,
        holds: "0",
      },
    })),
    {
      name: "has too little money",
      mishaps: [mishap(post, "funds")],
      ends: "rejected",
      code: "venue-insufficient-funds",
      there: 0,
      holds: "0",
    },
    {
      name: "wants another precision",
      mishaps: [mishap(post, "precision")],
      ends: "rejected",
      code: "venue-invalid-order",
      there: 0,
      holds: "0",
    },
    {
      name: "has another clock",
      mishaps: [mishap(post, "clock")],
      ends: "rejected",
      code: "venue-invalid-nonce",
      there: 0,
      holds: "0",
    },
    {
      name: "loses the answer, and then fails to be asked",
      mishaps: [
        mishap(post, "timeout-after"),
        mishap(look, "500-before", 2),
        mishap(look, "cut-after"),
        mishap(look, "timeout-after"),
      ],
      ...{ ends: "filled", there: 1, holds: "10" },
    },
    ...(["garbage-before", "emptiness-before"] as const).map((what) => ({
      ...{ name: `never had it, and answers with ${what} when it is asked`, ends: "rejected", there: 0, holds: "0" },
      ...{ mishaps: [mishap(post, "cut-before"), mishap(look, what, 2)], code: "order-never-arrived" },
    })),
    {
      name: "loses the answer, and then answers with pages of HTML for a while",
      mishaps: [mishap(post, "timeout-after"), mishap(look, "garbage-before", 8)],
      ...{ ends: "filled", there: 1, holds: "10" },
    },
    {
      name: "does not find it, then does",
      mishaps: [mishap(post, "timeout-after"), mishap(look, "not-found", 2)],
      ...{ ends: "filled", there: 1, holds: "10" },
    },
    {
      name: "fills a part of it",
      prepare: () => {
        exchange.fillsPercent = 40;
      },
      ends: "canceled",
      there: 1,
      holds: "4",
    },
    {
      name: "went away from the last price",
      prepare: () => {
        exchange.price = decimal("101");
      },
      ends: "canceled",
      there: 1,
      holds: "0",
    },
    {
      name: "is better than the last price",
      prepare: () => {
        exchange.price = decimal("99");
      },
      ends: "filled",
      there: 1,
      holds: "10",
    },
    {
      name: "has no such market",
      change: { sid: "DOGE-USD" },
      ends: "denied",
      code: "instrument-not-allowed",
      there: 0,
      holds: "0",
    },
    {
      name: "takes no such size",
      change: { quantity: "0.0005" },
      ends: "rejected",
      code: "venue-size",
      there: 0,
      holds: "0",
    },
  ])("$name → $ends", async ({ mishaps = [], prepare, change, ends, code, there, holds }) => {
    const bench = await trade(id);
    exchange.mishaps = mishaps.map((each) => ({ ...each }));
    prepare?.();
    buy(bench, change);
    await expect.poll(() => last(bench)?.status, wait).toBe(ends);
    expect(last(bench)?.reason?.code).toBe(code);
    expect(exchange.orders).toHaveLength(there);
    expect(held(bench)).toBe(holds);
    // The same request again is answered from the book.
    const sent = exchange.requests.filter((line) => post.test(line)).length;
    buy(bench, change);
    expect(exchange.requests.filter((line) => post.test(line))).toHaveLength(sent);
  });

  test("a late fill, in parts", async () => {
    const bench = await trade(id);
    exchange.fillsPercent = 0;
    exchange.keepsRest = true;
    buy(bench);
    await expect.poll(() => last(bench)?.status, wait).toBe("new");
    const [order] = exchange.orders;
    exchange.fill(order!, decimal("2.5"));
    await expect.poll(() => last(bench)?.filledQuantity, wait).toBe("2.5");
    expect(last(bench)).toMatchObject({ status: "partially-filled", notional: "250", fee: "0.25" });
    exchange.price = decimal("101");
    exchange.fill(order!);
    await expect.poll(() => last(bench)?.status, wait).toBe("filled");
    expect(last(bench)).toMatchObject({ filledQuantity: "10", notional: "1007.5", fee: "1.0075", price: "100.75" });
  });

  test.each(["nothing", "timeout-after", "timeout-before", "500-after", "cut-before"] as const)(
    "a cancellation with %s",
    async (what) => {
      const bench = await trade(id);
      exchange.fillsPercent = 30;
      exchange.keepsRest = true;
      buy(bench);
      await expect.poll(() => last(bench)?.status, wait).toBe("partially-filled");
      if (what !== "nothing") exchange.mishaps = [mishap(/^DELETE/, what)];
      expect(bench.desk.cancel(strategy)).toBe(1);
      expect(last(bench)?.status).toBe("pending-cancel");
      await expect.poll(() => last(bench)?.status, wait).toBe("canceled");
      expect(held(bench)).toBe("3");
    },
  );

  test("a cancellation that comes too late", async () => {
    const bench = await trade(id);
    exchange.fillsPercent = 30;
    exchange.keepsRest = true;
    buy(bench);
    await expect.poll(() => last(bench)?.status, wait).toBe("partially-filled");
    exchange.fill(exchange.orders[0]!);
    bench.desk.cancel(strategy);
    await expect.poll(() => last(bench)?.status, wait).toBe("filled");
    expect(held(bench)).toBe("10");
  });

  test("a gateway that dies while nobody knows what became of the order", async () => {
    const folder = temporaryFolder();
    const first = await trade(id, folder);
    exchange.mishaps = [mishap(post, "timeout-after"), mishap(look, "timeout-before", 100)];
    buy(first);
    await expect.poll(() => exchange.orders.length, wait).toBe(1);
    first.close();
    exchange.mishaps = [];
    const second = await trade(id, folder);
    await expect.poll(() => last(second)?.status, wait).toBe("filled");
    expect(held(second)).toBe("10");
    expect(buy(second)).toMatchObject({ status: "filled", clientOrderId: "order-1" });
    expect(exchange.orders).toHaveLength(1);
  });
});

test("an order that a full list of others hides stays unknown, and is never sent again", async () => {
  const bench = await trade();
  exchange.crowd = 60;
  exchange.mishaps = [mishap(post, "timeout-before")];
  buy(bench);
  await expect
    .poll(() => exchange.requests.filter((line) => line.includes("status=done")).length, wait)
    .toBeGreaterThan(8);
  expect(last(bench)?.status).toBe("unknown");
});

test("keys are in no log and no event, whatever the exchange says", async () => {
  const bench = await trade();
  for (const what of ["timeout-before", "500-before", "garbage-after", "funds", "clock"] as const) {
    exchange.mishaps = [mishap(post, what)];
    buy(bench, { clientOrderId: what });
    await expect.poll(() => isFinal(last(bench, what)?.status ?? "new"), wait).toBe(true);
  }
  const text = JSON.stringify([bench.logs, bench.logged, bench.events]);
  for (const secret of [...Object.values(keys), url, "CB-ACCESS"]) expect(text).not.toContain(secret);
});

test("a clock that is set forth turns away nothing that waits to be sent", async () => {
  // Forth by a second whenever it is looked at.
  let aheadMs = 0;
  const bench = await trade("standin", temporaryFolder(), {
    ...realClock(),
    wallMs() {
      aheadMs += 1_000;
      return Date.now() + aheadMs;
    },
  });
  const ids = Array.from({ length: 5 }, (_, index) => `o-${index}`);
  for (const clientOrderId of ids) buy(bench, { clientOrderId, quantity: "1" });
  await expect.poll(() => bench.desk.openCount(strategy), wait).toBe(0);
  expect(ids.map((id) => last(bench, id)?.status)).toEqual(ids.map(() => "filled"));
});

test("requests that cannot be sent in time are not sent at all", async () => {
  const bench = await trade();
  exchange.mishaps = [mishap(/.*/, "timeout-before", 10_000)];
  for (let index = 0; index < 50; index += 1) buy(bench, { clientOrderId: `o-${index}`, quantity: "1" });
  await expect.poll(() => bench.events.some(({ status }) => status === "unknown"), wait).toBe(true);
  exchange.mishaps = [];
  const settled = (): boolean => bench.desk.openCount(strategy) === 0;
  await expect.poll(settled, wait).toBe(true);
  const before = exchange.orders.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(exchange.orders).toHaveLength(before);
});

// Any mishap at any request, over many seeds. SLIPWAY_SEED, SLIPWAY_PATH and SLIPWAY_RUNS as in faults.test.ts.
const anyMishap: fc.Arbitrary<Mishap> = fc.record({
  on: fc.constantFrom(/^POST/, /^GET \/orders/, /^DELETE/, /orders/),
  do: fc.constantFrom(
    ...(["timeout-after", "timeout-before", "cut-after", "cut-before", "500-after", "500-before"] as const),
    ...(["garbage-after", "429", "funds", "clock", "maintenance"] as const),
  ),
  times: fc.integer({ min: 1, max: 3 }),
});
type Step = {
  readonly side: "buy" | "sell";
  readonly quantity: number;
  readonly after: "go on" | "cancel" | "restart";
};
const anyStep: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom("buy" as const, "sell" as const),
  quantity: fc.integer({ min: 1, max: 20 }),
  after: fc.constantFrom("go on" as const, "go on" as const, "cancel" as const, "restart" as const),
});

const { SLIPWAY_SEED: seed, SLIPWAY_PATH: path } = process.env;

test("whatever happens, book and exchange agree, and no order is there twice", { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      ...([
        fc.array(anyMishap, { maxLength: 6 }),
        fc.array(anyStep, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 100 }),
      ] as const),
      fc.constantFrom("coinbaseexchange", "standin"),
      async (mishaps, steps, fillsPercent, id) => {
        exchange.orders.length = 0;
        Object.assign(exchange, { fillsPercent, keepsRest: fillsPercent % 2 === 0, mishaps: [] });
        const folder = temporaryFolder();
        let bench = await trade(id, folder);
        exchange.mishaps = mishaps.map((each) => ({ ...each }));
        for (const [index, { side, quantity, after }] of steps.entries()) {
          buy(bench, { clientOrderId: `o-${index}`, side, quantity: String(quantity) });
          if (after === "cancel") bench.desk.cancel(strategy);
          if (after !== "restart") continue;
          bench.close();
          const waiting = exchange.mishaps;
          exchange.mishaps = waiting.filter(({ on }) => !on.test("GET /products"));
          bench = await trade(id, folder);
        }
        exchange.mishaps = [];
        await expect.poll(() => open(bench), wait).toBe(0);
        agree(bench, steps.length);
        bench.close();
      },
    ),
    {
      numRuns: Number(process.env["SLIPWAY_RUNS"] ?? 15),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  );
});

/** Ends what the exchange keeps open, and counts what the gateway waits for. */
function open(bench: Bench): number {
  for (const order of exchange.orders) if (order.status === "open") exchange.end(order, "canceled");
  return bench.desk.openCount(strategy);
}

function agree(bench: Bench, sent: number): void {
  let [cash, position]: [Decimal, Decimal] = [limits.startingCash, decimal("0")];
  expect(new Set(exchange.orders.map(({ client_oid }) => client_oid)).size).toBe(exchange.orders.length);
  expect(exchange.orders.length).toBeLessThanOrEqual(sent);
  for (const { side, filled, value, fees } of exchange.orders) {
    cash = subtract(side === "buy" ? subtract(cash, value) : add(cash, value), fees);
    position = side === "buy" ? add(position, filled) : subtract(position, filled);
  }
  const account = bench.book.accounts().get(strategy);
  expect(account?.cash ?? limits.startingCash).toBe(cash);
  expect(formatDecimal(account?.positions.get("BTC-USD") ?? decimal("0"))).toBe(formatDecimal(position));
}
