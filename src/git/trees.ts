import { assert, Fault } from "#core/result.ts";
import { objectId, parseTreePath } from "./names.ts";
import type { BlobSha, Commit, CommitSha, TreeEntry, TreePath, TreeSha } from "./port.ts";
import { type Git, run } from "./process.ts";

type Treeish = TreeSha | CommitSha;
type Changes = ReadonlyMap<TreePath, string | Uint8Array | null>;

/** Named inside the import stream only; the stream takes it back before its end, so no such ref is ever written. */
const importRef = "refs/slipway/import";
const diffBytesMax = 8 * 1024 ** 2;

function storedPath(treeish: Treeish, path: string): TreePath {
  const parsed = parseTreePath(path);
  if (parsed.ok) return parsed.value;
  throw new Fault(
    "git-path-malformed",
    `${treeish} holds the path ${JSON.stringify(path)}; allowed is ${parsed.error.allowed}`,
  );
}

function pathspec(prefix: string | undefined): readonly string[] {
  const path = prefix?.replace(/\/$/, "") ?? "";
  if (path === "") return [];
  assert(parseTreePath(path).ok, `not a path in a tree: ${JSON.stringify(prefix)}`);
  return [path];
}

/** @throws Fault `git-path-malformed` when someone's tree holds a path that a work tree must not get */
export async function list(git: Git, tree: Treeish, prefix?: string): Promise<ReadonlyMap<TreePath, TreeEntry>> {
  const args = ["ls-tree", "-r", "-z", "-l", "--full-tree", objectId(tree), "--", ...pathspec(prefix)];
  const { stdout } = await run(git, args);
  const entries = new Map<TreePath, TreeEntry>();
  for (const line of stdout.toString("utf8").split("\0")) {
    if (line === "") continue;
    const [, mode, sha, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    if (mode === undefined || sha === undefined || path === undefined) {
      throw new Fault("git-failed", `git ls-tree printed ${JSON.stringify(line)}`);
    }
    entries.set(storedPath(tree, path), { mode, blob: sha as BlobSha, sizeBytes: size === "-" ? 0 : Number(size) });
  }
  return entries;
}

/** In an import stream a quoted path is C-quoted; of what that escapes, a `TreePath` can hold the double quote only. */
function quoted(path: TreePath): string {
  return `"${path.replaceAll('"', '\\"')}"`;
}

function checkChanges(changes: Changes): void {
  for (const [path, content] of changes) {
    const parsed = parseTreePath(path);
    assert(parsed.ok, `not a path in a tree: ${JSON.stringify(path)}`);
    if (content === null) continue;
    const parts = path.split("/");
    for (let count = 1; count < parts.length; count += 1) {
      const folder = parts.slice(0, count).join("/") as TreePath;
      assert((changes.get(folder) ?? null) === null, `${folder} cannot be a file and the folder of ${path}`);
    }
  }
}

/**
 * One `fast-import` process: it reads only the trees on the way to a change and writes only those again. First it is asked what stands at
 * each path, then told what to do: a file keeps its executable bit, and only a file is removed where only a file was meant.
 */
export async function writeTree(git: Git, base: TreeSha | null, changes: Changes): Promise<TreeSha> {
  if (base !== null && changes.size === 0) return base;
  checkChanges(changes);
  const all = [...changes];
  // A commit is the only place where fast-import keeps a tree in hand. It stays behind as one small unreachable object.
  const head = [`commit ${importRef}\n`, "committer slipway <slipway> 0 +0000\n", "data 0\n"];
  if (base !== null) head.push(`M 040000 ${objectId(base)} ""\n`);
  const next = (lines: readonly string[]): readonly (string | Uint8Array)[] => {
    const found = new Map(all.map(([path], index) => [path, lines[index] ?? ""]));
    const isFile = (path: TreePath): boolean => /^\d+ (?:blob|commit) /.test(found.get(path) ?? "");
    const removed = all.filter(([path, content]) => content === null && isFile(path));
    const commands: (string | Uint8Array)[] = removed.map(([path]) => `D ${quoted(path)}\n`);
    for (const [path, content] of all) {
      if (content === null) continue;
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      const mode = found.get(path)?.startsWith("100755 ") === true ? "100755" : "100644";
      commands.push(`M ${mode} inline ${quoted(path)}\ndata ${bytes.length}\n`, bytes, "\n");
    }
    commands.push('ls ""\n', `reset ${importRef}\n\n`, "done\n");
    return commands;
  };
  const { stdout } = await run(git, ["fast-import", "--quiet", "--done", "--force"], {
    input: [...head, ...all.map(([path]) => `ls ${quoted(path)}\n`)],
    reply: { lines: all.length, next },
  });
  const sha = /^040000 tree ([0-9a-f]+)\t/.exec(stdout.toString("utf8").split("\n")[all.length] ?? "")?.[1];
  if (sha === undefined) throw new Fault("git-failed", "git fast-import named no tree");
  return sha as TreeSha;
}

export interface ChangedPath {
  readonly path: TreePath;
  readonly status: "added" | "modified" | "deleted";
}

export async function changedPaths(git: Git, from: Treeish, to: Treeish): Promise<readonly ChangedPath[]> {
  const args = ["diff-tree", "-r", "-z", "--name-status", "--no-renames", objectId(from), objectId(to)];
  const { stdout } = await run(git, args);
  const fields = stdout.toString("utf8").split("\0");
  const changed: ChangedPath[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const letter = fields[at];
    const path = storedPath(letter === "D" ? from : to, fields[at + 1] ?? "");
    if (letter === "A") changed.push({ path, status: "added" });
    else if (letter === "D") changed.push({ path, status: "deleted" });
    else changed.push({ path, status: "modified" });
  }
  return changed;
}

export async function changedRoots(
  git: Git,
  commits: readonly Commit[],
): Promise<ReadonlyMap<CommitSha, readonly string[]>> {
  const pairs = commits.flatMap(({ sha, parents: [parent] }) => (parent === undefined ? [] : [`${sha} ${parent}\n`]));
  const changed = new Map<CommitSha, string[]>(commits.map(({ sha }) => [sha, []]));
  if (pairs.length === 0) return changed;
  const { stdout } = await run(git, ["diff-tree", "--stdin", "-z", "--raw", "--no-renames"], { input: pairs });
  const fields = stdout.toString("utf8").split("\0");
  let roots: string[] | undefined;
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] ?? "";
    // `:<modes, ids and letter>` and the name behind it, or the commit that the next ones are of.
    if (!field.startsWith(":")) roots = changed.get(field as CommitSha);
    else {
      at += 1;
      roots?.push(fields[at] ?? "");
    }
  }
  return changed;
}

/** For people: paths that are not ASCII are quoted, and what is over 8 MiB is cut with a line that says so. */
export async function diffText(git: Git, from: Treeish, to: Treeish, path?: string): Promise<string> {
  const options = ["-r", "-p", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
  const args = ["diff-tree", ...options, objectId(from), objectId(to), "--", ...pathspec(path)];
  const { stdout, cut } = await run(git, args, { outputBytesMax: diffBytesMax, cut: true });
  return `${stdout.toString("utf8")}${cut ? `\n… cut after ${diffBytesMax} bytes\n` : ""}`;
}
