import type { StrategyId } from "#core/identity.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { assert, Fault } from "#core/result.ts";
import { teamsFile } from "#core/teams.ts";
import type { Proposal } from "#forge/port.ts";
import type { Repository, TreeSha } from "#git/port.ts";
import { proposersOf } from "./approvals.ts";
import { asksOf } from "./asks.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { checkClaims, saysNeverGrew } from "./claims.ts";
import { directChanges } from "./directions.ts";
import { readFleet } from "./fleet.ts";
import { type FleetImpact, fleetImpact } from "./fleet-impact.ts";
import { acceptsStops, flipsOf, isNews } from "./flips.ts";
import { activeFreezes, checkFreezes } from "./freezes.ts";
import { withBounds } from "./held-to.ts";
import { changedObjects, type EnvironmentPair } from "./impact.ts";
import { judgeTool } from "./judge-tool.ts";
import type { Memo } from "./memo.ts";
import { strategiesOf, treePath } from "./names.ts";
import { codeOwnersFindings } from "./owner-checks.ts";
import { classOf } from "./proposal-class.ts";
import { checkClass, checkMakers, checkWords, commitsOf, provenRollback, retirements } from "./proposal-rules.ts";
import { checkRemovals, saidRemovals } from "./removals.ts";
import { policyDigest } from "./render-plan.ts";
import { strategyOf } from "./render-tree.ts";
import { ruleOutcomes } from "./rule-outcomes.ts";
import { judgeSide, renderPairs, type Side } from "./sides.ts";
import { type ChangeSummary, isOwnTitle, summarize, titleOf } from "./summarize.ts";
import { type ReadCommitOptions, readCommits, type SourceTree } from "./tree.ts";
import type { EnvironmentImpact, MergePair, Proposer, StrategyImpact, Verdict } from "./verdict.ts";
import { conflicts, summaryLine, withoutImpact } from "./verdict-forms.ts";
import { checkWindows } from "./windows.ts";

export interface Judgement {
  readonly verdict: Verdict;
  /** What the verdict's objects were before and after, for the comment. */
  readonly pairs: readonly EnvironmentPair[];
}

/** Judges a proposal on the result of its merge. Nothing is written, nothing but Git is read: same commits, same verdict. */
export async function judgeTrees(
  repository: Repository,
  proposal: Proposal,
  pair: MergePair,
  memo: Memo,
): Promise<Judgement> {
  const merged = await repository.mergeTree(pair.base, pair.head);
  if (!merged.ok) return refusedEarly(proposal, pair, undefined, conflicts(merged.error.paths));
  try {
    const atSeconds = (await repository.commit(pair.base)).committer.timeSeconds;
    const changed = await repository.changedPaths(pair.base, merged.value);
    const paths = changed.map(({ path }) => path);
    const [before, after] = await readCommits(repository, [pair.base, merged.value], codeInQuestion(paths));
    assert(before !== undefined && after !== undefined, "two were asked for");
    const { commits, findings } = await commitsOf(repository, pair);
    const words = [...findings, ...checkWords(proposal, commits), ...checkMakers(commits), ...checkClass(changed)];
    const teams = paths.includes(treePath(teamsFile)) ? readFleet(after, memo).policies.teams?.document : undefined;
    if (teams !== undefined) words.push(...(await codeOwnersFindings(repository, merged.value, teams)));
    const proposers = proposersOf(proposal, commits);
    const content = { proposal, pair, tree: merged.value, before, after, words, proposers, atSeconds, memo };
    if (classOf(paths) === "tool") return await judgeOutside(repository, content, paths);
    return await judgeContent(repository, content);
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== "git-path-malformed") throw cause;
    const finding: Finding = {
      code: "path-malformed",
      severity: "error",
      message: cause.message,
      fix: "rename the file",
    };
    return refusedEarly(proposal, pair, merged.value, [finding]);
  }
}

/** Policies are judged against everyone's code; anything else against that of the strategies it changes. */
function codeInQuestion(paths: readonly string[]): ReadCommitOptions {
  if (paths.some((path) => path.startsWith("policies/"))) return {};
  const changed: ReadonlySet<string> = new Set(strategiesOf(paths));
  return { code: (id) => changed.has(id) };
}

