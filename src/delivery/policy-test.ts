import type { Finding } from "#core/refusal.ts";
import { hasErrors } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import type { ParsedRule, RuleDocument } from "#core/rule.ts";
import { type MutationScore, mutationScore } from "#core/rules/mutation.ts";
import { nearest } from "#core/suggest.ts";
import { readFleet } from "./fleet.ts";
import { createMemo } from "./memo.ts";
import type { SourceTree } from "./tree.ts";

/** What a rule's own samples say of it. */
export interface TestedRule {
  readonly name: string;
  readonly file: string;
  /** Absent where the rule is refused: then `findings` say why. */
  readonly document: RuleDocument | undefined;
  readonly score: MutationScore | undefined;
  /** A weakened rule that its samples do not notice is an error where the rule forbids, else a warning. */
  readonly findings: readonly Finding[];
}

export interface PolicyTest {
  readonly rules: readonly TestedRule[];
  /** About names that are no rules, and policies that stand where nobody reads them. */
  readonly findings: readonly Finding[];
}

/**
 * Tries rules on their samples, then each weakened rule on the same ones.
 *
 * @param names default: all of `policies/rules`
 */
export function testPolicies(tree: SourceTree, names: readonly string[]): PolicyTest {
  const files = new Map([...tree].filter(([path]) => path.startsWith("policies/")));
  const { layout, policies, policyFindings } = readFleet(files, createMemo());
  const known = [...policies.rules.keys()].sort();
  const wanted = names.length === 0 ? known : [...new Set(names)];
  const rules: TestedRule[] = [];
  const findings: Finding[] = [...layout.findings];
  for (const name of wanted) {
    const rule = policies.rules.get(name);
    if (rule === undefined) findings.push(unknownRule(name, known));
    else rules.push(tested(name, rule, policyFindings));
  }
  return { rules, findings };
}

function unknownRule(name: string, known: readonly string[]): Finding {
  const near = nearest(name, known);
  return {
    code: "rule-unknown",
    severity: "error",
    message: `there is no rule ${JSON.stringify(name)} in policies/rules`,
    fix: near === undefined ? `name one of ${known.join(", ") || "none"}` : `write ${near}`,
  };
}

function tested(name: string, rule: ParsedRule, policyFindings: ReadonlyMap<string, readonly Finding[]>): TestedRule {
  const { file } = rule.locate("");
  const own = policyFindings.get(file) ?? rule.findings;
  if (rule.document === undefined || hasErrors(own))
    return { name, file, document: undefined, score: undefined, findings: own };
  const { document, compiled } = rule;
  assert(compiled !== undefined, `the rule ${name} was read and not compiled`);
  const score = mutationScore(compiled);
  const survivors = score.survivors.map(({ from, to, offset, length, hint }): Finding => {
    const pointer = "/spec/expression";
    return {
      code: "mutant-survives",
      severity: document.spec.enforcement === "forbid" ? "error" : "warning",
      rule: name,
      message: `its samples say the same when ${from} is weakened to ${to}`,
      fix: `add ${hint}`,
      pointer,
      place: rule.locateInside(pointer, offset, length),
    };
  });
  return { name, file, document, score, findings: [...own, ...survivors] };
}
