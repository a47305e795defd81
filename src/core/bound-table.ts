import type { BoundTable, BoundValues } from "./bound-lookup.ts";
import { type BoundName, type BoundValue, boundNames, canonicalBound } from "./bounds.ts";
import { type StrategyId, splitStrategyId } from "./identity.ts";
import { type Bounds, boundsFor, type Policies, type StrategyName } from "./policies.ts";

export { type BoundTable, type BoundValues, boundIn } from "./bound-lookup.ts";

/**
 * @param atSeconds since the epoch: waivers hold until theirs
 * @returns undefined where `boundsFor` has nothing to hold against
 */
export function boundTable(policies: Policies, environment: string, atSeconds: number): BoundTable | undefined {
  const valuesFor = (strategy: StrategyName): BoundValues | undefined => {
    const bounds = boundsFor(policies, environment, strategy, atSeconds);
    return bounds === undefined ? undefined : canonical(bounds);
  };
  // No team and no strategy has an empty name, so these are what holds for any other.
  const everyone = valuesFor({ team: "", name: "" });
  if (everyone === undefined) return undefined;
  const teams = new Map<string, Partial<BoundValues>>();
  const strategies = new Map<string, Partial<BoundValues>>();
  for (const team of teamsOf(policies)) {
    const own = differing(everyone, valuesFor({ team, name: "" }) ?? everyone);
    if (own !== undefined) teams.set(team, own);
  }
  for (const id of waivedStrategies(policies)) {
    const { team, name } = splitStrategyId(id);
    const usual = { ...everyone, ...teams.get(team) };
    const own = differing(usual, valuesFor({ team, name }) ?? usual);
    if (own !== undefined) strategies.set(id, own);
  }
  return { everyone, teams: Object.fromEntries(teams), strategies: Object.fromEntries(strategies) };
}

/** The table with these bounds alone. */
export function pickBounds<Name extends BoundName>(table: BoundTable, names: readonly Name[]): BoundTable<Name> {
  const pick = (values: Partial<BoundValues>): [Name, BoundValue][] =>
    names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]));
  const pickAll = (all: BoundTable["teams"]): BoundTable<Name>["teams"] =>
    Object.fromEntries(
      Object.entries(all)
        .map(([key, values]) => [key, pick(values)] as const)
        .filter(([, values]) => values.length > 0)
        .map(([key, values]) => [key, Object.fromEntries(values) as Partial<Record<Name, BoundValue>>]),
    );
  return {
    everyone: Object.fromEntries(pick(table.everyone)) as Record<Name, BoundValue>,
    teams: pickAll(table.teams),
    strategies: pickAll(table.strategies),
  };
}

function canonical(bounds: Bounds): BoundValues {
  return Object.fromEntries(boundNames.map((name) => [name, canonicalBound(name, bounds[name].value)])) as BoundValues;
}

/** The values that another text stands for. */
function differing(usual: BoundValues, own: BoundValues): Partial<BoundValues> | undefined {
  const names = boundNames.filter((name) => JSON.stringify(usual[name]) !== JSON.stringify(own[name]));
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, own[name]]));
}

/** Every team that has bounds of its own, or a waiver, anywhere. */
function teamsOf({ teams, waivers }: Policies): readonly string[] {
  const names = new Set(Object.keys(teams?.document?.spec.teams ?? {}));
  for (const { document } of waivers.values()) {
    if (document !== undefined && "team" in document.spec.scope) names.add(document.spec.scope.team);
  }
  return [...names].sort();
}

function waivedStrategies({ waivers }: Policies): readonly StrategyId[] {
  const ids = new Set<StrategyId>();
  for (const { document } of waivers.values()) {
    if (document !== undefined && "strategy" in document.spec.scope)
      ids.add(document.spec.scope.strategy as StrategyId);
  }
  return [...ids].sort();
}
