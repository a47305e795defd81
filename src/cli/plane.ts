import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result, unreachable } from "#core/result.ts";
import type { Memo } from "#delivery/memo.ts";
import type { CommandContext } from "./context.ts";
import { finding } from "./context.ts";
import { formatDuration } from "./output.ts";
import { type Site, siteMemo } from "./site.ts";

/** Who does the server's work for a command: one on this machine, this process, or one that the forge knows. */
export type Plane = "server" | "here" | "forge";

/** A command says itself what became of it. */
const quietLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * Runs work that a server might be doing as well. With a server the work runs beside it: every ref moves by compare-and-swap, and the server sees
 * what moved. Without one this process is the server for a moment, under the lock, and judges and renders what is open afterwards.
 */
export async function withPlane<Value>(
  context: CommandContext,
  site: Site,
  work: (memo: Memo) => Promise<Value>,
): Promise<Result<{ readonly value: Value; readonly plane: Plane }, Finding>> {
  if (site.mirror !== undefined) return ok({ value: await remembering(site, work), plane: "forge" });
  const { commandNote, takeForgeLock } = await import("./forge-lock.ts");
  const held = await takeForgeLock(context, { state: site.state, note: commandNote });
  switch (held.is) {
    case "taken":
      try {
        const memo = await siteMemo(site);
        const value = await work(memo);
        await reconcileHere(site, context, memo);
        return ok({ value, plane: "here" });
      } finally {
        await held.lock.release();
      }
    case "server":
      return ok({ value: await remembering(site, work), plane: "server" });
    case "busy": {
      const message = `other commands have held the forge for ${formatDuration(held.waitedMs)}; nothing was done`;
      return err(finding("forge-busy", message, "wait for them to end, then run this again"));
    }
    default:
      return unreachable(held);
  }
}

async function remembering<Value>(site: Site, work: (memo: Memo) => Promise<Value>): Promise<Value> {
  const memo = await siteMemo(site);
  const value = await work(memo);
  await memo.specs.save();
  return value;
}

async function reconcileHere({ repository, forge }: Site, context: CommandContext, memo: Memo): Promise<void> {
  const { createControlPlane } = await import("#server/control-plane.ts");
  const report = await createControlPlane({
    repository,
    forge,
    clock: context.now,
    steady: context.steady,
    log: quietLog,
    memo,
  }).reconcile();
  for (const { message } of report.raised) context.out.error(`warning: ${message}`);
}