interface Content {
  readonly proposal: Proposal;
  readonly pair: MergePair;
  readonly tree: TreeSha;
  readonly before: SourceTree;
  readonly after: SourceTree;
  readonly words: readonly Finding[];
  readonly proposers: readonly Proposer[];
  /** The committer date of the base: time in Git. */
  readonly atSeconds: number;
  readonly memo: Memo;
}

async function judgeContent(repository: Repository, content: Content): Promise<Judgement> {
  const { proposal, pair, tree, before, after, words, atSeconds, memo } = content;
  const summary = summarize(before, after);
  // An edit of policies is judged on both sides whole, and then compared: the same two reports serve both.
  const whole =
    summary.policies.length > 0
      ? { before: await judgeSide(before, atSeconds, memo), after: await judgeSide(after, atSeconds, memo) }
      : undefined;
  const reports = await checkBoth(content, summary, whole);
  const [was, is] = [readFleet(before, memo), readFleet(after, memo)];
  const { policies: old } = was;
  const { policies: now } = is;
  const asked = [
    ...words,
    ...reports.findings,
    ...retirements(was, is, summary),
    ...checkClaims(was, is, saysNeverGrew(proposal.description)),
    ...checkRemovals(was, is, saidRemovals(proposal.description)),
    ...checkWindows(before, after, now, atSeconds),
  ];
  const freezes = activeFreezes(old, atSeconds);
  // A refused edit of policies is compared all the same: what it would refuse is what its author must see.
  const compared = !hasErrors(asked) || summary.policies.length > 0 || freezes.length > 0;
  const focus = summary.strategies.map(({ id }) => id);
  const base = whole?.before ?? (compared ? await judgeSide(before, atSeconds, memo, focus) : undefined);
  const head = whole?.after ?? (compared ? await judgeSide(after, atSeconds, memo, focus) : undefined);
  const changes = base === undefined || head === undefined ? [] : directChanges(base, head, summary);
  const findings = [...asked, ...checkFreezes(freezes, changes)];
  const state = hasErrors(findings) ? "refused" : "passed";
  const pairs = base === undefined || head === undefined ? [] : renderPairs(base, head, memo);
  const fleet =
    base === undefined || head === undefined
      ? { environments: [], policies: [], findings: [] }
      : fleetImpact(base, head, pairs);
  const objects = pairs.flatMap(changedObjects);
  const moved = impacts(summary, fleet);
  const strategies = head === undefined ? moved : withBounds(moved, { report: head.report, policies: old, atSeconds });
  const checks = reports.checks + 3;
  const verdict: Verdict = {
    number: proposal.number,
    state,
    summary: summaryLine(state, checks, reports.rules, findings),
    ...pair,
    tree,
    policyDigest: policyDigest(after),
    title: titleFor(proposal, summary),
    checks,
    rules: reports.rules,
    outcomes: ruleOutcomes(reports.judged),
    findings,
    strategies,
    policies: summary.policies,
    fleet: summary.policies.length > 0 ? fleet : undefined,
    objects,
    objectsTotal: pairs.reduce((total, { after: files }) => total + files.size, 0),
    ...(state === "passed"
      ? asksOf({ ...content, findings, changes, pairs, strategies, summary, known: base?.report.findings ?? [] })
      : { needs: [], approvalDigest: undefined, people: [] }),
    proposers: content.proposers,
    rollbackOf: await provenRollback(repository, proposal, after),
  };
  return { verdict, pairs };
}

/** No strategy and no policy differs, so nothing is rendered otherwise by it, and no rule has a word to say. */
async function judgeOutside(repository: Repository, content: Content, paths: readonly string[]): Promise<Judgement> {
  const { proposal, pair, tree, words, proposers } = content;
  const answer = await judgeTool(repository, { ...content, paths });
  const { tool, needs, people, policyDigest: policies, approvalDigest } = answer;
  const findings = [...words, ...answer.findings];
  const state = hasErrors(findings) ? "refused" : "passed";
  const count = `${paths.length} ${paths.length === 1 ? "file" : "files"} of the tool`;
  const verdict: Verdict = {
    ...withoutImpact(proposal, pair, tree, findings),
    ...{ state, proposers, people, policyDigest: policies, tool },
    summary: state === "passed" ? `${count}, no strategy and no policy` : summaryLine(state, 0, 0, findings),
    ...(state === "passed" ? { needs, approvalDigest } : {}),
  };
  return { verdict, pairs: [] };
}

