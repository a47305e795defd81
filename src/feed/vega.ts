import { fileURLToPath } from "node:url";
import { compare, decimal } from "#core/decimal.ts";
import type { BarEvent, MarketSource, QuoteEvent } from "./port.ts";
import { type Row, readTable, tableSource } from "./table.ts";
import { parseInstant, parseMonthFirst } from "./time.ts";

/** The files of the npm package vega-datasets. */
export interface VegaFiles {
  readonly stocks: string;
  readonly sp500: string;
}

/** Where the installed package has them. */
export function vegaFiles(): VegaFiles {
  const data = new URL("../data/", import.meta.resolve("vega-datasets"));
  return {
    stocks: fileURLToPath(new URL("stocks.csv", data)),
    sp500: fileURLToPath(new URL("sp500-2000.csv", data)),
  };
}

/** Monthly closes of MSFT, AMZN, IBM, GOOG and AAPL, January 2000 to March 2010, as quotes at midnight UTC of the month's first day. */
export function vegaStocks(file: string): MarketSource {
  const rows = readTable(file, ["symbol", "date", "price"]);
  return tableSource("vega-stocks", rows, toQuote, "by-instrument");
}

/** Daily bars of the S&P 500 index from January 2000 on, as instrument SPX. The time is midnight UTC of the day that the bar is of. */
export function vegaSp500(file: string): MarketSource {
  const rows = readTable(file, ["date", "open", "high", "low", "close", "adjclose", "volume"]);
  return tableSource("vega-sp500", rows, toBar, "by-time");
}

function toQuote(row: Row): QuoteEvent {
  const ts = parseMonthFirst(row.text("date"));
  if (ts === undefined) throw row.fault(`date is ${JSON.stringify(row.text("date"))}, not a day such as Jan 1 2000`);
  return { type: "quote", sid: row.instrument("symbol"), quote: row.price("price"), ts };
}

function toBar(row: Row): BarEvent {
  const ts = /T/.test(row.text("date")) ? undefined : parseInstant(row.text("date"));
  if (ts === undefined) throw row.fault(`date is ${JSON.stringify(row.text("date"))}, not a day such as 2000-01-03`);
  const [open, high, low, close] = [row.price("open"), row.price("high"), row.price("low"), row.price("close")];
  row.price("adjclose");
  for (const price of [open, close]) {
    if (compare(decimal(price), decimal(high)) > 0) throw row.fault(`high is ${high}, below open or close`);
    if (compare(decimal(price), decimal(low)) < 0) throw row.fault(`low is ${low}, above open or close`);
  }
  return { type: "bar", sid: "SPX", interval: "1d", open, high, low, close, volume: row.count("volume"), ts };
}
