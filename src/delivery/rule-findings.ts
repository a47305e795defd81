import { formatInstant } from "#core/instant.ts";
import type { Parsed } from "#core/parse.ts";
import { type Policies, ruleWaivers, type StrategyName } from "#core/policies.ts";
import type { Finding, Place } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import type { RuleDocument } from "#core/rule.ts";
import type { RuleVerdict } from "#core/rules/compile.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { waiverEnd } from "#core/waiver.ts";

/** Where and for whom a rule does not hold. */
export interface Violation {
  readonly rule: Parsed<RuleDocument>;
  readonly document: RuleDocument;
  readonly verdict: Exclude<RuleVerdict, { readonly outcome: "holds" }>;
  readonly environment: string;
  /** Whose waivers count. */
  readonly strategy: StrategyName;
  readonly place: Place;
  readonly pointer: string;
  /** What the sentence is about, where that is not the strategy: `StatefulSet sma-cross`. */
  readonly about?: string;
}

/**
 * A violation as what its enforcement makes of it: refused, in need of an approval, or advice; a waived one is said and not counted. What could
 * not be evaluated is refused whatever the enforcement, and no waiver helps.
 *
 * @param atSeconds the instant in question, since the epoch
 */
export function violationFinding(violation: Violation, policies: Policies, atSeconds: number): Finding {
  const { rule, document, verdict, environment, strategy, place, pointer, about } = violation;
  const { metadata, spec } = document;
  const said = {
    rule: metadata.name,
    environment,
    place,
    pointer,
    bound: rule.locateInside("/spec/expression", 0, spec.expression.length),
  };
  const sentence = (text: string): string => `${about === undefined ? "" : `${about}: `}${text} (in ${environment})`;
  if (verdict.outcome === "unevaluated")
    return {
      code: "rule-unevaluated",
      severity: "error",
      message: sentence(`it cannot be evaluated, so nothing passes: ${verdict.why}`),
      fix: `${metadata.owner} mends the rule: ask with has() for what may be missing, and loop over less`,
      ...said,
    };
  const waivers = ruleWaivers(policies, metadata.name, environment, strategy, atSeconds);
  if (waivers.length > 0)
    return {
      code: "rule-violated",
      severity: "warning",
      message: sentence(`${verdict.message}; waived by ${waivedBy(policies, waivers)}`),
      fix: spec.fix,
      waivers,
      ...said,
    };
  const finding: Finding = {
    code: "rule-violated",
    severity: spec.enforcement === "forbid" ? "error" : "warning",
    message: sentence(verdict.message),
    fix: spec.fix,
    ...said,
  };
  return spec.enforcement === "require-approval" ? { ...finding, approvalOf: metadata.owner } : finding;
}

function waivedBy(policies: Policies, names: readonly string[]): string {
  return names
    .map((name) => {
      const waiver = policies.waivers.get(name)?.document;
      assert(waiver !== undefined, `the waiver ${name} holds and was not read`);
      return `${name} until ${formatInstant(waiverEnd(waiver))}`;
    })
    .join(" and ");
}

/**
 * Where the author wrote what a rule is about: in the environment's own part of the document if it says it there.
 *
 * @param at a rule's `at`, for example `spec.limits.instruments`
 * @returns a pointer into the strategy's document; the value it names may be missing
 */
export function authorPointer(document: StrategyDocument, at: string | undefined, environment: string): string {
  if (at === undefined) return "/spec";
  const parts = at.split(".");
  const pointer = `/${parts.join("/")}`;
  const [root, ...path] = parts;
  const entries = document.spec.environments ?? {};
  if (root !== "spec" || !Object.hasOwn(entries, environment)) return pointer;
  let value: unknown = entries[environment];
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return pointer;
    value = Object.entries(value).find(([name]) => name === key)?.[1];
  }
  return path.length === 0 ? pointer : `/spec/environments/${environment}/${path.join("/")}`;
}
