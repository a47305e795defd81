import { add, decimal, formatDecimal } from "../decimal.ts";
import type { EffectiveStrategy, Limits, Resources } from "../effective.ts";
import type { JsonObject } from "../json.ts";
import { type CpuMillicores, cpuOf, formatCpu, formatMemory, type MemoryBytes, memoryOf } from "../quantity.ts";
import { mostIn, parseRate } from "../rate.ts";
import { assert } from "../result.ts";
import { algorithmJson, portfolioJson } from "./variables.ts";

/** An interface's fields as JSON: the compiler takes no interface for a map. */
type Plain<Fields> = { readonly [Key in keyof Fields]: Fields[Key] };

/** One strategy of a fleet: what the sums are made of. */
export type FleetStrategy = {
  readonly id: string;
  readonly name: string;
  readonly team: string;
  readonly owner: string;
  readonly running: boolean;
  readonly limits: Plain<Limits>;
  readonly resources: Plain<Resources>;
  readonly algorithm: JsonObject;
  readonly portfolio: JsonObject & { readonly startingCash: string };
  readonly channels: readonly string[];
};

export function fleetStrategy(effective: EffectiveStrategy): FleetStrategy {
  const { team, name, owner, running, limits, resources, channels } = effective;
  const portfolio = { ...portfolioJson(effective), startingCash: effective.portfolio.startingCash };
  const algorithm = algorithmJson(effective);
  return {
    id: `${team}/${name}`,
    name,
    team,
    owner,
    running,
    limits: { ...limits },
    resources: { ...resources },
    algorithm,
    portfolio,
    channels,
  };
}

/** Who is in a team: `listed` says whether the policies have it. */
export type TeamOf = (name: string) => JsonObject;

/**
 * All strategies of an environment with their exact sums: a rule cannot add up amounts, and may not loop over a fleet twice within its budget.
 * All of them count for `strategies` and `state`; everything else is what runs.
 */
export function fleetJson(strategies: readonly FleetStrategy[], teamOf: TeamOf): JsonObject {
  const sorted = [...strategies].sort((a, b) => compare(a.id, b.id));
  const running = sorted.filter((strategy) => strategy.running);
  const teams = groups(sorted, ({ team }) => [team]);
  const owners = groups(sorted, ({ owner }) => [owner]);
  return {
    strategies: sorted,
    totals: totals(sorted),
    teams: [...teams].map(([name, own]) => ({ ...teamOf(name), name, totals: totals(own) })),
    owners: [...owners].map(([name, own]) => ({ name, totals: totals(own) })),
    instruments: [...groups(running, ({ limits }) => limits.instruments)].map(([name, own]) => ({
      name,
      strategies: ids(own),
      maxPositionNotional: sum(own, ({ limits }) => limits.maxPositionNotional),
    })),
    venues: [...groups(running, ({ limits }) => limits.venues)].map(([name, own]) => ({
      name,
      strategies: ids(own),
      maxPositionNotional: sum(own, ({ limits }) => limits.maxPositionNotional),
      ordersPerMinute: ordersPerMinute(own),
    })),
    names: [...groups(sorted, ({ name }) => [name])].map(([name, own]) => ({ name, strategies: ids(own) })),
  };
}

function totals(strategies: readonly FleetStrategy[]): JsonObject {
  const running = strategies.filter((strategy) => strategy.running);
  return {
    strategies: strategies.length,
    running: running.length,
    cpu: formatCpu(count(running, ({ resources }) => cpuOf(resources.cpu)) as CpuMillicores),
    memory: formatMemory(count(running, ({ resources }) => memoryOf(resources.memory)) as MemoryBytes),
    state: formatMemory(count(strategies, ({ resources }) => memoryOf(resources.state)) as MemoryBytes),
    startingCash: sum(running, ({ portfolio }) => portfolio.startingCash),
    maxOrderNotional: sum(running, ({ limits }) => limits.maxOrderNotional),
    maxPositionNotional: sum(running, ({ limits }) => limits.maxPositionNotional),
    ordersPerMinute: ordersPerMinute(running),
  };
}

/** By key, keys sorted; one strategy may have several. */
function groups(
  strategies: readonly FleetStrategy[],
  keysOf: (strategy: FleetStrategy) => readonly string[],
): ReadonlyMap<string, readonly FleetStrategy[]> {
  const found = new Map<string, FleetStrategy[]>();
  for (const strategy of strategies) {
    for (const key of new Set(keysOf(strategy))) {
      const own = found.get(key);
      if (own === undefined) found.set(key, [strategy]);
      else own.push(strategy);
    }
  }
  return new Map([...found].sort(([a], [b]) => compare(a, b)));
}

function ids(strategies: readonly FleetStrategy[]): readonly string[] {
  return strategies.map(({ id }) => id);
}

function sum(strategies: readonly FleetStrategy[], amountOf: (strategy: FleetStrategy) => string): string {
  let total = decimal("0");
  for (const strategy of strategies) total = add(total, decimal(amountOf(strategy)));
  return formatDecimal(total);
}

function count(strategies: readonly FleetStrategy[], of: (strategy: FleetStrategy) => number): number {
  let total = 0;
  for (const strategy of strategies) total += of(strategy);
  return total;
}

/** Bursts count: `10/1s` lets 600 orders through in a minute, `10/90s` 10. */
function ordersPerMinute(strategies: readonly FleetStrategy[]): number {
  return count(strategies, ({ limits }) => {
    const rate = parseRate(limits.orderRate);
    assert(rate.ok, `not a rate: ${limits.orderRate}`);
    return mostIn(rate.value, 60);
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
