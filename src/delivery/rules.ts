import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { isComplete, type Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import type { ParsedRule, RuleDocument } from "#core/rule.ts";
import type { CompiledRule } from "#core/rules/compile.ts";
import type { CheckedStrategy, CheckOptions } from "./check.ts";
import type { EffectiveSpecs } from "./effective-specs.ts";
import { type EnvironmentSource, type Fleet, policyIn, type StrategySource } from "./fleet.ts";
import { judgeFleet } from "./fleet-rules.ts";
import type { Memo } from "./memo.ts";
import type { BrokenByObject } from "./object-rules.ts";
import { authorPointer, type Violation, violationFinding } from "./rule-findings.ts";
import { specJudge } from "./spec-rules.ts";

/** What the rules say of the strategies in question. */
export interface RulesReport {
  readonly findings: readonly Finding[];
  /** The names of the rules that were asked, sorted. */
  readonly asked: readonly string[];
  /** How many of them refuse nothing. */
  readonly passed: number;
}

interface Rule {
  readonly name: string;
  readonly parsed: ParsedRule;
  readonly compiled: CompiledRule;
}

/** One strategy in question, as the environment runs it. */
interface Entry {
  readonly id: StrategyId;
  readonly source: StrategySource;
  readonly effective: EffectiveStrategy;
  readonly bundle: CheckedStrategy["environments"][number]["bundle"];
}

/**
 * Asks every rule of `policies/rules` in every environment: over each spec in question, over the objects that it renders to, and over the whole
 * fleet, for which the strategies in question answer if the rule blames them. Rules that are refused are findings of the policies, not of this.
 *
 * @param checked the strategies in question; those that could not be resolved are not asked about
 */
export async function checkRules(
  fleet: Fleet,
  specs: EffectiveSpecs,
  checked: readonly CheckedStrategy[],
  options: CheckOptions,
  memo: Memo,
): Promise<RulesReport> {
  const rules = rulesOf(fleet.policies);
  const session = new Session(fleet, specs, options, memo);
  for (const environment of fleet.environments.values()) {
    if (rules.length === 0 || options.environments?.includes(environment.name) === false) continue;
    const { document } = environment;
    const entries = document === undefined ? [] : entriesOf(fleet, checked, environment.name);
    if (document === undefined || entries.length === 0) continue;
    const here = rules.filter(({ compiled }) => holdsIn(compiled.document, environment.name));
    const over = (kind: RuleDocument["spec"]["over"]) =>
      here.filter(({ compiled }) => compiled.document.spec.over === kind);
    for (const { name } of here) session.asked.add(name);
    session.specs(over("spec"), entries, document);
    session.fleet(over("fleet"), entries, document);
    await session.objects(over("object"), entries, environment);
  }
  const refusing = new Set(session.findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule));
  const asked = [...session.asked].sort();
  return { findings: session.findings, asked, passed: asked.filter((name) => !refusing.has(name)).length };
}

function rulesOf({ rules }: Policies): readonly Rule[] {
  const found: Rule[] = [];
  for (const [name, parsed] of [...rules].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // Refused: that is an error of the policies, which denies whatever this one would have said.
    if (parsed.document === undefined) continue;
    assert(parsed.compiled !== undefined, `the rule ${name} was read and not compiled`);
    found.push({ name, parsed, compiled: parsed.compiled });
  }
  return found;
}

function holdsIn({ spec }: RuleDocument, environment: string): boolean {
  return spec.environments?.includes(environment) !== false;
}

function entriesOf(fleet: Fleet, checked: readonly CheckedStrategy[], environment: string): readonly Entry[] {
  return checked.flatMap(({ id, environments }) => {
    const source = fleet.strategies.get(id);
    const own = environments.find(({ name }) => name === environment);
    return source === undefined || own === undefined
      ? []
      : [{ id, source, effective: own.effective, bundle: own.bundle }];
  });
}

/** One run over all environments: what it found, and which rules it asked. */
class Session {
  readonly findings: Finding[] = [];
  readonly asked = new Set<string>();
  readonly #fleet: Fleet;
  readonly #specs: EffectiveSpecs;
  readonly #options: CheckOptions;
  readonly #memo: Memo;

  constructor(fleet: Fleet, specs: EffectiveSpecs, options: CheckOptions, memo: Memo) {
    this.#fleet = fleet;
    this.#specs = specs;
    this.#options = options;
    this.#memo = memo;
  }

