import { treePath } from "#delivery/names.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/names.ts";
import type { CommitSha, Repository, TreePath } from "#git/port.ts";

export interface SeedOptions {
  readonly author: { readonly name: string; readonly email: string };
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface Seeded {
  readonly commit: CommitSha;
  /** False when main was there before; then nothing was written. */
  readonly created: boolean;
}

const readme = `# Strategies and policies

Slipway's forge. Everything in here arrives by proposals: \`slipway deploy <team>/<name>\`. What runs is on the branches \`env/<environment>\`.
`;

/** The first commit on main: the policies, by which every later proposal is judged. Two that seed at once make one commit. */
export async function seedForge(
  repository: Repository,
  tree: SourceTree,
  { author, clock }: SeedOptions,
): Promise<Seeded> {
  const main = branchRef("main");
  const before = await repository.resolve(main);
  if (before !== undefined) return { commit: before, created: false };
  const files = new Map<TreePath, string | Uint8Array>([[treePath("README.md"), readme]]);
  for (const [path, file] of tree) {
    if (path.startsWith("policies/") && file.mode.startsWith("100") && file.unreadBytes === undefined)
      files.set(treePath(path), file.bytes);
  }
  const signature = { name: author.name, email: author.email, timeSeconds: Math.floor(clock() / 1_000) };
  const commit = await repository.writeCommit({
    tree: await repository.writeTree(null, files),
    parents: [],
    author: signature,
    committer: signature,
    message: "policies: the first ones\n",
  });
  const created = await repository.updateRef(main, commit, null);
  if (created.ok) return { commit, created: true };
  return { commit: created.error.found ?? commit, created: false };
}
