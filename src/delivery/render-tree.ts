import { type Fleet, renderAdmission, renderPlatform, type StrategyInput, teamsOf } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { environmentPolicy } from "#core/environment-policy.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { Policies } from "#core/policies.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { readFleet } from "./fleet.ts";
import { createMemo, digest, type Memo } from "./memo.ts";
import { readWorkspace, type SourceTree } from "./tree.ts";
import { filesOf, keyText, type PolicyDocument, type PolicySource, strategyUnit, teamUnit } from "./units.ts";

export type { PolicyDocument, PolicySource } from "./units.ts";

export interface RenderedEnvironment {
  readonly environment: string;
  /** Every file of the environment branch, sorted by path. Strategies that are refused are not among them. */
  readonly files: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

/**
 * Renders a folder as it stands on disk: what `slipway render` and `cdk8s synth` show.
 *
 * @param atSeconds the instant until which waivers must hold, since the epoch
 */
export async function renderWorkspace(
  directory: string,
  environment: string,
  atSeconds: number,
): Promise<RenderedEnvironment> {
  return renderTree(await readWorkspace(directory), environment, atSeconds);
}

/** Renders what a tree says for one environment at an instant. Pure: the same tree and instant give the same bytes. */
export async function renderTree(
  tree: SourceTree,
  environment: string,
  atSeconds: number,
  memo: Memo = createMemo(),
): Promise<RenderedEnvironment> {
  const report = await checkTree(tree, { environments: [environment], atSeconds, memo });
  const policy = readPolicy(tree, environment, atSeconds, memo);
  if (policy === undefined) {
    const known = report.environments.includes(environment);
    const findings = known
      ? report.findings
      : [...report.findings, unknownEnvironment(environment, report.environments)];
    return { environment, files: new Map(), findings };
  }
  return { environment, files: renderFiles(policy, inputsOf(report, environment), memo), findings: report.findings };
}

/** The environment's checked document, with the digest of its file. `undefined` if it is missing or refused. */
export function readEnvironment(tree: SourceTree, name: string, memo: Memo): PolicyDocument | undefined {
  return readSource(tree, name, memo)?.source;
}

/**
 * Everything of the policies that an environment is rendered from, as it holds at an instant. `undefined` if the environment or the teams are
 * missing or refused.
 */
export function readPolicy(tree: SourceTree, name: string, atSeconds: number, memo: Memo): PolicySource | undefined {
  const read = readSource(tree, name, memo);
  const policy = read === undefined ? undefined : environmentPolicy(read.policies, name, atSeconds);
  return read === undefined || policy === undefined ? undefined : { ...read.source, policy };
}

function readSource(
  tree: SourceTree,
  name: string,
  memo: Memo,
): { readonly source: PolicyDocument; readonly policies: Policies } | undefined {
  const { environments, policies } = readFleet(tree, memo);
  const source = environments.get(name);
  if (source?.document === undefined || hasErrors(source.findings)) return undefined;
  return { source: { document: source.document, digest: source.digest }, policies };
}

function unknownEnvironment(name: string, known: readonly string[]): Finding {
  return {
    code: "environment-unknown",
    severity: "error",
    message: `there is no environment ${name}; there ${known.length === 1 ? "is" : "are"} ${known.join(", ") || "none"}`,
    fix: `name one of these, or write policies/environments/${name}.yaml`,
  };
}

/** What is fit to be rendered of a report: resolved, bundled, and without an error of its own. */
export function inputsOf(report: CheckReport, environment: string): readonly StrategyInput[] {
  const refused = refusedStrategies(report.findings, environment);
  const inputs: StrategyInput[] = [];
  for (const { id, environments } of report.strategies) {
    const found = environments.find(({ name }) => name === environment);
    if (found?.bundle === undefined || refused.has(id)) continue;
    inputs.push({ effective: found.effective, bundle: found.bundle });
  }
  return inputs;
}

/**
 * The strategies that have an error in their own folder. A team's total is the team's, not one strategy's.
 *
 * @param environment counts only what refuses them there; default: anywhere
 */
export function refusedStrategies(findings: readonly Finding[], environment?: string): ReadonlySet<StrategyId> {
  const refused = new Set<StrategyId>();
  for (const finding of findings) {
    if (!concerns(finding, environment)) continue;
    const id = strategyOf(finding);
    if (id !== undefined && finding.severity === "error" && finding.code !== "team-total-exceeded") refused.add(id);
  }
  return refused;
}

/** Whether a finding is about an environment; one that names none is about all. */
export function concerns({ environment }: Finding, asked: string | undefined): boolean {
  return environment === undefined || asked === undefined || environment === asked;
}

/** Whose folder a finding is in; `undefined` also for what lies below `strategies/` and is in nobody's. */
export function strategyOf({ place }: Finding): StrategyId | undefined {
  const [root, team, name] = place?.file.split("/") ?? [];
  if (root !== "strategies" || team === undefined || name === undefined) return undefined;
  const id = parseStrategyId(`${team}/${name}`);
  return id.ok ? id.value : undefined;
}

/** A strategy to render, and the environment it is rendered under when today's policies refuse it: it is held, as it was when it last passed. */
export interface RenderInput extends StrategyInput {
  readonly policy?: PolicyDocument;
}

/** Strategies that are not looked at, and still are part of what all share. */
export interface Bystanders {
  readonly strategies: readonly EffectiveStrategy[];
  /** The teams whose objects are rendered: those of the strategies in question. */
  readonly teams: readonly string[];
}

/**
 * Every file of the environment branch. The same as `renderEnvironment` of the charts, but each unit is kept under the content it was made of,
 * so that a commit costs what it changed: another rule is no other strategy.
 *
 * @param bystanders count in platform and teams, and none of their own files is made. Default: nobody, and all teams are rendered
 */
export function renderFiles(
  source: PolicySource,
  inputs: readonly RenderInput[],
  memo: Memo,
  bystanders?: Bystanders,
): ReadonlyMap<string, string> {
  const { policy } = source;
  const sorted = [...inputs].sort((a, b) => compareIds(a.effective, b.effective));
  const fleet: Fleet = {
    strategies: [...sorted.map(({ effective }) => effective), ...(bystanders?.strategies ?? [])].sort(compareIds),
    held: sorted.filter((input) => input.policy !== undefined).map(({ effective }) => effective),
  };
  const files = new Map<string, string>();
  const add = (unit: ReadonlyMap<string, string>): void => {
    for (const [path, text] of unit) {
      assert(!files.has(path), `two units would be written to ${path}`);
      files.set(path, text);
    }
  };
  const platform = digest(source.digest, keyText([policy.bounds, policy.halts, fleet]));
  add(memo.of("platform", platform, () => renderPlatform(policy, fleet)));
  const admission = digest(source.digest, keyText([policy, fleet.held, teamsOf(fleet)]));
  add(memo.of("admission", admission, () => renderAdmission(policy, fleet)));
  const teams = teamsOf(fleet).filter((team) => bystanders?.teams.includes(team) !== false);
  for (const team of teams) add(filesOf("team", teamUnit(source, team, fleet), memo));
  for (const input of sorted) add(filesOf("render", strategyUnit(input.policy ?? source, input), memo));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function compareIds(a: EffectiveStrategy, b: EffectiveStrategy): number {
  return `${a.team}/${a.name}` < `${b.team}/${b.name}` ? -1 : 1;
}
