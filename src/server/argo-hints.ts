import { parseEnvironment } from "#core/environment.ts";
import { environmentRef, mainRef, treePath } from "#delivery/names.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { type ArgoTeller, patience } from "./argo-teller.ts";

/** So many of a branch's last commits are told of where it is not known what was. */
const lastCommits = 10;
/** Of more paths than this none is named, and Argo CD looks at all that it has of the branch. */
const pathsMax = 10_000;
const [againMsMin, againMsMax] = [10_000, 300_000];

export interface ArgoHintsOptions {
  readonly repository: Repository;
  readonly teller: ArgoTeller;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  /** Whether somebody looks at what Argo CD has seen, and says so (`unseen`). */
  readonly watched: boolean;
}

/** When Argo CD is told to look at a branch. What was told is remembered to say it once; lost with the process, it costs a hint too many. */
export interface ArgoHints {
  /** After each round: says where the branch is, if it has moved since. */
  moved(environment: string): Promise<void>;
  /** Git did not answer: what was said meanwhile may have found nothing. */
  gitAway(): void;
  /**
   * Argo CD has not seen a commit of the branch, by its own word: it was away when it was told, or Git was. Said again, the more seldom the longer that goes
   * on.
   */
  unseen(environment: string, commit: CommitSha): Promise<void>;
}

interface Said {
  readonly tip: CommitSha;
  readonly firstMs: number;
  readonly lastMs: number;
}

export function createArgoHints({ repository, teller, steady, watched }: ArgoHintsOptions): ArgoHints {
  const said = new Map<string, Said>();
  const seen = new Map<string, CommitSha>();
  const say = async (environment: string, from: CommitSha | undefined, tip: CommitSha): Promise<void> => {
    const address = await repositoryOf(repository, environment);
    // One without a cluster.
    if (address === undefined) return;
    const nowMs = steady();
    const before = said.get(environment);
    said.set(environment, { tip, firstMs: before?.tip === tip ? before.firstMs : nowMs, lastMs: nowMs });
    const paths = await changed(repository, from, tip);
    teller.tell({ environment, repository: address, commit: tip, paths });
  };
  return {
    async moved(environment) {
      const tip = await repository.resolve(environmentRef(environment));
      const before = seen.get(environment);
      if (tip === undefined || tip === before) return;
      seen.set(environment, tip);
      if (before !== undefined) await say(environment, before, tip);
      else if (!watched) await say(environment, await earlier(repository, tip), tip);
    },
    gitAway() {
      if (!watched) seen.clear();
    },
    async unseen(environment, commit) {
      const tip = await repository.resolve(environmentRef(environment));
      if (tip === undefined || teller.waits(environment)) return;
      const last = said.get(environment);
      const nowMs = steady();
      const early = last?.tip === tip && nowMs - last.lastMs < patience(nowMs - last.firstMs, againMsMin, againMsMax);
      if (!early) await say(environment, (await repository.commit(commit)).parents[0], tip);
    },
  };
}

/** Where Argo CD reads an environment's branch, by main's policies. */
async function repositoryOf(repository: Repository, environment: string): Promise<string | undefined> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return undefined;
  const path = treePath(`policies/environments/${environment}.yaml`);
  const [bytes] = await repository.readPaths([{ tree: main, path }]);
  return parseEnvironment(path, new TextDecoder().decode(bytes)).document?.spec.cluster?.repository;
}

async function earlier(repository: Repository, tip: CommitSha): Promise<CommitSha | undefined> {
  const history = await repository.history(tip, { limit: lastCommits + 1 });
  return history.at(-1)?.sha;
}

async function changed(
  repository: Repository,
  from: CommitSha | undefined,
  tip: CommitSha,
): Promise<readonly string[]> {
  if (from === undefined || !(await repository.has(from))) return [];
  const paths = await repository.changedPaths(from, tip);
  return paths.length > pathsMax ? [] : paths.map(({ path }) => path);
}
