import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { readKeys } from "#gateway/ccxt-exchange.ts";
import { amountIn, exchangeOrderId, limitPrice, type Market, reachesBackTo, reportOf } from "#gateway/ccxt-orders.ts";
import { RequestQueue } from "#gateway/ccxt-queue.ts";
import { redact } from "#gateway/ccxt-venue.ts";
import type { PlacedOrder } from "#gateway/venue.ts";
import { parseVenues } from "#gateway/venue-settings.ts";
import { openVenues } from "#gateway/venues.ts";
import environmentSchema from "#schemas/environment.schema.json" with { type: "json" };
import { testClock } from "./clock.ts";
import { cleanUp, rulesOf, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const clock = { nowMs: () => 0, elapsedMs: () => 0, after: () => () => undefined };
const rules = rulesOf({ collarBps: decimal("50") });
const market: Market = {
  ...{ symbol: "BTC/USD", base: "BTC", quote: "USD", amountStep: decimal("0.0001"), priceStep: decimal("0.25") },
  ...{ amountMin: undefined, costMin: undefined },
};
const placed: PlacedOrder = {
  cause: "s-1:md/replay/AAPL/quote:1",
  ...{
    strategy,
    clientOrderId: "a",
    venue: "x",
    sid: "BTC-USD",
    side: "buy",
    quantity: decimal("2"),
    last: decimal("100"),
  },
  ...{ arrivedMs: 0, cancelMs: undefined, venueOrderId: undefined },
};

function keysIn(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "x"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "x", name), text);
  return folder;
}

const open = (exchange: string, folder: string) =>
  openVenues(new Map([["x", { kind: "ccxt", rules, exchange, secret: "keys", sandbox: false }]]), folder, {
    clock,
    log: () => undefined,
  });

describe("a real venue", () => {
  test("is opened with the keys that an operator put there", async () => {
    const venues = await open("kraken", keysIn({ apiKey: "a\n", secret: "b" }));
    expect(venues.get("x")).toMatchObject({ name: "x", live: true });
  });

  test.each([
    ["an exchange that ccxt does not know", "nonesuch", { apiKey: "a" }, "exchange-unknown"],
    ["no keys", "kraken", {}, "keys-unreadable"],
    ["a key that is none", "kraken", { apiKey: "a", id_rsa: "b" }, "keys-unreadable"],
  ] as const)("%s is refused", async (_name, exchange, files, code) => {
    await expect(open(exchange, keysIn(files))).rejects.toMatchObject({ code });
  });

  test("a folder that is not there says so without a value", () => {
    expect(() => readKeys("/nowhere")).toThrow("the venue's keys in /nowhere cannot be read");
  });
});

test("every exchange that may be named has what is needed of it", async () => {
  const { loadExchange } = await import("#gateway/ccxt-exchange.ts");
  for (const id of environmentSchema.$defs.ccxtVenue.properties.exchange.enum) {
    const { has } = new (await loadExchange(id))({});
    const past = ["fetchClosedOrders", "fetchOrders"].some((method) => has[method] === true);
    expect([id, has["createOrder"], has["cancelOrder"], has["fetchOpenOrders"], past]).toEqual([
      id,
      true,
      true,
      true,
      true,
    ]);
    const text = JSON.stringify({
      x: { kind: "ccxt", feeBps: "1", slippageBps: "2", collarBps: "9", exchange: id, secret: "k" },
    });
    expect(parseVenues(Buffer.from(text)).ok).toBe(true);
  }
});

