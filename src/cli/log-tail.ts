import { type FileHandle, open } from "node:fs/promises";

/** A line of a container's log, as `src/local/log-file.ts` writes it: its time, a space, its text. */
export interface LogLine {
  /** The log's name, as it was opened. */
  readonly log: string;
  /** ISO 8601, UTC, milliseconds: sorts as text. Never earlier than the line before it in the same file. */
  readonly time: string;
  /** With the time in front. */
  readonly text: string;
}

/** More than one file of a log holds. */
const bytesMax = 4 * 1024 * 1024;
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

/**
 * One container's log, read from where the last reading ended; `x.log.1` is what `x.log` was before it was turned over. What is followed
 * is the open file and not its name, so that a reading finds all that is written, whatever the file is called just then.
 */
export class LogTail {
  readonly #path: string;
  readonly #name: string;
  #file: FileHandle | undefined;
  #offset = 0;
  #rest = "";
  #time = "";

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  /** The last lines there are now; the next reading goes on behind them. */
  async last(count: number): Promise<readonly LogLine[]> {
    const file = await openIfThere(this.#path);
    const before = await openIfThere(`${this.#path}.1`);
    // Turned over between the two: the one before is gone.
    const isSame = file !== undefined && before !== undefined && (await isOneFile(file, before));
    const lines: LogLine[] = [];
    for (const next of [before, isSame ? undefined : file]) {
      if (next === undefined) continue;
      await this.#goOnWith(next);
      lines.push(...(await this.#read()));
    }
    if (isSame) await file.close();
    return count === 0 ? [] : lines.slice(-count);
  }

  /** Lines that are whole since the last reading: all that were on disk when it began, at least. */
  async next(): Promise<readonly LogLine[]> {
    const lines = await this.#read();
    const now = await openIfThere(this.#path);
    // Between two names while it is turned over.
    if (now === undefined) return lines;
    if (this.#file !== undefined && (await isOneFile(this.#file, now))) {
      await now.close();
      return lines;
    }
    // Nothing is added to the one before any more.
    const missed = await this.#read();
    await this.#goOnWith(now);
    return [...lines, ...missed, ...(await this.#read())];
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #goOnWith(file: FileHandle): Promise<void> {
    await this.close();
    this.#file = file;
    this.#offset = 0;
  }

  async #read(): Promise<readonly LogLine[]> {
    if (this.#file === undefined) return [];
    const { size } = await this.#file.stat();
    const length = Math.max(0, Math.min(size - this.#offset, bytesMax));
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, this.#offset);
    this.#offset += bytesRead;
    return this.#take(buffer.subarray(0, bytesRead).toString("utf8"));
  }

  #take(text: string): readonly LogLine[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => {
      const time = timeForm.exec(line)?.[0].trimEnd() ?? this.#time;
      // The machine's clock may have been set back; a file's own order holds.
      if (time > this.#time) this.#time = time;
      return { log: this.#name, time: this.#time, text: line };
    });
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

async function isOneFile(one: FileHandle, other: FileHandle): Promise<boolean> {
  const [a, b] = [await one.stat({ bigint: true }), await other.stat({ bigint: true })];
  return a.ino === b.ino && a.dev === b.dev;
}

/** Lines of several containers in the order of their times; each container's own order holds. */
export function mergeByTime(logs: readonly (readonly LogLine[])[]): readonly LogLine[] {
  return logs.flat().sort((a, b) => Number(a.time > b.time) - Number(a.time < b.time));
}
