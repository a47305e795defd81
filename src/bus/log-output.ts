import { writeSync } from "node:fs";

/** What is kept for a reader that is slower than the log. */
const keptBytesMax = 256 * 1024;
/** What warnings and errors may take beyond it. */
const urgentBytesMax = 64 * 1024;
const retryMs = 20;
/** How long a process that ends waits for a reader that has stopped. */
const lastWordsMs = 500;

/** Where lines go to, and when they must be gone. `process` is one. */
export interface LogTarget {
  /** Node makes a pipe non-blocking once this was asked for. */
  readonly stdout: { readonly fd: number };
  on(event: "exit", handler: () => void): unknown;
}

/**
 * The standard output of a process that never waits for who reads it. A pipe that nobody reads fills up; from then on lines are kept up to a bound, and
 * what comes beyond is dropped and told of, in its place, once somebody reads again. (Node's own stream keeps without a bound and loses at an exit
 * what it kept; sonic-boom waits at an exit for ever.) Files take everything at once; a terminal that was stopped does block.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #describeDropped: (lines: number) => string;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #dropped = 0;
  /** How many the line tells of that is on its way. */
  #telling = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Once the process ends: until when it waits, in milliseconds of `performance.now()`. */
  #endMs: number | undefined;

  /** @param describeDropped the line that says how many are missing, with its line break */
  constructor(fd: number, describeDropped: (lines: number) => string) {
    this.#fd = fd;
    this.#describeDropped = describeDropped;
  }

  /** @param line with its line break */
  write(line: string, isUrgent: boolean): void {
    const bytes = Buffer.from(line);
    const bytesMax = keptBytesMax + (isUrgent ? urgentBytesMax : 0);
    if (this.#keptBytes + bytes.length > bytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#keep(bytes);
    if (this.#endMs !== undefined) this.#drain(this.#endMs);
    // Whoever waits already waits his turn.
    else if (this.#retry === undefined) this.#send();
  }

  /** The process ends: all that is kept goes out now, as far as somebody takes it. What is written later goes the same way. */
  end(): void {
    this.#endMs ??= performance.now() + lastWordsMs;
    clearTimeout(this.#retry);
    this.#drain(this.#endMs);
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  #send(): void {
    this.#retry = undefined;
    if (this.#sendKept()) return;
    this.#retry = setTimeout(() => this.#send(), retryMs);
    this.#retry.unref();
  }

  #drain(endMs: number): void {
    while (!this.#sendKept() && performance.now() < endMs) pause(retryMs);
  }

  /** @returns whether nothing is left to be sent */
  #sendKept(): boolean {
    for (;;) {
      if (this.#kept.length === 0 && this.#dropped > 0) {
        [this.#telling, this.#dropped] = [this.#dropped, 0];
        this.#keep(Buffer.from(this.#describeDropped(this.#telling)));
      }
      if (this.#kept.length === 0) return true;
      const [bytes = Buffer.alloc(0)] = this.#kept.length === 1 ? this.#kept : [Buffer.concat(this.#kept)];
      const written = this.#tryWrite(bytes);
      if (written === "gone") return true;
      const rest = bytes.subarray(written);
      this.#kept = rest.length === 0 ? [] : [rest];
      this.#keptBytes = rest.length;
      if (rest.length > 0) return false;
      this.#telling = 0;
    }
  }

  #tryWrite(bytes: Buffer): number | "gone" {
    try {
      return writeSync(this.#fd, bytes);
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "EAGAIN") return 0;
      // The reader has ended, or the disk is full: a log is no reason to end.
      this.#dropped += countLines(this.#kept) + Math.max(0, this.#telling - 1);
      [this.#kept, this.#keptBytes, this.#telling] = [[], 0, 0];
      return "gone";
    }
  }
}

function countLines(chunks: readonly Buffer[]): number {
  let lines = 0;
  for (const chunk of chunks) for (const byte of chunk) if (byte === 10) lines += 1;
  return lines;
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
