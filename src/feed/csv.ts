import type { MarketSource, QuoteEvent } from "./port.ts";
import { type Row, readTable, tableSource } from "./table.ts";
import { parseInstant } from "./time.ts";

/** Quotes of a file with the columns `sid,time,quote`, in order of time; times are days or instants of ISO 8601 in UTC. */
export function csvQuotes(file: string): MarketSource {
  return tableSource("csv", readTable(file, ["sid", "time", "quote"]), toQuote, "by-time");
}

function toQuote(row: Row): QuoteEvent {
  const ts = parseInstant(row.text("time"));
  if (ts === undefined) {
    throw row.fault(`time is ${JSON.stringify(row.text("time"))}, not a time such as 2000-01-03T14:30:00Z`);
  }
  return { type: "quote", sid: row.instrument("sid"), quote: row.price("quote"), ts };
}
