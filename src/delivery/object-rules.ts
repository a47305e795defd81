import type { StrategyInput, UnitObjects } from "#charts/render.ts";
import { emitUnit } from "#charts/synth.ts";
import { boundIn } from "#core/bound-table.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import { canonicalJson, type JsonObject } from "#core/json.ts";
import type { StrategyName } from "#core/policies.ts";
import { type CompiledRule, evaluateRule } from "#core/rules/compile.ts";
import { objectEnvironment } from "#core/rules/variables.ts";
import { digest, type Memo } from "./memo.ts";
import { type Broken, broken, type RuleSet, type SplitRules, splitRules } from "./rule-set.ts";
import { strategyUnit, teamUnit, type Unit } from "./units.ts";

/** A rule that does not hold for one object of a unit. */
export interface BrokenByObject extends Broken {
  /** `StatefulSet sma-cross`. */
  readonly object: string;
}

/** What the rules see of an environment. */
interface SeenEnvironment {
  readonly json: JsonObject;
  readonly digest: string;
}

/** Judges what the strategies and teams of one environment render to. The charts come with this module: it is read when there are such rules. */
export interface ObjectJudge {
  strategy(input: StrategyInput): readonly BrokenByObject[];
  /** @param strategies all of the environment */
  team(name: string, strategies: readonly EffectiveStrategy[]): readonly BrokenByObject[];
}

export function objectJudge(compiled: readonly CompiledRule[], policy: EnvironmentPolicy, memo: Memo): ObjectJudge {
  const rules = splitRules(compiled);
  const seenBy = environments(policy);
  const { document } = policy;
  return {
    strategy: (input) => judgeUnit("render", strategyUnit(document, input, memo), rules, seenBy(input.effective), memo),
    team: (team, strategies) => {
      const unit = teamUnit(policy, team, { strategies, held: [] }, memo);
      return judgeUnit("team", unit, rules, seenBy({ team, name: "" }), memo);
    },
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

/**
 * What the rules say of each object of a unit. Kept under the unit's content and what they see beside it; what had to be made for it is kept for
 * the render.
 *
 * @param kind the unit's name among the memo's
 */
function judgeUnit(
  kind: "team" | "render",
  unit: Unit,
  { seeing, blind }: SplitRules,
  environment: SeenEnvironment,
  memo: Memo,
): readonly BrokenByObject[] {
  let made: UnitObjects | undefined;
  const judged = (set: RuleSet, seen: string): readonly BrokenByObject[] => {
    if (set.rules.length === 0) return [];
    return memo.of(`${kind} rules`, digest(unit.key, set.digest, seen), () => {
      const objects = made ?? unit.objects();
      made = objects;
      memo.of(kind, unit.key, () => emitUnit(objects));
      return [...objects.values()].flatMap((object) => judgeObject(object, set.rules, environment.json));
    });
  };
  return [...judged(blind, ""), ...judged(seeing, environment.digest)];
}

function judgeObject(
  object: JsonObject,
  rules: readonly CompiledRule[],
  environment: JsonObject,
): readonly BrokenByObject[] {
  const kind = String(object["kind"]);
  const about = `${kind} ${nameOf(object)}`;
  return rules
    .filter(({ document }) => document.spec.match?.kinds?.some((name) => name === kind))
    .flatMap((rule) => broken(rule, evaluateRule(rule, { object, environment })))
    .map((found) => ({ ...found, object: about }));
}

function nameOf({ metadata }: JsonObject): string {
  return typeof metadata === "object" && metadata !== null && "name" in metadata ? String(metadata["name"]) : "";
}
