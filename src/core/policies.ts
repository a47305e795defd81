import { isValueOf } from "./bound-value.ts";
import { type BoundName, type BoundValue, boundNames, isWithin, knownBound } from "./bounds.ts";
import type { EnvironmentDocument } from "./environment.ts";
import type { FreezeDocument } from "./freeze.ts";
import type { HaltDocument } from "./halt.ts";
import type { Parsed } from "./parse.ts";
import { isRefused, namedIn, type Parts } from "./parts.ts";
import type { Place } from "./refusal.ts";
import type { ParsedRule } from "./rule.ts";
import type { TeamEnvironment, TeamsDocument } from "./teams.ts";
import { type Scope, type WaiverDocument, waiverEnd } from "./waiver.ts";

/** Everything that judges: the documents of `policies/`, each by its name. A refused one has no `document`, but `parts`. */
export interface Policies {
  readonly environments: ReadonlyMap<string, Parsed<EnvironmentDocument>>;
  readonly rules: ReadonlyMap<string, ParsedRule>;
  readonly teams: Parsed<TeamsDocument> | undefined;
  readonly waivers: ReadonlyMap<string, Parsed<WaiverDocument>>;
  readonly freezes: ReadonlyMap<string, Parsed<FreezeDocument>>;
  readonly halts: ReadonlyMap<string, Parsed<HaltDocument>>;
}

