import { type BoundName, type BoundValue, boundNames, isListBound, isWithin } from "./bounds.ts";
import { parseDecimal } from "./decimal.ts";
import type { EnvironmentDocument } from "./environment.ts";
import type { FreezeDocument } from "./freeze.ts";
import type { Parsed } from "./parse.ts";
import { parseCpu, parseMemory } from "./quantity.ts";
import { parseRate } from "./rate.ts";
import type { Place } from "./refusal.ts";
import { unreachable } from "./result.ts";
import type { ParsedRule } from "./rule.ts";
import type { TeamsDocument } from "./teams.ts";
import { type WaiverDocument, waiverEnd } from "./waiver.ts";

/** Everything that judges: the documents of `policies/`, each by its name. A refused one has no `document`. */
export interface Policies {
  readonly environments: ReadonlyMap<string, Parsed<EnvironmentDocument>>;
  readonly rules: ReadonlyMap<string, ParsedRule>;
  readonly teams: Parsed<TeamsDocument> | undefined;
  readonly waivers: ReadonlyMap<string, Parsed<WaiverDocument>>;
  readonly freezes: ReadonlyMap<string, Parsed<FreezeDocument>>;
}

/** No document at all. */
export const noPolicies: Policies = {
  environments: new Map(),
  rules: new Map(),
  teams: undefined,
  waivers: new Map(),
  freezes: new Map(),
};

/** A bound as it holds for one strategy, and where it was set. */
export interface Bound {
  readonly value: BoundValue;
  readonly place: Place;
  /** Whose it is, as a message says it: `paper`, `team momentum in paper`, `the waiver sma-cross-until-friday`. */
  readonly of: string;
  /** The waiver that lifts it. */
  readonly waiver?: string;
}

export type Bounds = Readonly<Record<BoundName, Bound>>;

export interface StrategyName {
  readonly team: string;
  readonly name: string;
}

/**
 * The bounds of one strategy in one environment: the environment's, narrowed by its team's, lifted by waivers that hold.
 *
 * @param atSeconds the instant in question, since the epoch: a waiver holds before its end
 * @returns undefined where the environment, or the teams' document, is missing or refused: nothing can be held against it then
 */
