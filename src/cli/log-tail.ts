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

/** More than both files of a log hold. */
const bytesMax = 4 * 1024 * 1024;
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

/** One container's log, read from where the last reading ended; `x.log.1` is what `x.log` was before it was turned over. */
export class LogTail {
  readonly #path: string;
  readonly #name: string;
  #inode: bigint | undefined;
  #offset = 0;
  #rest = "";
  #time = "";

  constructor(path: string, name: string) {
    this.#path = path;
    this.#name = name;
  }

  /** The last lines there are now; the next reading goes on behind them. */
  async last(count: number): Promise<readonly LogLine[]> {
    const before = await readFrom(`${this.#path}.1`, 0, undefined);
    const earlier = before === undefined ? [] : this.#take(before.text);
    const lines = [...earlier, ...(await this.next())];
    return count === 0 ? [] : lines.slice(-count);
  }

  /** Lines that are whole since the last reading. */
  async next(): Promise<readonly LogLine[]> {
    const now = await readFrom(this.#path, this.#offset, this.#inode);
    // Between two names while it is turned over.
    if (now === undefined) return [];
    if (now.inode === this.#inode || this.#inode === undefined) {
      this.#inode = now.inode;
      this.#offset += now.bytes;
      return this.#take(now.text);
    }
    const old = await readFrom(`${this.#path}.1`, this.#offset, this.#inode);
    const missed = old?.inode === this.#inode ? this.#take(old.text) : [];
    this.#inode = now.inode;
    this.#offset = now.bytes;
    return [...missed, ...this.#take(now.text)];
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

interface Read {
  readonly inode: bigint;
  readonly text: string;
  readonly bytes: number;
}

/** What stands behind `offset`, or all of it if the file is another one than `inode`; undefined if there is no such file. */
async function readFrom(path: string, offset: number, inode: bigint | undefined): Promise<Read | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
  try {
    const found = await file.stat({ bigint: true });
    const from = inode === undefined || found.ino === inode ? offset : 0;
    const length = Math.max(0, Math.min(Number(found.size) - from, bytesMax));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    return { inode: found.ino, text: buffer.subarray(0, bytesRead).toString("utf8"), bytes: bytesRead };
  } finally {
    await file.close();
  }
}

/** Lines of several containers in the order of their times; each container's own order holds. */
export function mergeByTime(logs: readonly (readonly LogLine[])[]): readonly LogLine[] {
  return logs.flat().sort((a, b) => Number(a.time > b.time) - Number(a.time < b.time));
}
