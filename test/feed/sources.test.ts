import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { marketSources } from "#core/market-sources.ts";
import { openSource, parseFeedConfig } from "#feed/config.ts";
import { csvQuotes } from "#feed/csv.ts";
import { channelOf, type MarketSource } from "#feed/port.ts";
import { Session, stepsOf } from "#feed/replay.ts";
import { Sessions } from "#feed/sessions.ts";
import { formatDay, parseInstant, parseMonthFirst } from "#feed/time.ts";
import { vegaFiles, vegaSp500, vegaStocks } from "#feed/vega.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-feed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const micros = (text: string): number => Date.parse(text) * 1000;
const file = (text: string): string => {
  const path = join(folder, "data.csv");
  writeFileSync(path, text);
  return path;
};

describe("the real data", () => {
  test.each(Object.entries(marketSources))("%s brings what the check believes", (name, content) => {
    const source = openSource(name);
    if (!source.ok) throw new Error(source.error.message);
    const found = new Set([...source.value.events()].map(channelOf));
    const expected = content.instruments.flatMap((sid) => content.kinds.map((kind) => `${sid}/${kind}`));
    expect([...found].sort()).toEqual(expected.sort());
  });

  test("stocks: monthly closes of five companies", () => {
    const source = vegaStocks(vegaFiles().stocks);
    const events = [...source.events()];
    expect(source).toMatchObject({
      name: "vega-stocks",
      instruments: ["MSFT", "AMZN", "IBM", "GOOG", "AAPL"],
      fromTs: micros("2000-01-01T00:00:00Z"),
      toTs: micros("2010-03-01T00:00:00Z"),
    });
    expect(events).toHaveLength(560);
    expect(events[0]).toEqual({ type: "quote", sid: "MSFT", quote: "39.81", ts: micros("2000-01-01T00:00:00Z") });
    expect(events[4]).toEqual({ type: "quote", sid: "MSFT", quote: "36.35", ts: micros("2000-02-01T00:00:00Z") });
    expect(events.at(-1)).toEqual({ type: "quote", sid: "AAPL", quote: "223.02", ts: micros("2010-03-01T00:00:00Z") });
    const steps = [...stepsOf(source)];
    expect(steps).toHaveLength(123);
    expect(steps[0]?.events.map(({ sid }) => sid)).toEqual(["MSFT", "AMZN", "IBM", "AAPL"]);
    expect(steps.at(-1)?.events.map(({ sid }) => sid)).toEqual(["MSFT", "AMZN", "IBM", "GOOG", "AAPL"]);
    const google = events.find(({ sid }) => sid === "GOOG");
    expect(google).toEqual({ type: "quote", sid: "GOOG", quote: "102.37", ts: micros("2004-08-01T00:00:00Z") });
  });

  test("sp500: daily bars", () => {
    const source = vegaSp500(vegaFiles().sp500);
    const events = [...source.events()];
    expect(events).toHaveLength(5105);
    expect(source.instruments).toEqual(["SPX"]);
    expect(events[0]).toEqual({
      ...{ type: "bar", sid: "SPX", interval: "1d", open: "1469.25", high: "1478", low: "1438.359985" },
      ...{ close: "1455.219971", volume: "931800000", ts: micros("2000-01-03T00:00:00Z") },
    });
    expect(events.at(-1)).toMatchObject({
      close: "2874.560059",
      volume: "5792140000",
      ts: micros("2020-04-17T00:00:00Z"),
    });
  });

  test.each(["vega-stocks", "vega-sp500"])("%s: two runs publish the same bytes", (name) => {
    const hash = (): string => {
      const opened = openSource(name);
      if (!opened.ok) throw new Error(opened.error.message);
      const session = new Session("s-1", "replay", opened.value.instruments);
      const digest = createHash("sha256");
      for (const step of stepsOf(opened.value)) digest.update(JSON.stringify(session.advance(step).events));
      return digest.digest("hex");
    };
    expect(hash()).toBe(hash());
  });
});