test("an exchange's id of an order is one of its own, of the right form", () => {
  const ids = new Set<string>();
  for (const id of ["a", "b"]) {
    for (const team of ["momentum/sma", "seed/sma"])
      ids.add(exchangeOrderId("kraken", { strategy: team as StrategyId, clientOrderId: id }));
  }
  expect(ids.size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(exchangeOrderId("okx", placed)).toMatch(/^[0-9a-f]{32}$/);
});

test.each([
  ["buy", "100", "50", "100.5"],
  ["buy", "100.1", "50", "100.5"],
  ["sell", "100", "50", "99.5"],
  ["sell", "100.1", "50", "99.75"],
  ["buy", "100", "0", "100"],
  ["sell", "0.3", "10", "0.5"],
] as const)("the limit to %s at %s within %s bps is %s", (side, last, bps, price) => {
  expect(formatDecimal(limitPrice(market, { ...placed, side, last: decimal(last) }, decimal(bps)))).toBe(price);
});

describe("what an exchange says of an order", () => {
  const told = { status: "closed", filled: "2", cost: "200", fee: { cost: "0.2", currency: "USD" } };
  test.each([
    ["all filled", told, { status: "filled", filled: "2", notional: "200", fee: "0.2" }],
    [
      "over, and not all filled",
      { ...told, filled: "1", cost: "100" },
      { status: "canceled", filled: "1", notional: "100", fee: "0.2" },
    ],
    [
      "open in part",
      { ...told, status: "open", filled: "1", cost: "100" },
      { status: "partially-filled", filled: "1", notional: "100", fee: "0.2" },
    ],
    [
      "open, and all filled already",
      { ...told, status: "open" },
      { status: "filled", filled: "2", notional: "200", fee: "0.2" },
    ],
    [
      "an average instead of a cost",
      { ...told, cost: undefined, average: "99.5" },
      { status: "filled", filled: "2", notional: "199", fee: "0.2" },
    ],
    [
      "a fee in what was bought",
      { ...told, fee: { cost: "0.001", currency: "BTC" } },
      { status: "filled", filled: "2", notional: "200", fee: "0.1" },
    ],
    [
      "several fees",
      {
        ...told,
        fees: [
          { cost: "0.1", currency: "USD" },
          { cost: "0.002", currency: "BTC" },
        ],
      },
      { status: "filled", filled: "2", notional: "200", fee: "0.3" },
    ],
    ["no fee", { ...told, fee: undefined }, { status: "filled", filled: "2", notional: "200", fee: "0" }],
    [
      "an exponent",
      { ...told, filled: "2e0", cost: "2.0E+2" },
      { status: "filled", filled: "2", notional: "200", fee: "0.2" },
    ],
    ["nothing but that it is there", { id: "1" }, { status: "new", filled: "0", notional: "0", fee: "0" }],
  ])("%s", (_name, order, expected) => {
    const report = reportOf(order, placed, market);
    if (typeof report === "string") throw new Error(report);
    const { status, filled, notional, fee } = report;
    expect({
      status,
      filled: formatDecimal(filled),
      notional: formatDecimal(notional),
      fee: formatDecimal(fee),
    }).toEqual(expected);
  });

  test.each([
    ["a status of its own", { ...told, status: "halfway" }, "status"],
    ["a quantity that is none", { ...told, filled: "much" }, "filled"],
    ["more digits than we have", { ...told, filled: "0.123456789" }, "filled"],
    ["fills for nothing", { ...told, cost: "0" }, "cost"],
    ["fills without a value", { ...told, cost: undefined }, "cost"],
    ["a fee in something else", { ...told, fee: { cost: "1", currency: "BNB" } }, "BNB"],
    ["a fee below zero", { ...told, fee: { cost: "-1", currency: "USD" } }, "fee"],
  ])("%s is not believed", (_name, order, says) => {
    const report = reportOf(order, placed, market);
    expect(typeof report === "string" ? report : "believed").toContain(says);
  });
});

test("amounts are read as they are, whatever their form", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: -9, max: 9 }),
      (value, places, shift) => {
        const digits = value.toString().padStart(places + 1, "0");
        const plain = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
        const read = amountIn(`${plain}e${shift}`);
        // The value is 10^-8 times a whole number, or it is refused.
        const power = 8 - places + shift;
        const scaled = power >= 0 ? value * 10n ** BigInt(power) : value / 10n ** BigInt(-power);
        const exact = power >= 0 || scaled * 10n ** BigInt(-power) === value;
        const fits = exact && scaled < 10n ** 26n;
        expect(read).toBe(fits ? scaled : undefined);
      },
    ),
    { numRuns: 2_000 },
  );
  for (const wrong of ["", " 1", "1 ", "0x1", "1,0", "--1", "1e", "NaN", "Infinity", null, {}, true, "1e999"])
    expect(amountIn(wrong)).toBeUndefined();
});

test.each([
  ["a short list", 3, 0, true],
  ["a full one of this very moment", 50, 0, false],
  ["a full one that goes far back", 50, -8 * 3_600_000, true],
])("%s reaches back: %s", (_name, length, since, reaches) => {
  const orders = Array.from({ length }, (_, index) => ({ timestamp: 10 ** 12 + (index === 0 ? since : 0) }));
  expect(reachesBackTo(orders, 10 ** 12)).toBe(reaches);
});

test("keys and addresses are taken out of what is said", () => {
  const text = 'kraken GET https://api.x.test/a?apiKey=hunter2&sign=abc 500 {"key":"hunter2","other":"p%2Fw"} \u202e';
  expect(redact(text, ["hunter2", "p/w"])).toBe(`kraken GET the venue's address 500 {"key":"…","other":"…"} ?`);
});

test("requests are spaced out, and what comes too late is never sent", () => {
  const time = testClock();
  const queue = new RequestQueue(100, time.elapsedMs, time.after);
  const log: string[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    const at = (what: string) => () => void log.push(`${what} ${name} ${time.elapsedMs()}`);
    queue.add(at("sent"), at("late"), name === "d" ? 250 : 1_000);
  }
  time.advance(1_000);
  expect(log).toEqual(["sent a 0", "sent b 100", "sent c 200", "late d 300"]);
});
