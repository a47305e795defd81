import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Decimal, decimal, formatDecimal, multiply } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import {
  applyOrderEvent,
  applyQuote,
  drawdownOf,
  equityOf,
  openPortfolio,
  type Portfolio,
  sellable,
  sharesFor,
  valued,
  withinOrder,
} from "#executor/portfolio.ts";
import { entriesOf, lookUp, type Recent, recentOf, remembering } from "#executor/recent.ts";
import { optimize, pricesKept } from "#executor/sizing.ts";

const nothing = { cash: decimal("0"), buying: new Map<string, Decimal>(), selling: new Map<string, Decimal>() };
const draw = { sid: "AAPL", instruments: 4, seed: 7, cause: "s:c:1" };

function fill(id: string, side: "buy" | "sell", filledQuantity: string, price: string, fee = "0"): OrderEventMessage {
  return {
    v: 1,
    type: "order-event",
    clientOrderId: id,
    status: "filled",
    sid: "AAPL",
    venue: "paper",
    side,
    quantity: "1000000",
    filledQuantity,
    price,
    fee,
    seq: 1,
    ts: 1,
  };
}

function apply(portfolio: Portfolio, event: OrderEventMessage): Portfolio {
  const applied = applyOrderEvent(portfolio, event);
  if (!applied.ok) throw new Error(applied.error.message);
  return applied.value;
}

