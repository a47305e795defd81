import type { JsonObject } from "#core/json.ts";
import { type ParsedRule, parseRule, type RuleDocument } from "#core/rule.ts";
import type { CompiledRule } from "#core/rules/compile.ts";

export interface RuleParts {
  readonly over?: RuleDocument["spec"]["over"];
  readonly kinds?: readonly string[];
  readonly expression: string;
  readonly message?: string;
  readonly blame?: string;
  readonly title?: string;
  readonly allow?: readonly JsonObject[];
  readonly deny?: readonly JsonObject[];
}

/** A rule of these parts, read as its file would be; JSON is YAML. */
export function readRule(parts: RuleParts): ParsedRule {
  const { over = "spec", kinds, expression, message = "'no'", blame, title, allow = [{}], deny = [{}] } = parts;
  const document = {
    apiVersion: "slipway.dev/v1",
    kind: "Rule",
    metadata: { name: "require-it", owner: "risk", severity: "high", ...(title === undefined ? {} : { title }) },
    spec: {
      over,
      ...(kinds === undefined ? {} : { match: { kinds } }),
      expression,
      message,
      ...(blame === undefined ? {} : { blame }),
      fix: "mend it",
      enforcement: "forbid",
      samples: { allow, deny },
    },
  };
  return parseRule("policies/rules/require-it.yaml", JSON.stringify(document));
}

/** What is wrong with it: code and pointer, then the message. */
export function faultsOf(parts: RuleParts): readonly string[] {
  return readRule(parts).findings.map(({ code, pointer, message }) => `${code} ${pointer}: ${message}`);
}

/** A rule without a fault. */
export function compiled(parts: RuleParts): CompiledRule {
  const rule = readRule(parts);
  if (rule.compiled === undefined) throw new Error(rule.findings.map(({ message }) => message).join("\n"));
  return rule.compiled;
}
