import type { Halt } from "#core/halt.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { authorOf, proposeHalt } from "#delivery/halts.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import type { Forge } from "#forge/port.ts";
import type { Repository } from "#git/port.ts";
import type { ServerLog } from "./control-plane.ts";

export interface HaltRecorderOptions {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly environment: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  readonly log: ServerLog;
  readonly memo?: Memo;
  /** How long whoever halted has to record it; default 3,000. */
  readonly graceMs?: number;
  /** Default 2,000. */
  readonly pollMs?: number;
}

export interface HaltRecorder {
  /** What the gateway says it holds; those of which Git knows nothing are recorded after a while. */
  seen(halts: readonly (Halt & { readonly recorded: boolean })[]): void;
  /** Waits for the record under way. */
  stop(): Promise<void>;
}

/**
 * Writes to Git what the gateway was told to stop and nobody has written there: the command that did it was killed, or came from elsewhere. It is
 * the same proposal whoever makes it, merged on the fast lane: it only tightens.
 */
export function startHaltRecorder(options: HaltRecorderOptions): HaltRecorder {
  const { steady, log, graceMs = 3_000, pollMs = 2_000 } = options;
  const waiting = new Map<string, { readonly halt: Halt; readonly sinceMs: number }>();
  let working: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    for (const { halt, sinceMs } of [...waiting.values()]) {
      if (steady() - sinceMs < graceMs) continue;
      try {
        await record(options, halt);
      } catch (error) {
        // It holds without Git, too; the next round tries again.
        log.error({ error, halt: halt.id }, "a halt was not recorded");
      }
    }
  };
  const timer = setInterval(() => {
    if (working !== undefined || waiting.size === 0) return;
    working = work().finally(() => {
      working = undefined;
    });
  }, pollMs);
  timer.unref();
  return {
    seen(halts) {
      const missing = new Map(halts.filter(({ recorded }) => !recorded).map((halt) => [halt.id, halt]));
      for (const id of [...waiting.keys()]) if (!missing.has(id)) waiting.delete(id);
      for (const [id, halt] of missing) if (!waiting.has(id)) waiting.set(id, { halt, sinceMs: steady() });
    },
    async stop() {
      clearInterval(timer);
      await working;
    },
  };
}

async function record(options: HaltRecorderOptions, halt: Halt): Promise<void> {
  const { repository, forge, environment, clock, log, memo = createMemo() } = options;
  const by = authorOf(halt.by);
  const opened = await proposeHalt({ repository, forge, author: by, clock, memo, environment, halt });
  if (!opened.ok) {
    if (opened.error.code !== "nothing-to-deploy")
      log.error({ halt: halt.id, code: opened.error.code, error: opened.error.message }, "a halt was not recorded");
    return;
  }
  const { number } = opened.value.proposal;
  const merged = await mergeProposal({ repository, forge, number, by, clock, memo });
  if (merged.ok) log.info({ halt: halt.id, number, commit: merged.value.commit }, "a halt was recorded");
  else
    log.error({ halt: halt.id, number, code: merged.error.code, error: merged.error.message }, "a halt was not merged");
}
