import { link, rename, stat, unlink } from "node:fs/promises";
import { sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { assert, err, Fault, ok, type Result } from "#core/result.ts";
import { isObjectId, objectId, parseRefName } from "./names.ts";
import type { CommitSha, RefMoved, RefName } from "./port.ts";
import { type Git, type Output, run } from "./process.ts";

export interface LockOptions {
  /** A lock file this old was left by a process that was killed: Git holds one for milliseconds. */
  readonly staleLockSeconds: number;
  /** Told when a left-over lock file was taken away. */
  readonly warn: (message: string) => void;
}

const retryMsMin = 10;
const retryMsMax = 250;
/** How long others may keep us waiting beyond the age at which a lock counts as left over. */
const contentionSeconds = 10;

/** Who waits for a ref, by a clock that nobody sets. */
interface Watch {
  readonly endMs: number;
  /** The lock that stands in the way, and since when that is this very one. */
  seen?: { readonly lock: string; readonly sinceMs: number };
}

function checkRef(ref: RefName): RefName {
  assert(parseRefName(ref).ok, `not a ref name: ${JSON.stringify(ref)}`);
  return ref;
}

/**
 * All refs below a prefix (or the one of exactly that name), with the commits they stand for; an annotated tag stands for its commit.
 *
 * @throws Fault `git-failed` when a ref stands for something else than a commit, or is broken
 */
export async function refs(git: Git, prefix: string): Promise<ReadonlyMap<RefName, CommitSha>> {
  const pattern = prefix.replace(/\/$/, "");
  assert(pattern === "refs" || parseRefName(pattern).ok, `not a prefix of refs: ${JSON.stringify(prefix)}`);
  // A process of our own: often nothing is printed, and then simple-git would wait.
  const format = "--format=%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)";
  const { stdout, stderr } = await run(git, ["for-each-ref", format, "--", pattern]);
  if (stderr.includes("broken ref")) throw new Fault("git-failed", `git for-each-ref: ${stderr.trim()}`);
  const found = new Map<RefName, CommitSha>();
  for (const line of stdout.toString("utf8").split("\n")) {
    const [name, type, sha, peeledType, peeled] = line.split(" ");
    if (name === undefined || name === "") continue;
    const commit = type === "tag" && peeledType === "commit" ? peeled : sha;
    if (commit === undefined || !isObjectId(commit) || (type !== "commit" && peeledType !== "commit")) {
      throw new Fault("git-failed", `${name} stands for a ${type}, not for a commit`);
    }
    found.set(name as RefName, commit as CommitSha);
  }
  return found;
}

export async function resolve(git: Git, ref: RefName): Promise<CommitSha | undefined> {
  return (await refs(git, checkRef(ref))).get(ref);
}

/** The line for `update-ref --stdin`. A missing old value means there "must not exist" (`create`, `verify`), never "do not care". */
function updateLine(ref: RefName, next: CommitSha | null, expected: CommitSha | null): string {
  if (next === null) return expected === null ? `verify ${ref}\n` : `delete ${ref} ${objectId(expected)}\n`;
  return expected === null
    ? `create ${ref} ${objectId(next)}\n`
    : `update ${ref} ${objectId(next)} ${objectId(expected)}\n`;
}

/**
 * Moves a ref from `expected` to `next`. A ref that is locked is tried again until its lock is old enough to be a dead process's; then the
 * lock is taken away, and `warn` says so.
 *
 * @throws Fault `git-ref-locked` when the ref stays locked, `git-failed` for all else
 */
export async function updateRef(
  git: Git,
  [ref, next, expected]: readonly [ref: RefName, next: CommitSha | null, expected: CommitSha | null],
  options: LockOptions,
): Promise<Result<void, RefMoved>> {
  checkRef(ref);
  const watch: Watch = { endMs: performance.now() + (options.staleLockSeconds + contentionSeconds) * 1_000 };
  for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
    const tried = await run(git, ["update-ref", "--no-deref", "--stdin"], {
      input: [updateLine(ref, next, expected)],
      codes: [1, 128],
    });
    if (tried.code === 0) return ok(undefined);
    const found = (await resolve(git, ref)) ?? null;
    if (found !== expected) return err({ code: "ref-moved", ref, expected, found });
    await handleLock(git, ref, tried, watch, options);
    // Two that wait for the same lock should not meet again: up to half of the wait is each one's own.
    await delay(waitMs / 2 + (waitMs / 2) * ((process.pid % 16) / 16));
  }
}

/** Returns when another try makes sense; throws when it does not. */
async function handleLock(git: Git, ref: RefName, tried: Output, watch: Watch, options: LockOptions): Promise<void> {
  const lock = /Unable to create '([^']+\.lock)': File exists/.exec(tried.stderr)?.[1];
  const movedBackAgain = /but expected|reference already exists|reference is missing/.test(tried.stderr);
  if (lock === undefined && !movedBackAgain) {
    throw new Fault("git-failed", `git update-ref of ${ref} failed: ${tried.stderr.trim()}`);
  }
  const path = lock === undefined || lock.startsWith(sep) ? lock : `${git.directory}${sep}${lock.replace(/^\.\//, "")}`;
  if (path !== undefined && (await takeAway(git, path, watch, options))) return;
  if (performance.now() < watch.endMs) return;
  throw new Fault(
    "git-ref-locked",
    `${ref} stays locked by ${path ?? "another process"}. If no git process is at work in ${git.directory}, remove that file and try again.`,
  );
}

/** By its file's time, or for as long as it was seen here: a clock that was set back makes it younger than it is. */
function ageOf(lock: string, madeMs: number, watch: Watch): number {
  const nowMs = performance.now();
  if (watch.seen?.lock !== lock) watch.seen = { lock, sinceMs: nowMs };
  return Math.max(Date.now() - madeMs, nowMs - watch.seen.sinceMs);
}

/**
 * Takes a left-over lock away. By rename first: of two that find it one gets it. Should it have been a fresh one after all (another was
 * faster, and a writer faster still), it is put back.
 */
async function takeAway(git: Git, path: string, watch: Watch, options: LockOptions): Promise<boolean> {
  assert(
    path.startsWith(`${git.directory}${sep}`) && path.endsWith(".lock"),
    `not a lock file of this repository: ${path}`,
  );
  const aside = `${path.slice(0, -".lock".length)}.stale-${process.pid}.lock`;
  try {
    const seen = await stat(path);
    const ageSeconds = ageOf(`${path} ${seen.ino} ${seen.mtimeMs}`, seen.mtimeMs, watch) / 1_000;
    if (ageSeconds < options.staleLockSeconds) return false;
    await rename(path, aside);
    const taken = await stat(aside);
    const isSame = taken.ino === seen.ino && taken.mtimeMs === seen.mtimeMs;
    if (!isSame) await link(aside, path);
    await unlink(aside);
    if (!isSame) return false;
    options.warn(
      `took away the left-over lock ${path}, ${Math.round(ageSeconds)} s old: the process that made it was killed`,
    );
    return true;
  } catch (cause) {
    // Its owner, or another one that waits, was faster.
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return true;
    throw new Fault("git-ref-locked", `cannot take the left-over lock ${path} away; remove that file and try again.`, {
      cause,
    });
  }
}
