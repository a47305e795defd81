import { createHash } from "node:crypto";
import { type Decimal, formatDecimal, parseDecimal } from "#core/decimal.ts";
import type { JsonValue } from "#core/json.ts";
import type { Writer } from "./algorithm.ts";
import type { JournalEntry } from "./events.ts";
import { type Filled, valued } from "./portfolio.ts";
import { entriesOf, recentOf } from "./recent.ts";
import { type Counters, type Kept, noCounters, type Pending, type Seen, type Told } from "./state.ts";
import { Table } from "./table.ts";

/** A snapshot as it is on disk. */
export interface Saved {
  readonly strategy: string;
  /** Which algorithm with which parameters wrote `algorithm`: another one cannot be expected to read it. */
  readonly writer: string;
  /** The same for people and for algorithms that read the state of other versions; absent in a snapshot of before there was this. */
  readonly wrote?: Omit<Writer, "same">;
  readonly algorithm: JsonValue;
  readonly kept: Kept;
  /** The first journal whose entries are not in here. */
  readonly journal: number;
  readonly savedAtMs: number;
}

const version = 1;

/** A line with version and checksum, then the body. */
export function formatSaved(saved: Saved): string {
  const { portfolio, counters, pending, processed, timers, commands, told } = saved.kept;
  const body = JSON.stringify({
    ...saved,
    kept: {
      counters,
      pending: [...pending.values()],
      processed: [...processed],
      timers: [...timers],
      commands,
      told,
      cash: formatDecimal(portfolio.cash),
      peak: formatDecimal(portfolio.peak),
      feesPaid: formatDecimal(portfolio.feesPaid),
      positions: texts(portfolio.positions),
      quotes: texts(portfolio.quotes),
      recent: [...portfolio.recent],
      filled: [...entriesOf(portfolio.filled)].map(([id, { quantity, notional, fee }]) => [
        id,
        formatDecimal(quantity),
        formatDecimal(notional),
        formatDecimal(fee),
      ]),
    },
  });
  return `${JSON.stringify({ version, sha256: checksum(body) })}\n${body}\n`;
}

/** Undefined, with the reason in `why`, if the text is not what `formatSaved` wrote. */
export function parseSaved(text: string): { readonly saved: Saved } | { readonly why: string } {
  const cut = text.indexOf("\n");
  const body = text.slice(cut + 1, -1);
  try {
    const header: unknown = JSON.parse(text.slice(0, cut));
    const { version: found, sha256 } = Object(header);
    if (found !== version) return { why: `version ${String(found)} instead of ${version}` };
    if (sha256 !== checksum(body)) return { why: "the checksum does not match" };
    // Past the checksum the bytes are our own.
    const value = JSON.parse(body) as Omit<Saved, "kept"> & { readonly kept: KeptTexts };
    return { saved: { ...value, kept: parseKept(value.kept) } };
  } catch (cause) {
    return { why: cause instanceof Error ? cause.message : String(cause) };
  }
}

interface KeptTexts {
  readonly counters: Counters;
  readonly pending: readonly Pending[];
  readonly processed: readonly (readonly [string, Omit<Seen, "ts"> & Partial<Seen>])[];
  /** Absent in a snapshot of 0.1.0, like the commands. */
  readonly timers?: readonly (readonly [string, number])[];
  readonly commands?: readonly string[];
  /** Absent: the gateway has not said what its book has. */
  readonly told?: Told;
  readonly cash: string;
  readonly peak: string;
  readonly feesPaid: string;
  readonly positions: readonly (readonly [string, string])[];
  readonly quotes: readonly (readonly [string, string])[];
  readonly recent?: readonly (readonly [string, readonly number[]])[];
  readonly filled: readonly (readonly [string, string, string, string])[];
}

function parseKept(value: KeptTexts): Kept {
  const filled = value.filled.map(([id, quantity, notional, fee]): [string, Filled] => [
    id,
    { quantity: exact(quantity), notional: exact(notional), fee: exact(fee) },
  ]);
  return {
    counters: { ...noCounters, ...value.counters },
    pending: new Map(value.pending.map((pending) => [pending.request.clientOrderId, pending])),
    // A snapshot of 0.1.0 has no times; by those no replay is seen to begin anew.
    processed: Table.of(value.processed.map(([channel, seen]) => [channel, { ts: Number.MIN_SAFE_INTEGER, ...seen }])),
    timers: new Map(value.timers ?? []),
    commands: value.commands ?? [],
    told: value.told,
    portfolio: valued({
      cash: exact(value.cash),
      peak: exact(value.peak),
      feesPaid: exact(value.feesPaid),
      positions: new Map(value.positions.map(([sid, text]) => [sid, exact(text)])),
      quotes: Table.of(value.quotes.map(([sid, text]) => [sid, exact(text)])),
      recent: Table.of(value.recent ?? []),
      filled: recentOf(filled),
    }),
  };
}

function exact(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`not a decimal: ${JSON.stringify(text)}`);
  return parsed.value;
}

function texts(values: ReadonlyMap<string, Decimal>): readonly (readonly [string, string])[] {
  return [...values].map(([name, value]) => [name, formatDecimal(value)]);
}

function checksum(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}

const entryKinds: readonly unknown[] = [
  "request",
  "order-event",
  "account",
  "timer",
  "command",
  "error",
] satisfies readonly JournalEntry["kind"][];

/** The whole lines of a journal; what a kill cut off at the end was never acted on. `bad` counts lines that are none. */
export function parseJournal(text: string): { readonly entries: readonly JournalEntry[]; readonly bad: number } {
  const lines = text.split("\n");
  lines.pop();
  const entries: JournalEntry[] = [];
  let bad = 0;
  for (const line of lines) {
    try {
      const value: unknown = JSON.parse(line);
      const { kind } = Object(value);
      if (entryKinds.includes(kind)) entries.push(value as JournalEntry);
      else bad += 1;
    } catch {
      bad += 1;
    }
  }
  return { entries, bad };
}
