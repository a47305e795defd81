import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { StrategyId } from "#core/identity.ts";
import type { JsonObject } from "#core/json.ts";
import type { Policies } from "#core/policies.ts";
import { type CompiledRule, evaluateRule } from "#core/rules/compile.ts";
import { fleetJson, fleetStrategy } from "#core/rules/fleet.ts";
import { fleetEnvironment, teamJson } from "#core/rules/variables.ts";
import { digest, keysOf, type Memo } from "./memo.ts";
import { type Broken, broken, ruleSet } from "./rule-set.ts";

/**
 * What rules over the fleet say of all strategies of an environment together. It is asked again only where something that they see differs: a param
 * more, or other code, is the same fleet.
 */
export function judgeFleet(
  rules: readonly CompiledRule[],
  members: ReadonlyMap<StrategyId, EffectiveStrategy>,
  environment: EnvironmentDocument,
  policies: Policies,
  memo: Memo,
): readonly Broken[] {
  const strategies = memo.from("in fleet", members, () =>
    [...members.values()].map((member) => memo.from("in fleet", member, () => fleetStrategy(member))),
  );
  const teams = new Map<string, JsonObject>();
  for (const { team } of strategies) if (!teams.has(team)) teams.set(team, teamJson(policies, team));
  const seen = fleetEnvironment(environment);
  const around = JSON.stringify([seen, [...teams]]);
  return memo.of("fleet rules", digest(ruleSet(rules).digest, around, keysOf(strategies, memo)), () => {
    const fleet = fleetJson(strategies, (team) => teams.get(team) ?? teamJson(policies, team));
    return rules.flatMap((rule) => broken(rule, evaluateRule(rule, { fleet, environment: seen })));
  });
}
