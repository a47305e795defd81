import { assert, Fault } from "#core/result.ts";
import type { Forge } from "#forge/port.ts";
import { branchRef } from "#git/names.ts";
import type { CommitSha, Mirror, Repository } from "#git/port.ts";
import type { Turn } from "./merge.ts";
import { mainRef } from "./names.ts";

/**
 * Whose turn it is to merge, on a forge that many machines share: a branch of one commit, made and taken away by compare-and-swap. It holds up nobody
 * who does not look at it, the forge's own button for one.
 */
export const turnRef = branchRef("slipway/turn");

/** One that stands still for so long was left by a process that was killed: the next one takes it over. Each counts by its own clock. */
export const turnMsMax = 60_000;
/** Longer than a train of a hundred. Whoever has waited so long goes without. */
const patienceMs = 900_000;
const lookMs = { least: 300, most: 4_000 };

export interface TurnOptions {
  readonly repository: Mirror;
  readonly forge: Forge;
  readonly number: number;
  readonly by: { readonly name: string; readonly email: string };
  /** No other process has the same. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Of 0 to 1: those who wait do not all look at the same moment. */
  readonly random: () => number;
  /** Told at each look, for how long it has waited so far. */
  readonly onWait?: (holder: number | undefined, waitedMs: number) => void;
}

/** Whoever merges alone pays nothing for it: the first attempt is made without a turn if nobody has one. */
export function turnOf(options: TurnOptions): Turn {
  const { repository } = options;
  let held: CommitSha | undefined;
  let without = false;
  return {
    async before(lost) {
      if (held !== undefined || without) return false;
      if (lost === 0 && (await repository.resolve(turnRef)) === undefined) return false;
      held = await take(options);
      without = held === undefined;
      return true;
    },
    async done() {
      if (held === undefined) return;
      // What is left of it is taken over; the merge has happened, or will not.
      await repository.updateRef(turnRef, null, held).catch(onlyFaults);
      held = undefined;
    },
  };
}

function onlyFaults(cause: unknown): void {
  if (!(cause instanceof Fault)) throw cause;
}

/** @returns undefined where the forge takes no such branch, or after a long time: then it goes without one */
async function take(options: TurnOptions): Promise<CommitSha | undefined> {
  const { repository, forge, steady, pause, random, onWait } = options;
  const startedMs = steady();
  let seen: { readonly at: CommitSha | null; readonly sinceMs: number } | undefined;
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs = steady() - startedMs) {
    const at = (await (forge.tip ?? repository.resolve)(turnRef)) ?? null;
    if (seen?.at !== at) seen = { at, sinceMs: steady() };
    if (at === null || steady() - seen.sinceMs > turnMsMax) {
      const taken = await takeFrom(options, at);
      if (taken !== "lost") return taken;
    } else onWait?.(await holderOf(repository, at), waitedMs);
    // The longer, the more wait with it: they look less often, and in turns.
    const most = Math.min(lookMs.most, lookMs.least + waitedMs / 5);
    await pause(lookMs.least + random() * (most - lookMs.least));
  }
  return undefined;
}

async function takeFrom(options: TurnOptions, at: CommitSha | null): Promise<CommitSha | undefined | "lost"> {
  const { repository } = options;
  const commit = await mark(options);
  try {
    if (!(await repository.updateRef(turnRef, commit, at)).ok) return "lost";
    await repository.fetch();
    return commit;
  } catch (cause) {
    onlyFaults(cause);
    return undefined;
  }
}

async function mark({ repository, number, by, id, clock }: TurnOptions): Promise<CommitSha> {
  const main = await repository.resolve(mainRef);
  assert(main !== undefined, "a proposal without a main");
  const { tree } = await repository.commit(main);
  const signature = { name: by.name, email: by.email, timeSeconds: Math.floor(clock() / 1_000) };
  const message = `Turn of #${number}\n\n${id}\n`;
  return repository.writeCommit({ tree, parents: [], author: signature, committer: signature, message });
}

/** The number of the proposal that is being merged, if the repository has heard of it. */
export async function holderOf(repository: Repository, turn: CommitSha): Promise<number | undefined> {
  if (!(await repository.has(turn))) return undefined;
  const { message } = await repository.commit(turn);
  const number = Number(/^Turn of #([1-9]\d{0,9})\n/.exec(message)?.[1]);
  return Number.isSafeInteger(number) ? number : undefined;
}
