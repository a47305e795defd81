import {
  type Fleet as ChartFleet,
  renderAdmission,
  renderPlatform,
  type SharedFleet,
  type StrategyInput,
  teamsOf,
} from "#charts/render.ts";
import { sharedFacts } from "#charts/shards.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import { type CheckReport, checkTree } from "./check.ts";
import { policyIn, readFleet } from "./fleet.ts";
import { createMemo, digest, keyOf, keysOf, type Memo } from "./memo.ts";
import { readWorkspace, type SourceTree } from "./tree.ts";
import { filesOf, strategyUnit, teamUnit } from "./units.ts";

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
  const policy = policyIn(readFleet(tree, memo), environment, atSeconds, memo);
  if (policy === undefined) {
    const known = report.environments.includes(environment);
    const findings = known
      ? report.findings
      : [...report.findings, unknownEnvironment(environment, report.environments)];
    return { environment, files: new Map(), findings };
  }
  return { environment, files: renderFiles(policy, inputsOf(report, environment), memo), findings: report.findings };
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

/** A strategy to render. One that today's policies refuse is held, as it was when it last passed, under the environment of then. */
export interface RenderInput extends StrategyInput {
  readonly held?: EnvironmentDocument;
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
  policy: EnvironmentPolicy,
  inputs: readonly RenderInput[],
  memo: Memo,
  bystanders?: Bystanders,
): ReadonlyMap<string, string> {
  const sorted = [...inputs].sort((a, b) => compareIds(a.effective, b.effective));
  const fleet: ChartFleet = {
    strategies: [...sorted.map(({ effective }) => effective), ...(bystanders?.strategies ?? [])].sort(compareIds),
    held: sorted.filter(({ held }) => held !== undefined).map(({ effective }) => effective),
  };
  const files = new Map<string, string>();
  const add = (unit: ReadonlyMap<string, string>): void => {
    for (const [path, text] of unit) {
      assert(!files.has(path), `two units would be written to ${path}`);
      files.set(path, text);
    }
  };
  add(platformFiles(policy, fleet, memo));
  const admission = digest(keyOf(policy, memo), keysOf(fleet.held, memo), JSON.stringify(teamsOf(fleet)));
  add(memo.of("admission", admission, () => renderAdmission(policy, fleet)));
  const teams = teamsOf(fleet).filter((team) => bystanders?.teams.includes(team) !== false);
  for (const team of teams) add(filesOf("team", teamUnit(policy, team, fleet, memo), memo));
  for (const input of sorted) add(filesOf("render", strategyUnit(input.held ?? policy.document, input, memo), memo));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function platformFiles(policy: EnvironmentPolicy, fleet: ChartFleet, memo: Memo): ReadonlyMap<string, string> {
  const { document, bounds, halts, operators = null } = policy;
  const shared: SharedFleet = {
    strategies: fleet.strategies.map((effective) => memo.from("shared", effective, () => sharedFacts(effective))),
    held: fleet.held.map(({ team, name }) => ({ team, name })),
  };
  const { strategies, held } = shared;
  const key = digest(
    ...[document, bounds, halts].map((part) => keyOf(part, memo)),
    JSON.stringify(operators),
    keysOf(strategies, memo),
    keysOf(held, memo),
  );
  return memo.of("platform", key, () => renderPlatform(policy, shared));
}

function compareIds(a: EffectiveStrategy, b: EffectiveStrategy): number {
  if (a.team !== b.team) return a.team < b.team ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
