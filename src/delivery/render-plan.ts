import type { StrategyId } from "#core/identity.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";
import type { Commit, CommitSha, Repository, TreePath } from "#git/port.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { policyIn, readFleet } from "./fleet.ts";
import { digest, type Memo } from "./memo.ts";
import { strategiesOf, treePath } from "./names.ts";
import { inputsOf, type RenderInput, refusedStrategies, renderFiles, strategyOf } from "./render-tree.ts";
import { readCommit, type SourceTree } from "./tree.ts";

/** What one commit of main means for an environment. */
export type RenderPlan =
  | {
      readonly outcome: "carried";
      readonly files: ReadonlyMap<string, string>;
      readonly policyDigest: string;
      /** On main and refused by today's policies: rendered with no replicas. */
      readonly stopped: readonly StrategyId[];
      readonly findings: readonly Finding[];
    }
  /** Pushed past the gate and refused now: the branch stays as it was. */
  | { readonly outcome: "refused"; readonly findings: readonly Finding[] }
  /** Main has no such environment at this commit. */
  | { readonly outcome: "absent" };

const searchMax = 200;

/** Decides what an environment branch must hold for a commit of main. A function of main's history up to that commit alone. */
export async function planRender(
  repository: Repository,
  commit: Commit,
  environment: string,
  memo: Memo,
): Promise<RenderPlan> {
  const path = treePath(`policies/environments/${environment}.yaml`);
  const [defined] = await repository.readPaths([{ tree: commit.sha, path }]);
  if (defined === undefined) return { outcome: "absent" };
  const tree = await readMain(repository, commit.sha);
  if ("refused" in tree) return { outcome: "refused", findings: [tree.refused] };
  const report = await checkTree(tree.files, {
    environments: [environment],
    atSeconds: commit.committer.timeSeconds,
    memo,
  });
  const policy = policyIn(readFleet(tree.files, memo), environment, commit.committer.timeSeconds, memo);
  const brought = await broughtBy(repository, commit);
  const against = report.findings.filter((finding) => isAgainst(finding, brought));
  if (policy === undefined || hasErrors(against)) return { outcome: "refused", findings: against };
  const stopped: StrategyId[] = [];
  const inputs: RenderInput[] = [...inputsOf(report, environment)];
  for (const id of [...refusedStrategies(report.findings)].sort()) {
    const input = await lastGood(repository, commit, id, environment, memo);
    if (input === undefined) continue;
    stopped.push(id);
    inputs.push(input);
  }
  const files = renderFiles(policy, inputs, memo);
  const relevant = report.findings.filter((finding) => finding.severity === "error");
  return { outcome: "carried", files, policyDigest: policyDigest(tree.files), stopped, findings: relevant };
}

/** SHA-256 over every file below `policies/`, by path. */
export function policyDigest(tree: SourceTree): string {
  const parts: (string | Uint8Array)[] = [];
  for (const [path, file] of tree) if (path.startsWith("policies/")) parts.push(path, file.mode, file.bytes);
  return `sha256:${digest(...parts)}`;
}

async function readMain(
  repository: Repository,
  sha: CommitSha,
  only?: StrategyId,
): Promise<{ readonly files: SourceTree } | { readonly refused: Finding }> {
  try {
    return { files: await readCommit(repository, sha, only === undefined ? {} : { code: (id) => id === only }) };
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== "git-path-malformed") throw cause;
    const refused: Finding = {
      code: "path-malformed",
      severity: "error",
      message: cause.message,
      fix: "rename the file",
    };
    return { refused };
  }
}

interface Brought {
  readonly paths: readonly string[];
  readonly strategies: ReadonlySet<StrategyId>;
}

/**
 * A finding counts against the commit when it is about the policies, about something below `strategies/` that the commit changes, or about the
 * total of such a strategy's team. One about a strategy that was there before stops that strategy and nobody else.
 */
function isAgainst(finding: Finding, { paths, strategies }: Brought): boolean {
  const file = finding.place?.file;
  if (file === undefined || !file.startsWith("strategies/")) return true;
  const id = strategyOf(finding);
  if (id === undefined) return paths.some((path) => path === file || path.startsWith(`${file}/`));
  if (finding.code !== "team-total-exceeded") return strategies.has(id);
  return [...strategies].some((other) => other.split("/")[0] === id.split("/")[0]);
}

/** What comes with a commit of main: with the first one everything that is there. */
async function broughtBy(repository: Repository, commit: Commit): Promise<Brought> {
  const [parent] = commit.parents;
  const paths: readonly TreePath[] =
    parent === undefined
      ? [...(await repository.list(commit.tree, "strategies")).keys()]
      : (await repository.changedPaths(parent, commit.sha)).map(({ path }) => path);
  return { paths, strategies: new Set(strategiesOf(paths)) };
}

/**
 * A refused strategy as it was when it last passed, with `running: false`, under the policies of then: what it may do ends, its state stays. One
 * that never passed was never rendered and is not now.
 */
async function lastGood(
  repository: Repository,
  from: Commit,
  id: StrategyId,
  environment: string,
  memo: Memo,
): Promise<RenderInput | undefined> {
  const earlier = (await repository.history(from.sha, { limit: searchMax })).slice(1);
  for (const commit of earlier) {
    const tree = await readMain(repository, commit.sha, id);
    if ("refused" in tree) continue;
    const report: CheckReport = await checkTree(tree.files, {
      strategies: [id],
      environments: [environment],
      atSeconds: commit.committer.timeSeconds,
      memo,
    });
    const [input] = inputsOf(report, environment);
    const held = readFleet(tree.files, memo).environments.get(environment)?.document;
    if (input !== undefined && held !== undefined)
      return { ...input, effective: { ...input.effective, running: false }, held };
  }
  return undefined;
}
