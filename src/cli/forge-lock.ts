import { type AlreadyRunning, acquireServerLock, type Lock } from "#server/lock.ts";
import type { CommandContext } from "./context.ts";
import { formatDuration } from "./output.ts";

/** What a command writes into the lock; a server writes something else. */
export const commandNote = "a command";

export interface LockRequest {
  readonly state: string;
  /** For those who meet the lock. */
  readonly note: string;
  /** The person does not want to wait any longer. */
  readonly aborted?: () => boolean;
}

export type ForgeLock =
  | { readonly is: "taken"; readonly lock: Lock }
  /** `slipway up` holds it, and will for long. */
  | { readonly is: "server"; readonly holder: AlreadyRunning }
  /** Commands held it all the time. */
  | { readonly is: "busy"; readonly waitedMs: number };

/** Commands hold the lock for seconds, and many may come at once: each waits for those before it. */
const patienceMs = 120_000;
const pauseMs = 50;
const firstWordMs = 2_000;
const nextWordMs = 15_000;

/** Takes the lock of a state directory, waits for other commands with a bound and says so, and never waits for a server. */
export async function takeForgeLock(
  context: CommandContext,
  { state, note, aborted = () => false }: LockRequest,
): Promise<ForgeLock> {
  const startedMs = context.steady();
  let wordMs = startedMs + firstWordMs;
  for (;;) {
    const nowMs = context.steady();
    const taken = await acquireServerLock(state, { pid: process.pid, startedAtMs: context.now(), note });
    if (taken.ok) return { is: "taken", lock: taken.value };
    const { pid, note: held } = taken.error;
    if (pid !== 0 && held !== commandNote) return { is: "server", holder: taken.error };
    if (nowMs - startedMs > patienceMs || aborted()) return { is: "busy", waitedMs: nowMs - startedMs };
    if (nowMs > wordMs) {
      const who = pid === 0 ? "another command" : `another command (process ${pid})`;
      context.out.error(`waiting for ${who}, which holds the forge; ${formatDuration(nowMs - startedMs)} so far`);
      wordMs = nowMs + nextWordMs;
    }
    await context.pause(pauseMs);
  }
}
