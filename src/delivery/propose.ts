import { createHash } from "node:crypto";
import { setRunning } from "#core/edit.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { type Finding, formatPlace, hasErrors } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { branchRef } from "#git/names.ts";
import type { CommitSha, RefName, Repository } from "#git/port.ts";
import { checkTree } from "./check.ts";
import { checkClaims, neverGrewLine } from "./claims.ts";
import { type Deploy, listDeploys } from "./deploys.ts";
import { environmentsOf, readFleet } from "./fleet.ts";
import { flipsLine, flipsOf, isNews } from "./flips.ts";
import { createMemo } from "./memo.ts";
import { type OpenedChange, openChange, type ProposalRefusal, type ProposeContext, readMain } from "./open-change.ts";
import { checkRemovals, removesLine } from "./removals.ts";
import { summarize, titleOf } from "./summarize.ts";
import { readCommit, type SourceTree, subtree } from "./tree.ts";
import { previousVersion } from "./versions.ts";

export { type Deploy, listDeploys } from "./deploys.ts";
export type { OpenedChange, ProposalRefusal, ProposeContext } from "./open-change.ts";

export interface DeployRequest extends ProposeContext {
  readonly workspace: SourceTree;
  readonly strategies: readonly StrategyId[];
  /** Proposes the workspace's policies with it, or alone. */
  readonly policies?: boolean;
  readonly title?: string;
  /** Closes the open proposal of someone else who proposes other content of the same; without it that one is left alone, and this is refused. */
  readonly takesOver?: boolean;
  /** Admits that strategies which the proposed policies refuse are stopped. */
  readonly stopsFlipped?: boolean;
  /** Says that claims which it makes smaller never grew: the sync of the larger ones failed. */
  readonly neverGrew?: boolean;
  /** Says how many strategies it takes out of an environment, if they are many. */
  readonly removes?: number;
  /** Proposes what the check refuses too; the gate refuses it in the open. What Git must not hold is refused all the same. */
  readonly force?: boolean;
}

/**
 * Proposes folders of a workspace exactly as they stand: files that are gone are removed. Said again it answers with the open proposal; newer
 * content moves its branch. The workspace is not touched.
 */
export async function proposeDeploy(request: DeployRequest): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { strategies, workspace, policies = false } = request;
  const main = await readMain(request.repository);
  if (!main.ok) return main;
  // Policies are judged against every strategy, and so against everyone's code.
  const before = await readCommit(request.repository, main.value.sha, {
    code: (id) => policies || strategies.some((other) => other === id),
  });
  const folders = [...strategies.map((id) => `strategies/${id}`), ...(policies ? ["policies"] : [])];
  const after = replaceFolders(before, withHalts(before, workspace), folders);
  const unknown = strategies.filter(
    (id) => subtree(before, `strategies/${id}`).size === 0 && subtree(workspace, `strategies/${id}`).size === 0,
  );
  const gone = await Promise.all(unknown.map((id) => wasThere(request.repository, main.value.sha, id)));
  const never = unknown.filter((_, index) => gone[index] !== true);
  if (never.length > 0) return err(missing(never));
  const findings = await checkProposal(request, before, after, main.value.committer.timeSeconds);
  if (hasErrors(findings)) return err(checkRefused(findings));
  const summary = summarize(before, after);
  return openChange(request, {
    main: main.value,
    branch: deployBranch(strategies, policies),
    folders,
    after,
    held: request.takesOver === true ? "take-over" : "refuse",
    named: request.title !== undefined,
    title: request.title ?? (titleOf(summary) || `${[...strategies].join(", ")}: unread files removed`),
    description: [
      describe(
        summary.strategies.map(({ id, changes }) => `${id}: ${changes.join(", ")}`),
        summary.policies,
      ),
      ...(request.stopsFlipped === true ? ["", flipsLine] : []),
      ...(request.neverGrew === true ? ["", neverGrewLine] : []),
      ...(request.removes === undefined ? [] : ["", removesLine(request.removes)]),
    ].join("\n"),
    nothing:
      unknown.length > 0 && unknown.length === folders.length
        ? `${unknown.join(", ")} ${unknown.length === 1 ? "is" : "are"} gone from main already`
        : `${[...strategies, ...(policies ? ["policies"] : [])].join(", ")} on main ${folders.length === 1 ? "is" : "are"} what this folder holds`,
    findings,
  });
}

