import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

const rotateBytes = 2 ** 20;
const lineCharactersMax = 16_384;
/** What a container may write to its log each second, after a burst. */
const bytesPerSecond = 128 * 1024;
const burstBytes = 512 * 1024;
/** What is read and thrown away each tick before the pipe is left full: a flooding program then waits, not we. */
const readBytesPerTick = 512 * 1024;
const tickMs = 100;
/** An error line is about the end of a run if it came so long before it at most, with so many lines after it. */
const wordsMs = 5_000;
const wordsLinesMax = 5;

/**
 * The log of one container: each line with a time, two files of 1 MiB (`x.log`, `x.log.1`). Lines above the rate are dropped and counted;
 * memory is bounded by one line a stream. Writes are to the page cache, at most the rate above, so they are made in place.
 */
export class LogFile {
  readonly #path: string;
  readonly #clock: () => number;
  #file: number;
  #sizeBytes: number;
  #allowance = burstBytes;
  #dropped = 0;
  #droppedInRun = 0;
  #closed = false;
  #read = 0;
  #lastLine = "";
  #lastErrorLine = "";
  #lastErrorAtMs = 0;
  /** Lines of standard output since the last error line. */
  #linesSince = 0;
  #sawHeapLimit = false;
  readonly #streams = new Set<Readable>();
  readonly #tick: NodeJS.Timeout;

  constructor(path: string, clock: () => number) {
    this.#path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, "a", 0o600);
    this.#sizeBytes = statSync(path).size;
    this.#tick = setInterval(() => this.#refill(), tickMs);
    this.#tick.unref();
  }

  /**
   * What a run said at its end: its last line of standard error, or error line of a structured log, without control characters. Empty if there was none,
   * or if it is so old, or so much was said after it, that it is not about the end.
   */
  lastWords(endedAtMs: number): string {
    const old = this.#lastErrorAtMs < endedAtMs - wordsMs || this.#linesSince > wordsLinesMax;
    return old ? "" : this.#lastErrorLine;
  }

  /** How many lines of this run went lost. */
  get linesDropped(): number {
    return this.#droppedInRun;
  }

  /** The last line of this run, in the same form. */
  get lastLine(): string {
    return printable(errorText(this.#lastLine));
  }

  /** Whether V8 said in this run that its heap is full. */
  get sawHeapLimit(): boolean {
    return this.#sawHeapLimit;
  }

  /** Forgets the last run's error line. */
  startRun(): void {
    this.#droppedInRun = 0;
    this.#lastLine = "";
    this.#lastErrorLine = "";
    this.#sawHeapLimit = false;
  }

  /** Reads a pipe; the promise ends when all that came through it is taken and it is closed. */
  follow(stream: Readable, kind: "stdout" | "stderr"): Promise<void> {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    const take = (text: string): void => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > lineCharactersMax) {
        lines.push(rest.slice(0, lineCharactersMax));
        rest = "";
      }
      this.#write(lines, kind);
    };
    this.#streams.add(stream);
    stream.on("data", (chunk: Buffer) => {
      this.#read += chunk.length;
      if (this.#read > readBytesPerTick) stream.pause();
      take(decoder.write(chunk));
    });
    stream.on("error", () => undefined); // The pipe ends with its process; `close` follows.
    return new Promise((resolve) => {
      stream.once("close", () => {
        this.#streams.delete(stream);
        take(decoder.end());
        if (rest !== "") this.#write([rest], kind);
        resolve();
      });
    });
  }

  /** A line of our own, for example why the container was restarted. Never dropped. */
  note(message: string): void {
    this.#append(`${new Date(this.#clock()).toISOString()} slipway: ${message}\n`);
  }

  /** Call it when every followed pipe has closed; what comes later is not written. */
  close(): void {
    if (this.#closed) return;
    clearInterval(this.#tick);
    this.#reportDropped();
    this.#closed = true;
    closeSync(this.#file);
  }

  #refill(): void {
    this.#allowance = Math.min(burstBytes, this.#allowance + (bytesPerSecond * tickMs) / 1000);
    this.#read = 0;
    if (this.#dropped > 0 && this.#allowance > bytesPerSecond / 2) this.#reportDropped();
    for (const stream of this.#streams) if (stream.isPaused()) stream.resume();
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.note(
      `dropped ${dropped} ${dropped === 1 ? "line" : "lines"}: more than ${bytesPerSecond / 1024} KiB a second`,
    );
  }

  #write(lines: readonly string[], kind: "stdout" | "stderr"): void {
    const time = `${new Date(this.#clock()).toISOString()} `;
    let text = "";
    for (const line of lines) {
      const length = line.length + time.length + 1;
      if (this.#dropped > 0 || length > this.#allowance) {
        this.#dropped += 1;
        this.#droppedInRun += 1;
        continue;
      }
      this.#allowance -= length;
      text += `${time}${line.length > lineCharactersMax ? line.slice(0, lineCharactersMax) : line}\n`;
    }
    if (text !== "") this.#append(text);
    this.#lastLine = lines.at(-1) ?? this.#lastLine;
    const last = lines.findLast((line) =>
      kind === "stderr" ? /[\p{L}\p{N}]/u.test(line) : line.includes('"level":"error"'),
    );
    if (last !== undefined) {
      this.#lastErrorLine = printable(errorText(last));
      this.#lastErrorAtMs = this.#clock();
    }
    this.#linesSince =
      last === undefined ? this.#linesSince + lines.length : lines.length - 1 - lines.lastIndexOf(last);
    if (kind === "stderr") this.#sawHeapLimit ||= lines.some((line) => line.includes("JavaScript heap out of memory"));
  }

  #append(text: string): void {
    if (this.#closed) return; // The descriptor's number may already be another file's.
    const bytes = Buffer.from(text);
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > rotateBytes) {
      closeSync(this.#file);
      renameSync(this.#path, `${this.#path}.1`);
      this.#file = openSync(this.#path, "a", 0o600);
      this.#sizeBytes = 0;
    }
    writeSync(this.#file, bytes);
    this.#sizeBytes += bytes.length;
  }
}

/** What an error line says: the message of a structured one, as the processes of ours write to standard output, else the whole line. */
export function errorText(line: string): string {
  if (!line.startsWith("{") || line.length > lineCharactersMax) return line;
  try {
    const value: unknown = JSON.parse(line);
    const message = typeof value === "object" && value !== null && "message" in value ? value.message : undefined;
    return typeof message === "string" ? message : line;
  } catch {
    return line; // Not JSON after all.
  }
}

/** Text of a program made fit for one line of a terminal: no control or direction characters, at most 300 characters. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, " ").trim();
  return clean.length > 300 ? `${clean.slice(0, 299)}…` : clean;
}
