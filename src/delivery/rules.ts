import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { environmentPolicy } from "#core/environment-policy.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { isComplete, type Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import type { ParsedRule, RuleDocument } from "#core/rule.ts";
import { type CompiledRule, evaluateRule } from "#core/rules/compile.ts";
import { fleetJson, fleetStrategy } from "#core/rules/fleet.ts";
import { fleetEnvironment, specVariables, teamJson } from "#core/rules/variables.ts";
import type { CheckedStrategy, CheckOptions } from "./check.ts";
import type { EffectiveSpecs } from "./effective-specs.ts";
import type { EnvironmentSource, Fleet, StrategySource } from "./fleet.ts";
import type { Memo } from "./memo.ts";
import type { ObjectVerdict } from "./object-rules.ts";
import { authorPointer, type Violation, violationFinding } from "./rule-findings.ts";

/** What the rules say of the strategies in question. */
export interface RulesReport {
  readonly findings: readonly Finding[];
  /** Rules that were asked and refuse nothing. */
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
    session.fleet(over("fleet"), entries, environment, document);
    await session.objects(over("object"), entries, environment, document);
  }
  const refusing = new Set(session.findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule));
  return { findings: session.findings, passed: [...session.asked].filter((name) => !refusing.has(name)).length };
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
    const { policies } = this.#fleet;
    if (rules.length === 0) return;
    for (const entry of entries) {
      const document = entry.source.parsed?.document;
      const bounds = this.#specs.bounds(entry.id, environment.metadata.name);
      assert(document !== undefined && isComplete(bounds), `${entry.id} was resolved without its documents`);
      const variables = specVariables({ document, effective: entry.effective, environment, bounds, policies });
      for (const rule of rules) {
        const verdict = evaluateRule(rule.compiled, variables);
        if (verdict.outcome !== "holds") this.#blame(rule, entry, environment.metadata.name, verdict);
      }
    }
  }

  /** Whoever is asked about answers for a fleet that a rule denies, unless the rule blames others. */
  fleet(
    rules: readonly Rule[],
    entries: readonly Entry[],
    environment: EnvironmentSource,
    document: EnvironmentDocument,
  ): void {
    if (rules.length === 0) return;
    const { policies } = this.#fleet;
    const strategies = [...this.#specs.all(environment.name).values()].map(fleetStrategy);
    const fleet = fleetJson(strategies, (team) => teamJson(policies, team));
    const ids = new Set(strategies.map(({ id }) => id));
    const variables = { fleet, environment: fleetEnvironment(document) };
    for (const rule of rules) {
      const verdict = evaluateRule(rule.compiled, variables);
      if (verdict.outcome === "holds") continue;
      const blamed = verdict.outcome === "violated" ? verdict.blamed : undefined;
      const stranger = blamed?.find((id) => !ids.has(id));
      if (verdict.outcome === "unevaluated") this.#fail(rule, environment.name, verdict.why);
      else if (stranger !== undefined)
        this.#fail(rule, environment.name, `it blames ${JSON.stringify(stranger)}, which is no strategy of the fleet`);
      else {
        // A rule that denies and blames nobody still denies.
        const guilty = new Set<string>(blamed === undefined || blamed.length === 0 ? ids : blamed);
        for (const entry of entries) if (guilty.has(entry.id)) this.#blame(rule, entry, environment.name, verdict);
      }
    }
  }

  async objects(
    rules: readonly Rule[],
    entries: readonly Entry[],
    environment: EnvironmentSource,
    document: EnvironmentDocument,
  ): Promise<void> {
    if (rules.length === 0) return;
    // With it come the charts, which a tree without such rules can be judged without.
    const { objectJudge } = await import("./object-rules.ts");
    const compiled = rules.map((rule) => rule.compiled);
    const policy = environmentPolicy(this.#fleet.policies, environment.name, this.#options.atSeconds);
    assert(policy !== undefined, `strategies were resolved without the policies of ${environment.name}`);
    const source = { document, digest: environment.digest, policy };
    const judge = objectJudge(compiled, source, this.#memo);
    const ruleOf = ({ rule }: ObjectVerdict): Rule => {
      const found = rules.find(({ name }) => name === rule);
      assert(found !== undefined, `no rule ${rule} was asked`);
      return found;
    };
    for (const entry of entries) {
      const { effective, bundle } = entry;
      if (bundle === undefined) continue;
      for (const found of judge.strategy({ effective, bundle }))
        this.#blame(ruleOf(found), entry, environment.name, found.verdict, found.object);
    }
    const members = [...this.#specs.all(environment.name).values()];
    for (const team of new Set(entries.map(({ effective }) => effective.team))) {
      for (const found of judge.team(team, members)) this.#team(ruleOf(found), team, environment, found);
    }
  }

  /** A team's own objects are nobody's strategy: what is wrong with them stands where their environment does. */
  #team(rule: Rule, team: string, { name, path, parsed }: EnvironmentSource, { object, verdict }: ObjectVerdict): void {
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
    const named = about === undefined ? {} : { about };
    this.#add({ ...violated(rule), verdict, environment, strategy, place, pointer, ...named });
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

function violated({ parsed, compiled }: Rule): Pick<Violation, "rule" | "document"> {
  return { rule: parsed, document: compiled.document };
}
