import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import type { Log } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
import { boundsProblem, type LimitBounds, parseBounds } from "./bounds.ts";
import { parseLimits, type StrategyLimits, strategyOfKey } from "./limits.ts";

/** What stands in the directory about a strategy. */
export type LimitsEntry =
  | { readonly kind: "limits"; readonly limits: StrategyLimits }
  | { readonly kind: "unreadable"; readonly message: string }
  | { readonly kind: "absent" };

interface Known {
  /** Inode, size and times: the same mark, the same bytes. */
  readonly mark: string;
  readonly entry: LimitsEntry;
}

const slowPollMs = 2_000;

/**
 * The gateway's limits, one file a strategy, replaced atomically by the cluster. A change is seen at once where the file system tells,
 * and within two seconds where it does not. What cannot be read or parsed, or is beyond the bounds, is `unreadable`, never an older or a
 * default value; so is everything while the bounds themselves cannot be read.
 */
export class LimitsDirectory {
  readonly #directory: string;
  readonly #boundsFile: string;
  #bounds: { readonly mark: string; readonly bounds: LimitBounds } | undefined;
  readonly #log: Log;
  readonly #onChange: () => void;
  #known = new Map<StrategyId, Known>();
  /** Why the directory as a whole cannot be read. */
  #problem: string | undefined = "the limits have not been read yet";
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #due = false;

  constructor(directory: string, boundsFile: string, log: Log, onChange: () => void = () => undefined) {
    this.#directory = directory;
    this.#boundsFile = boundsFile;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Undefined when the limits are read; otherwise why not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  lookup(strategy: StrategyId): LimitsEntry {
    if (this.#problem !== undefined) return { kind: "unreadable", message: this.#problem };
    return this.#known.get(strategy)?.entry ?? { kind: "absent" };
  }

  /** Every strategy whose limits are known. */
  all(): readonly StrategyLimits[] {
    return [...this.#known.values()].flatMap(({ entry }) => (entry.kind === "limits" ? [entry.limits] : []));
  }

  /** Reads, and reads again on changes until `close`. */
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
    this.#timer = undefined;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Reads what has changed. It is synchronous, so that no order is judged by half of a change. */
  refresh(): void {
    let keys: readonly string[];
    try {
      this.#readBounds();
      keys = readdirSync(this.#directory);
    } catch (cause) {
      const what = this.#bounds === undefined ? "the bounds of limits" : "the limits directory";
      const problem = `${what} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
      if (problem === this.#problem) return;
      this.#log("error", "limits unreadable", { error: problem });
      this.#problem = problem;
      this.#onChange();
      return;
    }
    const next = new Map<StrategyId, Known>();
    let changed = false;
    for (const key of keys) {
      // Kubernetes keeps `..data` and dated folders beside the keys.
      if (key.startsWith(".")) continue;
      const strategy = strategyOfKey(key);
      if (strategy === undefined) continue;
      const earlier = this.#known.get(strategy);
      const known = this.#readFile(key, strategy, earlier);
      if (known !== earlier) changed = true;
      if (known !== undefined) next.set(strategy, known);
    }
    changed ||= next.size !== this.#known.size || this.#problem !== undefined;
    this.#known = next;
    this.#problem = undefined;
    if (!changed) return;
    this.#log("info", "limits read", { strategies: next.size });
    this.#onChange();
  }

  /** Throws while there are none: what cannot be held against its bound is not used. */
  #readBounds(): void {
    const earlier = this.#bounds;
    this.#bounds = undefined;
    const mark = markOf(this.#boundsFile);
    if (earlier?.mark === mark) {
      this.#bounds = earlier;
      return;
    }
    const parsed = parseBounds(readFileSync(this.#boundsFile));
    if (!parsed.ok) throw new Error(parsed.error.message);
    this.#bounds = { mark, bounds: parsed.value };
    // Everything is held against them anew.
    this.#known = new Map([...this.#known].map(([strategy, { entry }]) => [strategy, { mark: "other bounds", entry }]));
  }

  #readFile(key: string, strategy: StrategyId, earlier: Known | undefined): Known | undefined {
    const file = join(this.#directory, key);
    let mark = "unread";
    try {
      mark = markOf(file);
      if (earlier?.mark === mark) return earlier;
      const parsed = parseLimits(strategy, readFileSync(file));
      if (!parsed.ok) return this.#unreadable(key, mark, parsed.error.message, earlier);
      const problem = this.#bounds === undefined ? "no bounds" : boundsProblem(this.#bounds.bounds, parsed.value);
      if (problem !== undefined) return this.#unreadable(key, mark, problem, earlier);
      return { mark, entry: { kind: "limits", limits: parsed.value } };
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
      return this.#unreadable(key, mark, cause instanceof Error ? cause.message : String(cause), earlier);
    }
  }

  #unreadable(key: string, mark: string, message: string, earlier: Known | undefined): Known {
    if (earlier?.entry.kind === "unreadable" && earlier.entry.message === message && earlier.mark === mark)
      return earlier;
    this.#log("error", "limits of a strategy cannot be used: its orders are denied", { key, error: message });
    return { mark, entry: { kind: "unreadable", message } };
  }

  /** Many files that change at once are one change. */
  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (this.#timer !== undefined) this.refresh();
    });
  }

  #watch(): void {
    for (const folder of [this.#directory, dirname(this.#boundsFile)]) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, () => this.#soon());
        watcher.on("error", () => {
          // The poll goes on, and starts the next watcher.
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch (cause) {
        this.#log("warn", "limits directory cannot be watched, polling", { error: String(cause) });
      }
    }
  }
}

function markOf(file: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  return `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}