describe("fills", () => {
  test("cumulative totals: partial, then whole, then the same again", () => {
    const opened = openPortfolio(decimal("1000"));
    const half = apply(opened, fill("a", "buy", "2", "100", "1"));
    expect(formatDecimal(half.cash)).toBe("799");
    const whole = apply(half, fill("a", "buy", "4", "101", "2"));
    expect(formatDecimal(whole.cash)).toBe("594");
    expect(apply(whole, fill("a", "buy", "4", "101", "2"))).toBe(whole);
    // Late: an older total books nothing back.
    expect(apply(whole, fill("a", "buy", "2", "100", "1"))).toBe(whole);
    expect(formatDecimal(whole.positions.get("AAPL") ?? decimal("0"))).toBe("4");
    expect(apply(whole, fill("b", "sell", "4", "101")).positions.has("AAPL")).toBe(false);
  });

  test.each([
    { name: "quantity", event: { filledQuantity: "1e3" } },
    { name: "negative quantity", event: { filledQuantity: "-1" } },
    { name: "price", event: { price: "free" } },
    { name: "price of zero", event: { price: "0" } },
    { name: "fee", event: { fee: "NaN" } },
  ])("a malformed $name is refused, never guessed", ({ event }) => {
    const applied = applyOrderEvent(openPortfolio(decimal("1")), { ...fill("a", "buy", "1", "1"), ...event });
    expect(applied).toMatchObject({ ok: false, error: { code: "order-event-malformed" } });
  });

  test("a total that costs less for more is refused", () => {
    const before = apply(openPortfolio(decimal("1000")), fill("a", "buy", "2", "100"));
    expect(applyOrderEvent(before, fill("a", "buy", "3", "1"))).toMatchObject({
      error: { code: "order-event-backwards" },
    });
  });

  const amount = fc
    .integer({ min: 1, max: 10_000_000 })
    .map((value) => formatDecimal((BigInt(value) * 10_000n) as Decimal));
  const order = fc.record({
    id: fc.nat(20),
    side: fc.constantFrom("buy" as const, "sell" as const),
    quantity: amount,
    price: amount,
    fee: amount,
  });

  test("property: cash and positions at the fill's price are conserved but for fees, whatever is repeated", () => {
    fc.assert(
      fc.property(fc.array(order, { maxLength: 30 }), fc.array(fc.nat(29), { maxLength: 10 }), (orders, repeats) => {
        let portfolio = openPortfolio(decimal("1000000"));
        const events = orders.map(({ id, side, quantity, price, fee }, index) =>
          fill(`${id}-${index}`, side, quantity, price, fee),
        );
        for (const event of events) {
          const before = portfolio;
          portfolio = apply(before, event);
          const price = decimal(event.price ?? "0");
          const value = (of: Portfolio): bigint =>
            of.cash + multiply(of.positions.get("AAPL") ?? decimal("0"), price, "exact");
          expect(value(portfolio)).toBe(value(before) - decimal(event.fee ?? "0"));
          for (const repeat of repeats) {
            const earlier = events[repeat];
            if (earlier !== undefined && lookUp(portfolio.filled, earlier.clientOrderId) !== undefined)
              expect(apply(portfolio, earlier)).toBe(portfolio);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test("an order that is open is not forgotten, however many others are filled meanwhile", () => {
    const book = (portfolio: Portfolio, event: OrderEventMessage): Portfolio => {
      const applied = applyOrderEvent(portfolio, event, (id) => id === "slow");
      if (!applied.ok) throw new Error(applied.error.message);
      return applied.value;
    };
    let portfolio = book(openPortfolio(decimal("1000000")), fill("slow", "buy", "1", "10"));
    for (let index = 0; index < 3_000; index += 1) portfolio = book(portfolio, fill(`quick-${index}`, "buy", "1", "1"));
    portfolio = book(portfolio, fill("slow", "buy", "2", "10"));
    expect(formatDecimal(portfolio.cash)).toBe("996980");
    // And what is kept has an end.
    expect(entriesOf(portfolio.filled).size).toBeLessThan(1_100);
  });

  test("property: what is remembered is what a map of all settings has, newest last, and no older map changes", () => {
    const settings = fc.array(fc.tuple(fc.nat({ max: 120 }).map(String), fc.nat()), { maxLength: 400 });
    fc.assert(
      fc.property(settings, (pairs) => {
        const all = new Map<string, number>();
        let recent: Recent<number> = [];
        for (const [index, [key, value]] of pairs.entries()) {
          const before = recent;
          const was = [...entriesOf(before)];
          recent = remembering(before, key, value, { max: 100, keeps: (old) => old === "7" });
          all.delete(key);
          all.set(key, value);
          if (index % 50 === 0) expect([...entriesOf(before)]).toEqual(was);
        }
        for (const [key, value] of pairs.slice(-100)) expect(lookUp(recent, key)).toBe(all.get(key) ?? value);
        if (all.has("7")) expect(lookUp(recent, "7")).toBe(all.get("7"));
        const kept = [...entriesOf(recent)];
        expect(kept.length).toBeLessThanOrEqual(170);
        const others = (entries: readonly (readonly [string, number])[]) => entries.filter(([key]) => key !== "7");
        expect(others(kept)).toEqual(others([...all]).slice(-others(kept).length || all.size));
        expect(entriesOf(recentOf(kept))).toEqual(new Map(kept));
      }),
    );
  });

  test("property: what it is worth, and its texts, are kept along with each price and fill, and are those of a new count", () => {
    const sid = fc.constantFrom("AAPL", "GOOG", "7", "IBM", "constructor");
    const price = fc.record({ kind: fc.constant("price"), sid, amount, rewound: fc.boolean() });
    const trade = fc.record({ kind: fc.constant("trade"), sid, amount, buys: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.oneof(price, trade), { maxLength: 40 }), (changes) => {
        let portfolio = openPortfolio(decimal("1000"));
        for (const [index, change] of changes.entries()) {
          if ("rewound" in change)
            portfolio = applyQuote(portfolio, change.sid, decimal(change.amount), { rewound: change.rewound });
          else {
            const side = change.buys ? "buy" : "sell";
            portfolio = apply(portfolio, { ...fill(`${index}`, side, "0.5", change.amount), sid: change.sid });
          }
          expect(portfolio.equity).toBe(equityOf(portfolio));
          const texts = [...portfolio.positions].map(([name, quantity]) => [name, formatDecimal(quantity)]);
          const sorted = texts.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
          expect(Object.entries(portfolio.positionTexts)).toEqual(Object.entries(Object.fromEntries(sorted)));
          expect(valued(portfolio)).toEqual(portfolio);
        }
      }),
    );
  });

  test("property: quotes change what it is worth, never what it is", () => {
    fc.assert(
      fc.property(fc.array(amount, { minLength: 1 }), (quotes) => {
        const bought = apply(openPortfolio(decimal("1000")), fill("a", "buy", "2", "100"));
        let now = bought;
        for (const quote of quotes) now = applyQuote(now, "AAPL", decimal(quote));
        expect([now.cash, now.positions, now.feesPaid]).toEqual([bought.cash, bought.positions, bought.feesPaid]);
        expect(equityOf(now)).toBe(now.cash + 2n * decimal(quotes.at(-1) ?? "0"));
        expect(now.peak >= equityOf(now) && drawdownOf(now) >= 0n).toBe(true);
      }),
    );
  });
});

describe("sizing", () => {
  const opened = openPortfolio(decimal("1000"));
  test.each([
    { name: "a fraction", sizing: { use: "fixed-fraction", fraction: "0.1" } as const, bet: "100" },
    // With room for a fee and for a price that is worse than the last: the gateway reckons with both.
    { name: "all of it", sizing: { use: "fixed-fraction", fraction: "1" } as const, bet: "990" },
    { name: "more than all", sizing: { use: "fixed-fraction", fraction: "1.5" } as const, bet: "990" },
    { name: "all but the room", sizing: { use: "fixed-cash", cash: "989.99" } as const, bet: "989.99" },
    { name: "an amount", sizing: { use: "fixed-cash", cash: "250" } as const, bet: "250" },
    { name: "an amount above the cash", sizing: { use: "fixed-cash", cash: "1000.01" } as const, bet: "990" },
  ])("$name", ({ sizing, bet }) => {
    expect(formatDecimal(optimize(opened, sizing, nothing, draw))).toBe(bet);
  });

  test("random: the same for the same event, another for another, always within the free cash", () => {
    const bet = (cause: string, reserved = "0"): Decimal =>
      optimize(opened, { use: "random" }, { ...nothing, cash: decimal(reserved) }, { ...draw, cause });
    expect(bet("a")).toBe(bet("a"));
    expect(bet("a")).not.toBe(bet("b"));
    for (let index = 0; index < 100; index += 1) expect(bet(String(index), "900") <= decimal("100")).toBe(true);
    expect(bet("a", "1001")).toBe(decimal("0"));
  });

  test("equal-weight: what is missing to an equal part, of what is held and on its way", () => {
    const bet = (portfolio: Portfolio, buying = "0", sid = "AAPL"): string => {
      const reserved = { ...nothing, cash: decimal(buying), buying: new Map([["AAPL", decimal(buying)]]) };
      return formatDecimal(optimize(portfolio, { use: "equal-weight" }, reserved, { ...draw, sid }));
    };
    expect(bet(opened)).toBe("250");
    const held = apply(opened, fill("a", "buy", "2", "100"));
    expect([bet(held), bet(held, "30"), bet(held, "51"), bet(held, "0", "GOOG")]).toEqual(["50", "20", "0", "250"]);
    const risen = applyQuote(held, "AAPL", decimal("300"));
    expect([bet(risen), bet(risen, "0", "GOOG")]).toEqual(["0", "350"]);
  });

  test("volatility-target: nothing until it knows, then what moves the equity by the target, at most all of it", () => {
    const sizing = { use: "volatility-target", target: "0.01", lookback: "3" } as const;
    const seen = (prices: readonly string[], rewoundAt = -1): Portfolio => {
      const quoted = (portfolio: Portfolio, price: string, index: number): Portfolio =>
        applyQuote(portfolio, "AAPL", decimal(price), { rewound: index === rewoundAt, pricesKept: pricesKept(sizing) });
      return prices.reduce(quoted, opened);
    };
    const bet = (portfolio: Portfolio): string => formatDecimal(optimize(portfolio, sizing, nothing, draw));
    expect(bet(seen(["100", "110", "99"]))).toBe("0");
    // Changes of +10 %, -10 % and +10 %: the deviation is 0.11547005.
    expect(bet(seen(["100", "110", "99", "108.9"]))).toBe("86.60254");
    expect(bet(seen(["1", "100", "110", "99", "108.9"]))).toBe("86.60254");
    expect(bet(seen(["100", "110", "99", "108.9"], 1))).toBe("0");
    expect(bet(seen(["100", "100", "100", "100"]))).toBe("0");
    expect(bet(seen(["100", "100.001", "100", "100.001"]))).toBe("990");
    expect(pricesKept({ use: "equal-weight" })).toBe(0);
    const long = seen(Array.from({ length: 50 }, (_, index) => String(100 + (index % 2))));
    expect(long.recent.get("AAPL")).toEqual([100, 101, 100, 101]);
  });

  test.each([
    { bet: "100", quote: "3", shares: "33.3333" },
    { bet: "0.0002", quote: "3", shares: "0" },
    { bet: "100", quote: undefined, shares: "0" },
    { bet: "0", quote: "3", shares: "0" },
  ])("$bet buys $shares at $quote", ({ bet, quote, shares }) => {
    expect(formatDecimal(sharesFor(decimal(bet), quote === undefined ? undefined : decimal(quote)))).toBe(shares);
  });

  test.each([
    { name: "below the limit", quantity: "19.9999", quote: "100", sold: "19.9999" },
    { name: "at the limit", quantity: "20", quote: "100", sold: "20" },
    { name: "the smallest part above", quantity: "20.0001", quote: "100", sold: "20" },
    { name: "cut down, never up", quantity: "1000", quote: "333.33333334", sold: "5.9999" },
    { name: "a price above the limit", quantity: "3", quote: "3000", sold: "0.6666" },
    { name: "no part fits: the gateway says so", quantity: "3", quote: "100000000", sold: "3" },
    { name: "no price", quantity: "3", quote: undefined, sold: "3" },
  ])("one order of at most 2000 sells: $name", ({ quantity, quote, sold }) => {
    const price = quote === undefined ? undefined : decimal(quote);
    expect(formatDecimal(withinOrder(decimal(quantity), price, decimal("2000")))).toBe(sold);
  });

  test("what is on its way out cannot be sold again, and nothing is sold short", () => {
    const held = apply(opened, fill("a", "buy", "5", "1"));
    expect(formatDecimal(sellable(held, { ...nothing, selling: new Map([["AAPL", decimal("2")]]) }, "AAPL"))).toBe("3");
    expect(formatDecimal(sellable(held, { ...nothing, selling: new Map([["AAPL", decimal("9")]]) }, "AAPL"))).toBe("0");
    expect(formatDecimal(sellable(held, nothing, "GOOG"))).toBe("0");
  });
});
