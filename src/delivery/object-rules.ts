import type { StrategyInput } from "#charts/render.ts";
import { emitUnit } from "#charts/synth.ts";
import { boundIn } from "#core/bound-table.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import { canonicalJson, type JsonObject } from "#core/json.ts";
import type { StrategyName } from "#core/policies.ts";
import { type CompiledRule, evaluateRule, type RuleVerdict } from "#core/rules/compile.ts";
import { objectEnvironment } from "#core/rules/variables.ts";
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
  /** Of all that decides their verdicts but the object itself and the environment that they see. */
  readonly digest: string;
}

/** What the rules see of an environment. */
interface SeenEnvironment {
  readonly json: JsonObject;
  readonly digest: string;
}

/** Judges what the strategies and teams of one environment render to. The charts come with this module: it is read when there are such rules. */
export interface ObjectJudge {
  strategy(input: StrategyInput): readonly ObjectVerdict[];
  /** @param strategies all of the environment */
  team(name: string, strategies: readonly EffectiveStrategy[]): readonly ObjectVerdict[];
}

export function objectJudge(compiled: readonly CompiledRule[], source: PolicySource, memo: Memo): ObjectJudge {
  const rules = objectRules(compiled);
  const seenBy = environments(source.policy);
  return {
    strategy: (input) => judgeUnit("render", strategyUnit(source, input), rules, seenBy(input.effective), memo),
    team: (team, strategies) =>
      judgeUnit("team", teamUnit(source, team, { strategies, held: [] }), rules, seenBy({ team, name: "" }), memo),
  };
}

/** The environment with the bounds as they hold for one strategy or, without a name, for a team. Few have bounds of their own. */
function environments({ document, bounds }: EnvironmentPolicy): (subject: StrategyName) => SeenEnvironment {
  const known = new Map<string, SeenEnvironment>();
  return ({ team, name }) => {
    const id = `${team}/${name}`;
    const isOwn = Object.hasOwn(bounds.strategies, id);
    const key = isOwn || Object.hasOwn(bounds.teams, team) ? `${team}/${isOwn ? name : ""}` : "";
    const before = known.get(key);
    if (before !== undefined) return before;
    const json = objectEnvironment(document, (bound) => boundIn(bounds, { team, name }, bound));
    const seen = { json, digest: digest(canonicalJson(json)) };
    known.set(key, seen);
    return seen;
  };
}

function objectRules(rules: readonly CompiledRule[]): ObjectRules {
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
  return { byKind, digest: digest(...parts) };
}

/**
 * What the rules say of each object of a unit. Kept under the unit's content; what had to be made for it is kept for the render.
 *
 * @param kind the unit's name among the memo's
 */
function judgeUnit(
  kind: "team" | "render",
  unit: Unit,
  rules: ObjectRules,
  environment: SeenEnvironment,
  memo: Memo,
): readonly ObjectVerdict[] {
  return memo.of(`${kind}-rules`, digest(unit.key, rules.digest, environment.digest), () => {
    const objects = unit.objects();
    memo.of(kind, unit.key, () => emitUnit(objects));
    return [...objects.values()].flatMap((object) => judgeObject(object, rules, environment.json));
  });
}

function judgeObject(object: JsonObject, { byKind }: ObjectRules, environment: JsonObject): readonly ObjectVerdict[] {
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
