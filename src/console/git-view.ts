import { readableChanges } from "#delivery/readable-changes.ts";
import type { Forge } from "#forge/port.ts";
import type { BlobSha, CommitSha, RefName, Repository, TreePath } from "#git/port.ts";

/** What Git says of an environment: all of it, from refs and trees, nothing remembered. */
export interface GitView {
  readonly main: string | undefined;
  readonly environmentHead: string | undefined;
  /** Strategies whose spec stands on main. */
  readonly merged: ReadonlySet<string>;
  /** Strategies on the environment branch. */
  readonly rendered: ReadonlyMap<string, { readonly replicas: number }>;
  /** Strategies that only an open proposal knows, with its number. */
  readonly proposed: ReadonlyMap<string, number>;
  /** Newest first. */
  readonly proposals: readonly ProposalView[];
  /** Last commits of the environment branch, newest first. */
  readonly commits: readonly CommitView[];
}

export interface ProposalView {
  readonly number: number;
  readonly title: string;
  readonly author: string;
  readonly state: string;
  readonly gate: string;
  readonly gateSummary: string;
  readonly head: string;
  readonly mergedAs: string | null;
  readonly openedSeconds: number;
  /** What it touches; known while it is open. */
  readonly strategies: readonly string[];
}

export interface CommitView {
  readonly sha: string;
  readonly subject: string;
  readonly author: string;
  readonly timeSeconds: number;
}

const proposalsMax = 20;
const commitsMax = 10;

/** Reads an environment's view; asks Git only for what moved since `last`, so that it may be called often. */
export async function readGitView(
  repository: Repository,
  forge: Forge,
  environment: string,
  last?: GitView,
): Promise<GitView> {
  const main = await repository.resolve("refs/heads/main" as RefName);
  const environmentHead = await repository.resolve(`refs/heads/env/${environment}` as RefName);
  const listed = await forge.list();
  const same = last !== undefined && last.main === main;
  const sameEnvironment = last !== undefined && last.environmentHead === environmentHead;
  const merged = same ? last.merged : await strategiesOn(repository, main);
  const proposals: ProposalView[] = [];
  const proposed = new Map<string, number>();
  for (const proposal of listed.slice(0, proposalsMax)) {
    const strategies =
      proposal.state === "open" && main !== undefined ? await touched(repository, main, proposal.head) : [];
    for (const strategy of strategies) if (!merged.has(strategy)) proposed.set(strategy, proposal.number);
    proposals.push({
      number: proposal.number,
      title: proposal.title,
      author: proposal.author,
      state: proposal.state,
      gate: proposal.gate?.state ?? "pending",
      gateSummary: proposal.gate?.summary ?? "not judged yet",
      head: proposal.head,
      mergedAs: proposal.mergedAs ?? null,
      openedSeconds: proposal.openedSeconds,
      strategies,
    });
  }
  return {
    main,
    environmentHead,
    merged,
    rendered: sameEnvironment ? last.rendered : await renderedOn(repository, environmentHead),
    proposed,
    proposals,
    commits: sameEnvironment ? last.commits : await lastCommits(repository, environmentHead),
  };
}

async function strategiesOn(repository: Repository, tip: CommitSha | undefined): Promise<ReadonlySet<string>> {
  if (tip === undefined) return new Set();
  const found = new Set<string>();
  for (const path of (await repository.list(tip, "strategies")).keys()) {
    const match = /^strategies\/([^/]+\/[^/]+)\/strategy\.yaml$/.exec(path);
    if (match?.[1] !== undefined) found.add(match[1]);
  }
  return found;
}

async function renderedOn(
  repository: Repository,
  tip: CommitSha | undefined,
): Promise<ReadonlyMap<string, { readonly replicas: number }>> {
  const found = new Map<string, { readonly replicas: number }>();
  if (tip === undefined) return found;
  const blobs = new Map<string, BlobSha>();
  for (const [path, entry] of (await repository.list(tip, "strategies")) as ReadonlyMap<
    TreePath,
    { readonly blob: BlobSha }
  >) {
    const match = /^strategies\/([^/]+\/[^/]+)\/statefulset-[^/]+\.yaml$/.exec(path);
    if (match?.[1] !== undefined) blobs.set(match[1], entry.blob);
  }
  const texts = await repository.read([...blobs.values()]);
  for (const [strategy, blob] of blobs) {
    const replicas = /^ {2}replicas: (\d+)$/m.exec(new TextDecoder().decode(texts.get(blob)))?.[1];
    found.set(strategy, { replicas: replicas === undefined ? 1 : Number(replicas) });
  }
  return found;
}

async function touched(repository: Repository, main: CommitSha, head: CommitSha): Promise<readonly string[]> {
  const base = (await repository.mergeBase(main, head)) ?? main;
  const found = new Set<string>();
  for (const { path } of (await readableChanges(repository, base, head)) ?? []) {
    const match = /^strategies\/([^/]+\/[^/]+)\//.exec(path);
    if (match?.[1] !== undefined) found.add(match[1]);
  }
  return [...found].sort();
}

async function lastCommits(repository: Repository, tip: CommitSha | undefined): Promise<readonly CommitView[]> {
  if (tip === undefined) return [];
  const commits = await repository.history(tip, { limit: commitsMax });
  return commits.map(({ sha, message, author, committer }) => ({
    sha,
    subject: message.split("\n", 1)[0] ?? "",
    author: author.name,
    timeSeconds: committer.timeSeconds,
  }));
}
