import type { Brand, Result } from "#core/result.ts";

export type CommitSha = Brand<string, "CommitSha">;
export type TreeSha = Brand<string, "TreeSha">;
export type BlobSha = Brand<string, "BlobSha">;
/** A full ref name that `git check-ref-format` accepts, for example `refs/heads/main`. */
export type RefName = Brand<string, "RefName">;
/** A path inside a tree: relative, `/` between parts, no `.`, `..`, `.git`, control or bidi characters. */
export type TreePath = Brand<string, "TreePath">;

export interface Signature {
  readonly name: string;
  readonly email: string;
  /** Seconds since the epoch, UTC. */
  readonly timeSeconds: number;
}

export interface Commit {
  readonly sha: CommitSha;
  readonly tree: TreeSha;
  readonly parents: readonly CommitSha[];
  readonly author: Signature;
  readonly committer: Signature;
  readonly message: string;
}

export interface TreeEntry {
  /** `100644`, `100755`, `120000` (symlink) or `160000` (submodule). */
  readonly mode: string;
  readonly blob: BlobSha;
  readonly sizeBytes: number;
}

export interface RefMoved {
  readonly code: "ref-moved";
  readonly ref: RefName;
  readonly expected: CommitSha | null;
  readonly found: CommitSha | null;
}

export interface MergeConflict {
  readonly code: "merge-conflict";
  readonly paths: readonly string[];
}

/**
 * A Git repository by plumbing: no work tree, no index of the user's, no hooks, no user configuration. Reads are of committed objects only.
 * Every ref is written by compare-and-swap; objects written before a kill are unreachable garbage and harm nothing.
 * Faults (`git-failed`) are thrown.
 */
export interface Repository {
  /** Absolute path of the Git directory. */
  readonly directory: string;
  resolve(ref: RefName): Promise<CommitSha | undefined>;
  /** All refs below a prefix, for example `refs/slipway/proposals/`. */
  refs(prefix: string): Promise<ReadonlyMap<RefName, CommitSha>>;
  commit(sha: CommitSha): Promise<Commit>;
  /** Whether the repository holds such a commit. */
  has(sha: CommitSha): Promise<boolean>;
  /** First-parent history from `tip` (newest first), until `stop` (exclusive) or `limit` commits. `all`: with what was merged into it. */
  history(
    tip: CommitSha,
    options?: { readonly stop?: CommitSha; readonly limit?: number; readonly path?: string; readonly all?: boolean },
  ): Promise<readonly Commit[]>;
  /** Every file below `prefix` (or all), recursively. */
  list(tree: TreeSha | CommitSha, prefix?: string): Promise<ReadonlyMap<TreePath, TreeEntry>>;
  read(blobs: readonly BlobSha[]): Promise<ReadonlyMap<BlobSha, Uint8Array>>;
  /** One file of each of many trees, in the order asked and by one process; `undefined` where no file is. */
  readPaths(
    wanted: readonly { readonly tree: TreeSha | CommitSha; readonly path: TreePath }[],
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** A new tree: `base` with the changes; `null` removes a file. Untouched subtrees keep their ids. */
  writeTree(base: TreeSha | null, changes: ReadonlyMap<TreePath, string | Uint8Array | null>): Promise<TreeSha>;
  /** A new commit object; no ref is touched. Equal input gives an equal id. */
  writeCommit(commit: Omit<Commit, "sha">): Promise<CommitSha>;
  /** Moves a ref only if it stands at `expected` (`null`: must not exist). `next` null deletes it. */
  updateRef(ref: RefName, next: CommitSha | null, expected: CommitSha | null): Promise<Result<void, RefMoved>>;
  /** The tree of merging `head` into `base`, without touching a ref. */
  mergeTree(base: CommitSha, head: CommitSha): Promise<Result<TreeSha, MergeConflict>>;
  mergeBase(a: CommitSha, b: CommitSha): Promise<CommitSha | undefined>;
  /** What of its root each commit changes against its first parent: the first parts of paths. By one process; of one without parents nothing. */
  changedRoots(commits: readonly Commit[]): Promise<ReadonlyMap<CommitSha, readonly string[]>>;
  /** Paths that differ between two trees, with their status. */
  changedPaths(
    from: TreeSha | CommitSha,
    to: TreeSha | CommitSha,
  ): Promise<readonly { readonly path: TreePath; readonly status: "added" | "modified" | "deleted" }[]>;
  /** Unified diff text between two trees, for people. */
  diffText(from: TreeSha | CommitSha, to: TreeSha | CommitSha, path?: string): Promise<string>;
}

/** A repository whose refs live on another machine. Reads answer from what was fetched last; `updateRef` is the remote's answer. */
export interface Mirror extends Repository {
  /**
   * Brings all branches up to what the remote holds now, and forgets those that are gone. What was pushed before the call is there after it.
   *
   * @param stopped aborted by whoever waits for it no longer: then it is ended, and rejected
   */
  fetch(stopped?: AbortSignal): Promise<void>;
  /** One ref that is no branch, for example `refs/pull/7/head`, under the same name. */
  fetchRef(ref: RefName): Promise<void>;
}
