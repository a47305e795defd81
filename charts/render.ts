import type { AlgorithmBundle } from "#core/bundle.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import type { JsonObject } from "#core/json.ts";
import type { StrategyName } from "#core/policies.ts";
import { assert } from "#core/result.ts";
import { buildAdmission } from "./admission.ts";
import { repoUrlOf } from "./argo.ts";
import { buildPlatform } from "./platform.ts";
import type { SharedFacts } from "./shards.ts";
import { buildStrategy, type StrategyEnvironment, strategyFolder } from "./strategy.ts";
import { emitUnit, synthObjects } from "./synth.ts";
import { buildTeam } from "./team.ts";

/** A checked strategy as one environment runs it, with its algorithm as it is deployed. */
export interface StrategyInput {
  readonly effective: EffectiveStrategy;
  readonly bundle: AlgorithmBundle;
}

export interface RenderInput {
  readonly policy: EnvironmentPolicy;
  /** All of the environment, stopped ones too, in any order. */
  readonly strategies: readonly StrategyInput[];
  /** Where Argo CD reads the environment branch; what the environment says if it is not said. */
  readonly repoUrl?: string;
}

/**
 * Every file of an environment branch: path to YAML text, sorted by path. Pure: same input, same bytes, whatever the order of the strategies.
 * The input is checked; what a schema or a gate should have refused is a `Bug` here.
 */
export function renderEnvironment(input: RenderInput): ReadonlyMap<string, string> {
  const { policy, strategies } = input;
  const { document } = policy;
  const repoUrl = input.repoUrl ?? repoUrlOf(document);
  const fleet: Fleet = { strategies: strategies.map((strategy) => strategy.effective), held: [] };
  const files = new Map<string, string>();
  add(files, renderPlatform(policy, fleet, repoUrl));
  add(files, renderAdmission(policy, fleet));
  for (const team of teamsOf(fleet)) add(files, renderTeam(team, policy, fleet, repoUrl));
  for (const strategy of strategies) add(files, renderStrategy(strategy, document, repoUrl));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a unit is made of before it is written: one object a path. */
export type UnitObjects = ReadonlyMap<string, JsonObject>;
/** All strategies of an environment. */
export interface Fleet {
  /** Stopped and held ones, too. */
  readonly strategies: readonly EffectiveStrategy[];
  /** Those that today's policies refuse, as they were when they last passed, with `running: false`. */
  readonly held: readonly EffectiveStrategy[];
}

/** What of them bus and gateway must know. */
export interface SharedFleet {
  readonly strategies: readonly SharedFacts[];
  readonly held: readonly StrategyName[];
}

/** The teams that have a strategy, sorted. */
export function teamsOf({ strategies }: Fleet): readonly string[] {
  return [...new Set(strategies.map(({ team }) => team))].sort();
}

/** The files of one strategy: its folder, and its Application in `apps/`. They depend on nothing of its siblings. */
export function renderStrategy(
  strategy: StrategyInput,
  environment: StrategyEnvironment,
  repoUrl = repoUrlOf(environment),
): ReadonlyMap<string, string> {
  return emitUnit(strategyObjects(strategy, environment, repoUrl));
}

/** The objects of one strategy, by the paths of its files. */
export function strategyObjects(
  strategy: StrategyInput,
  environment: StrategyEnvironment,
  repoUrl = repoUrlOf(environment),
): UnitObjects {
  const { team, name } = strategy.effective;
  assert(
    strategy.effective.environment === environment.metadata.name,
    `${team}/${name} was prepared for ${strategy.effective.environment}, not ${environment.metadata.name}`,
  );
  return synthObjects(strategyFolder(team, name), (chart) =>
    buildStrategy(chart, { ...strategy, environment, repoUrl }),
  );
}

/** The files of a team: its folder, and its project and Application in `apps/`. They depend on nothing of other teams. */
export function renderTeam(
  team: string,
  policy: EnvironmentPolicy,
  fleet: Fleet,
  repoUrl = repoUrlOf(policy.document),
): ReadonlyMap<string, string> {
  return emitUnit(teamObjects(team, policy, fleet, repoUrl));
}

/** The objects of a team, by the paths of its files. */
export function teamObjects(
  team: string,
  policy: EnvironmentPolicy,
  { strategies, held }: Fleet,
  repoUrl = repoUrlOf(policy.document),
): UnitObjects {
  const isOwn = (strategy: EffectiveStrategy): boolean => strategy.team === team;
  const props = { team, policy, strategies: strategies.filter(isOwn), held: held.filter(isOwn), repoUrl };
  return synthObjects(`teams/${team}`, (chart) => buildTeam(chart, props));
}

/** The files of the platform: its folder, and the root's and its own Application in `apps/`. */
export function renderPlatform(
  { document, bounds, halts, operators }: EnvironmentPolicy,
  { strategies, held }: SharedFleet,
  repoUrl = repoUrlOf(document),
): ReadonlyMap<string, string> {
  const props = { environment: document, bounds, strategies, held, halts, operators, repoUrl };
  return emitUnit(synthObjects("platform", (chart) => buildPlatform(chart, props)));
}

/** The admission policies: in the platform's folder, yet apart, since they depend on the policies and hardly on any strategy. */
export function renderAdmission(policy: EnvironmentPolicy, fleet: Fleet): ReadonlyMap<string, string> {
  const props = { policy, held: fleet.held, teams: teamsOf(fleet) };
  return emitUnit(synthObjects("platform", (chart) => buildAdmission(chart, props)));
}

/**
 * Two units never write one file. It can happen by names alone: Applications are `<environment>-<team>-<name>`, so `a-b/c` and `a/b-c` meet,
 * and so do the team `team` with any other team's Application, and the team `root` with the root project.
 */
function add(files: Map<string, string>, unit: ReadonlyMap<string, string>): void {
  for (const [path, text] of unit) {
    assert(!files.has(path), `two units would be written to ${path}: their names join to the same`);
    files.set(path, text);
  }
}
