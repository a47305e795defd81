import type { StrategyId } from "#core/identity.ts";
import { parseStrategyId } from "#core/identity.ts";
import type { ClusterStatus } from "#core/status.ts";
import { tellsOf, withArrival } from "#delivery/arrival-comment.ts";
import { environmentRef, strategiesOf } from "#delivery/names.ts";
import { trailerValues } from "#delivery/trailers.ts";
import { heldToGit } from "#delivery/unapplied.ts";
import type { Arrival, Forge } from "#forge/port.ts";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import { type Awaited, arrivalOf, isUnseen } from "./arrival.ts";

/** Asks a cluster what runs of an environment. */
export type Observe = (environment: string) => Promise<ClusterStatus>;

export interface Followed {
  readonly arrival: Arrival;
  readonly dry: CommitSha;
  /** Whether Argo CD has not looked at it where it changes something: by the Applications whose folders these are. Reads Git. */
  readonly isUnseen: () => Promise<boolean>;
}

/** How many of a branch's last commits are followed until they run: one that came before those is overtaken. */
const followedMax = 10;
const holdingMax = 100;

export interface Follower {
  /**
   * Says on the forge what became of an environment's last commits: a status of the commit of main that each is of, a deployment where the forge has
   * them, and the comment of its proposal. What was said already is not said again.
   *
   * @returns those that do not run yet, or not at all
   */
  follow(environment: string): Promise<readonly Followed[]>;
}

/** What it has said is remembered to spare requests; another process asks the forge. */
export function createFollower(options: {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly observe: Observe;
}): Follower {
  const { repository, forge, observe } = options;
  const said = new Map<CommitSha, string>();
  const done = new Set<CommitSha>();
  return {
    async follow(environment) {
      const tip = await repository.resolve(environmentRef(environment));
      if (tip === undefined) return [];
      const history = await repository.history(tip, { limit: holdingMax });
      const recent = history.slice(0, followedMax).filter(({ sha }) => !done.has(sha));
      if (recent.length === 0) return [];
      const present = new Set(strategiesOf([...(await repository.list(tip, "strategies")).keys()]));
      const cluster = await heldToGit(repository, await observe(environment));
      const open: Followed[] = [];
      for (const commit of recent.toReversed()) {
        // What another version renders otherwise is the doing of the commit that brought it.
        const { message } = commit;
        const [dry] = [
          ...trailerValues(message, "Tool-Commit"),
          ...trailerValues(message, "Dry-Commit"),
        ] as CommitSha[];
        if (dry === undefined) continue;
        const awaited = awaitedOf(environment, commit, history, present);
        const arrival = arrivalOf(awaited, cluster);
        const words = `${arrival.state} ${arrival.summary}`;
        if (said.get(commit.sha) !== words) await say(forge, dry, arrival);
        said.set(commit.sha, words);
        if (arrival.state === "passed") done.add(commit.sha);
        else
          open.push({
            ...{ arrival, dry },
            isUnseen: async () => isUnseen(await foldersOf(repository, commit), awaited, cluster),
          });
      }
      return open;
    },
  };
}

function awaitedOf(
  environment: string,
  commit: Commit,
  history: readonly Commit[],
  present: ReadonlySet<StrategyId>,
): Awaited {
  const position = history.findIndex(({ sha }) => sha === commit.sha);
  const strategies = trailerValues(commit.message, "Strategy").flatMap((text) => {
    const parsed = parseStrategyId(text);
    return parsed.ok ? [parsed.value] : [];
  });
  return {
    ...{ environment, commit: commit.sha, strategies },
    removed: new Set(strategies.filter((id) => !present.has(id))),
    holding: new Set(history.slice(0, position + 1).map(({ sha }) => sha)),
  };
}

/** What a commit changes, by the folders that its paths are in: `apps`, `strategies/momentum/sma-cross`. */
async function foldersOf(repository: Repository, { sha, parents }: Commit): Promise<ReadonlySet<string>> {
  const [parent] = parents;
  const changes = parent === undefined ? [] : await repository.changedPaths(parent, sha);
  return new Set(changes.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf("/")))));
}

/** State first, the comment last. */
async function say(forge: Forge, dry: CommitSha, arrival: Arrival): Promise<void> {
  await forge.setArrival?.(dry, arrival);
  const proposal = await forge.mergedWith?.(dry);
  if (proposal?.comment === undefined) return;
  const comment = withArrival(proposal.comment, arrival);
  // That it is on its way needs no line of its own, until there is one to take back.
  if (comment === undefined || (arrival.state === "pending" && !tellsOf(proposal.comment, arrival))) return;
  await forge.setComment(proposal.number, comment);
}
