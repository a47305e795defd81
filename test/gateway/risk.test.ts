import { describe, expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { OrderRequestMessage } from "#core/messages.ts";
import { parseTradingHours } from "#core/trading-hours.ts";
import type { StrategyLimits } from "#gateway/limits.ts";
import { paperFill } from "#gateway/paper.ts";
import { parseRequest } from "#gateway/request.ts";
import { type Account, drawdownOf, type Facts, judge, type OnOrder } from "#gateway/risk.ts";
import { parseVenues, type VenueRules } from "#gateway/venue-settings.ts";
import { bytes, limitsOf, requestOf, rulesOf } from "./fixtures.ts";

interface Case {
  readonly name: string;
  readonly request?: Partial<OrderRequestMessage>;
  readonly limits?: Partial<StrategyLimits>;
  readonly facts?: Partial<Facts>;
  readonly account?: Partial<Account>;
  readonly prices?: { readonly [sid: string]: string };
  readonly venue?: VenueRules;
  readonly code: string | undefined;
  readonly says?: string;
}

const free = rulesOf();

function decide(given: Case): { readonly code: string | undefined; readonly message: string } {
  const request = parseRequest(bytes(requestOf(given.request)));
  if (!request.ok) throw new Error(request.error.message);
  const prices = given.prices ?? { AAPL: "100" };
  const verdict = judge(request.value, {
    nowMs: 1000,
    entry: { kind: "limits", limits: limitsOf(given.limits) },
    epoch: 1,
    acceptedInWindow: 0,
    account: { cash: decimal("10000"), peak: decimal("10000"), positions: new Map(), ...given.account },
    onOrder: [],
    standing: { mode: "trade" },
    venues: new Map([["paper", { rules: given.venue ?? free }]]),
    price: (sid) => (prices[sid] === undefined ? undefined : { price: decimal(prices[sid]), ts: 9, session: "s" }),
    ...given.facts,
  });
  return verdict.ok ? { code: undefined, message: "" } : verdict.error;
}

const holding = (quantity: string, sid = "AAPL"): Partial<Account> => ({
  positions: new Map([[sid, decimal(quantity)]]),
});

const reducing: Facts["standing"] = { mode: "reduce", why: { code: "strategy-reducing", message: "reducing" } };
const onOrder = (change: Partial<OnOrder> = {}): OnOrder => ({
  ...{ venue: "paper", sid: "AAPL", side: "buy", quantity: decimal("0"), cash: decimal("0") },
  ...change,
});

/** The clock of these tests shows one second after midnight of Thursday, 1 January 1970. */
function hoursOf(from: string): VenueRules["hours"] {
  const hours = parseTradingHours({ timeZone: "UTC", days: ["thu"], from, until: "24:00" });
  if (!hours.ok) throw new Error(hours.error.message);
  return hours.value;
}

describe("one step past each bound", () => {
  test.each<Case>([
    { name: "unknown strategy", facts: { entry: { kind: "absent" } }, code: "strategy-unknown" },
    {
      name: "unreadable limits",
      facts: { entry: { kind: "unreadable", message: "it is not JSON" } },
      code: "limits-unreadable",
      says: "it is not JSON",
    },
    { name: "stopped", limits: { running: false }, code: "strategy-stopped" },
    {
      name: "stopped, reducing",
      limits: { running: false },
      request: { side: "sell" },
      account: holding("10"),
      code: undefined,
    },
    { name: "reducing", facts: { standing: reducing }, code: "strategy-reducing" },
    {
      name: "reducing, a sale",
      facts: { standing: reducing },
      request: { side: "sell" },
      account: holding("10"),
      code: undefined,
    },
    {
      name: "halted, a sale",
      facts: { standing: { mode: "halt", why: { code: "strategy-halted", message: "halted" } } },
      request: { side: "sell" },
      account: holding("10"),
      code: "strategy-halted",
    },
    { name: "while the venue is open", venue: rulesOf({ hours: hoursOf("00:00") }), code: undefined },
    {
      name: "while the venue is closed",
      venue: rulesOf({ hours: hoursOf("00:01") }),
      code: "venue-closed",
      says: "thu 00:01–24:00 UTC",
    },
    {
      name: "the last open order",
      venue: rulesOf({ maxOpenOrders: 2 }),
      facts: { onOrder: [onOrder(), onOrder({ venue: "other" })] },
      code: undefined,
    },
    {
      name: "one open order too many",
      venue: rulesOf({ maxOpenOrders: 2 }),
      facts: { onOrder: [onOrder(), onOrder()] },
      code: "open-orders-exceeded",
      says: "open order 3 at paper, above the bound 2",
    },
    {
      name: "at the collar",
      venue: rulesOf({ slippageBps: decimal("10"), collarBps: decimal("10") }),
      code: undefined,
    },
    {
      name: "beyond the collar",
      venue: rulesOf({ slippageBps: decimal("10.01"), collarBps: decimal("10") }),
      code: "price-collar-exceeded",
      says: "100.1001, 10.01 bps from the last price 100",
    },
    {
      name: "a sale beyond the collar",
      venue: rulesOf({ slippageBps: decimal("10.01"), collarBps: decimal("10") }),
      request: { side: "sell" },
      account: holding("10"),
      code: "price-collar-exceeded",
    },
    {
      name: "position at the bound with what is on order",
      request: { quantity: "10" },
      account: holding("30"),
      facts: { onOrder: [onOrder({ quantity: decimal("10") })] },
      code: undefined,
    },
    {
      name: "position above the bound with what is on order",
      request: { quantity: "10" },
      account: holding("30"),
      facts: { onOrder: [onOrder({ quantity: decimal("10.0001") })] },
      code: "position-notional-exceeded",
      says: "5000.01",
    },
    {
      name: "a purchase on order of something else",
      request: { quantity: "10" },
      account: holding("40"),
      facts: { onOrder: [onOrder({ sid: "IBM", quantity: decimal("10") })] },
      code: undefined,
    },
    {
      name: "what is on its way out is not sold again",
      request: { side: "sell", quantity: "5.0001" },
      account: holding("10"),
      facts: { onOrder: [onOrder({ side: "sell", quantity: decimal("5") })] },
      code: "position-short",
      says: "above the 5 held",
    },
    {
      name: "what is not bought yet is not sold",
      request: { side: "sell", quantity: "10.0001" },
      account: holding("10"),
      facts: { onOrder: [onOrder({ quantity: decimal("5") })] },
      code: "position-short",
    },
    {
      name: "cash that is on its way out",
      account: { cash: decimal("1999.99") },
      limits: { maxDrawdown: decimal("1") },
      facts: { onOrder: [onOrder({ cash: decimal("1000") })] },
      code: "cash-insufficient",
      says: "needs 1000 with the fee, above the cash 999.99",
    },
    {
      name: "a sale without any cash",
      request: { side: "sell" },
      account: { cash: decimal("-5"), ...holding("10") },
      code: undefined,
    },
    { name: "epoch as seen", facts: { epoch: 1 }, code: undefined },
    { name: "epoch below", facts: { epoch: 2 }, code: "stale-epoch", says: "epoch 1 is below 2" },
    { name: "at the expiry", facts: { nowMs: 1_000_000 }, code: undefined },
    { name: "1 ms after the expiry", facts: { nowMs: 1_000_001 }, code: "order-expired" },
    {
      name: "instrument outside",
      request: { sid: "MSFT" },
      prices: { MSFT: "1" },
      code: "instrument-not-allowed",
      says: "AAPL, IBM",
    },
    { name: "instrument in another case", request: { sid: "aapl" }, code: "instrument-not-allowed" },
    { name: "venue outside", request: { venue: "live" }, code: "venue-not-allowed" },
    { name: "venue without settings", facts: { venues: new Map() }, code: "venue-unknown" },
    { name: "10th order in the window", facts: { acceptedInWindow: 9 }, code: undefined },
    {
      name: "11th order in the window",
      facts: { acceptedInWindow: 10 },
      code: "order-rate-exceeded",
      says: "order 11 in 1 s, above the bound 10/1s",
    },
    { name: "no price", prices: { IBM: "100" }, code: "price-missing" },
    { name: "order at the bound", request: { quantity: "20" }, code: undefined },
    {
      name: "order above the bound",
      request: { quantity: "20.0001" },
      code: "order-notional-exceeded",
      says: "2000.01, above the bound 2000",
    },
    {
      name: "sale above the order bound",
      request: { side: "sell", quantity: "20.0001" },
      account: holding("40"),
      code: "order-notional-exceeded",
    },
    { name: "position at the bound", request: { quantity: "10" }, account: holding("40"), code: undefined },
    {
      name: "position above the bound",
      request: { quantity: "10.0001" },
      account: holding("40"),
      code: "position-notional-exceeded",
      says: "5000.01, above the bound 5000",
    },
    {
      name: "position above by slippage",
      venue: { ...free, slippageBps: decimal("1") },
      request: { quantity: "10" },
      account: holding("40"),
      code: "position-notional-exceeded",
    },
    {
      name: "a sale from above the position bound",
      request: { side: "sell", quantity: "10" },
      account: holding("80"),
      code: undefined,
    },
    { name: "all that is held", request: { side: "sell", quantity: "10" }, account: holding("10"), code: undefined },
    {
      name: "more than is held",
      request: { side: "sell", quantity: "10.0001" },
      account: holding("10"),
      code: "position-short",
      says: "10.0001 AAPL, above the 10 held",
    },
    { name: "nothing held", request: { side: "sell", quantity: "0.0001" }, code: "position-short" },
    {
      name: "all the cash",
      account: { cash: decimal("1000") },
      limits: { maxDrawdown: decimal("1") },
      code: undefined,
    },
    {
      name: "above the cash",
      account: { cash: decimal("999.99999999") },
      limits: { maxDrawdown: decimal("1") },
      code: "cash-insufficient",
      says: "needs 1000 with the fee, above the cash 999.99999999",
    },
    {
      name: "above the cash by the fee",
      venue: { ...free, feeBps: decimal("1") },
      account: { cash: decimal("1000") },
      limits: { maxDrawdown: decimal("1") },
      code: "cash-insufficient",
      says: "1000.1",
    },
    {
      name: "a fee above the proceeds and the cash",
      venue: rulesOf({ slippageBps: decimal("9999") }),
      request: { side: "sell", quantity: "1" },
      prices: { AAPL: "0.5" },
      account: holding("1"),
      code: "price-missing",
    },
    { name: "drawdown at the bound", account: { cash: decimal("8000") }, code: undefined },
    {
      name: "drawdown above the bound",
      account: { cash: decimal("7999.99999999") },
      code: "drawdown-exceeded",
      says: "0.20000001, above the bound 0.2",
    },
    {
      name: "a sale in a drawdown",
      request: { side: "sell" },
      account: { cash: decimal("1"), ...holding("10") },
      code: undefined,
    },
    { name: "drawdown not known", account: holding("1", "IBM"), code: "price-missing", says: "no price of IBM" },
    {
      name: "a sale while the drawdown is not known",
      request: { side: "sell" },
      account: {
        positions: new Map([
          ["AAPL", decimal("10")],
          ["IBM", decimal("1")],
        ]),
      },
      code: undefined,
    },
  ])("$name → $code", (given) => {
    const { code, message } = decide(given);
    expect(code).toBe(given.code);
    if (given.says !== undefined) expect(message).toContain(given.says);
  });
});

test.each([
  ["100", "100", "0"],
  ["101", "100", "0"],
  ["99.99999999", "100", "0.00000001"],
  ["0", "100", "1"],
  ["-1", "100", "1.01"],
  ["-1", "0", "0"],
])("equity %s below the peak %s is a drawdown of %s", (equity, peak, drawdown) => {
  expect(formatDecimal(drawdownOf(decimal(equity), decimal(peak)))).toBe(drawdown);
});

describe("paper fills round against the trader", () => {
  const venue = rulesOf({ feeBps: decimal("1"), slippageBps: decimal("2") });
  test.each([
    { side: "buy", last: "100", price: "100.02", notional: "300.06", fee: "0.030006" },
    { side: "sell", last: "100", price: "99.98", notional: "299.94", fee: "0.029994" },
    { side: "buy", last: "39.81", price: "39.818", notional: "119.454", fee: "0.0119454" },
    { side: "sell", last: "39.81", price: "39.802", notional: "119.406", fee: "0.0119406" },
    { side: "buy", last: "0.00000001", price: "0.0001", notional: "0.0003", fee: "0.00000003" },
    { side: "sell", last: "0.00000001", price: "0", notional: "0", fee: "0" },
  ] as const)("$side at $last → $price", ({ side, last, price, notional, fee }) => {
    const fill = paperFill(venue, side, decimal("3"), decimal(last));
    expect([fill.price, fill.notional, fill.fee].map(formatDecimal)).toEqual([price, notional, fee]);
  });

  test("the fee is rounded up to the last digit", () => {
    const fill = paperFill({ ...venue, slippageBps: decimal("0") }, "buy", decimal("0.0001"), decimal("0.0001"));
    expect(formatDecimal(fill.fee)).toBe("0.00000001");
  });
});

test.each([
  ["not JSON", "{", "not JSON"],
  ["a list", "[]", "not an object"],
  ["no settings", '{"x":1}', "x: it is 1"],
  ["another kind", '{"x":{"kind":"fix","feeBps":"1","slippageBps":"2"}}', "paper"],
  ["a number", '{"x":{"kind":"paper","feeBps":1,"slippageBps":"2"}}', "feeBps"],
  ["a negative", '{"x":{"kind":"paper","feeBps":"1","slippageBps":"-2"}}', "slippageBps"],
  ["everything", '{"x":{"kind":"paper","feeBps":"1","slippageBps":"10000"}}', "slippageBps"],
  ["a missing key", '{"x":{"kind":"paper","feeBps":"1"}}', "slippageBps is missing"],
  ["an unknown key", '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","url":"x"}}', '"url" is not a field'],
  ["keys of a real venue on paper", '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","secret":"x"}}', "secret"],
  [
    "no collar with real money",
    '{"x":{"kind":"ccxt","feeBps":"1","slippageBps":"2","exchange":"kraken","secret":"k"}}',
    "collarBps",
  ],
  [
    "a path as exchange",
    '{"x":{"kind":"ccxt","feeBps":"1","slippageBps":"2","collarBps":"9","exchange":"../x","secret":"k"}}',
    "exchange",
  ],
  [
    "an exchange that cannot be asked by our ids",
    '{"x":{"kind":"ccxt","feeBps":"1","slippageBps":"2","collarBps":"9","exchange":"zaif","secret":"k"}}',
    "not one of binance",
  ],
  [
    "a path as secret",
    '{"x":{"kind":"ccxt","feeBps":"1","slippageBps":"2","collarBps":"9","exchange":"kraken","secret":"../k"}}',
    "secret",
  ],
  [
    "a simulation without a seed",
    '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","simulate":{"fills":2}}}',
    "seed",
  ],
  [
    "more than a hundred percent",
    '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","simulate":{"seed":1,"rejectPercent":101}}}',
    "percentage",
  ],
  ["no open order", '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","maxOpenOrders":0}}', "maxOpenOrders"],
  [
    "hours without a zone",
    '{"x":{"kind":"paper","feeBps":"1","slippageBps":"2","hours":{"days":["mon"],"from":"09:00","until":"10:00"}}}',
    "timeZone",
  ],
])("venues: %s is refused", (_name, text, says) => {
  const parsed = parseVenues(Buffer.from(text));
  expect(parsed.ok ? "" : parsed.error.message).toContain(says);
});

test("venues: everything that an environment may say is read", () => {
  const hours = { timeZone: "America/New_York", days: ["mon", "fri"], from: "09:30", until: "16:00" };
  const common = { feeBps: "1", slippageBps: "2", collarBps: "50", maxOpenOrders: 5, hours };
  const simulate = {
    ...{ seed: 7, delayMs: 1, fills: 2, fillEveryMs: 3 },
    ...{ rejectPercent: 4, loseRequestPercent: 5, loseAnswerPercent: 6, repeatPercent: 7 },
  };
  const paper = { kind: "paper", ...common, simulate };
  const kraken = { kind: "ccxt", ...common, exchange: "kraken", secret: "kraken-keys", sandbox: true };
  const parsed = parseVenues(bytes({ paper, kraken }));
  expect(parsed.ok && Object.fromEntries(parsed.value)).toMatchObject({
    paper: { kind: "paper", simulation: simulate, rules: { maxOpenOrders: 5, collarBps: decimal("50") } },
    kraken: { kind: "ccxt", exchange: "kraken", secret: "kraken-keys", sandbox: true },
  });
});
