import ruleSchema from "#schemas/rule.schema.json" with { type: "json" };
import { checkFileName, type Known, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import type { RuleDocument } from "./rule.generated.ts";
import { checkRule } from "./rules/check.ts";
import type { CompiledRule } from "./rules/compile.ts";
import { validateRule } from "./validators.generated.js";

export type { RuleDocument } from "./rule.generated.ts";

/** A rule that was read; its expressions are compiled once, with it. */
export interface ParsedRule extends Parsed<RuleDocument> {
  /** Present if the document is. */
  readonly compiled?: CompiledRule | undefined;
}

/**
 * Reads and checks a rule by itself: its shape, its expressions, and what they say of its samples.
 *
 * @param file the path for places, which also says the name: `policies/rules/<verb-noun>.yaml`
 */
export function parseRule(file: string, text: string): ParsedRule {
  let compiled: CompiledRule | undefined;
  const parsed = parseDocument<RuleDocument>(file, text, {
    schema: ruleSchema,
    validate: validateRule,
    checkPath: (source) => checkFileName(source, "rules", "a rule"),
    check: (known, source, document) => {
      const shape = checkShape(known);
      // Its variables depend on what it is over: until that is right, its expressions have no meaning.
      if (shape.length > 0 || document === undefined) return shape;
      const checked = checkRule(document, source);
      compiled = checked.compiled;
      return checked.findings;
    },
  });
  return { ...parsed, compiled: parsed.document === undefined ? undefined : compiled };
}

/** What a rule says must make sense for what it is over. */
function checkShape({ parts, locate }: Known<RuleDocument>): readonly Finding[] {
  const { spec = {} } = parts;
  const { over } = spec;
  const findings: Finding[] = [];
  const add = (pointer: string, message: string, fix: string): void => {
    findings.push({
      code: "rule-shape",
      severity: "error",
      message,
      fix,
      pointer,
      place: locate(pointer),
    });
  };
  if (over === undefined) return [];
  if (over === "object" && !Object.hasOwn(spec, "match"))
    add("/spec", "a rule over objects says which, and this one has no match", "add match: { kinds: [StatefulSet] }");
  if (over !== "object" && spec.match !== undefined)
    add("/spec/match", `match chooses rendered objects, and this rule is over ${over}`, "take match out");
  if (over !== "fleet" && spec.blame !== undefined)
    add("/spec/blame", `blame chooses among a fleet, and this rule is over ${over}`, "take blame out");
  return findings;
}
