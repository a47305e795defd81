import ruleSchema from "#schemas/rule.schema.json" with { type: "json" };
import type { SourceDocument } from "./document.ts";
import { checkFileName, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import type { RuleDocument } from "./rule.generated.ts";
import { validateRule } from "./validators.generated.js";

export type { RuleDocument } from "./rule.generated.ts";

/**
 * Reads and checks a rule by itself.
 *
 * @param file the path for places, which also says the name: `policies/rules/<verb-noun>.yaml`
 */
export function parseRule(file: string, text: string): Parsed<RuleDocument> {
  return parseDocument<RuleDocument>(file, text, {
    schema: ruleSchema,
    validate: validateRule,
    checkPath: (source) => checkFileName(source, "rules", "a rule"),
    check,
  });
}

/** What a rule says must make sense for what it is over. */
function check({ spec }: RuleDocument, source: SourceDocument): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (pointer: string, message: string, fix: string): void => {
    findings.push({
      code: "rule-shape",
      severity: "error",
      message,
      fix,
      pointer,
      place: source.locate(pointer),
    });
  };
  if (spec.over === "object" && spec.match === undefined)
    add("/spec", "a rule over objects says which, and this one has no match", "add match: { kinds: [StatefulSet] }");
  if (spec.over !== "object" && spec.match !== undefined)
    add("/spec/match", `match chooses rendered objects, and this rule is over ${spec.over}`, "take match out");
  if (spec.over !== "fleet" && spec.blame !== undefined)
    add("/spec/blame", `blame chooses among a fleet, and this rule is over ${spec.over}`, "take blame out");
  return findings;
}
