import type { ExpressionFaultCode } from "../cel/compile.ts";
import type { SourceDocument } from "../document.ts";
import { pointerLabel } from "../pointer.ts";
import type { Finding } from "../refusal.ts";
import type { RuleDocument } from "../rule.generated.ts";
import { type CompiledRule, compileRule, evaluateRule, type RuleVerdict } from "./compile.ts";
import { laySample } from "./sample.ts";

export interface CheckedRule {
  /** Absent if there is any finding. */
  readonly compiled: CompiledRule | undefined;
  readonly findings: readonly Finding[];
}

/** Compiles a rule and tries it on its own samples: mistakes point inside of the expression, or at the sample. */
export function checkRule(document: RuleDocument, source: SourceDocument): CheckedRule {
  const compiled = compileRule(document);
  if (!compiled.ok) {
    const findings = compiled.error.map(({ pointer, fault }): Finding => {
      const { code, message, offset, length } = fault;
      return {
        code: `expression-${code}`,
        severity: "error",
        message,
        fix: fault.fix ?? fixFor(code, pointer),
        pointer,
        place: source.locateInside(pointer, offset, length),
      };
    });
    return { compiled: undefined, findings };
  }
  const findings = [
    ...sampleFindings(compiled.value, source, "allow"),
    ...sampleFindings(compiled.value, source, "deny"),
  ];
  return { compiled: findings.length === 0 ? compiled.value : undefined, findings };
}

/** What to do about a mistake that the engine has no better word for. */
function fixFor(code: ExpressionFaultCode, pointer: string): string {
  switch (code) {
    case "type":
      if (pointer === "/spec/message") return "make it text: string(…)";
      return pointer === "/spec/blame"
        ? "make it a list of ids: fleet.strategies.filter(s, …).map(s, s.id)"
        : "make both sides of one type, and all of it true or false";
    case "unknown-function":
      return "docs/policies.md lists the functions that there are";
    case "invalid-literal":
      return "mend the constant: it would fail at each evaluation";
    case "too-complex":
      return "split the rule in two";
    default:
      return "mend it here; the language is CEL (docs/policies.md)";
  }
}

function sampleFindings(rule: CompiledRule, source: SourceDocument, kind: "allow" | "deny"): readonly Finding[] {
  const { spec } = rule.document;
  return spec.samples[kind].flatMap((sample, index): readonly Finding[] => {
    const pointer = `/spec/samples/${kind}/${index}`;
    const laid = laySample(spec, sample, pointer);
    if (!laid.ok)
      return laid.error.map(({ code, message, fix, pointer: at }) => {
        const place = code === "sample-key-unknown" ? source.locateKey(at) : source.locate(at);
        return { code, severity: "error", message, fix, pointer: at, place };
      });
    const contradiction = contradictionOf(kind, evaluateRule(rule, laid.value));
    if (contradiction === undefined) return [];
    const [what, fix] = contradiction;
    const message = `the sample ${pointerLabel(`/spec/${kind}/${index}`)} ${what}`;
    return [{ code: "sample-contradicts", severity: "error", message, fix, pointer, place: source.locate(pointer) }];
  });
}

/** What a sample's verdict says against the sample, and what to do; undefined if they agree. */
function contradictionOf(
  kind: "allow" | "deny",
  verdict: RuleVerdict,
): readonly [what: string, fix: string] | undefined {
  switch (verdict.outcome) {
    case "holds":
      return kind === "allow" ? undefined : ["is allowed by the rule", "mend the expression, or the sample"];
    case "unevaluated":
      return [`cannot be evaluated: ${verdict.why}`, "ask with has() for what may be missing, or mend the sample"];
    case "violated":
      if (kind === "allow") return [`is denied by the rule: ${verdict.message}`, "mend the expression, or the sample"];
      if (verdict.messageFailed === undefined) return undefined;
      return [
        `is denied, but the message fails: ${verdict.messageFailed}`,
        "ask with has() for what may be missing in the message",
      ];
  }
}
