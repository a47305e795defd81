import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import { compare, decimal, formatDecimal, parseDecimal } from "#core/decimal.ts";
import { Fault } from "#core/result.ts";
import { channelOf, type MarketEvent, type MarketSource } from "./port.ts";

/** One line of a CSV file whose header was checked. A value that is not what it must be is a Fault with file:line. */
export interface Row {
  readonly line: number;
  text(column: string): string;
  /** Above zero, canonical. */
  price(column: string): string;
  /** A whole number, zero or more. */
  count(column: string): string;
  instrument(column: string): string;
  fault(message: string): Fault;
}

const tableBytesMax = 64 * 1024 * 1024;
const instrument = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/**
 * Reads a CSV file whole. Wrong data is worse than none: nothing is skipped, cut or guessed.
 *
 * @param columns the header, exactly
 * @throws Fault `market-data-unreadable`, or `market-data-malformed` with file:line
 */
export function readTable(file: string, columns: readonly string[]): readonly Row[] {
  const [header, ...rows] = parseRecords(readText(file), file);
  if (header === undefined || header.record.join(",") !== columns.join(",")) {
    throw malformed(file, 1, `the header is not ${columns.join(",")}`);
  }
  if (rows.length === 0) throw malformed(file, 1, "there is no row below the header");
  return rows.map(({ record, line }) => rowOf(file, line, columns, record));
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new Fault("market-data-unreadable", `${file} cannot be read`, { cause });
  }
  if (bytes.length > tableBytesMax) throw malformed(file, 1, `the file is over ${tableBytesMax} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault("market-data-malformed", `${file}:1 the file is not UTF-8`, { cause });
  }
}

function parseRecords(
  text: string,
  file: string,
): readonly { readonly record: readonly string[]; readonly line: number }[] {
  const records: { readonly record: readonly string[]; readonly line: number }[] = [];
  try {
    parse(text, {
      relax_column_count: false,
      on_record: (record: readonly string[], { lines }) => {
        records.push({ record, line: lines });
        return null;
      },
    });
  } catch (cause) {
    const line = cause instanceof Error && "lines" in cause && typeof cause.lines === "number" ? cause.lines : 1;
    throw malformed(file, line, cause instanceof Error ? cause.message : String(cause));
  }
  return records;
}

function malformed(file: string, line: number, message: string): Fault {
  return new Fault("market-data-malformed", `${file}:${line} ${message}`);
}

function rowOf(file: string, line: number, columns: readonly string[], record: readonly string[]): Row {
  const fault = (message: string): Fault => malformed(file, line, message);
  const text = (column: string): string => {
    const value = record[columns.indexOf(column)];
    if (value === undefined || value === "") throw fault(`${column} is missing`);
    return value;
  };
  const number = (column: string): string => {
    const parsed = parseDecimal(text(column));
    if (!parsed.ok) throw fault(`${column} is ${JSON.stringify(text(column))}, not a decimal`);
    return formatDecimal(parsed.value);
  };
  return {
    line,
    fault,
    text,
    price(column) {
      const value = number(column);
      if (compare(decimal(value), decimal("0")) <= 0) throw fault(`${column} is ${value}; a price is above 0`);
      return value;
    },
    count(column) {
      if (!/^(?:0|[1-9][0-9]{0,17})$/.test(text(column))) {
        throw fault(`${column} is ${JSON.stringify(text(column))}, not a whole number`);
      }
      return text(column);
    },
    instrument(column) {
      if (!instrument.test(text(column)))
        throw fault(`${column} is ${JSON.stringify(text(column))}, not an instrument`);
      return text(column);
    },
  };
}

/**
 * A source out of rows that are held in memory.
 *
 * @param toEvent checks one row
 * @param order `by-instrument`: the file lists one instrument after another and is merged by time, equal times in the order of the
 * file; `by-time`: the file itself must be in order of time
 * @throws Fault `market-data-malformed` also for an instrument whose time stands still or goes back
 */
export function tableSource(
  name: string,
  rows: readonly Row[],
  toEvent: (row: Row) => MarketEvent,
  order: "by-instrument" | "by-time",
): MarketSource {
  const last = new Map<string, number>();
  const instruments = new Set<string>();
  const events: MarketEvent[] = [];
  for (const row of rows) {
    const event = toEvent(row);
    const earlier = last.get(channelOf(event));
    if (earlier !== undefined && event.ts <= earlier) throw row.fault(`${event.sid} is not later than its row before`);
    const before = events.at(-1);
    if (order === "by-time" && before !== undefined && event.ts < before.ts) {
      throw row.fault("the time is before that of the row above");
    }
    last.set(channelOf(event), event.ts);
    instruments.add(event.sid);
    events.push(event);
  }
  // Array.prototype.sort is stable: equal times keep the order of the file.
  events.sort((a, b) => a.ts - b.ts);
  const [first] = events;
  const final = events.at(-1);
  if (first === undefined || final === undefined) throw new Fault("market-data-malformed", `${name} holds no events`);
  return { name, instruments: [...instruments], fromTs: first.ts, toTs: final.ts, events: () => events };
}
