import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
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
 * Each write is on the disk before it returns (O_SYNC): `fsync` is closed to a process under Node's permission model, and with it the way to
 * make a rename durable. If the machine fails right after one, the file before it is back; the gateway's book fences a repeated epoch.
 */
const durably = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_SYNC;

/**
 * The executor's directory: `epoch`, `snapshot.json`, the snapshot before it, and journals of what happened between. A kill at any moment
 * leaves the last snapshot or the one before it, and the journals since.
 */
export class Store {
  readonly epoch: number;
  readonly recovered: Recovered;
  readonly #directory: string;
  #generation: number;
  #journal: number;
  #previousGeneration: number;
  #writing: Promise<void> = Promise.resolve();

  /** @throws Fault `state-unwritable` */
  constructor(directory: string) {
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true });
      this.epoch = this.#nextEpoch();
      this.recovered = this.#recover();
      const last = Math.max(0, ...this.#journals());
      this.#generation = last + 1;
      this.#previousGeneration = this.recovered.saved?.journal ?? 0;
      this.#journal = openSync(this.#journalPath(this.#generation), "a");
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
      writeSync(this.#journal, `${JSON.stringify(entry)}\n`);
    } catch (cause) {
      throw unwritable(this.#directory, cause);
    }
  }

  /** From here on entries belong to the next snapshot; `queued` happened before and is not in this one. */
  save(saved: Omit<Saved, "journal">, queued: readonly JournalEntry[]): Promise<void> {
    const generation = this.#generation + 1;
    const before = this.#journal;
    this.#journal = openSync(this.#journalPath(generation), "a");
    this.#generation = generation;
    closeSync(before);
    for (const entry of queued) this.append(entry);
    const text = formatSaved({ ...saved, journal: generation });
    this.#writing = this.#writing.then(() => this.#write(text, generation));
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.#writing;
    closeSync(this.#journal);
  }

  async #write(text: string, generation: number): Promise<void> {
    const path = (name: string): string => join(this.#directory, name);
    const file = await open(path("snapshot.temp"), durably);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(path("snapshot.json"), path("snapshot.previous.json")).catch(ignoreMissing);
    await rename(path("snapshot.temp"), path("snapshot.json"));
    // Journals that only an older snapshot than the previous one would need.
    for (const old of this.#journals()) {
      if (old < this.#previousGeneration) await rm(this.#journalPath(old), { force: true });
    }
    this.#previousGeneration = generation;
  }

  #nextEpoch(): number {
    const path = join(this.#directory, "epoch");
    const text = readIfThere(path);
    const epoch = (text === undefined ? 0 : Number.parseInt(text, 10)) + 1;
    if (!Number.isSafeInteger(epoch)) throw new Error(`${path} holds ${JSON.stringify(text)}, not a number`);
    const temp = openSync(`${path}.temp`, durably);
    writeFileSync(temp, `${epoch}\n`);
    closeSync(temp);
    renameSync(`${path}.temp`, path);
    return epoch;
  }

  #recover(): Recovered {
    const warnings: string[] = [];
    let saved: Saved | undefined;
    for (const name of ["snapshot.json", "snapshot.previous.json"]) {
      const path = join(this.#directory, name);
      const text = readIfThere(path);
      if (text === undefined) continue;
      const parsed = parseSaved(text);
      if ("saved" in parsed) {
        saved = parsed.saved;
        break;
      }
      const aside = `${name}.corrupt`;
      rmSync(join(this.#directory, aside), { force: true });
      renameSync(path, join(this.#directory, aside));
      warnings.push(`${name} cannot be used (${parsed.why}); it was set aside as ${aside}`);
    }
    const from = saved?.journal ?? 0;
    const entries: JournalEntry[] = [];
    for (const generation of this.#journals().filter((candidate) => candidate >= from)) {
      const journal = parseJournal(readFileSync(this.#journalPath(generation), "utf8"));
      entries.push(...journal.entries);
      if (journal.bad > 0)
        warnings.push(`${journal.bad} lines of journal ${generation} are not entries and were skipped`);
    }
    return { saved, entries, warnings };
  }

  #journals(): readonly number[] {
    const found: number[] = [];
    for (const name of readdirSync(this.#directory)) {
      const generation = /^journal-(\d{1,15})\.jsonl$/.exec(name)?.[1];
      if (generation !== undefined) found.push(Number(generation));
    }
    return found.sort((a, b) => a - b);
  }

  #journalPath(generation: number): string {
    return join(this.#directory, `journal-${generation}.jsonl`);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    ignoreMissing(cause);
    return undefined;
  }
}

function ignoreMissing(cause: unknown): void {
  if (Reflect.get(Object(cause), "code") !== "ENOENT") throw cause;
}

function unwritable(directory: string, cause: unknown): Fault {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Fault("state-unwritable", `the state directory ${directory} cannot be used: ${why}`, { cause });
}