/** A checkout does not have what was halted since: that ends with a resume, and never because a folder lacks its file. */
export function withHalts(main: SourceTree, workspace: SourceTree): SourceTree {
  const held = [...main].filter(([path]) => path.startsWith("policies/halts/"));
  return new Map([...workspace, ...held].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function replaceFolders(before: SourceTree, workspace: SourceTree, folders: readonly string[]): SourceTree {
  const inside = (path: string): boolean => folders.some((folder) => path.startsWith(`${folder}/`));
  const files = [...[...before].filter(([path]) => !inside(path)), ...[...workspace].filter(([path]) => inside(path))];
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function checkProposal(
  { strategies, policies, force, stopsFlipped = false, neverGrew = false, removes, memo = createMemo() }: DeployRequest,
  before: SourceTree,
  after: SourceTree,
  atSeconds: number,
): Promise<readonly Finding[]> {
  const present = strategies.filter((id) => subtree(after, `strategies/${id}`).size > 0);
  const everything = policies === true ? {} : { strategies: present, describe: true };
  const report = await checkTree(after, { ...everything, atSeconds, memo });
  const unwritable = new Set(["path-malformed", "file-symlink", "file-special", "file-too-big"]);
  if (force === true) return report.findings.filter(({ code }) => unwritable.has(code));
  const read = (tree: SourceTree) => readFleet(tree, memo);
  const [was, is] = [read(before), read(after)];
  const moved = [...checkClaims(was, is, neverGrew), ...checkRemovals(was, is, removes)];
  if (policies !== true) return [...report.findings, ...moved];
  const known = await checkTree(before, { atSeconds, memo });
  const flips = flipsOf(known, strategies, stopsFlipped);
  return [...report.findings.filter(isNews(known, strategies)).map(flips), ...moved];
}

function checkRefused(findings: readonly Finding[]): ProposalRefusal {
  const errors = findings.filter(({ severity }) => severity === "error");
  const first = errors[0]?.place;
  return {
    code: "check-refused",
    message: `${errors.length === 1 ? "1 error" : `${errors.length} errors`}${first === undefined ? "" : `, the first at ${formatPlace(first)}`}; nothing was proposed`,
    fix: "mend it, then deploy again",
    findings,
  };
}

/** Then its removal has reached main. */
async function wasThere(repository: Repository, main: CommitSha, id: StrategyId): Promise<boolean> {
  return (await repository.history(main, { path: `strategies/${id}`, limit: 1 })).length > 0;
}

function missing(ids: readonly StrategyId[]): ProposalRefusal {
  const message = `there is no ${ids.map((id) => `strategies/${id}`).join(", ")} here, and none on main`;
  return { code: "strategy-missing", message, fix: `make it with: slipway new ${ids[0]}`, findings: [] };
}

function deployBranch(strategies: readonly StrategyId[], policies: boolean): RefName {
  const [only] = strategies;
  if (only !== undefined && strategies.length === 1 && !policies) return branchRef(`slipway/deploy/${only}`);
  if (only === undefined) return branchRef("slipway/policies");
  const set = createHash("sha256")
    .update([...strategies].sort().join(" "))
    .update(policies ? " policies" : "")
    .digest("hex");
  return branchRef(`slipway/deploy-set/${set.slice(0, 12)}`);
}

function describe(...groups: readonly (readonly string[])[]): string {
  return groups
    .flat()
    .map((line) => `- ${line}`)
    .join("\n");
}

export interface RunningRequest extends ProposeContext {
  readonly strategy: StrategyId;
  readonly environment: string;
  /** False stops it, true starts it. */
  readonly running: boolean;
}

/** Proposes to stop or start a strategy: one value of main's spec changes, every other byte stays. */
export async function proposeRunning(request: RunningRequest): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { repository, strategy, environment, running } = request;
  const main = await readMain(repository);
  if (!main.ok) return main;
  const before = await readCommit(repository, main.value.sha, { code: (id) => id === strategy });
  const path = `strategies/${strategy}/strategy.yaml`;
  const file = before.get(path);
  if (file === undefined)
    return err({
      ...missing([strategy]),
      message: `${strategy} is not on main`,
      fix: `deploy it first: slipway deploy ${strategy}`,
    });
  const text = new TextDecoder().decode(file.bytes);
  const word = running ? "start" : "stop";
  const document = readFleet(before, request.memo ?? createMemo()).strategies.get(strategy)?.parsed?.document;
  const known = document === undefined ? [environment] : environmentsOf(document);
  if (!known.includes(environment)) {
    const message = `${strategy} is not deployed in ${environment}; it is in ${known.join(", ") || "no environment"}`;
    return err({
      code: "environment-missing",
      message,
      fix: "add it under spec.environments and deploy",
      findings: [],
    });
  }
  const edited = setRunning(text, environment, running);
  if (!edited.ok)
    return err({
      code: "edit-impossible",
      message: edited.error.message,
      fix: edited.error.fix ?? "edit the file and deploy it",
      findings: [edited.error],
    });
  const after = new Map([...before, [path, { ...file, bytes: new TextEncoder().encode(edited.value) }]]);
  const { team, name } = splitStrategyId(strategy);
  return openChange(request, {
    main: main.value,
    branch: branchRef(`slipway/${word}/${environment}/${team}/${name}`),
    folders: [`strategies/${strategy}`],
    after,
    title: `${strategy}: ${running ? "started" : "stopped"} in ${environment}`,
    description: "",
    nothing: `${strategy} is ${running ? "running" : "stopped"} in ${environment} on main already`,
    findings: [],
  });
}

export interface RollbackRequest extends ProposeContext {
  readonly strategy: StrategyId;
  /** The deploy to go back to; default: the last one with another source than main's. */
  readonly to?: number;
}

/** Proposes to restore a strategy's folder as of one of its deploys. A forward commit; today's policies judge it. */
export async function proposeRollback(request: RollbackRequest): Promise<Result<OpenedChange, ProposalRefusal>> {
  const { repository, strategy } = request;
  const main = await readMain(repository);
  if (!main.ok) return main;
  const target = await chooseDeploy(request);
  if (!target.ok) return target;
  const folder = `strategies/${strategy}`;
  const restored = await readCommit(repository, target.value.commit, { code: (id) => id === strategy });
  if (subtree(restored, folder).size === 0) {
    const message = `deploy ${target.value.number} deleted ${strategy}; there is nothing to go back to`;
    return err({ code: "deploy-unknown", message, fix: "choose another one with --to", findings: [] });
  }
  const before = await readCommit(repository, main.value.sha, { code: (id) => id === strategy });
  const after = replaceFolders(before, restored, [folder]);
  const report = await checkTree(after, {
    strategies: [strategy],
    atSeconds: main.value.committer.timeSeconds,
    ...(request.memo === undefined ? {} : { memo: request.memo }),
  });
  if (hasErrors(report.findings)) {
    return err({
      ...checkRefused(report.findings),
      fix: "today's policies refuse it; go back to another deploy, or deploy a mended folder",
    });
  }
  return openChange(request, {
    main: main.value,
    branch: rollbackBranch(strategy, target.value.number),
    folders: [folder],
    after,
    title: `${strategy}: rolled back to deploy ${target.value.number}`,
    description: describe([`restores ${folder} as of deploy ${target.value.number} (${target.value.title})`]),
    nothing: `${strategy} on main is what deploy ${target.value.number} deployed`,
    findings: report.findings,
  });
}

function rollbackBranch(strategy: StrategyId, deploy: number): RefName {
  return branchRef(`slipway/rollback/${strategy}/${deploy}`);
}

/** Which deploy a rollback's branch says it restores; whoever acts on it compares the folders. */
export function parseRollbackBranch(
  branch: RefName,
): { readonly strategy: string; readonly deploy: number } | undefined {
  const found = /^refs\/heads\/slipway\/rollback\/([^/]+\/[^/]+)\/([1-9]\d{0,5})$/.exec(branch);
  return found?.[1] === undefined ? undefined : { strategy: found[1], deploy: Number(found[2]) };
}

async function chooseDeploy({ repository, strategy, to }: RollbackRequest): Promise<Result<Deploy, ProposalRefusal>> {
  const deploys = await listDeploys(repository, strategy);
  const chosen =
    to === undefined
      ? await previousVersion(repository, strategy, deploys)
      : deploys.find(({ number }) => number === to);
  if (chosen !== undefined) return ok(chosen);
  return err({ code: "deploy-unknown", ...nothingToRestore(strategy, deploys, to), findings: [] });
}

function nothingToRestore(
  strategy: StrategyId,
  deploys: readonly Deploy[],
  to: number | undefined,
): { readonly message: string; readonly fix: string } {
  const [first] = deploys;
  if (first === undefined)
    return { message: `${strategy} has no deploy on main yet`, fix: `deploy it first: slipway deploy ${strategy}` };
  if (to !== undefined)
    return {
      message: `${strategy} has no deploy ${to}; it has 1 to ${deploys.length}`,
      fix: "choose one of them with --to",
    };
  const stops = deploys.length === 1 ? "" : " (stops and starts are none)";
  return {
    message: `${strategy} has had one version only${stops}, that of deploy ${first.number}: there is none to go back to`,
    fix: `mend strategies/${strategy} and deploy it, or end it: slipway stop ${strategy}`,
  };
}
