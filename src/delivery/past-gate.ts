import type { Forge } from "#forge/port.ts";
import { escapeText } from "#forge/text.ts";
import type { Commit, CommitSha, Repository, TreePath } from "#git/port.ts";
import { mainRef } from "./names.ts";
import { isData } from "./proposal-class.ts";
import { kindOf } from "./tool-files.ts";
import { subjectOf, trailerValues } from "./trailers.ts";

/** A commit of main that brought files of the tool and came with no proposal that the gate had passed: its owners were not asked. */
export interface PastGate {
  readonly commit: Commit;
  /** Those that no later proposal has changed again. */
  readonly files: readonly TreePath[];
}

export interface PastGateWatch {
  /** Newest first. */
  current(): Promise<readonly PastGate[]>;
}

/** How long it is told of, if nothing ends it before. */
const daysMax = 30;
const commitsMax = 2_000;
const toolCommitsMax = 30;
const askedBeforeMax = 20;
/** Of one commit; each is looked at. */
const wordsMax = 50;
/** The forge may know what a commit came with a moment after the commit itself. */
const asksMax = 3;
const keptMs = 3_600_000;

/**
 * Looks for files of the tool that somebody who may push to main has pushed there. What strategies and policies come to in that way is judged when it is
 * rendered; what decides who judges is nobody's but its owners' to see, so it is told of: until a proposal that the gate has passed changes the
 * same files, and for 30 days at most. Before the first such proposal there was no gate to pass.
 */
export function createPastGateWatch({
  repository,
  forge,
  clock,
}: {
  readonly repository: Repository;
  readonly forge: Pick<Forge, "passedGate">;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}): PastGateWatch {
  const asked = new Map<CommitSha, { readonly passed: boolean; readonly times: number }>();
  const hasPassed = async ({ sha }: Commit): Promise<boolean> => {
    const known = asked.get(sha) ?? { passed: false, times: 0 };
    if (known.passed || known.times >= asksMax) return known.passed;
    const passed = (await forge.passedGate(sha, mainRef)) !== undefined;
    asked.set(sha, { passed, times: known.times + 1 });
    return passed;
  };
  const isFirst = async (commit: Commit, history: readonly Commit[]): Promise<boolean> => {
    const before = history.slice(history.indexOf(commit) + 1);
    const says = (one: Commit): boolean => trailerValues(one.message, "Proposal").length > 0;
    const likely = [...before.filter(says), ...before.filter((one) => !says(one))].slice(0, askedBeforeMax);
    for (const one of likely) if (await hasPassed(one)) return false;
    return true;
  };
  let last: { readonly main: CommitSha; readonly atMs: number; readonly found: readonly PastGate[] } | undefined;
  return {
    async current() {
      const main = await repository.resolve(mainRef);
      if (main === undefined) return [];
      if (last?.main === main && clock() - last.atMs < keptMs) return last.found;
      const history = await repository.history(main, { limit: commitsMax });
      const commits = await toolCommits(repository, history, clock() / 1_000);
      const answers = await Promise.all(commits.map(hasPassed));
      // The newest ones are gone through first: what they settle is settled.
      const settled = new Set<TreePath>();
      const found: PastGate[] = [];
      for (const [index, commit] of commits.entries()) {
        const [parent] = commit.parents;
        if (parent === undefined) continue;
        const files = (await decisive(repository, parent, commit.sha)).filter((path) => !settled.has(path));
        if (answers[index] === true) for (const path of files) settled.add(path);
        else if (files.length > 0) found.push({ commit, files });
      }
      for (let oldest = found.at(-1); oldest !== undefined; oldest = found.at(-1)) {
        if (!(await isFirst(oldest.commit, history))) break;
        found.pop();
      }
      const isSure = [...asked.values()].every(({ passed, times }) => passed || times >= asksMax);
      if (isSure) last = { main, atMs: clock(), found };
      return found;
    },
  };
}

/** The files of the tool that differ, but for words for people, which decide nothing. */
async function decisive(repository: Repository, from: CommitSha, to: CommitSha): Promise<readonly TreePath[]> {
  const files = (await repository.changedPaths(from, to)).map(({ path }) => path).filter((path) => !isData(path));
  const words = new Set(files.filter((path) => kindOf(path, true) === "words").slice(0, wordsMax));
  for (const path of words)
    for (const tree of [from, to]) {
      const mode = (await repository.list(tree, path)).get(path)?.mode;
      if (mode !== undefined && mode !== "100644") words.delete(path);
    }
  return files.filter((path) => !words.has(path));
}

/** The newest commits that change files of the tool, newest first. None counts as older than one before it, whatever its author says. */
async function toolCommits(
  repository: Repository,
  history: readonly Commit[],
  nowSeconds: number,
): Promise<readonly Commit[]> {
  const roots = await repository.changedRoots(history);
  let seconds = 0;
  const recent: Commit[] = [];
  for (const commit of history.toReversed()) {
    seconds = Math.max(seconds, commit.committer.timeSeconds);
    if (seconds < nowSeconds - daysMax * 86_400) continue;
    if (roots.get(commit.sha)?.some((root) => !isData(root)) === true) recent.push(commit);
  }
  return recent.toReversed().slice(0, toolCommitsMax);
}

const filesShown = 5;

/** What happened, and how it is mended. */
export function describePastGate({ commit, files }: PastGate): readonly [what: string, mend: string] {
  const { sha, author, committer } = commit;
  const [name, other] = [escapeText(author.name), escapeText(committer.name)];
  const by = name === other ? name : `${name}, committed by ${other}`;
  const when = new Date(committer.timeSeconds * 1_000).toISOString().slice(0, 19).replace("T", " ");
  const more = files.length > filesShown ? ` and ${files.length - filesShown} more` : "";
  const listed = `${files.slice(0, filesShown).join(", ")}${more}`;
  return [
    `${sha.slice(0, 7)} by ${by}, ${when} (${escapeText(subjectOf(commit))}) came to main past the gate with files of the tool, without the approval of their owners: ${listed}`,
    `look at it (git show ${sha.slice(0, 7)}), then propose these files as they should be, so that their owners approve them`,
  ];
}
