// `node bench/git.ts [strategies] [pairs]`: a commit of 3 files of each of 1 and of 1,000 strategies in a repository of 10,000, by src/git
// and by a work tree. The peer's work tree is made once, before; the last column counts its making.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initBareRepository } from "#git/open.ts";
import { measure, pairs, type Sample, spread } from "./measure.ts";

const count = Number(process.argv[2] ?? "10000");
const runs = Number(process.argv[3] ?? "3");
const folder = mkdtempSync(join(tmpdir(), "slipway-bench-git-"));
const bare = join(folder, "repository.git");
const worktree = join(folder, "worktree");
let salts = 0;

function checked(sample: Sample): Sample {
  if (sample.status !== 0) throw new Error(`a benchmark command ended with exit code ${sample.status}`);
  return sample;
}

function commit(script: string, directory: string, strategies: number, perStrategy: number, commits = 1): Sample {
  salts += 1;
  const args = [directory, String(strategies), String(perStrategy), `change ${salts}`, String(commits)];
  return checked(measure([process.execPath, join(import.meta.dirname, script), ...args]));
}

try {
  await initBareRepository(bare);
  console.log(
    `git: ${count} strategies of 9 files; CPU seconds (user + system) of the whole process, median (min–max), pairs A B A B`,
  );
  console.log(`first commit of all: slipway ${commit("git-slipway.ts", bare, count, 9).cpuSeconds.toFixed(2)} s`);
  const added = checked(measure(["git", "-C", bare, "worktree", "add", "-q", "-b", "peer", worktree, "main"]));
  console.log(`git worktree add: ${added.cpuSeconds.toFixed(2)} s`);
  const thousand = Math.min(1_000, count);
  for (const [changed, commits] of [
    [1, 1],
    // The server is one process: its start is not paid for by each commit.
    [1, 10],
    [thousand, 1],
    [thousand, 5],
  ] as const) {
    const result = pairs(
      runs,
      () => commit("git-slipway.ts", bare, changed, 3, commits),
      () => commit("git-worktree.ts", worktree, changed, 3, commits),
    );
    const figures = `slipway ${spread(result.a)} s   worktree ${spread(result.b)} s   ratio ${spread(result.ratio)}`;
    const withMaking = result.a.map((seconds, index) => seconds / ((result.b[index] ?? 0) + added.cpuSeconds));
    console.log(
      `${String(commits).padStart(2)} commits of ${String(changed).padStart(4)} in one process   ${figures}   with git worktree add ${spread(withMaking)}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