describe("a bad row is a fault with its place", () => {
  const stocks = (rows: string): (() => MarketSource) => {
    return () => vegaStocks(file(`symbol,date,price\n${rows}`));
  };
  test.each([
    ["no rows", "", 1, "no row"],
    ["a field too few", "MSFT,Jan 1 2000\n", 2, "Invalid Record Length"],
    ["a field too many", "MSFT,Jan 1 2000,1,2\n", 2, "Invalid Record Length"],
    ["an open quote", 'MSFT,Jan 1 2000,1\n"MSFT,Feb 1 2000,1\n', 3, "Quote Not Closed"],
    ["no price", "MSFT,Jan 1 2000,1\nMSFT,Feb 1 2000,\n", 3, "price is missing"],
    ["a price that is text", "MSFT,Jan 1 2000,n/a\n", 2, "not a decimal"],
    ["a price with an exponent", "MSFT,Jan 1 2000,1e2\n", 2, "not a decimal"],
    ["a price of zero", "MSFT,Jan 1 2000,0\n", 2, "above 0"],
    ["a negative price", "MSFT,Jan 1 2000,-1\n", 2, "above 0"],
    ["another form of date", "MSFT,2000-01-01,1\n", 2, "not a day"],
    ["a day that is none", "MSFT,Feb 30 2000,1\n", 2, "not a day"],
    ["a symbol with a slash", "A/B,Jan 1 2000,1\n", 2, "not an instrument"],
    ["the same month twice", "MSFT,Jan 1 2000,1\nMSFT,Jan 1 2000,1\n", 3, "not later"],
    ["a month that goes back", "MSFT,Feb 1 2000,1\nMSFT,Jan 1 2000,1\n", 3, "not later"],
  ])("%s", (_name, rows, line, says) => {
    expect(stocks(rows)).toThrow(`data.csv:${line} `);
    expect(stocks(rows)).toThrow(says);
  });

  test("another header", () => {
    expect(() => vegaStocks(file("symbol,price,date\nMSFT,1,Jan 1 2000\n"))).toThrow("data.csv:1 the header is not");
  });

  test("a file that is not there, or not text", () => {
    expect(() => vegaStocks(join(folder, "missing.csv"))).toThrow("cannot be read");
    writeFileSync(join(folder, "binary.csv"), Buffer.from([0xff, 0xfe, 0x00]));
    expect(() => vegaStocks(join(folder, "binary.csv"))).toThrow("not UTF-8");
  });

  test.each([
    ["a high below the close", "2000-01-03,1,2,1,3,3,9", "high is 2"],
    ["a low above the open", "2000-01-03,1,3,2,3,3,9", "low is 2"],
    ["a broken volume", "2000-01-03,1,3,1,3,3,9.5", "volume"],
    ["a wrong adjclose", "2000-01-03,1,3,1,3,x,9", "adjclose"],
    ["a time of day", "2000-01-03T00:00:00Z,1,3,1,3,3,9", "not a day"],
  ])("bars: %s", (_name, row, says) => {
    const header = "date,open,high,low,close,adjclose,volume";
    expect(() => vegaSp500(file(`${header}\n${row}\n`))).toThrow(says);
  });
});

test("a file of quotes is replayed in order of time", () => {
  const source = csvQuotes(
    file(
      "sid,time,quote\nBTC,2020-01-01,7200.50\nBTC,2020-01-01T00:00:00.000001Z,7201\nETH,2020-01-01T00:00:00.000001Z,130\n",
    ),
  );
  expect([...source.events()].map(({ sid, ts }) => [sid, ts - source.fromTs])).toEqual([
    ["BTC", 0],
    ["BTC", 1],
    ["ETH", 1],
  ]);
  expect(() => csvQuotes(file("sid,time,quote\nBTC,2020-01-02,1\nETH,2020-01-01,1\n"))).toThrow(
    "data.csv:3 the time is before",
  );
});

test.each([
  ["Jan 1 2000", "2000-01-01"],
  ["Dec 31 1999", "1999-12-31"],
  ["Feb 29 2000", "2000-02-29"],
  ["Feb 29 1900", undefined],
  ["jan 1 2000", undefined],
  ["Jan 01 2000", undefined],
  ["Jan 0 2000", undefined],
  ["Jan 1 2000 ", undefined],
])("%j is the day %s", (text, day) => {
  const ts = parseMonthFirst(text);
  expect(ts === undefined ? undefined : formatDay(ts)).toBe(day);
});

test.each([
  ["2000-01-03", "2000-01-03T00:00:00Z"],
  ["2000-01-03T23:59:59.250Z", "2000-01-03T23:59:59.250Z"],
  ["2000-13-03", undefined],
  ["2000-01-03T24:00:00Z", undefined],
  ["2000-01-03T00:00:60Z", undefined],
  ["2000-01-03T00:00:00", undefined],
  ["2000-01-03 00:00:00Z", undefined],
])("%j is the instant %s", (text, instant) => {
  expect(parseInstant(text)).toBe(instant === undefined ? undefined : micros(instant));
});

const config = { name: "stocks", source: "vega-stocks", venue: "replay", msPerStep: 1000, warmup: 30 };

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["a missing key", JSON.stringify({ ...config, warmup: undefined })],
  ["an unknown key", JSON.stringify({ ...config, speed: 2 })],
  ["a name with a slash", JSON.stringify({ ...config, name: "a/b" })],
  ["a venue with a wildcard", JSON.stringify({ ...config, venue: "+" })],
  ["a negative pace", JSON.stringify({ ...config, msPerStep: -1 })],
  ["half a step", JSON.stringify({ ...config, warmup: 1.5 })],
  ["a pace as text", JSON.stringify({ ...config, msPerStep: "1000" })],
])("a configuration with %s is refused", (_name, text) => {
  expect(parseFeedConfig(text)).toMatchObject({ ok: false, error: { code: "feed-config-malformed" } });
});

test("a configuration is read, and an unknown source refused", () => {
  expect(parseFeedConfig(JSON.stringify(config))).toEqual({ ok: true, value: config });
  expect(openSource("nonsense")).toMatchObject({ ok: false, error: { code: "feed-source-unknown" } });
});

describe("session names", () => {
  const random = (): string => "x1";

  test("none is used twice, also by the next process", () => {
    const state = join(folder, "sessions");
    const first = new Sessions("stocks", state, random);
    expect([first.next(), first.next()]).toEqual(["stocks-1-x1", "stocks-2-x1"]);
    expect(new Sessions("stocks", state, random).next()).toBe("stocks-3-x1");
  });

  test("a damaged counter is a fault that says what to do", () => {
    const state = join(folder, "damaged");
    new Sessions("stocks", state, random).next();
    writeFileSync(join(state, "sessions.json"), "");
    expect(() => new Sessions("stocks", state, random).next()).toThrow("delete it");
  });
});
