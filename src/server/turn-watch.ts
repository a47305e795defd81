import { holderOf, turnMsMax, turnRef } from "#delivery/turn.ts";
import type { CommitSha, Repository } from "#git/port.ts";

/** Which proposal is being merged: it is judged before all others, and what is judged on a main that is about to move waits. */
export interface TurnWatch {
  /** As the repository knows it; undefined: none, or one that nobody has moved for so long that its process must be gone. */
  current(): Promise<number | undefined>;
}

export function createTurnWatch(options: {
  readonly repository: Repository;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
}): TurnWatch {
  const { repository, steady } = options;
  let seen: { readonly at: CommitSha; readonly sinceMs: number } | undefined;
  return {
    async current() {
      const at = await repository.resolve(turnRef);
      if (at === undefined) return undefined;
      if (seen?.at !== at) seen = { at, sinceMs: steady() };
      return steady() - seen.sinceMs > turnMsMax ? undefined : holderOf(repository, at);
    },
  };
}
