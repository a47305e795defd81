import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { AlgorithmError } from "./algorithm.ts";

export interface PlacesOptions {
  /** The module that runs; absolute. */
  readonly file: string;
  /** Its content's SHA-256, hex: a map that names another one is of another version. */
  readonly sha256: string;
  /** Where its source map stands, if it has one. */
  readonly mapFile: string;
  /** The author's file, for what has no better place. */
  readonly entry: string;
}

/** Finds the author's file, line and column for what a module throws. The map is read when something is thrown first: until then it costs nothing. */
export class Places {
  readonly #options: PlacesOptions;
  readonly #frame: RegExp;
  #map: SourceMap | undefined;
  #read = false;

  constructor(options: PlacesOptions) {
    this.#options = options;
    const address = pathToFileURL(options.file).href.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    this.#frame = new RegExp(`${address}:(\\d+):(\\d+)`, "g");
  }

  /** Whatever was thrown by or in the module, with the place that a person can look at: the first frame of the stack that lies in it. */
  blame(thrown: unknown): AlgorithmError {
    try {
      return this.#blame(thrown);
    } catch {
      // It throws again when it is looked at.
      return this.fault("threw something that cannot be read");
    }
  }

  #blame(thrown: unknown): AlgorithmError {
    if (thrown instanceof AlgorithmError) return thrown;
    if (!(thrown instanceof Error)) return this.fault(`threw ${String(thrown)}`);
    // An algorithm may have put anything there.
    const stack = typeof thrown.stack === "string" ? thrown.stack : "";
    const [frame] = stack.matchAll(this.#frame);
    const place = frame === undefined ? this.#options.entry : this.#origin(frame);
    return new AlgorithmError(`${thrown.name}: ${thrown.message}`, { place, traceback: this.#rewrite(stack) });
  }

  /** Whether the module has part in it, so that it is its author's and not ours. */
  concerns(thrown: unknown): boolean {
    try {
      if (!(thrown instanceof Error) || thrown instanceof AlgorithmError) return true;
      return typeof thrown.stack === "string" && thrown.stack.search(this.#frame) >= 0;
    } catch {
      return true;
    }
  }

  /** A fault that has no frame. @param by the function whose answer it is: its line is told if it can be */
  fault(message: string, by?: unknown): AlgorithmError {
    return new AlgorithmError(message, { place: this.#declaration(by) ?? this.#options.entry });
  }

  /** Where a function of the module stands, by its text: there must be no other one like it. */
  #declaration(by: unknown): string | undefined {
    if (typeof by !== "function") return undefined;
    const text = Function.prototype.toString.call(by);
    const source = this.#text();
    const at = source.indexOf(text);
    if (at < 0 || source.includes(text, at + 1)) return undefined;
    const before = source.slice(0, at).split("\n");
    return this.#origin([text, before.length, (before.at(-1) ?? "").length + 1]);
  }

  #text(): string {
    try {
      return readFileSync(this.#options.file, "utf8");
    } catch {
      return "";
    }
  }

  /** The stack in the author's places, without our frames below it. */
  #rewrite(stack: string): string {
    const lines = stack.split("\n");
    const last = lines.findLastIndex((line) => line.search(this.#frame) >= 0);
    const kept = last < 0 ? lines : lines.slice(0, last + 1);
    return kept.join("\n").replace(this.#frame, (...match) => this.#origin(match));
  }

  #origin([, line, column]: readonly unknown[]): string {
    const found = this.#load()?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !("originalSource" in found))
      return `${basename(this.#options.file)}:${String(line)}:${String(column)}`;
    return `${found.originalSource}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  }

  #load(): SourceMap | undefined {
    if (this.#read) return this.#map;
    this.#read = true;
    try {
      const payload: unknown = JSON.parse(readFileSync(this.#options.mapFile, "utf8"));
      const { code } = Object(payload) as { readonly code?: unknown };
      if (code === this.#options.sha256) this.#map = new SourceMap(payload as SourceMapPayload);
    } catch {
      // Without a map that can be read, places are those of the module that runs.
    }
    return this.#map;
  }
}
