// Commits on refs/heads/main by src/git, one after the other: git-slipway.ts <git directory> <strategies> <files per strategy> <salt> <commits>
import { branchRef, openRepository, parseTreePath } from "#git/open.ts";
import type { TreePath } from "#git/port.ts";
import { strategyFiles } from "./git-input.ts";

const [directory = "", count = "1", perStrategy = "3", salt = "", commits = "1"] = process.argv.slice(2);
const repository = await openRepository(directory);
const main = branchRef("main");
const author = { name: "bench", email: "bench@example.test", timeSeconds: 1_700_000_000 };

for (let done = 0; done < Number(commits); done++) {
  const tip = (await repository.resolve(main)) ?? null;
  const changes = new Map<TreePath, string>();
  for (const [text, content] of strategyFiles(Number(count), Number(perStrategy), `${salt}.${done}`)) {
    const path = parseTreePath(text);
    if (path.ok) changes.set(path.value, content);
  }
  const tree = await repository.writeTree(tip === null ? null : (await repository.commit(tip)).tree, changes);
  const parents = tip === null ? [] : [tip];
  const commit = await repository.writeCommit({ tree, parents, author, committer: author, message: `${salt}\n` });
  const moved = await repository.updateRef(main, commit, tip);
  if (!moved.ok) throw new Error(moved.error.code);
}
