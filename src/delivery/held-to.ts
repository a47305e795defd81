import { type BoundValue, formatBound, limitNames } from "#core/bounds.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { splitStrategyId } from "#core/identity.ts";
import { boundsFor, type Policies } from "#core/policies.ts";
import type { CheckReport } from "./check.ts";
import { effectiveIn } from "./impact.ts";
import type { EnvironmentImpact, HeldTo, StrategyImpact } from "./verdict.ts";

/** With what each strategy is held to that comes anew or with other limits. */
export function withBounds(
  strategies: readonly StrategyImpact[],
  {
    report,
    policies,
    atSeconds,
  }: { readonly report: CheckReport; readonly policies: Policies; readonly atSeconds: number },
): readonly StrategyImpact[] {
  return strategies.map((strategy) => {
    if (strategy.kind !== "new" && strategy.kind !== "changed") return strategy;
    const environments = strategy.environments.map((impact): EnvironmentImpact => {
      if (strategy.kind === "changed" && impact.limits.length === 0) return impact;
      const effective = effectiveIn(report, impact.environment).get(strategy.id);
      const bounds = boundsFor(policies, impact.environment, splitStrategyId(strategy.id), atSeconds);
      if (effective === undefined || bounds === undefined) return impact;
      const values = { ...effective.limits, ...effective.resources } satisfies Readonly<Record<string, BoundValue>>;
      const heldTo = [...limitNames, "cpu", "memory", "state"] as const;
      return {
        ...impact,
        heldTo: [
          ...imageOf(policies, effective),
          ...heldTo.map((name) => ({
            ...{ name, value: formatBound(values[name]), bound: formatBound(bounds[name].value) },
            place: bounds[name].place,
          })),
        ],
      };
    });
    return { ...strategy, environments };
  });
}

/** What its code runs in. Of an algorithm elsewhere there is none. */
function imageOf({ environments }: Policies, { environment, algorithm }: EffectiveStrategy): readonly HeldTo[] {
  const policy = environments.get(environment);
  if (algorithm.kind === "rpc" || policy?.document === undefined) return [];
  const image = policy.document.spec.runtimes[algorithm.runtime]?.image;
  const place = policy.locate(`/spec/runtimes/${algorithm.runtime}/image`);
  return image === undefined ? [] : [{ name: "image", value: image, bound: "–", place }];
}
