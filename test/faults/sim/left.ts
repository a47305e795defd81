// What a process that was killed has left on its disk, against what it had told the outside.
import { DatabaseSync } from "node:sqlite";
import { decimal } from "#core/decimal.ts";
import type { JsonValue } from "#core/json.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import type { TimerTurn } from "#executor/algorithm.ts";
import type { Disk } from "#executor/disk.ts";
import { redo } from "#executor/orders.ts";
import { openPortfolio } from "#executor/portfolio.ts";
import { type Kept, noCounters, type State } from "#executor/state.ts";
import { Store } from "#executor/store.ts";
import { Table } from "#executor/table.ts";
import type { DiskState } from "./disk.ts";

/** What a next executor would know. @param files by their paths; they stay as they are */
export function recovered(
  directory: string,
  files: ReadonlyMap<string, string>,
): Kept & { readonly algorithm: JsonValue } {
  const { saved, entries } = new Store(directory, copyOf(new Map(files))).recovered;
  const empty: Kept = {
    ...{ portfolio: openPortfolio(decimal("0")), counters: noCounters, pending: new Map(), processed: Table.of() },
    ...{ timers: new Map(), commands: [], told: undefined },
  };
  let kept = saved?.kept ?? empty;
  for (const entry of entries) kept = redo(kept, entry);
  return { ...kept, algorithm: saved?.algorithm ?? null };
}

/** Files to look at; what is written goes nowhere. */
function copyOf(files: Map<string, string>): Disk {
  return {
    makeDirectory: () => undefined,
    list: (directory) =>
      [...files.keys()].flatMap((path) => (path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [])),
    read: (path) => files.get(path),
    write: (path, text) => void files.set(path, text),
    writeLater: async (path, text) => void files.set(path, text),
    open: () => ({ append: () => undefined, close: () => undefined }),
    rename(from, to) {
      files.set(to, files.get(from) ?? "");
      files.delete(from);
    },
    remove: (path) => void files.delete(path),
  };
}

/** What an executor has told the outside. */
export interface Told {
  /** Requests that have left it. */
  readonly sent: ReadonlySet<string>;
  /** The last order event that it has taken from the broker. */
  readonly taken: number;
  /** The last turn of a timer that its algorithm was given. */
  readonly turn: TimerTurn | undefined;
}

/** What an executor that ends owes its next process. */
export function owedByExecutor(
  { directory, disk }: { readonly directory: string; readonly disk: DiskState },
  state: State,
  { sent, taken, turn }: Told,
): readonly string[] {
  const kept = recovered(directory, new Map([...disk.files].map(([path, { text }]) => [path, text])));
  const problems: string[] = [];
  for (const id of state.pending.keys())
    if (sent.has(id) && !kept.pending.has(id) && !knowsMore(kept, state))
      problems.push(`${id} was sent by an executor that was killed, and its disk does not know of it`);
  // A replay that began anew has set the timers back.
  const last = turn !== undefined && state.timers.get(turn.name) === turn.time ? turn : undefined;
  if (last !== undefined && (kept.timers.get(last.name) ?? 0) < last.time)
    problems.push(`timer ${last.name} had its turn at ${last.time}, and the disk of its executor does not know of it`);
  const told = kept.told?.seq ?? 0;
  if (told < taken)
    problems.push(`order event ${taken} was taken by an executor that was killed, its disk has ${told}`);
  return problems;
}

/** The last word about it may have waited in line: then it is written down, and booked there. */
function knowsMore(kept: Kept, state: State): boolean {
  return (kept.told?.seq ?? 0) > (state.told?.seq ?? 0);
}

/**
 * What a gateway that ended owes the outside, against its book.
 *
 * @param acknowledged ids of requests that it took from the broker
 * @param said order events that it published, by their numbers
 */
export function owedByGateway(
  file: string,
  acknowledged: ReadonlySet<string>,
  said: ReadonlyMap<number, OrderEventMessage>,
): readonly string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const events = new Map<number, OrderEventMessage>();
  const begun = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'events'").get() !== undefined;
  for (const row of begun ? database.prepare("SELECT body FROM events").all() : []) {
    const event = JSON.parse(String(row["body"])) as OrderEventMessage;
    events.set(event.seq, event);
  }
  database.close();
  const ids = new Set([...events.values()].map(({ clientOrderId }) => clientOrderId));
  const problems: string[] = [];
  for (const id of acknowledged)
    if (!ids.has(id)) problems.push(`${id} was acknowledged by a gateway that ended, and is not in its book`);
  for (const [seq, event] of said)
    if (events.get(seq)?.status !== event.status || events.get(seq)?.clientOrderId !== event.clientOrderId)
      problems.push(`order event ${seq} was published by a gateway that ended, and is not in its book`);
  return problems;
}
