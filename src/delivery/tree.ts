import type { Stats } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { assert, Fault } from "#core/result.ts";
import { parseTreePath } from "#git/names.ts";
import type { BlobSha, CommitSha, Repository, TreeEntry, TreePath, TreeSha } from "#git/port.ts";

/** One file as it stands in a folder or in Git. */
export interface SourceFile {
  /** Git's words: `100644`, `100755`, `120000` (symlink), `160000` (submodule); `000000` for what Git cannot hold (pipe, socket, device). */
  readonly mode: string;
  readonly bytes: Uint8Array;
  /** Set when the content was not read: a file over the limit, or one that the caller did not ask for. Its size, in bytes. */
  readonly unreadBytes?: number;
}

/** Everything of a repository that Slipway judges: `strategies/` and `policies/`, by path. Nothing else is ever looked at. */
export type SourceTree = ReadonlyMap<string, SourceFile>;

export const fileBytesMax = 1024 ** 2;
export const roots = ["policies", "strategies"] as const;
const filesMax = 500_000;
const depthMax = 16;
const empty = new Uint8Array();

/** What tools leave beside code and nobody means to deploy: hidden files, editors' backups, caches, installed packages. */
export function isLeftOut(path: string): boolean {
  return path
    .split("/")
    .some(
      (part) =>
        part.startsWith(".") ||
        part.endsWith("~") ||
        part.endsWith(".pyc") ||
        part === "node_modules" ||
        part === "__pycache__",
    );
}

/**
 * Reads `strategies/` and `policies/` below a folder as they stand on disk. Symlinks are not followed, big files not read: the check refuses both.
 *
 * @throws Fault `workspace-unreadable`, `workspace-too-big`
 */
export async function readWorkspace(directory: string): Promise<SourceTree> {
  const files = new Map<string, SourceFile>();
  try {
    for (const root of roots) {
      const stats = await lstatIfThere(join(directory, root));
      if (stats?.isDirectory() === true) await readFolder(directory, root, files);
      else if (stats !== undefined) files.set(root, await readEntry(join(directory, root), stats));
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      "workspace-unreadable",
      `cannot read ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

async function readFolder(directory: string, folder: string, files: Map<string, SourceFile>): Promise<void> {
  if (folder.split("/").length > depthMax)
    throw new Fault("workspace-too-big", `${folder} is more than ${depthMax} folders deep`);
  for (const name of (await readdir(join(directory, folder))).sort()) {
    const path = `${folder}/${name}`;
    if (isLeftOut(name)) continue;
    const stats = await lstatIfThere(join(directory, path));
    // Gone since the folder was listed: then it is not there.
    if (stats === undefined) continue;
    if (stats.isDirectory()) await readFolder(directory, path, files);
    else files.set(path, await readEntry(join(directory, path), stats));
    if (files.size > filesMax) throw new Fault("workspace-too-big", `${directory} holds more than ${filesMax} files`);
  }
}

async function readEntry(path: string, stats: Stats): Promise<SourceFile> {
  if (stats.isSymbolicLink()) return { mode: "120000", bytes: empty };
  if (!stats.isFile()) return { mode: "000000", bytes: empty };
  const mode = (stats.mode & 0o100) === 0 ? "100644" : "100755";
  if (stats.size > fileBytesMax) return { mode, bytes: empty, unreadBytes: stats.size };
  return { mode, bytes: await readFile(path) };
}

export interface ReadCommitOptions {
  /** Whose code is wanted, as `<team>/<name>`; of the others only the spec is read. Default: everyone's. */
  readonly code?: (strategy: string) => boolean;
}

/**
 * The same shape from a commit or tree in Git. One listing, one read.
 *
 * @throws Fault `git-path-malformed` when the tree holds a path that no checkout should get
 */
export async function readCommit(
  repository: Repository,
  tree: CommitSha | TreeSha,
  options: ReadCommitOptions = {},
): Promise<SourceTree> {
  const [files] = await readCommits(repository, [tree], options);
  assert(files !== undefined, "one was asked for");
  return files;
}

/** The same of several, in their order. A file that stands alike in more than one is one and the same value, and is read once. */
export async function readCommits(
  repository: Repository,
  trees: readonly (CommitSha | TreeSha)[],
  options: ReadCommitOptions = {},
): Promise<readonly SourceTree[]> {
  const listed = await Promise.all(trees.map((tree) => listEntries(repository, tree)));
  const isRead = (path: string, { mode, sizeBytes }: TreeEntry): boolean =>
    mode.startsWith("100") && sizeBytes <= fileBytesMax && isNeeded(path, options);
  const wanted = new Set<BlobSha>();
  for (const entries of listed) for (const [path, entry] of entries) if (isRead(path, entry)) wanted.add(entry.blob);
  const blobs = await repository.read([...wanted]);
  const made = new Map<string, SourceFile>();
  const fileOf = (path: string, entry: TreeEntry): SourceFile => {
    const { mode, blob, sizeBytes } = entry;
    const bytes = isRead(path, entry) ? blobs.get(blob) : undefined;
    const key = `${mode} ${blob} ${bytes === undefined}`;
    const file =
      made.get(key) ?? (bytes === undefined ? { mode, bytes: empty, unreadBytes: sizeBytes } : { mode, bytes });
    made.set(key, file);
    return file;
  };
  return listed.map((entries) => new Map(entries.map(([path, entry]) => [path, fileOf(path, entry)])));
}

async function listEntries(
  repository: Repository,
  tree: CommitSha | TreeSha,
): Promise<readonly (readonly [TreePath, TreeEntry])[]> {
  const entries: [TreePath, TreeEntry][] = [];
  for (const root of roots)
    for (const entry of await repository.list(tree, root)) if (!isLeftOut(entry[0])) entries.push(entry);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

function isNeeded(path: string, { code }: ReadCommitOptions): boolean {
  if (code === undefined) return true;
  const [root, team, name, file, ...rest] = path.split("/");
  if (root !== "strategies" || file === undefined) return true;
  return (file === "strategy.yaml" && rest.length === 0) || code(`${team}/${name}`);
}

/** The path as Git takes it, or why it does not. */
export const checkPath = parseTreePath;

/** The files of one folder, by their path inside it. */
export function subtree(tree: SourceTree, folder: string): SourceTree {
  const prefix = `${folder}/`;
  const inside = new Map<string, SourceFile>();
  for (const [path, file] of tree) if (path.startsWith(prefix)) inside.set(path.slice(prefix.length), file);
  return inside;
}
