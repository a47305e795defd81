import { assert, Fault } from "#core/result.ts";
import { isObjectId, objectId } from "./names.ts";
import type { BlobSha, Commit, CommitSha, Signature, TreePath, TreeSha } from "./port.ts";
import { type Git, run, text } from "./process.ts";

interface GitObject {
  readonly type: string;
  readonly content: Buffer;
}

/** Asks one `cat-file` process for many objects (`info` without, `contents` with their bytes); answers in the order asked. */
async function ask(git: Git, commands: readonly string[]): Promise<readonly (GitObject | undefined)[]> {
  if (commands.length === 0) return [];
  const { stdout } = await run(git, ["cat-file", "--batch-command", "--buffer"], {
    input: [`${commands.join("\n")}\n`],
  });
  const found: (GitObject | undefined)[] = [];
  let at = 0;
  for (const command of commands) {
    const end = stdout.indexOf(0x0a, at);
    if (end < 0)
      throw new Fault("git-failed", `git cat-file ended after ${found.length} of ${commands.length} answers`);
    const line = stdout.toString("utf8", at, end);
    at = end + 1;
    const [, sha, type, size] = /^(\S+) (\S+) (\d+)$/.exec(line) ?? [];
    if (sha === undefined || type === undefined || !isObjectId(sha)) {
      // "<name> missing", or "<id> submodule" and its like: nothing that can be read.
      found.push(undefined);
      continue;
    }
    const bytes = command.startsWith("info ") ? 0 : Number(size);
    found.push({ type, content: stdout.subarray(at, at + bytes) });
    at += command.startsWith("info ") ? 0 : bytes + 1;
  }
  return found;
}

/** Whether the repository holds a commit of that id. */
export async function hasCommit(git: Git, sha: CommitSha): Promise<boolean> {
  const [found] = await ask(git, [`info ${objectId(sha)}`]);
  return found?.type === "commit";
}

/** @throws Fault `git-failed` when one of them is not in the repository, or is no blob */
export async function readBlobs(git: Git, blobs: readonly BlobSha[]): Promise<ReadonlyMap<BlobSha, Uint8Array>> {
  const wanted = [...new Set(blobs)];
  const objects = await ask(
    git,
    wanted.map((sha) => `contents ${objectId(sha)}`),
  );
  return new Map(
    wanted.map((sha, index) => {
      const object = objects[index];
      if (object?.type === "blob") return [sha, object.content];
      throw new Fault("git-failed", `blob ${sha} is not in ${git.directory}`);
    }),
  );
}

/** One file of each of many trees; `undefined` where no file is. */
export async function readPaths(
  git: Git,
  wanted: readonly { readonly tree: TreeSha | CommitSha; readonly path: TreePath }[],
): Promise<readonly (Uint8Array | undefined)[]> {
  // A tree that is not there must not look like a path that is not there.
  const trees = [...new Set(wanted.map(({ tree }) => tree))];
  const commands = [
    ...trees.map((tree) => `info ${objectId(tree)}`),
    ...wanted.map(({ tree, path }) => `contents ${objectId(tree)}:${path}`),
  ];
  const objects = await ask(git, commands);
  for (const [index, tree] of trees.entries()) {
    if (objects[index] === undefined) throw new Fault("git-failed", `tree ${tree} is not in ${git.directory}`);
  }
  return objects.slice(trees.length).map((object) => (object?.type === "blob" ? object.content : undefined));
}

export async function readCommits(git: Git, shas: readonly CommitSha[]): Promise<readonly Commit[]> {
  const objects = await ask(
    git,
    shas.map((sha) => `contents ${objectId(sha)}`),
  );
  return shas.map((sha, index) => {
    const object = objects[index];
    if (object?.type !== "commit") throw new Fault("git-failed", `commit ${sha} is not in ${git.directory}`);
    return parseCommit(sha, object.content);
  });
}

function parseCommit(sha: CommitSha, content: Buffer): Commit {
  const split = content.indexOf("\n\n");
  const header = content.toString("utf8", 0, split < 0 ? content.length : split);
  // A line that starts with a space continues a header that is not read here (gpgsig, mergetag).
  const lines = header.split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { key: line.slice(0, space), value: line.slice(space + 1) };
  });
  const value = (key: string): string => lines.find((line) => line.key === key)?.value ?? "";
  const tree = value("tree");
  if (!isObjectId(tree)) throw new Fault("git-failed", `commit ${sha} names no tree`);
  return {
    sha,
    tree: tree as TreeSha,
    parents: lines.filter(({ key }) => key === "parent").map((line) => line.value as CommitSha),
    author: parseSignature(sha, value("author")),
    committer: parseSignature(sha, value("committer")),
    message: split < 0 ? "" : content.toString("utf8", split + 2),
  };
}

function parseSignature(sha: CommitSha, line: string): Signature {
  const [, name, email, time] = /^(.*?) ?<([^>]*)> (-?\d+)(?: [-+]\d+)?$/.exec(line) ?? [];
  if (name === undefined || email === undefined || time === undefined) {
    throw new Fault("git-failed", `commit ${sha} has a malformed signature line: ${JSON.stringify(line)}`);
  }
  return { name, email, timeSeconds: Number(time) };
}

function formatSignature({ name, email, timeSeconds }: Signature): string {
  // Whoever takes names from outside has refused these already; past this line they would forge headers.
  const plain = /^[^<>\p{Cc}]+$/u;
  assert(plain.test(name) && name.trim() === name, `not a name for a commit: ${JSON.stringify(name)}`);
  assert(plain.test(email) && !/\s/.test(email), `not an address for a commit: ${JSON.stringify(email)}`);
  assert(Number.isSafeInteger(timeSeconds) && timeSeconds >= 0, `not a time in whole seconds: ${timeSeconds}`);
  return `${name} <${email}> ${timeSeconds} +0000`;
}

/** The message is stored as it is given, without a line feed of our own. */
export async function writeCommit(git: Git, commit: Omit<Commit, "sha">): Promise<CommitSha> {
  assert(!commit.message.includes("\0"), "a commit message holds no NUL");
  const lines = [
    `tree ${objectId(commit.tree)}`,
    ...commit.parents.map((parent) => `parent ${objectId(parent)}`),
    `author ${formatSignature(commit.author)}`,
    `committer ${formatSignature(commit.committer)}`,
  ];
  const input = [`${lines.join("\n")}\n\n${commit.message}`];
  const { stdout } = await run(git, ["hash-object", "-t", "commit", "-w", "--stdin"], { input });
  return stdout.toString("utf8").trim() as CommitSha;
}

export interface HistoryOptions {
  readonly stop?: CommitSha;
  readonly limit?: number;
  readonly path?: string;
  readonly all?: boolean;
}

const historyCommitsMax = 1_000_000;

export async function history(git: Git, tip: CommitSha, options: HistoryOptions): Promise<readonly Commit[]> {
  const limit = options.limit ?? historyCommitsMax;
  assert(Number.isSafeInteger(limit) && limit >= 0, `not a number of commits: ${limit}`);
  const shas = await text(git, [
    "rev-list",
    ...(options.all === true ? ["--topo-order"] : ["--first-parent"]),
    `--max-count=${limit}`,
    objectId(tip),
    ...(options.stop === undefined ? [] : [`^${objectId(options.stop)}`]),
    "--",
    ...(options.path === undefined ? [] : [options.path]),
  ]);
  return readCommits(git, shas.split("\n").filter((line) => line !== "") as CommitSha[]);
}
