import { type CompiledRule, type RuleVerdict, reads } from "#core/rules/compile.ts";
import { digest } from "./memo.ts";

/** A rule that does not hold. */
export interface Broken {
  readonly rule: string;
  readonly verdict: Exclude<RuleVerdict, { readonly outcome: "holds" }>;
}

/** The rule with its verdict, if that is not that it holds. */
export function broken({ document }: CompiledRule, verdict: RuleVerdict): readonly Broken[] {
  return verdict.outcome === "holds" ? [] : [{ rule: document.metadata.name, verdict }];
}

/** Rules that are asked together. */
export interface RuleSet {
  readonly rules: readonly CompiledRule[];
  /** Of all that decides their verdicts beside what they are asked about. */
  readonly digest: string;
}

/** Rules by whether they look at the environment: what the others say of something does not change with it. */
export interface SplitRules {
  readonly seeing: RuleSet;
  readonly blind: RuleSet;
}

export function splitRules(rules: readonly CompiledRule[]): SplitRules {
  const sees = (rule: CompiledRule): boolean => reads(rule, "environment");
  return { seeing: ruleSet(rules.filter(sees)), blind: ruleSet(rules.filter((rule) => !sees(rule))) };
}

export function ruleSet(rules: readonly CompiledRule[]): RuleSet {
  const parts = rules.map(({ document: { metadata, spec } }) => {
    const { over, match, expression, message, blame } = spec;
    return JSON.stringify([metadata.name, metadata.title, over, match, expression, message, blame]);
  });
  return { rules, digest: digest(...parts) };
}
