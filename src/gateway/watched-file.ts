import { type FSWatcher, readFileSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "#bus/process.ts";
import type { Result } from "#core/result.ts";

export interface WatchedFileOptions<Value> {
  readonly file: string;
  /** What it is, as the start of a sentence. */
  readonly what: string;
  readonly parse: (bytes: Uint8Array) => Result<Value, { readonly message: string }>;
  readonly log: Log;
  readonly onChange: () => void;
}

const slowPollMs = 2_000;

/**
 * A file that the cluster replaces. A change is seen at once where the file system tells, and within two seconds where it does not. What cannot be
 * read is no value, never the one before.
 */
export class WatchedFile<Value> {
  readonly #options: WatchedFileOptions<Value>;
  #mark = "";
  #value: Value | undefined;
  #problem: string | undefined = "it has not been read yet";
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchedFileOptions<Value>) {
    this.#options = options;
  }

  /** Undefined while the file cannot be read; `problem` says why. */
  get value(): Value | undefined {
    return this.#value;
  }
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.refresh();
    this.#timer = setInterval(() => {
      this.#watch();
      this.refresh();
    }, slowPollMs);
    this.#watch();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  refresh(): void {
    const { file, what, parse, log, onChange } = this.#options;
    let read: Result<Value, { readonly message: string }>;
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
      const mark = `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      if (mark === this.#mark && this.#problem === undefined) return;
      this.#mark = mark;
      read = parse(readFileSync(file));
    } catch (cause) {
      read = { ok: false, error: { message: cause instanceof Error ? cause.message : String(cause) } };
    }
    const problem = read.ok ? undefined : `${what} cannot be read: ${read.error.message}`;
    if (problem !== undefined && problem === this.#problem) return;
    if (problem !== undefined) log("error", "a file of the platform is unreadable", { file, error: problem });
    this.#problem = problem;
    this.#value = read.ok ? read.value : undefined;
    onChange();
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      const watcher = watch(dirname(this.#options.file), () => this.refresh());
      watcher.on("error", () => {
        // The poll goes on, and starts the next watcher.
        watcher.close();
        this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch (cause) {
      this.#options.log("warn", "a file cannot be watched, polling", {
        file: this.#options.file,
        error: String(cause),
      });
    }
  }
}
