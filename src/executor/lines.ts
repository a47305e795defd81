import { err, ok, type Result } from "#core/result.ts";

export interface LineTooLong {
  readonly code: "line-too-long";
  readonly bytesMax: number;
}

/** Cuts a byte stream at `\n`. Characters may be split between chunks; a line over `bytesMax` is refused before it is whole. */
export class LineSplitter {
  readonly #bytesMax: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that are complete now, without `\n`. */
  push(chunk: Buffer): Result<readonly string[], LineTooLong> {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10, from); end !== -1; end = chunk.indexOf(10, from)) {
      if (this.#pendingBytes + end - from > this.#bytesMax) return this.#tooLong();
      lines.push(Buffer.concat([...this.#pending, chunk.subarray(from, end)]).toString("utf8"));
      this.#pending = [];
      this.#pendingBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      this.#pending.push(chunk.subarray(from));
      this.#pendingBytes += chunk.length - from;
    }
    return this.#pendingBytes > this.#bytesMax ? this.#tooLong() : ok(lines);
  }

  #tooLong(): Result<never, LineTooLong> {
    return err({ code: "line-too-long", bytesMax: this.#bytesMax });
  }
}