export function boundsFor(
  policies: Policies,
  environment: string,
  strategy: StrategyName,
  atSeconds: number,
): Bounds | undefined {
  const parsed = policies.environments.get(environment);
  const document = parsed?.document;
  if (parsed === undefined || document === undefined) return undefined;
  if (policies.teams !== undefined && policies.teams.document === undefined) return undefined;
  const bounds = Object.fromEntries(
    boundNames.map((name): [BoundName, Bound] => {
      const place = parsed.locate(`/spec/bounds/${name}`);
      const own: Bound = { value: document.spec.bounds[name], place, of: environment };
      return [name, narrowed(policies, environment, strategy.team, name) ?? own];
    }),
  ) as Record<BoundName, Bound>;
  for (const [name, waiver] of [...policies.waivers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const waived = waiver.document?.spec.waives;
    if (waiver.document === undefined || waived === undefined || "rule" in waived) continue;
    if (!holdsFor(waiver.document, environment, strategy, atSeconds)) continue;
    const before = bounds[waived.bound];
    const value = lifted(waived.bound, before.value, waived.to);
    if (value === undefined || isWithin(waived.bound, before.value, value)) continue;
    bounds[waived.bound] = { value, place: waiver.locate("/spec/waives/to"), of: `the waiver ${name}`, waiver: name };
  }
  return bounds;
}

/** The value of a bound for a team before any waiver, as checked documents say it. `undefined` where the environment is missing or refused. */
export function teamBound(
  policies: Policies,
  environment: string,
  team: string,
  name: BoundName,
): BoundValue | undefined {
  const own = policies.environments.get(environment)?.document?.spec.bounds[name];
  return own === undefined ? undefined : (teamEnvironment(policies, team, environment)?.bounds?.[name] ?? own);
}

function narrowed(policies: Policies, environment: string, team: string, name: BoundName): Bound | undefined {
  const bounds = teamEnvironment(policies, team, environment)?.bounds;
  const value = bounds?.[name];
  if (value === undefined || policies.teams === undefined) return undefined;
  const place = policies.teams.locate(`/spec/teams/${team}/environments/${environment}/bounds/${name}`);
  return { value, place, of: `team ${team} in ${environment}` };
}

function teamEnvironment({ teams }: Policies, team: string, environment: string) {
  const all = teams?.document?.spec.teams ?? {};
  const listed = Object.hasOwn(all, team) ? all[team] : undefined;
  const environments = listed?.environments ?? {};
  return Object.hasOwn(environments, environment) ? environments[environment] : undefined;
}

/** Whether a waiver is in force for a strategy at an instant; its end is the first second in which it is not. */
export function holdsFor(
  waiver: WaiverDocument,
  environment: string,
  { team, name }: StrategyName,
  atSeconds: number,
): boolean {
  const { scope } = waiver.spec;
  if (scope.environment !== environment || atSeconds >= waiverEnd(waiver)) return false;
  return "team" in scope ? scope.team === team : scope.strategy === `${team}/${name}`;
}

/** The names of the waivers of a rule that hold for a strategy at an instant, sorted. */
export function ruleWaivers(
  { waivers }: Policies,
  rule: string,
  environment: string,
  strategy: StrategyName,
  atSeconds: number,
): readonly string[] {
  const names: string[] = [];
  for (const [name, { document }] of waivers) {
    if (document === undefined) continue;
    const { waives } = document.spec;
    if ("rule" in waives && waives.rule === rule && holdsFor(document, environment, strategy, atSeconds))
      names.push(name);
  }
  return names.sort();
}

/** What a bound becomes by a waiver: another value, or more names beside those of the list. `undefined` if the waiver's value is none. */
export function lifted(name: BoundName, before: BoundValue, to: BoundValue): BoundValue | undefined {
  if (!isValueOf(name, to)) return undefined;
  return typeof to === "string" || typeof before === "string" ? to : [...new Set([...before, ...to])];
}

/** Whether a value that a waiver or a team writes is one of that bound at all. */
export function isValueOf(name: BoundName, value: BoundValue): boolean {
  if (isListBound(name)) return typeof value !== "string";
  if (typeof value !== "string") return false;
  switch (name) {
    case "maxOrderNotional":
    case "maxPositionNotional":
    case "maxDrawdown":
      return parseDecimal(value).ok && !value.startsWith("-");
    case "orderRate":
      return parseRate(value).ok;
    case "cpu":
      return parseCpu(value).ok;
    case "memory":
    case "state":
      return parseMemory(value).ok;
    default:
      return unreachable(name);
  }
}

/** What all strategies of a team may have together in an environment, each number with its place. */
export type TeamTotals = Readonly<
  Record<"cpu" | "memory" | "state", { readonly value: string; readonly place: Place }> & {
    readonly strategies: { readonly value: number; readonly place: Place };
  }
>;

/** The environment's `teamTotals`, narrowed by the team's own. `undefined` as in `boundsFor`. */
export function totalsFor(policies: Policies, environment: string, team: string): TeamTotals | undefined {
  const parsed = policies.environments.get(environment);
  const teams = policies.teams;
  if (parsed?.document === undefined || (teams !== undefined && teams.document === undefined)) return undefined;
  const { teamTotals } = parsed.document.spec;
  const own = teamEnvironment(policies, team, environment)?.totals ?? {};
  const placeOf = (name: keyof typeof teamTotals): Place =>
    own[name] === undefined || teams === undefined
      ? parsed.locate(`/spec/teamTotals/${name}`)
      : teams.locate(`/spec/teams/${team}/environments/${environment}/totals/${name}`);
  return {
    cpu: { value: own.cpu ?? teamTotals.cpu, place: placeOf("cpu") },
    memory: { value: own.memory ?? teamTotals.memory, place: placeOf("memory") },
    state: { value: own.state ?? teamTotals.state, place: placeOf("state") },
    strategies: { value: own.strategies ?? teamTotals.strategies, place: placeOf("strategies") },
  };
}

/** Whether a team may run anything in an environment; where there is no document of teams, any may. */
export function teamMayRun({ teams }: Policies, team: string, environment: string): boolean {
  if (teams === undefined) return true;
  if (teams.document === undefined) return false;
  const { spec } = teams.document;
  if (Object.hasOwn(spec.teams, team)) return Object.hasOwn(spec.teams[team]?.environments ?? {}, environment);
  return spec.unlisted?.includes(environment) === true;
}
