import { type Fleet, type StrategyInput, strategyObjects, teamObjects, type UnitObjects } from "#charts/render.ts";
import { strategyEnvironment } from "#charts/strategy.ts";
import { emitUnit } from "#charts/synth.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { type EnvironmentPolicy, totalsIn } from "#core/environment-policy.ts";
import { digest, keyOf, keysOf, type Memo } from "./memo.ts";

/** A part of an environment branch that is made as a whole, under the digest of what it is made of. */
export interface Unit {
  readonly key: string;
  readonly objects: () => UnitObjects;
}

export function strategyUnit(document: EnvironmentDocument, { effective, bundle }: StrategyInput, memo: Memo): Unit {
  const environment = memo.from("strategy environment", document, () => strategyEnvironment(document));
  return {
    key: digest(keyOf(environment, memo), keyOf(effective, memo), keyOf(bundle, memo)),
    objects: () => strategyObjects({ effective, bundle }, environment),
  };
}

/** It depends on the bounds and totals of its team, and on no rule. */
export function teamUnit(policy: EnvironmentPolicy, team: string, fleet: Fleet, memo: Memo): Unit {
  const isOwn = (strategy: EffectiveStrategy): boolean => strategy.team === team;
  const own: Fleet = { strategies: fleet.strategies.filter(isOwn), held: fleet.held.filter(isOwn) };
  const made = [policy.document, policy.bounds, totalsIn(policy, team), own.strategies, own.held];
  return {
    key: digest(team, ...made.map((part) => (Array.isArray(part) ? keysOf(part, memo) : keyOf(part, memo)))),
    objects: () => teamObjects(team, policy, own),
  };
}

/** The unit's files, kept for as long as the memo does. */
export function filesOf(kind: "team" | "render", unit: Unit, memo: Memo): ReadonlyMap<string, string> {
  return memo.of(kind, unit.key, () => emitUnit(unit.objects()));
}
