import type { AlgorithmBundle } from "#core/bundle.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import { assert } from "#core/result.ts";
import { defaultRepoUrl } from "./argo.ts";
import { buildPlatform } from "./platform.ts";
import { buildStrategy, strategyFolder } from "./strategy.ts";
import { emitUnit, synthObjects } from "./synth.ts";
import { buildTeam } from "./team.ts";

/** A checked strategy as one environment runs it, with its algorithm as it is deployed. */
export interface StrategyInput {
  readonly effective: EffectiveStrategy;
  readonly bundle: AlgorithmBundle;
}

export interface RenderInput {
  readonly environment: EnvironmentDocument;
  /** All of the environment, stopped ones too, in any order. */
  readonly strategies: readonly StrategyInput[];
  /** Where Argo CD reads the environment branch; the platform's own Git service if it is not said. */
  readonly repoUrl?: string;
}

/**
 * Every file of an environment branch: path to YAML text, sorted by path. Pure: same input, same bytes, whatever the order of the strategies.
 * The input is checked; what a schema or a gate should have refused is a `Bug` here.
 */
export function renderEnvironment(input: RenderInput): ReadonlyMap<string, string> {
  const { environment, strategies } = input;
  const repoUrl = input.repoUrl ?? defaultRepoUrl(environment.metadata.name);
  const effective = strategies.map((strategy) => strategy.effective);
  const files = new Map<string, string>();
  add(files, renderPlatform(environment, effective, repoUrl));
  const teams = new Map<string, EffectiveStrategy[]>();
  for (const strategy of effective) teams.set(strategy.team, [...(teams.get(strategy.team) ?? []), strategy]);
  for (const [team, own] of teams) add(files, renderTeam(team, environment, own, repoUrl));
  for (const strategy of strategies) add(files, renderStrategy(strategy, environment, repoUrl));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a unit is made of before it is written: one object a path. */
export type UnitObjects = ReadonlyMap<string, JsonObject>;

/** The files of one strategy: its folder, and its Application in `apps/`. They depend on nothing of its siblings. */
export function renderStrategy(
  strategy: StrategyInput,
  environment: EnvironmentDocument,
  repoUrl = defaultRepoUrl(environment.metadata.name),
): ReadonlyMap<string, string> {
  return emitUnit(strategyObjects(strategy, environment, repoUrl));
}

/** The objects of one strategy, by the paths of its files. */
export function strategyObjects(
  strategy: StrategyInput,
  environment: EnvironmentDocument,
  repoUrl = defaultRepoUrl(environment.metadata.name),
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

/** The files of a team: its folder, and its project and Application in `apps/`. `strategies` may hold other teams' too. */
export function renderTeam(
  team: string,
  environment: EnvironmentDocument,
  strategies: readonly EffectiveStrategy[],
  repoUrl = defaultRepoUrl(environment.metadata.name),
): ReadonlyMap<string, string> {
  return emitUnit(teamObjects(team, environment, strategies, repoUrl));
}

/** The objects of a team, by the paths of its files. */
export function teamObjects(
  team: string,
  environment: EnvironmentDocument,
  strategies: readonly EffectiveStrategy[],
  repoUrl = defaultRepoUrl(environment.metadata.name),
): UnitObjects {
  const own = strategies.filter((strategy) => strategy.team === team);
  return synthObjects(`teams/${team}`, (chart) => buildTeam(chart, { team, environment, strategies: own, repoUrl }));
}

/** The files of the platform: its folder, and the root's and its own Application in `apps/`. */
export function renderPlatform(
  environment: EnvironmentDocument,
  strategies: readonly EffectiveStrategy[],
  repoUrl = defaultRepoUrl(environment.metadata.name),
): ReadonlyMap<string, string> {
  return emitUnit(synthObjects("platform", (chart) => buildPlatform(chart, { environment, strategies, repoUrl })));
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
