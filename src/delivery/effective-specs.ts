import type { EffectiveStrategy } from "#core/effective.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { type KnownBounds, knownBoundsFor, type Policies, type StrategyName, teamMayRun } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { type Resolved, resolveStrategy } from "#core/resolve.ts";
import { teamsFile } from "#core/teams.ts";
import { environmentsOf, type Fleet, type ParsedStrategy, type StrategySource } from "./fleet.ts";
import { digest, type Memo } from "./memo.ts";

/** What each environment makes of each strategy of a tree, by the policies that hold at an instant: worked out once, whoever asks. */
export interface EffectiveSpecs {
  /**
   * What an environment makes of a strategy that is in question, or what stands in the way. A document that is refused in places is judged by
   * the rest, but nothing has effect under it. Nothing where one cannot be read at all.
   */
  resolve(strategy: StrategySource, environment: string): Resolved;
  /** Everything that an environment runs or may start, whoever is in question, in the order of the fleet. */
  all(environment: string): ReadonlyMap<StrategyId, EffectiveStrategy>;
  /** What a strategy is held to in an environment, as far as it is known. */
  bounds(id: StrategyId, environment: string): KnownBounds;
}

/** @param atSeconds the instant in question, since the epoch */
export function effectiveSpecs(fleet: Fleet, atSeconds: number, memo: Memo): EffectiveSpecs {
  return memo.from(`effective ${atSeconds}`, fleet, () => specsOf(fleet, atSeconds, memo));
}

function specsOf(fleet: Fleet, atSeconds: number, { specs: index }: Memo): EffectiveSpecs {
  const { policies, environments } = fleet;
  const terms = new Map<string, (id: StrategyId) => Terms>();
  const resolved = new Map<string, Resolved>();
  const gathered = new Map<string, ReadonlyMap<StrategyId, EffectiveStrategy>>();
  const termsFor = (id: StrategyId, environment: string): Terms => {
    const of = terms.get(environment) ?? termsIn(fleet, environment, atSeconds);
    terms.set(environment, of);
    return of(id);
  };
  const keyOf = (strategy: StrategySource, environment: string): string | undefined => {
    if (!environments.has(environment) || strategy.digest === undefined) return undefined;
    return `${termsFor(strategy.folder.id, environment).digest} ${strategy.digest}`;
  };
  const workOut = (strategy: StrategySource, environment: string, key: string): Resolved => {
    const found = resolveUnder(strategy, environment, policies, termsFor(strategy.folder.id, environment));
    index.set(key, found.effective ?? "nothing");
    return found;
  };
  const resolve = (strategy: StrategySource, environment: string): Resolved => {
    const id = `${environment} ${strategy.folder.id}`;
    const before = resolved.get(id);
    if (before !== undefined) return before;
    const key = keyOf(strategy, environment);
    const known = key === undefined ? undefined : index.proven(key);
    let found: Resolved = { effective: undefined, findings: [] };
    // What has effect has no finding.
    if (known !== undefined && known !== "nothing") found = { effective: known, findings: [] };
    else if (key !== undefined) found = workOut(strategy, environment, key);
    resolved.set(id, found);
    return found;
  };
  const gather = (environment: string): ReadonlyMap<StrategyId, EffectiveStrategy> => {
    const found = new Map<StrategyId, EffectiveStrategy>();
    for (const [id, strategy] of fleet.strategies) {
      const key = keyOf(strategy, environment);
      if (key === undefined) continue;
      const known = index.get(key);
      const isOwn = known === "nothing" || (known !== undefined && isOf(known, id, environment));
      const effective = isOwn ? known : (workOut(strategy, environment, key).effective ?? "nothing");
      if (effective !== "nothing") found.set(id, effective);
    }
    return found;
  };
  return {
    resolve,
    all(environment) {
      const found = gathered.get(environment) ?? gather(environment);
      gathered.set(environment, found);
      return found;
    },
    bounds: (id, environment) => termsFor(id, environment).bounds,
  };
}

/** An index that another process left may hold anything. */
function isOf({ team, name, environment }: EffectiveStrategy, id: StrategyId, asked: string): boolean {
  return `${team}/${name}` === id && environment === asked;
}

/** What the policies hold a strategy to in an environment at an instant. */
interface Terms {
  readonly bounds: KnownBounds;
  /** Whether its team may run anything there; `undefined`: not known. */
  readonly mayRun: boolean | undefined;
  /** Whether the teams' document, if there is one, has effect. */
  readonly teamsHold: boolean;
  /** Of all that, and of the environment's document. */
  readonly digest: string;
}

/** They are the same for all of a team but those that a waiver names. */
function termsIn(fleet: Fleet, environment: string, atSeconds: number): (id: StrategyId) => Terms {
  const { policies } = fleet;
  const document = fleet.environments.get(environment)?.digest ?? "";
  const teamsHold = policies.teams === undefined || policies.teams.document !== undefined;
  const read = (strategy: StrategyName): Terms => {
    const bounds = knownBoundsFor(policies, environment, strategy, atSeconds);
    const mayRun = teamMayRun(policies, strategy.team, environment);
    return { bounds, mayRun, teamsHold, digest: digest(document, JSON.stringify([bounds, mayRun, teamsHold])) };
  };
  const named = new Set(
    [...policies.waivers.values()].flatMap(({ parts }) => {
      const scope = parts.spec?.scope ?? {};
      return "strategy" in scope && scope.strategy !== undefined ? [scope.strategy] : [];
    }),
  );
  const teams = new Map<string, Terms>();
  return (id) => {
    const strategy = splitStrategyId(id);
    if (named.has(id)) return read(strategy);
    const { team } = strategy;
    const found = teams.get(team) ?? read({ team, name: "" });
    teams.set(team, found);
    return found;
  };
}

function resolveUnder(
  { folder, parsed }: StrategySource,
  environment: string,
  policies: Policies,
  { bounds, mayRun, teamsHold }: Terms,
): Resolved {
  const policy = policies.environments.get(environment);
  if (parsed === undefined || policy === undefined || !environmentsOf(parsed.parts).includes(environment))
    return { effective: undefined, findings: [] };
  const { team } = splitStrategyId(folder.id);
  const resolved = resolveStrategy(parsed, policy, environment, bounds);
  if (mayRun === false) {
    const findings = [teamRefused(team, parsed, policies, environment), ...resolved.findings];
    return { effective: undefined, findings };
  }
  return mayRun === true && teamsHold ? resolved : { ...resolved, effective: undefined };
}

function teamRefused(team: string, parsed: ParsedStrategy, { teams }: Policies, environment: string): Finding {
  const pointer = `/spec/environments/${environment}`;
  const known = Object.hasOwn(teams?.parts.spec?.teams ?? {}, team);
  return {
    code: "team-environment",
    severity: "error",
    message: known
      ? `team ${team} may not run strategies in ${environment}`
      : `${team} is no team that may run strategies in ${environment}`,
    fix: `take ${environment} out, or propose it for ${team} in ${teamsFile}`,
    pointer,
    place: parsed.locate(pointer),
    ...(teams === undefined ? {} : { bound: teams.locate(known ? `/spec/teams/${team}/environments` : "/spec/teams") }),
  };
}
