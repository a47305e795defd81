import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import type { Log } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
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
 * and within two seconds where it does not. What cannot be read or parsed is `unreadable`, never an older or a default value.
 */
export class LimitsDirectory {
  readonly #directory: string;
  readonly #log: Log;
  readonly #onChange: () => void;
  #known = new Map<StrategyId, Known>();
  /** Why the directory as a whole cannot be read. */
  #problem: string | undefined = "the limits have not been read yet";
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: string, log: Log, onChange: () => void = () => undefined) {
    this.#directory = directory;
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
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Reads what has changed. It is synchronous, so that no order is judged by half of a change. */
  refresh(): void {
    let keys: readonly string[];
    try {
      keys = readdirSync(this.#directory);
    } catch (cause) {
      const problem = `the limits directory cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
      if (problem !== this.#problem) this.#log("error", "limits unreadable", { error: problem });
      this.#problem = problem;
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

  #readFile(key: string, strategy: StrategyId, earlier: Known | undefined): Known | undefined {
    const file = join(this.#directory, key);
    let mark = "unread";
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
      mark = `${ino}:${size}:${mtimeNs}:${ctimeNs}`;
      if (earlier?.mark === mark) return earlier;
      const parsed = parseLimits(strategy, readFileSync(file));
      if (parsed.ok) return { mark, entry: { kind: "limits", limits: parsed.value } };
      return this.#unreadable(key, mark, parsed.error.message, earlier);
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
      return this.#unreadable(key, mark, cause instanceof Error ? cause.message : String(cause), earlier);
    }
  }

  #unreadable(key: string, mark: string, message: string, earlier: Known | undefined): Known {
    if (earlier?.entry.kind === "unreadable" && earlier.entry.message === message && earlier.mark === mark)
      return earlier;
    this.#log("error", "limits of a strategy are unreadable: its orders are denied", { key, error: message });
    return { mark, entry: { kind: "unreadable", message } };
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      const watcher = watch(this.#directory, () => this.refresh());
      watcher.on("error", () => {
        // The poll goes on, and starts the next watcher.
        watcher.close();
        this.#watcher = undefined;
      });
      this.#watcher = watcher;
    } catch (cause) {
      this.#log("warn", "limits directory cannot be watched, polling", { error: String(cause) });
    }
  }
}
