import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initBareRepository, type OpenOptions, parseTreePath } from "#git/open.ts";
import type { CommitSha, Repository, TreePath } from "#git/port.ts";

export interface Scratch {
  readonly folder: string;
  close(): Promise<void>;
}

export async function scratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-git-"));
  return { folder, close: () => rm(folder, { recursive: true, force: true }) };
}

export function open({ folder }: Scratch, options: OpenOptions = {}): Promise<Repository> {
  return initBareRepository(join(folder, "repository.git"), options);
}

export function path(text: string): TreePath {
  const parsed = parseTreePath(text);
  if (!parsed.ok) throw new Error(parsed.error.allowed);
  return parsed.value;
}

export function changes(files: { readonly [path: string]: string | null }): ReadonlyMap<TreePath, string | null> {
  return new Map(Object.entries(files).map(([name, text]) => [path(name), text]));
}

export const signature = { name: "Alice É", email: "alice@example.test", timeSeconds: 1_700_000_000 } as const;

export async function commitFiles(
  repository: Repository,
  files: { readonly [path: string]: string | null },
  parents: readonly CommitSha[] = [],
  message = "change\n",
): Promise<CommitSha> {
  const [first] = parents;
  const base = first === undefined ? null : (await repository.commit(first)).tree;
  const tree = await repository.writeTree(base, changes(files));
  return repository.writeCommit({ tree, parents, author: signature, committer: signature, message });
}

/** Git itself, as a second opinion. */
export function git(directory: string, ...args: readonly string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  return execFileSync("git", ["-C", directory, ...args], { encoding: "utf8", env });
}
