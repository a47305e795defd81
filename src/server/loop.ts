import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Repository } from "#git/port.ts";
import type { ControlPlane, ReconcileReport, ServerLog } from "./control-plane.ts";

export interface LoopOptions {
  readonly controlPlane: ControlPlane;
  readonly repository: Repository;
  readonly log: ServerLog;
  /** Milliseconds since the epoch: a round starts when a waiver or freeze on main ends or starts. */
  readonly clock: () => number;
  /** Told after each round. */
  readonly onReport?: (report: ReconcileReport) => void;
  /** How long after a change the round starts, so that a burst is one round. Default 20. */
  readonly debounceMs?: number;
  /** A round at least this often, whatever the file system says. Default 2,000. */
  readonly pollMs?: number;
  /** The refs live on another machine, which tells of changes or is asked: the local ones are not watched, and every poll is a round. Default false. */
  readonly remote?: boolean;
  /** The longest wait after a fault. Default 30,000. */
  readonly backoffMsMax?: number;
}

export interface ControlLoop {
  /** Asks for a round soon; for whoever has just changed something. */
  nudge(): void;
  /** Resolves when a round that starts after this call is done, whether it succeeds or not. */
  settled(): Promise<void>;
  /** Starts no further round and waits for the one under way. */
  stop(): Promise<void>;
}

const backoffMsMin = 250;
/** Timers count in 31 bits; one that waits for longer looks again. */
const wakeMsMax = 86_400_000;

/**
 * Runs the control plane when refs change: the Git directory is watched, and asked now and then in case the watch missed something. Never two
 * rounds at once; after a fault the wait doubles.
 */
export function startControlLoop(options: LoopOptions): ControlLoop {
  const {
    controlPlane,
    repository,
    log,
    debounceMs = 20,
    pollMs = 2_000,
    backoffMsMax = 30_000,
    remote = false,
  } = options;
  let timer: NodeJS.Timeout | undefined;
  let alarm: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let backoffMs = 0;
  let seen = "";
  let waiting: (() => void)[] = [];

  const schedule = (ms: number): void => {
    if (stopped || running !== undefined) return;
    clearTimeout(timer);
    timer = setTimeout(begin, ms);
  };
  const nudge = (): void => {
    // Not put off by the next nudge: a stream of changes must not keep the round from starting.
    const planned = again && timer !== undefined;
    again = true;
    if (!planned) schedule(Math.max(debounceMs, backoffMs));
  };
  const wakeAt = (seconds: number | undefined): void => {
    clearTimeout(alarm);
    if (seconds === undefined || stopped) return;
    alarm = setTimeout(nudge, Math.min(wakeMsMax, Math.max(0, seconds * 1_000 - options.clock())));
  };
  const begin = (): void => {
    timer = undefined;
    running = round().finally(() => {
      running = undefined;
      schedule(again ? Math.max(debounceMs, backoffMs) : pollMs);
    });
  };
  const round = async (): Promise<void> => {
    const told = waiting;
    waiting = [];
    const asked = again;
    again = false;
    try {
      const before = await fingerprint(repository);
      // A poll that finds nothing moved has nothing to do.
      if (asked || remote || before !== seen) {
        const report = await controlPlane.reconcile();
        options.onReport?.(report);
        wakeAt(report.nextSeconds);
        // What was there before the round; what came meanwhile starts another one.
        seen = before;
        if (!remote && (await fingerprint(repository)) !== before) again = true;
      }
      backoffMs = 0;
    } catch (error) {
      backoffMs = Math.min(backoffMsMax, Math.max(backoffMsMin, backoffMs * 2));
      again = true;
      log.error({ error, retryMs: backoffMs }, "the control plane failed; it tries again");
    }
    for (const tell of told) tell();
  };
  const watchers = remote ? [] : watchRefs(repository, nudge, log);
  nudge();
  return {
    nudge,
    settled: () =>
      new Promise<void>((resolve) => {
        if (stopped) return resolve();
        waiting.push(resolve);
        nudge();
      }),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(alarm);
      for (const watcher of watchers) watcher.close();
      await running;
      for (const tell of waiting) tell();
      waiting = [];
    },
  };
}

/** All refs and where they stand, as one text. */
async function fingerprint(repository: Repository): Promise<string> {
  const refs = await repository.refs("refs/");
  return [...refs].map(([ref, sha]) => `${ref} ${sha}`).join("\n");
}

/** Loose refs are files below `refs/`, packed ones are in `packed-refs` beside it. Without a watch the poll remains. */
function watchRefs(repository: Repository, nudge: () => void, log: ServerLog): readonly FSWatcher[] {
  const watchers: FSWatcher[] = [];
  const add = (path: string, recursive: boolean, concerns: (name: string) => boolean): void => {
    try {
      const watcher = watch(path, { recursive, persistent: false }, (_event, name) => {
        if (name === null || concerns(name)) nudge();
      });
      watcher.on("error", (error) => {
        log.warn({ error, path }, "the watch on refs ended; changes are found by asking");
        watcher.close();
      });
      watchers.push(watcher);
    } catch (error) {
      log.warn({ error, path }, "refs cannot be watched; changes are found by asking");
    }
  };
  add(join(repository.directory, "refs"), true, (name) => !name.endsWith(".lock"));
  add(repository.directory, false, (name) => name === "packed-refs");
  return watchers;
}