/** No document at all. */
export const noPolicies: Policies = {
  environments: new Map(),
  rules: new Map(),
  teams: undefined,
  waivers: new Map(),
  freezes: new Map(),
  halts: new Map(),
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

/** One that is missing is not known: what says it is refused, and nothing can be held against it. */
export type KnownBounds = { readonly [Name in BoundName]?: Bound };

export interface StrategyName {
  readonly team: string;
  readonly name: string;
}

/**
 * The bounds of one strategy in one environment: the environment's, narrowed by its team's, lifted by waivers that hold.
 *
 * @param atSeconds the instant in question, since the epoch: a waiver holds before its end
 * @returns undefined where one of the documents is missing or refused: nothing has effect then
 */
export function boundsFor(
  policies: Policies,
  environment: string,
  strategy: StrategyName,
  atSeconds: number,
): Bounds | undefined {
  if (policies.environments.get(environment)?.document === undefined) return undefined;
  if (policies.teams !== undefined && policies.teams.document === undefined) return undefined;
  const bounds = knownBoundsFor(policies, environment, strategy, atSeconds);
  return isComplete(bounds) ? bounds : undefined;
}

export function isComplete(bounds: KnownBounds): bounds is Bounds {
  return boundNames.every((name) => bounds[name] !== undefined);
}

/** The same of documents of which some are refused in places: whatever is certain of the rest. */
export function knownBoundsFor(
  policies: Policies,
  environment: string,
  strategy: StrategyName,
  atSeconds: number,
): KnownBounds {
  const bounds: { [Name in BoundName]?: Bound } = {};
  for (const name of boundNames) {
    const bound = ownBound(policies, environment, strategy.team, name);
    if (bound !== undefined) bounds[name] = bound;
  }
  for (const [name, waiver] of [...policies.waivers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { waives = {}, scope = {} } = waiver.parts.spec ?? {};
    if (!("bound" in waives) || waives.bound === undefined || !covers(scope, environment, strategy)) continue;
    const before = bounds[waives.bound];
    if (before === undefined) continue;
    // What it lifts the bound to, or until when, is not known.
    if (waiver.document === undefined) delete bounds[waives.bound];
    else bounds[waives.bound] = waived(waiver.document, { name, locate: waiver.locate }, before, atSeconds);
  }
  return bounds;
}

function waived(
  waiver: WaiverDocument,
  { name, locate }: { readonly name: string; readonly locate: (pointer: string) => Place },
  before: Bound,
  atSeconds: number,
): Bound {
  const { waives } = waiver.spec;
  if ("rule" in waives || atSeconds >= waiverEnd(waiver)) return before;
  const value = lifted(waives.bound, before.value, waives.to);
  if (value === undefined || isWithin(waives.bound, before.value, value)) return before;
  return { value, place: locate("/spec/waives/to"), of: `the waiver ${name}`, waiver: name };
}

/** The value of a bound for a team before any waiver. `undefined` where it is not known. */
export function teamBound(
  policies: Policies,
  environment: string,
  team: string,
  name: BoundName,
): BoundValue | undefined {
  return ownBound(policies, environment, team, name)?.value;
}

/** The team's bound if it has its own, else the environment's. */
function ownBound(policies: Policies, environment: string, team: string, name: BoundName): Bound | undefined {
  const { environments, teams } = policies;
  const narrow = teamEnvironment(policies, team, environment);
  if (narrow === "refused" || (narrow !== undefined && isRefused(narrow, "bounds"))) return undefined;
  const own = narrow?.bounds ?? {};
  if (teams !== undefined && Object.hasOwn(own, name)) {
    const pointer = `/spec/teams/${team}/environments/${environment}/bounds/${name}`;
    const value = knownBound(teams, pointer, own[name]);
    const of = `team ${team} in ${environment}`;
    return value === undefined ? undefined : { value, place: teams.locate(pointer), of };
  }
  const parsed = environments.get(environment);
  if (parsed === undefined) return undefined;
  const pointer = `/spec/bounds/${name}`;
  const value = knownBound(parsed, pointer, parsed.parts.spec?.bounds?.[name]);
  return value === undefined ? undefined : { value, place: parsed.locate(pointer), of: environment };
}

/** What is narrower for a team in an environment; `undefined` if nothing is, `"refused"` if that is not known. */
function teamEnvironment(
  { teams }: Policies,
  team: string,
  environment: string,
): Parts<TeamEnvironment> | "refused" | undefined {
  if (teams === undefined) return undefined;
  const own = namedIn(teams, "/spec/teams", teams.parts.spec?.teams, team);
  if (own === "refused" || own === undefined) return own;
  return namedIn(teams, `/spec/teams/${team}/environments`, own.environments, environment);
}

/** Whether a waiver is in force in an environment at an instant; its end is the first second in which it is not. */
export function holdsAt(waiver: WaiverDocument, environment: string, atSeconds: number): boolean {
  return waiver.spec.scope.environment === environment && atSeconds < waiverEnd(waiver);
}

/** Whether a waiver is in force for a strategy at an instant. */
export function holdsFor(
  waiver: WaiverDocument,
  environment: string,
  strategy: StrategyName,
  atSeconds: number,
): boolean {
  return holdsAt(waiver, environment, atSeconds) && covers(waiver.spec.scope, environment, strategy);
}

function covers(scope: Parts<Scope>, environment: string, { team, name }: StrategyName): boolean {
  if (scope.environment !== environment) return false;
  return "team" in scope ? scope.team === team : "strategy" in scope && scope.strategy === `${team}/${name}`;
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

/** What all strategies of a team may have together in an environment, each number with its place. */
export type TeamTotals = Readonly<
  Record<"cpu" | "memory" | "state", { readonly value: string; readonly place: Place }> & {
    readonly strategies: { readonly value: number; readonly place: Place };
  }
>;

/**
 * The environment's `teamTotals`, narrowed by the team's own.
 *
 * @returns undefined where one of the two documents is missing or refused, since nothing has effect then, and where the team may not run: it has
 * nothing to spend, whatever others have
 */
export function totalsFor(policies: Policies, environment: string, team: string): TeamTotals | undefined {
  const parsed = policies.environments.get(environment);
  const teams = policies.teams;
  if (parsed?.document === undefined || (teams !== undefined && teams.document === undefined)) return undefined;
  if (teamMayRun(policies, team, environment) !== true) return undefined;
  const { teamTotals } = parsed.document.spec;
  const narrow = teamEnvironment(policies, team, environment);
  const own = (narrow === "refused" ? undefined : narrow?.totals) ?? {};
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

/** Whether a team may run anything in an environment; where there is no document of teams, any may. `undefined` if it is not known. */
export function teamMayRun({ teams }: Policies, team: string, environment: string): boolean | undefined {
  if (teams === undefined) return true;
  const { spec = {} } = teams.parts;
  const own = namedIn(teams, "/spec/teams", spec.teams, team);
  if (own === "refused") return undefined;
  if (own !== undefined) {
    const entry = namedIn(teams, `/spec/teams/${team}/environments`, own.environments, environment);
    return entry === "refused" ? undefined : entry !== undefined;
  }
  if (spec.unlisted?.includes(environment) === true) return true;
  return teams.whole("/spec/unlisted") ? false : undefined;
}
