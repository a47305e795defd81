import { createHash } from "node:crypto";
import type { Log } from "#bus/process.ts";
import { decimal } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { canonicalJson } from "#core/json.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import { slotFiles } from "#core/slots.ts";
import { type Algorithm, AlgorithmError, type AlgorithmFacts, describeFailure } from "./algorithm.ts";
import { withDeadline } from "./loop.ts";
import { redo } from "./orders.ts";
import { openPortfolio } from "./portfolio.ts";
import type { Saved } from "./saved.ts";
import type { StartOptions } from "./start.ts";
import { type Kept, noCounters } from "./state.ts";
import { Table } from "./table.ts";

// What a strategy has from before this process: its portfolio and orders always, its algorithm's state where that can read it.

/** Who writes the state from here on. What a strategy holds and owes is kept whoever did. */
export function writtenBy(
  { params, portfolio }: EffectiveStrategy,
  digest: string | undefined,
): Pick<Saved, "writer" | "wrote"> {
  const files = Object.entries(slotFiles(portfolio)).map(([name, file]) => `\0${name} ${file}`);
  const writer = createHash("sha256")
    .update(`${digest ?? ""}\0${canonicalJson(params)}${files.join("")}`)
    .digest("hex");
  return { writer, wrote: { ...(digest === undefined ? {} : { version: digest }), params } };
}

interface Restored {
  readonly kept: Kept;
  /** The algorithm has its state of the last snapshot. */
  readonly restored: boolean;
  /** Order events since then, which that state does not know. */
  readonly untold: readonly OrderEventMessage[];
  /** Why it trades without a state that there is. */
  readonly trouble?: string;
}

/** @throws Fault `algorithm-failed` when it cannot take its state and the policy is `halt` */
export async function restore(
  { effective, store, log }: Pick<StartOptions, "effective" | "store" | "log">,
  { algorithm, facts }: { readonly algorithm: Algorithm; readonly facts: AlgorithmFacts },
  { writer }: Pick<Saved, "writer">,
): Promise<Restored> {
  const { saved, entries, warnings } = store.recovered;
  for (const warning of warnings) log("error", warning);
  let kept: Kept = saved?.kept ?? {
    portfolio: openPortfolio(decimal(effective.portfolio.startingCash)),
    counters: noCounters,
    pending: new Map(),
    processed: Table.of(),
    timers: new Map(),
    commands: [],
    told: undefined,
  };
  const untold: OrderEventMessage[] = [];
  for (const entry of entries) {
    const next = redo(kept, entry);
    if (entry.kind === "order-event" && next !== kept) untold.push(entry.event);
    kept = next;
  }
  // Without a snapshot it has no state either, and hears of what happened since its first start.
  if (saved === undefined) return { kept, restored: false, untold };
  log("info", "recovered", { savedAtMs: saved.savedAtMs, journalled: entries.length, pending: kept.pending.size });
  const same = saved.writer === writer;
  const anew: Restored = { kept: { ...kept, processed: Table.of() }, restored: false, untold: [] };
  try {
    // A snapshot of before there was a name of who wrote it is nobody's to read but its own.
    const takes = same || (saved.wrote !== undefined && facts.hooks.has("restore_other"));
    const by = { params: {}, ...saved.wrote, same };
    if (takes && (await withDeadline("restore", algorithm.restore(saved.algorithm, by)))) {
      if (!same) log("info", "the algorithm or its params changed: it was given the state of the version before");
      return { kept, restored: true, untold };
    }
    log("warn", "the algorithm or its params changed: it starts without its old state, with the same portfolio");
    return anew;
  } catch (thrown) {
    if (!(thrown instanceof AlgorithmError)) throw thrown;
    tellStory(thrown, log);
    const failure = describeFailure(thrown, "failed", " in restore()");
    if (effective.errorPolicy === "halt")
      throw new Fault("algorithm-failed", `${failure}; it does not trade without its old state, since onError is halt`);
    const trouble = `it trades without its old state: ${failure}`;
    log("error", trouble);
    return { ...anew, trouble };
  }
}

/** The whole story, with what the algorithm said before, ahead of the line that tells it short. */
export function tellStory({ traceback, said }: AlgorithmError, log: Log): void {
  for (const { level, message } of said.logs) log(level, message);
  if (traceback !== undefined) log("error", traceback);
}
