import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve as resolvePath } from "node:path";
import { err, Fault, ok } from "#core/result.ts";
import { objectId } from "./names.ts";
import { hasCommit, history, readBlobs, readCommits, readPaths, writeCommit } from "./objects.ts";
import type { Commit, CommitSha, MergeConflict, Repository, TreeSha } from "./port.ts";
import { findGit, type Git, run, text } from "./process.ts";
import { type LockOptions, refs, resolve, updateRef } from "./refs.ts";
import { changedPaths, changedRoots, diffText, list, writeTree } from "./trees.ts";

export {
  branchRef,
  type PathMalformed,
  parseCommitSha,
  parseRefName,
  parseTreePath,
  type RefMalformed,
} from "./names.ts";

export interface OpenOptions {
  /** A ref lock this old is taken away as left over by a killed process. Default 5. */
  readonly staleLockSeconds?: number;
  /** Told when that was done. Default: a process warning (standard error). */
  readonly warn?: (message: string) => void;
}

/** What stands at the top of a Git directory, whoever made it. */
const gitDirectoryNames = new Set([
  "HEAD",
  "config",
  "description",
  "branches",
  "hooks",
  "info",
  "objects",
  "refs",
  "packed-refs",
]);
const abandonedSeconds = 60;

async function names(directory: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new Fault(
      "git-failed",
      `cannot read the folder ${directory}: ${cause instanceof Error ? cause.message : ""}`,
      { cause },
    );
  }
}

async function isGitDirectory(directory: string): Promise<boolean> {
  const found = await names(directory);
  return ["HEAD", "config", "objects", "refs"].every((name) => found?.includes(name));
}

/** The Git directory that `directory` is, or has as its `.git`; a linked work tree leads to the repository it belongs to. */
async function gitDirectory(directory: string): Promise<string> {
  if (await isGitDirectory(directory)) return realpath(directory);
  const inner = join(directory, ".git");
  const kind = await stat(inner).catch(() => undefined);
  if (kind?.isDirectory() && (await isGitDirectory(inner))) return realpath(inner);
  const linked = kind?.isFile() ? /^gitdir: (.+)$/m.exec(await readFile(inner, "utf8"))?.[1] : undefined;
  if (linked !== undefined) {
    const own = resolvePath(directory, linked);
    const common = (await readFile(join(own, "commondir"), "utf8").catch(() => ".")).trim();
    if (await isGitDirectory(resolvePath(own, common))) return realpath(resolvePath(own, common));
  }
  throw new Fault(
    "git-no-repository",
    `${directory} is neither a Git directory nor a checkout; make one with: git init ${directory}`,
  );
}

/**
 * Opens a Git directory, bare or a checkout's (its root will do). The work tree and the index are never looked at.
 *
 * @throws Fault `git-no-repository`, `git-missing`, `git-too-old`
 */
export async function openRepository(directory: string, options: OpenOptions = {}): Promise<Repository> {
  const path = await gitDirectory(resolvePath(directory));
  return repository(await findGit(path), {
    staleLockSeconds: options.staleLockSeconds ?? 5,
    warn: options.warn ?? ((message) => process.emitWarning(message, { code: "SLIPWAY_GIT_LOCK" })),
  });
}

/**
 * A bare repository with the branch `main` to come, or the one that is already there. It is built beside its place and renamed into it, so
 * a kill leaves either nothing or all; what someone else's `git init` left half-done is finished in place.
 *
 * @throws Fault `git-failed` when the folder holds something else
 */
export async function initBareRepository(directory: string, options: OpenOptions = {}): Promise<Repository> {
  const path = resolvePath(directory);
  const found = (await names(path)) ?? [];
  if (await isGitDirectory(path)) return openRepository(path, options);
  await mkdir(dirname(path), { recursive: true });
  if (found.length > 0) {
    const foreign = found.find((name) => !gitDirectoryNames.has(name.replace(/\.lock$/, "")));
    if (foreign !== undefined)
      throw new Fault(
        "git-failed",
        `${path} is not empty and no repository (it holds ${foreign}); choose another folder`,
      );
    for (const name of found) if (name.endsWith(".lock")) await unlink(join(path, name));
    await init(path);
    return openRepository(path, options);
  }
  await removeAbandoned(path);
  const aside = await mkdtemp(`${path}.init-`);
  try {
    await init(aside);
    await rename(aside, path);
  } catch (cause) {
    await rm(aside, { recursive: true, force: true });
    // Someone else was faster: theirs is as good.
    if (!(await isGitDirectory(path))) throw cause;
  }
  return openRepository(path, options);
}

async function init(directory: string): Promise<void> {
  // `--template=` (empty): no sample hooks, and no template of the user's.
  const args = ["init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha1", "--template=", "."];
  await text(await findGit(directory), args, { bare: false });
}

async function removeAbandoned(path: string): Promise<void> {
  for (const name of (await names(dirname(path))) ?? []) {
    if (!name.startsWith(`${basename(path)}.init-`)) continue;
    const aside = join(dirname(path), name);
    const madeMs = (await stat(aside).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - madeMs > abandonedSeconds * 1_000) await rm(aside, { recursive: true, force: true });
  }
}

async function mergeTree(git: Git, base: CommitSha, head: CommitSha): ReturnType<Repository["mergeTree"]> {
  // A head without a common ancestor is a merge like another one (from an empty base), not a fault.
  const options = ["--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories"];
  const { code, stdout } = await run(git, ["merge-tree", ...options, objectId(base), objectId(head)], { codes: [1] });
  const [tree, ...paths] = stdout
    .toString("utf8")
    .split("\0")
    .map((field) => field.trim());
  if (code === 0) return ok(tree as TreeSha);
  const conflict: MergeConflict = { code: "merge-conflict", paths: paths.filter((path) => path !== "") };
  return err(conflict);
}

async function mergeBase(git: Git, a: CommitSha, b: CommitSha): Promise<CommitSha | undefined> {
  const { code, stdout } = await run(git, ["merge-base", objectId(a), objectId(b)], { codes: [1] });
  return code === 0 ? (stdout.toString("utf8").trim() as CommitSha) : undefined;
}

async function commit(git: Git, sha: CommitSha): Promise<Commit> {
  const [found] = await readCommits(git, [sha]);
  if (found === undefined) throw new Fault("git-failed", `commit ${sha} is not in ${git.directory}`);
  return found;
}

function repository(git: Git, locks: LockOptions): Repository {
  return {
    directory: git.directory,
    resolve: (ref) => resolve(git, ref),
    refs: (prefix) => refs(git, prefix),
    commit: (sha) => commit(git, sha),
    has: (sha) => hasCommit(git, sha),
    history: (tip, options = {}) => history(git, tip, options),
    list: (tree, prefix) => list(git, tree, prefix),
    read: (blobs) => readBlobs(git, blobs),
    readPaths: (wanted) => readPaths(git, wanted),
    writeTree: (base, changes) => writeTree(git, base, changes),
    writeCommit: (content) => writeCommit(git, content),
    updateRef: (ref, next, expected) => updateRef(git, [ref, next, expected], locks),
    mergeTree: (base, head) => mergeTree(git, base, head),
    mergeBase: (a, b) => mergeBase(git, a, b),
    changedRoots: (commits) => changedRoots(git, commits),
    changedPaths: (from, to) => changedPaths(git, from, to),
    diffText: (from, to, path) => diffText(git, from, to, path),
  };
}
