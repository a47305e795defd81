import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { type Appender, type Disk, realDisk } from "./disk.ts";
import { formatSaved, parseJournal, parseSaved, type Saved } from "./saved.ts";
import type { JournalEntry } from "./state.ts";

/** What the state directory held when it was opened. */
export interface Recovered {
  readonly saved: Saved | undefined;
  /** What happened after that snapshot, in order. */
  readonly entries: readonly JournalEntry[];
  /** For people: what was set aside or skipped. */
  readonly warnings: readonly string[];
}

/**
 * The executor's directory: `epoch`, `snapshot.json`, the snapshot before it, and journals of what happened between. A kill at any moment
 * leaves the last snapshot or the one before it, and the journals since. If the machine fails right after a rename, the file before it may be
 * back; the gateway's book fences a repeated epoch.
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
      const last = Math.max(0, ...this.#journals());
      this.#generation = last + 1;
      this.#previousGeneration = this.recovered.saved?.journal ?? 0;
      this.#journal = disk.open(this.#journalPath(this.#generation));
    } catch (cause) {
      throw unwritable(directory, cause);
    }
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

  /** From here on entries belong to the next snapshot; `queued` happened before and is not in this one. */
  save(saved: Omit<Saved, "journal">, queued: readonly JournalEntry[]): Promise<void> {
    const generation = this.#generation + 1;
    const before = this.#journal;
    this.#journal = this.#disk.open(this.#journalPath(generation));
    this.#generation = generation;
    before.close();
    for (const entry of queued) this.append(entry);
    const text = formatSaved({ ...saved, journal: generation });
    this.#writing = this.#writing.then(() => this.#write(text, generation));
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#journal.close();
  }

  async #write(text: string, generation: number): Promise<void> {
    const path = (name: string): string => join(this.#directory, name);
    await this.#disk.writeLater(path("snapshot.temp"), text);
    if (this.#disk.list(this.#directory).includes("snapshot.json"))
      this.#disk.rename(path("snapshot.json"), path("snapshot.previous.json"));
    this.#disk.rename(path("snapshot.temp"), path("snapshot.json"));
    // Journals that only an older snapshot than the previous one would need.
    for (const old of this.#journals()) if (old < this.#previousGeneration) this.#disk.remove(this.#journalPath(old));
    this.#previousGeneration = generation;
  }

  #nextEpoch(): number {
    const path = join(this.#directory, "epoch");
    const text = this.#disk.read(path);
    const epoch = (text === undefined ? 0 : Number.parseInt(text, 10)) + 1;
    if (!Number.isSafeInteger(epoch)) throw new Error(`${path} holds ${JSON.stringify(text)}, not a number`);
    this.#disk.write(`${path}.temp`, `${epoch}\n`);
    this.#disk.rename(`${path}.temp`, path);
    return epoch;
  }

  #recover(): Recovered {
    const warnings: string[] = [];
    let saved: Saved | undefined;
    for (const name of ["snapshot.json", "snapshot.previous.json"]) {
      const path = join(this.#directory, name);
      const text = this.#disk.read(path);
      if (text === undefined) continue;
      const parsed = parseSaved(text);
      if ("saved" in parsed) {
        saved = parsed.saved;
        break;
      }
      const aside = `${name}.corrupt`;
      this.#disk.rename(path, join(this.#directory, aside));
      warnings.push(`${name} cannot be used (${parsed.why}); it was set aside as ${aside}`);
    }
    const from = saved?.journal ?? 0;
    const entries: JournalEntry[] = [];
    for (const generation of this.#journals().filter((candidate) => candidate >= from)) {
      const journal = parseJournal(this.#disk.read(this.#journalPath(generation)) ?? "");
      entries.push(...journal.entries);
      if (journal.bad > 0)
        warnings.push(`${journal.bad} lines of journal ${generation} are not entries and were skipped`);
    }
    return { saved, entries, warnings };
  }

  #journals(): readonly number[] {
    const found: number[] = [];
    for (const name of this.#disk.list(this.#directory)) {
      const generation = /^journal-(\d{1,15})\.jsonl$/.exec(name)?.[1];
      if (generation !== undefined) found.push(Number(generation));
    }
    return found.sort((a, b) => a - b);
  }

  #journalPath(generation: number): string {
    return join(this.#directory, `journal-${generation}.jsonl`);
  }
}

function unwritable(directory: string, cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Fault("state-unwritable", `the state directory ${directory} cannot be used: ${why}`, { cause });
}