function refusedEarly(
  proposal: Proposal,
  pair: MergePair,
  tree: TreeSha | undefined,
  findings: readonly Finding[],
): Judgement {
  return { verdict: withoutImpact(proposal, pair, tree, findings), pairs: [] };
}

/** A title of ours follows what the branch holds now; a person's stays. */
function titleFor(proposal: Proposal, summary: ChangeSummary): string {
  return (isOwnTitle(proposal) && titleOf(summary)) || proposal.title;
}

/** Changed strategies by the base's policies; changed policies against every strategy. What was refused before is not this proposal's doing. */
async function checkBoth(
  { proposal, before, after, atSeconds, memo }: Content,
  summary: ChangeSummary,
  whole: { readonly before: Side; readonly after: Side } | undefined,
): Promise<{
  readonly findings: readonly Finding[];
  readonly checks: number;
  readonly rules: number;
  /** As they were judged, whatever of it is this proposal's doing. */
  readonly judged: readonly CheckReport[];
}> {
  const judged: CheckReport[] = [];
  const findings: Finding[] = [];
  let checks = 0;
  let rules = 0;
  const add = (report: CheckReport, counts: (finding: Finding) => boolean): void => {
    for (const finding of report.findings)
      findings.push(counts(finding) ? finding : { ...finding, severity: "warning" });
    const { rules: passed, ...others } = report.checks;
    for (const count of Object.values(others)) checks += count;
    rules = Math.max(rules, passed);
  };
  const changed = summary.strategies.filter(({ kind }) => kind !== "deleted").map(({ id }) => id);
  if (changed.length > 0 || summary.policies.length === 0) {
    const known = readFleet(before, memo).layout.findings;
    const inherited = (finding: Finding): boolean =>
      finding.place?.file.startsWith("strategies/") === true &&
      strategyOf(finding) === undefined &&
      known.some(({ code, place }) => code === finding.code && place?.file === finding.place?.file);
    const tree = summary.policies.length === 0 ? after : withPolicies(after, before);
    const report = await checkTree(tree, {
      ...{ strategies: changed, atSeconds, memo },
      describe: true,
    });
    judged.push(report);
    add(report, (finding) => !inherited(finding));
  }
  if (whole !== undefined) {
    const known = whole.before.report;
    const { report } = whole.after;
    judged.push(report);
    const flips = flipsOf(known, changed, acceptsStops(proposal.description));
    add({ ...report, findings: report.findings.filter(isNews(known, changed)).map(flips) }, () => true);
  }
  const seen = new Set<string>();
  const once = findings.filter((finding) => {
    const key = JSON.stringify(finding);
    return !seen.has(key) && seen.add(key);
  });
  return { findings: once, checks, rules, judged };
}

function withPolicies(tree: SourceTree, policies: SourceTree): SourceTree {
  const files = [
    ...[...tree].filter(([path]) => !path.startsWith("policies/")),
    ...[...policies].filter(([path]) => path.startsWith("policies/")),
  ];
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the proposal is about, and whatever else it moves. */
function impacts({ strategies }: ChangeSummary, { environments }: FleetImpact): readonly StrategyImpact[] {
  const own = new Map(strategies.map((one) => [one.id, one]));
  const byPolicy = new Set<StrategyId>();
  const found = new Map<StrategyId, EnvironmentImpact[]>();
  for (const { environment, strategies: rows } of environments) {
    for (const { id, before, after, impact } of rows) {
      const { objects, effect, stateless, limits } = impact;
      const moved = objects.added + objects.changed + objects.removed > 0 || effect !== "unchanged" || before !== after;
      if (!own.has(id) && !moved) continue;
      if (!own.has(id)) byPolicy.add(id);
      found.set(id, [
        ...(found.get(id) ?? []),
        { environment, objects, effect, ...(stateless === undefined ? {} : { stateless }), limits },
      ]);
    }
  }
  const all = [...strategies, ...[...byPolicy].map((id) => ({ id, kind: "policy" as const, changes: [] }))];
  return all.map(({ id, kind, changes }) => ({ id, kind, changes, environments: found.get(id) ?? [] }));
}
