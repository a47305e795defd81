import { slipwayIdentity } from "#core/committer.ts";
import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import type { Proposal } from "#forge/port.ts";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import { listDeploys } from "./deploys.ts";
import { environmentsOf, type Fleet } from "./fleet.ts";
import { classOf, isData } from "./proposal-class.ts";
import { parseRollbackBranch } from "./propose.ts";
import type { ChangeSummary } from "./summarize.ts";
import { claimedTrailers } from "./trailers.ts";
import { isLeftOut, readCommit, type SourceTree, subtree } from "./tree.ts";
import type { MergePair } from "./verdict.ts";

// What the gate asks of a proposal beyond what the check asks of a tree.

type ChangedPath = Awaited<ReturnType<Repository["changedPaths"]>>[number];

const commitsMax = 500;

/** Every commit that a proposal brings, also by merges: what they say and who made them is judged. More than can be read are refused. */
export async function commitsOf(
  repository: Repository,
  { base, head }: MergePair,
): Promise<{ readonly commits: readonly Commit[]; readonly findings: readonly Finding[] }> {
  const commits = await repository.history(head, { stop: base, limit: commitsMax + 1, all: true });
  if (commits.length <= commitsMax) return { commits, findings: [] };
  const finding: Finding = {
    code: "commits-too-many",
    severity: "error",
    message: `the proposal brings more than ${commitsMax} commits, and who made them all is not read`,
    fix: "squash them",
  };
  return { commits, findings: [finding] };
}

/** Approvals and proofs come from the forge; text that claims one is refused, wherever it stands. */
export function checkWords(proposal: Proposal, commits: readonly Commit[]): readonly Finding[] {
  const texts = [
    { where: "the proposal's title", text: `.\n${proposal.title}` },
    { where: "the proposal's description", text: proposal.description },
    ...commits.map(({ sha, message }) => ({ where: `the message of commit ${sha.slice(0, 7)}`, text: message })),
  ];
  return texts.flatMap(({ where, text }) =>
    claimedTrailers(text).map(
      (name): Finding => ({
        code: "trailer-claimed",
        severity: "error",
        message: `${where} carries the trailer ${name}, which only Slipway writes`,
        fix: "reword it; approvals are given with slipway approve",
      }),
    ),
  );
}

/** Slipway commits to no proposal: whoever says so hides who they are, and could approve what they pushed. */
export function checkMakers(commits: readonly Commit[]): readonly Finding[] {
  const own = slipwayIdentity.email.toLowerCase();
  return commits
    .filter(({ author, committer }) => [author, committer].some(({ email }) => email.toLowerCase() === own))
    .map(
      ({ sha }): Finding => ({
        code: "maker-claimed",
        severity: "error",
        message: `commit ${sha.slice(0, 7)} says that Slipway made it, and Slipway makes none of a proposal's`,
        fix: "commit it in your own name: git commit --amend --reset-author",
      }),
    );
}

/** What changes a strategy or a policy comes alone: beside it nothing may change that judges it. */
export function checkClass(changed: readonly ChangedPath[]): readonly Finding[] {
  const mixed = classOf(changed.map(({ path }) => path)) === "mixed";
  const others = "-- . ':!strategies' ':!policies'";
  const patch = "../tool.patch";
  const apart = `git diff --binary origin/main...HEAD ${others} > ${patch} && git switch --no-track -c tool origin/main && git apply --index ${patch}`;
  const back = `git restore --source=origin/main --staged --worktree ${others}`;
  const findings: Finding[] = [];
  for (const { path, status } of changed) {
    if (mixed && !isData(path)) {
      findings.push({
        code: "class-mixed",
        severity: "error",
        message: "this decides what judges, and comes together with strategies or policies, which it would judge",
        fix: `on this branch, bring it to one of its own: ${apart} (then commit), and here take it back: ${back}`,
        place: { file: path },
      });
    } else if (isData(path) && isLeftOut(path) && status !== "deleted") {
      findings.push({
        code: "file-left-out",
        severity: "warning",
        message: "hidden files, backups, caches and installed packages are never deployed; this one stays unread",
        fix: "remove it",
        place: { file: path },
      });
    }
  }
  return findings;
}

/**
 * Deleting a spec is a trading event, and so is taking it out of an environment: what becomes of the positions must have been said, and judged,
 * before.
 */
export function retirements(before: Fleet, after: Fleet, { strategies }: ChangeSummary): readonly Finding[] {
  return strategies.flatMap(({ id, kind }): readonly Finding[] => {
    const old = before.strategies.get(id)?.parsed?.document;
    if (kind === "new" || old?.spec.retire !== undefined) return [];
    const say = (what: string, then: string): Finding => ({
      code: "retire-missing",
      severity: "error",
      message: `${what}, but its spec on main does not say what becomes of its orders and positions`,
      fix: `deploy spec.retire: cancel, flatten or keep first, then ${then}`,
      place: { file: `strategies/${id}/strategy.yaml` },
    });
    if (kind === "deleted") return [say(`${id} is deleted`, "delete the folder")];
    const now = after.strategies.get(id)?.parsed;
    // Of environments that cannot be read it is not known that they are gone; that has its finding.
    if (old === undefined || now?.whole("/spec/environments") !== true) return [];
    const there = environmentsOf(now.parts);
    // One that is misspelt is not gone.
    if (there.some((environment) => !after.environments.has(environment))) return [];
    const gone = environmentsOf(old).filter((environment) => !there.includes(environment));
    return gone.map((environment) => say(`${id} is taken out of ${environment}`, `take ${environment} out`));
  });
}

/** A rollback's branch names a deploy; it is one if the folder is that deploy's, byte for byte. */
export async function provenRollback(
  repository: Repository,
  { branch }: Proposal,
  after: SourceTree,
): Promise<CommitSha | undefined> {
  const claim = parseRollbackBranch(branch);
  if (claim === undefined) return undefined;
  const deploys = await listDeploys(repository, claim.strategy as StrategyId);
  const deploy = deploys.find(({ number }) => number === claim.deploy);
  if (deploy === undefined) return undefined;
  const then = subtree(
    await readCommit(repository, deploy.commit, { code: (id) => id === claim.strategy }),
    `strategies/${claim.strategy}`,
  );
  const now = subtree(after, `strategies/${claim.strategy}`);
  const same =
    then.size === now.size &&
    [...then].every(([path, file]) => Buffer.from(file.bytes).equals(now.get(path)?.bytes ?? new Uint8Array(1)));
  return same ? deploy.commit : undefined;
}
