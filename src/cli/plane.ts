import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { CommandContext } from "./context.ts";
import { finding } from "./context.ts";
import type { Site } from "./site.ts";

/** Who does the server's work for a command. */
export type Plane = "server" | "here";

const commandNote = "a command";
/** A command says itself what became of it. */
const quietLog = { info: () => undefined, warn: () => undefined, error: () => undefined };
const lockTries = 50;
const lockPauseMs = 100;

/**
 * Runs work that a server might be doing as well. With a server the work runs beside it: every ref moves by compare-and-swap, and the server sees
 * what moved. Without one this process is the server for a moment, under the lock, and judges and renders what is open afterwards.
 */
export async function withPlane<Value>(
  context: CommandContext,
  site: Site,
  work: () => Promise<Value>,
): Promise<Result<{ readonly value: Value; readonly plane: Plane }, Finding>> {
  const { acquireServerLock } = await import("#server/lock.ts");
  for (let tries = 0; tries < lockTries; tries += 1) {
    const holder = { pid: process.pid, startedAtMs: context.now(), note: commandNote };
    const lock = await acquireServerLock(site.state, holder);
    if (lock.ok) {
      try {
        const value = await work();
        await reconcileHere(site, context);
        return ok({ value, plane: "here" });
      } finally {
        await lock.value.release();
      }
    }
    if (lock.error.pid !== 0 && lock.error.note !== commandNote) {
      return ok({ value: await work(), plane: "server" });
    }
    await context.pause(lockPauseMs);
  }
  return err(
    finding("forge-busy", "another command has held the forge for 5 s", "wait for it to end, then run this again"),
  );
}

async function reconcileHere({ repository, forge }: Site, context: CommandContext): Promise<void> {
  const { createControlPlane } = await import("#server/control-plane.ts");
  const report = await createControlPlane({ repository, forge, clock: context.now, log: quietLog }).reconcile();
  for (const { message } of report.raised) context.out.error(`warning: ${message}`);
}