  specs(rules: readonly Rule[], entries: readonly Entry[], environment: EnvironmentDocument): void {
    if (rules.length === 0) return;
    const { name } = environment.metadata;
    const judge = specJudge(compiledOf(rules), environment, this.#fleet.policies, this.#memo);
    for (const entry of entries) {
      const bounds = this.#specs.bounds(entry.id, name);
      assert(isComplete(bounds), `${entry.id} was resolved without its bounds`);
      for (const { rule, verdict } of judge(entry.effective, bounds))
        this.#blame(named(rules, rule), entry, name, verdict);
    }
  }

  /** Whoever is asked about answers for a fleet that a rule denies, unless the rule blames others. */
  fleet(rules: readonly Rule[], entries: readonly Entry[], document: EnvironmentDocument): void {
    if (rules.length === 0) return;
    const { name } = document.metadata;
    const members = this.#specs.all(name);
    for (const found of judgeFleet(compiledOf(rules), members, document, this.#fleet.policies, this.#memo)) {
      const { verdict } = found;
      const rule = named(rules, found.rule);
      const blamed = verdict.outcome === "violated" ? verdict.blamed : undefined;
      const stranger = blamed?.find((id) => !members.has(id as StrategyId));
      if (verdict.outcome === "unevaluated") this.#fail(rule, name, verdict.why);
      else if (stranger !== undefined)
        this.#fail(rule, name, `it blames ${JSON.stringify(stranger)}, which is no strategy of the fleet`);
      else {
        // A rule that denies and blames nobody still denies.
        const guilty = blamed === undefined || blamed.length === 0 ? undefined : new Set(blamed);
        for (const entry of entries) if (guilty?.has(entry.id) !== false) this.#blame(rule, entry, name, verdict);
      }
    }
  }

  async objects(rules: readonly Rule[], entries: readonly Entry[], environment: EnvironmentSource): Promise<void> {
    if (rules.length === 0) return;
    // With it come the charts, which a tree without such rules can be judged without.
    const { objectJudge } = await import("./object-rules.ts");
    const policy = policyIn(this.#fleet, environment.name, this.#options.atSeconds, this.#memo);
    assert(policy !== undefined, `strategies were resolved without the policies of ${environment.name}`);
    const judge = objectJudge(compiledOf(rules), policy, this.#memo);
    for (const entry of entries) {
      const { effective, bundle } = entry;
      if (bundle === undefined) continue;
      for (const found of judge.strategy({ effective, bundle }))
        this.#blame(named(rules, found.rule), entry, environment.name, found.verdict, found.object);
    }
    const members = [...this.#specs.all(environment.name).values()];
    for (const team of new Set(entries.map(({ effective }) => effective.team))) {
      for (const found of judge.team(team, members)) this.#team(named(rules, found.rule), team, environment, found);
    }
  }

  /** A team's own objects are nobody's strategy: what is wrong with them stands where their environment does. */
  #team(
    rule: Rule,
    team: string,
    { name, path, parsed }: EnvironmentSource,
    { object, verdict }: BrokenByObject,
  ): void {
    const pointer = "/metadata/name";
    const place = parsed?.locate(pointer) ?? { file: path };
    const about = `${object} of team ${team}`;
    this.#add({ ...violated(rule), verdict, environment: name, strategy: { team, name: "" }, place, pointer, about });
  }

  #blame(rule: Rule, { id, source }: Entry, environment: string, verdict: Violation["verdict"], about?: string): void {
    const document = source.parsed?.document;
    assert(source.parsed !== undefined && document !== undefined, `${id} was resolved without its document`);
    const pointer = authorPointer(document, rule.compiled.document.spec.at, environment);
    const place = source.parsed.locate(pointer);
    const strategy = splitStrategyId(id);
    const owner = about === undefined ? {} : { about };
    this.#add({ ...violated(rule), verdict, environment, strategy, place, pointer, ...owner });
  }

  /** What fails over a whole fleet is no strategy's fault: it stands in the rule, and nothing passes until it is mended. */
  #fail(rule: Rule, environment: string, why: string): void {
    const pointer = "/spec/expression";
    const place = rule.parsed.locateInside(pointer, 0, rule.compiled.document.spec.expression.length);
    const verdict = { outcome: "unevaluated", why } as const;
    this.#add({ ...violated(rule), verdict, environment, strategy: { team: "", name: "" }, place, pointer });
  }

  #add(violation: Violation): void {
    this.findings.push(violationFinding(violation, this.#fleet.policies, this.#options.atSeconds));
  }
}

function compiledOf(rules: readonly Rule[]): readonly CompiledRule[] {
  return rules.map(({ compiled }) => compiled);
}

function named(rules: readonly Rule[], name: string): Rule {
  const found = rules.find((rule) => rule.name === name);
  assert(found !== undefined, `no rule ${name} was asked`);
  return found;
}

function violated({ parsed, compiled }: Rule): Pick<Violation, "rule" | "document"> {
  return { rule: parsed, document: compiled.document };
}
