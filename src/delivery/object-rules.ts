import type { StrategyInput } from "#charts/render.ts";
import { emitUnit } from "#charts/synth.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { canonicalJson, type JsonObject } from "#core/json.ts";
import { type CompiledRule, evaluateRule, type RuleVerdict } from "#core/rules/compile.ts";
import { digest, type Memo } from "./memo.ts";
import { type PolicySource, strategyUnit, teamUnit, type Unit } from "./units.ts";

/** A rule that does not hold for one object of a unit. */
export interface ObjectVerdict {
  readonly rule: string;
  /** `StatefulSet sma-cross`. */
  readonly object: string;
  readonly verdict: Exclude<RuleVerdict, { readonly outcome: "holds" }>;
}

/** Rules over objects, by kind. */
interface ObjectRules {
  readonly byKind: ReadonlyMap<string, readonly CompiledRule[]>;
  /** Of all that decides their verdicts but the object itself. */
  readonly digest: string;
  readonly environment: JsonObject;
}

/** Judges what the strategies and teams of one environment render to. The charts come with this module: it is read when there are such rules. */
export interface ObjectJudge {
  strategy(input: StrategyInput): readonly ObjectVerdict[];
  /** @param strategies all of the environment */
  team(name: string, strategies: readonly EffectiveStrategy[]): readonly ObjectVerdict[];
}

/** @param environment what the rules see of it */
export function objectJudge(
  compiled: readonly CompiledRule[],
  policy: PolicySource,
  environment: JsonObject,
  memo: Memo,
): ObjectJudge {
  const rules = objectRules(compiled, environment);
  return {
    strategy: (input) => judgeUnit("render", strategyUnit(policy, input), rules, memo),
    team: (name, strategies) => judgeUnit("team", teamUnit(policy, name, { strategies, held: [] }), rules, memo),
  };
}

function objectRules(rules: readonly CompiledRule[], environment: JsonObject): ObjectRules {
  const byKind = new Map<string, CompiledRule[]>();
  for (const rule of rules) {
    for (const kind of rule.document.spec.match?.kinds ?? []) byKind.set(kind, [...(byKind.get(kind) ?? []), rule]);
  }
  const parts = rules.flatMap(({ document: { metadata, spec } }) => [
    metadata.name,
    metadata.title ?? "",
    spec.expression,
    spec.message,
    ...(spec.match?.kinds ?? []),
    "",
  ]);
  return { byKind, digest: digest(canonicalJson(environment), ...parts), environment };
}

/**
 * What the rules say of each object of a unit. Kept under the unit's content; what had to be made for it is kept for the render.
 *
 * @param kind the unit's name among the memo's
 */
function judgeUnit(kind: "team" | "render", unit: Unit, rules: ObjectRules, memo: Memo): readonly ObjectVerdict[] {
  return memo.of(`${kind}-rules`, digest(unit.key, rules.digest), () => {
    const objects = unit.objects();
    memo.of(kind, unit.key, () => emitUnit(objects));
    return [...objects.values()].flatMap((object) => judgeObject(object, rules));
  });
}

function judgeObject(object: JsonObject, { byKind, environment }: ObjectRules): readonly ObjectVerdict[] {
  const kind = String(object["kind"]);
  const verdicts: ObjectVerdict[] = [];
  for (const rule of byKind.get(kind) ?? []) {
    const verdict = evaluateRule(rule, { object, environment });
    if (verdict.outcome === "holds") continue;
    verdicts.push({ rule: rule.document.metadata.name, object: `${kind} ${nameOf(object)}`, verdict });
  }
  return verdicts;
}

function nameOf({ metadata }: JsonObject): string {
  return typeof metadata === "object" && metadata !== null && "name" in metadata ? String(metadata["name"]) : "";
}
