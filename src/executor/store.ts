import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { type Appender, type Disk, realDisk } from "./disk.ts";
import type { JournalEntry } from "./events.ts";
import { formatSaved, parseJournal, parseSaved, type Saved } from "./saved.ts";

/** What the state directory held when it was opened. */
export interface Recovered {
  readonly saved: Saved | undefined;
  /** What happened after that snapshot, in order. */
  readonly entries: readonly JournalEntry[];
  /** For people: what was set aside or skipped. */
  readonly warnings: readonly string[];
}

const journalName = /^journal-(\d{1,16})\.jsonl$/;
const snapshotName = /^snapshot-(\d{1,16})\.json$/;
const temporaryName = /^snapshot-\d+\.temp$/;
/** Generations of one process's life. Those of a later process are higher, so one that was replaced and goes on writes beside it. */
const generationsMax = 1_000_000_000;
/** As they were called before they had numbers. */
const unnumbered = ["snapshot.json", "snapshot.previous.json"];

/**
 * The executor's directory: `epoch`, the last two snapshots, and journals of what happened between. A kill at any moment leaves the last snapshot or the
 * one before it, and the journals since. If the machine fails right after a rename, the file before it may be back; the gateway's book fences a repeated
 * epoch.
 */
export class Store {
  readonly epoch: number;
  readonly recovered: Recovered;
  readonly #directory: string;
  readonly #disk: Disk;
  #generation: number;
  #journal: Appender;
  #previousGeneration: number;
  #writing: Promise<void> = Promise.resolve();

  /** @throws Fault `state-unwritable` */
  constructor(directory: string, disk = realDisk) {
    this.#directory = directory;
    this.#disk = disk;
    try {
      disk.makeDirectory(directory);
      this.epoch = this.#nextEpoch();
      this.recovered = this.#recover();
      this.#generation = Math.max(this.epoch * generationsMax, 1 + Math.max(0, ...this.#numbered(journalName)));
      this.#previousGeneration = this.recovered.saved?.journal ?? 0;
      this.#journal = disk.open(this.#journalPath(this.#generation));
      // What a kill cut off.
      for (const name of disk.list(directory)) if (temporaryName.test(name)) disk.remove(this.#path(name));
    } catch (cause) {
      throw unwritable(directory, cause);
    }
  }

  /** Another process was started here after this one: this one is to end. */
  get superseded(): boolean {
    return this.lastEpoch > this.epoch;
  }

  /**
   * Written before the caller goes on, without waiting for the disk: it survives the process, which is killed more often than the
   * machine fails; after that the gateway's book decides.
   *
   * @throws Fault `state-unwritable`
   */
  append(entry: JournalEntry): void {
    try {
      this.#journal.append(`${JSON.stringify(entry)}\n`);
    } catch (cause) {
      throw unwritable(this.#directory, cause);
    }
  }

  /**
   * From here on entries belong to the next snapshot; `queued` happened before and is not in this one. If it cannot be written the snapshot before it
   * and the journals since hold, and the next one is tried all the same.
   */
  save(saved: Omit<Saved, "journal">, queued: readonly JournalEntry[]): Promise<void> {
    const generation = this.#generation + 1;
    const before = this.#journal;
    this.#journal = this.#disk.open(this.#journalPath(generation));
    this.#generation = generation;
    before.close();
    for (const entry of queued) this.append(entry);
    const text = formatSaved({ ...saved, journal: generation });
    const written = this.#writing.then(() => this.#write(text, generation));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#journal.close();
  }

  async #write(text: string, generation: number): Promise<void> {
    const temp = this.#path(`snapshot-${this.epoch}.temp`);
    await this.#disk.writeLater(temp, text);
    this.#disk.rename(temp, this.#path(`snapshot-${generation}.json`));
    // What only an older snapshot than the previous one would need.
    const previous = this.#previousGeneration;
    for (const old of this.#numbered(journalName)) if (old < previous) this.#disk.remove(this.#journalPath(old));
    for (const old of this.#numbered(snapshotName))
      if (old < previous) this.#disk.remove(this.#path(`snapshot-${old}.json`));
    for (const name of this.#disk.list(this.#directory))
      if (unnumbered.includes(name) && previous >= generationsMax) this.#disk.remove(this.#path(name));
    this.#previousGeneration = generation;
  }

  /** The epoch of the last process that was started here. */
  get lastEpoch(): number {
    const path = this.#path("epoch");
    const text = this.#disk.read(path);
    const epoch = text === undefined ? 0 : Number.parseInt(text, 10);
    if (!Number.isSafeInteger(epoch)) throw new Error(`${path} holds ${JSON.stringify(text)}, not a number`);
    return epoch;
  }

  /** The next process here gets a higher one. @throws Fault `state-unwritable` */
  raiseEpoch(epoch: number): void {
    try {
      if (epoch > this.lastEpoch) this.#writeEpoch(epoch);
    } catch (cause) {
      throw unwritable(this.#directory, cause);
    }
  }

  #nextEpoch(): number {
    const epoch = this.lastEpoch + 1;
    this.#writeEpoch(epoch);
    return epoch;
  }

  #writeEpoch(epoch: number): void {
    const path = this.#path("epoch");
    this.#disk.write(`${path}.temp`, `${epoch}\n`);
    this.#disk.rename(`${path}.temp`, path);
  }

  #recover(): Recovered {
    const warnings: string[] = [];
    let saved: Saved | undefined;
    const numbered = this.#numbered(snapshotName).map((generation) => `snapshot-${generation}.json`);
    for (const name of [...numbered.toReversed(), ...unnumbered]) {
      const text = this.#disk.read(this.#path(name));
      if (text === undefined) continue;
      const parsed = parseSaved(text);
      if ("saved" in parsed) {
        saved = parsed.saved;
        break;
      }
      const aside = `${name}.corrupt`;
      this.#disk.rename(this.#path(name), this.#path(aside));
      warnings.push(`${name} cannot be used (${parsed.why}); it was set aside as ${aside}`);
    }
    const from = saved?.journal ?? 0;
    const entries: JournalEntry[] = [];
    for (const generation of this.#numbered(journalName).filter((candidate) => candidate >= from)) {
      const journal = parseJournal(this.#disk.read(this.#journalPath(generation)) ?? "");
      entries.push(...journal.entries);
      if (journal.bad > 0)
        warnings.push(`${journal.bad} lines of journal ${generation} are not entries and were skipped`);
    }
    return { saved, entries, warnings };
  }

  /** The generations of which there is such a file, oldest first. */
  #numbered(pattern: RegExp): readonly number[] {
    const found = this.#disk.list(this.#directory).map((name) => pattern.exec(name)?.[1]);
    return found
      .filter((generation) => generation !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  #journalPath(generation: number): string {
    return this.#path(`journal-${generation}.jsonl`);
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

function unwritable(directory: string, cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  const isFull = cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
  const fix = isFull ? ": give its volume room, and the executor goes on where it was" : "";
  return new Fault("state-unwritable", `the state directory ${directory} cannot be used: ${why}${fix}`, { cause });
}
