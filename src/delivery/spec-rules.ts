import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { Bounds, Policies } from "#core/policies.ts";
import { type CompiledRule, evaluateRule } from "#core/rules/compile.ts";
import { specSurroundings, specVariables } from "#core/rules/variables.ts";
import { digest, keyOf, type Memo } from "./memo.ts";
import { type Broken, broken, type RuleSet, splitRules } from "./rule-set.ts";

/** Asks rules over specs about one strategy of an environment after another. */
export type SpecJudge = (effective: EffectiveStrategy, bounds: Bounds) => readonly Broken[];

/** What they say is kept under what they see: most see nothing of the environment, and say the same whatever becomes of it. */
export function specJudge(
  rules: readonly CompiledRule[],
  environment: EnvironmentDocument,
  policies: Policies,
  memo: Memo,
): SpecJudge {
  const { seeing, blind } = splitRules(rules);
  return (effective, bounds) => {
    // Strategies of one team share their bounds, and so what their rules see beside them.
    const around = memo.from(`around ${effective.team}`, bounds, () =>
      specSurroundings(environment, bounds, policies, effective.team),
    );
    const judged = ({ rules: asked, digest: rulesDigest }: RuleSet, ...seen: readonly object[]): readonly Broken[] =>
      memo.of("spec rules", digest(rulesDigest, ...seen.map((value) => keyOf(value, memo))), () => {
        const variables = specVariables(effective, around);
        return asked.flatMap((rule) => broken(rule, evaluateRule(rule, variables)));
      });
    return [...judged(blind, effective, around.team), ...judged(seeing, effective, around.team, around.environment)];
  };
}
