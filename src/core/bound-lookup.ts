import type { BoundName, BoundValue } from "./bounds.ts";
import type { StrategyName } from "./policies.ts";

// Apart from the making of such a table: the gateway reads one and no policies.

export type BoundValues = Readonly<Record<BoundName, BoundValue>>;

/**
 * All bounds of one environment at an instant, as `boundsFor` gives them one strategy at a time: what every strategy is held to, what differs for
 * a team, and what a waiver lifts for one strategy. Plain data with canonical values: the fences that judge names they do not know yet (admission,
 * the gateway, a quota) are made from it.
 */
export interface BoundTable<Name extends BoundName = BoundName> {
  readonly everyone: Readonly<Record<Name, BoundValue>>;
  readonly teams: { readonly [team: string]: Readonly<Partial<Record<Name, BoundValue>>> };
  readonly strategies: { readonly [strategy: string]: Readonly<Partial<Record<Name, BoundValue>>> };
}

/** What one strategy is held to. */
export function boundIn<Name extends BoundName>(
  table: BoundTable<Name>,
  { team, name }: StrategyName,
  bound: Name,
): BoundValue {
  const own = entry(table.strategies, `${team}/${name}`)?.[bound];
  return own ?? entry(table.teams, team)?.[bound] ?? table.everyone[bound];
}

function entry<Value>(values: { readonly [key: string]: Value }, key: string): Value | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
