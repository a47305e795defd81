import { randomUUID } from "node:crypto";
import type { Turn } from "#delivery/merge.ts";
import type { Lock } from "#server/lock.ts";
import type { CommandContext } from "./context.ts";
import { formatDuration } from "./output.ts";
import type { Site } from "./site.ts";

/** Longer than a hundred merges take on this machine. Whoever has waited so long goes without. */
const patienceMs = 300_000;
const lookMs = { first: 25, most: 500 };
const firstWordMs = 5_000;
const nextWordMs = 30_000;

type Waiting = Pick<CommandContext, "now" | "steady" | "pause"> & {
  readonly out: Pick<CommandContext["out"], "error">;
};

export interface Merging {
  readonly number: number;
  readonly by: { readonly name: string; readonly email: string };
}

/** One's place among those who merge: on this machine by a lock, which ends with its process, and on a forge by a branch there. */
export async function turnFor(
  context: Waiting,
  { forge, mirror, state }: Pick<Site, "forge" | "mirror" | "state">,
  merging: Merging,
): Promise<Turn> {
  const say = sayingFor(context);
  const { pause, now: clock, steady } = context;
  if (mirror === undefined) return lockTurn(context, state, say);
  const { turnOf } = await import("#delivery/turn.ts");
  const own = { id: randomUUID(), random: Math.random, onWait: say };
  return turnOf({ repository: mirror, forge, ...merging, ...own, clock, steady, pause });
}

type Say = (holder: number | undefined, waitedMs: number) => void;

function sayingFor({ out }: Waiting): Say {
  let wordMs = firstWordMs;
  return (holder, waitedMs) => {
    if (waitedMs < wordMs) return;
    const whom = holder === undefined ? "another proposal" : `proposal #${holder}`;
    out.error(`waiting for its turn while ${whom} is being merged; ${formatDuration(waitedMs)} so far`);
    wordMs = waitedMs + nextWordMs;
  };
}

/** A server and commands beside it move main by compare-and-swap; those who wait for each other lose none of what they have judged. */
function lockTurn({ now, steady, pause }: Waiting, state: string, say: Say): Turn {
  let lock: Lock | undefined;
  let without = false;
  return {
    async before() {
      if (lock !== undefined || without) return false;
      const { acquireLock } = await import("#server/lock.ts");
      const startedMs = steady();
      for (let looks = 0; ; looks += 1) {
        const taken = await acquireLock(state, "merge", { pid: process.pid, startedAtMs: now(), note: "" });
        if (taken.ok) {
          lock = taken.value;
          return looks > 0;
        }
        const waitedMs = steady() - startedMs;
        without = waitedMs > patienceMs;
        if (without) return true;
        say(undefined, waitedMs);
        await pause(Math.min(lookMs.most, lookMs.first * (looks + 1)));
      }
    },
    async done() {
      await lock?.release();
      lock = undefined;
    },
  };
}
