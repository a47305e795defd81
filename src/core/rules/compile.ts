import { compileExpression, type ExpressionFault, type Program, type Wanted } from "../cel/compile.ts";
import { err, ok, type Result } from "../result.ts";
import type { RuleDocument } from "../rule.generated.ts";
import { declarationsOf } from "./shapes.ts";
import type { RuleVariables } from "./variables.ts";

/** A rule whose expressions have been checked, ready to be evaluated any number of times. */
export interface CompiledRule {
  readonly document: RuleDocument;
  readonly expression: Program;
  readonly message: Program;
  /** Present for a rule over the fleet that says whom it blames. */
  readonly blame: Program | undefined;
}

/** One mistake in one of a rule's expressions. */
export interface RuleFault {
  /** `/spec/expression`, `/spec/message` or `/spec/blame`. */
  readonly pointer: string;
  readonly fault: ExpressionFault;
}

export function compileRule(document: RuleDocument): Result<CompiledRule, readonly RuleFault[]> {
  const { spec } = document;
  const declarations = declarationsOf(spec.over);
  const faults: RuleFault[] = [];
  const compile = (pointer: string, text: string, want: Wanted): Program | undefined => {
    const compiled = compileExpression(text, declarations, want);
    if (compiled.ok) return compiled.value;
    faults.push(...compiled.error.map((fault) => ({ pointer, fault })));
    return undefined;
  };
  // Ids, or lists of them as the fleet's sums have: nothing in the profile joins those.
  const compileBlame = (text: string): Program | undefined => {
    const lists = compileExpression(text, declarations, "list(list(string))");
    return lists.ok ? lists.value : compile("/spec/blame", text, "list(string)");
  };
  const expression = compile("/spec/expression", spec.expression, "bool");
  const message = compile("/spec/message", spec.message, "string");
  const blame = spec.blame === undefined ? undefined : compileBlame(spec.blame);
  if (expression === undefined || message === undefined || faults.length > 0) return err(faults);
  return ok({ document, expression, message, blame });
}

/** What a rule says of one strategy, fleet or object. */
export type RuleVerdict =
  | { readonly outcome: "holds" }
  | {
      readonly outcome: "violated";
      readonly message: string;
      /** Why the message's own expression gave none; `message` then says so. */
      readonly messageFailed?: string;
      /** The ids of the strategies to blame; absent without a `blame`. */
      readonly blamed?: readonly string[];
    }
  /** It could not be evaluated: whoever asked must deny. */
  | { readonly outcome: "unevaluated"; readonly why: string };

const messageLengthMax = 600;

/** Whether a rule's verdict can depend on one of its variables. */
export function reads({ expression, message, blame }: CompiledRule, variable: string): boolean {
  return [expression, message, blame].some((program) => program?.names.has(variable) === true);
}

/** Never throws, and says the same of the same. */
export function evaluateRule({ document, ...programs }: CompiledRule, variables: RuleVariables): RuleVerdict {
  const holds = programs.expression.evaluate(variables);
  if (!holds.ok) return { outcome: "unevaluated", why: holds.error.message };
  if (holds.value === true) return { outcome: "holds" };
  if (holds.value !== false) return { outcome: "unevaluated", why: "it gave neither true nor false" };
  const blamed = programs.blame?.evaluate(variables);
  if (blamed !== undefined && !blamed.ok) return { outcome: "unevaluated", why: `its blame: ${blamed.error.message}` };
  const ids = blamed === undefined ? undefined : idsOf(blamed.value);
  if (blamed !== undefined && ids === undefined)
    return { outcome: "unevaluated", why: "its blame gave something else than a list of ids" };
  const named = ids === undefined ? {} : { blamed: ids };
  const message = programs.message.evaluate(variables);
  const text = message.ok && typeof message.value === "string" ? message.value.trim() : "";
  if (text !== "") return { outcome: "violated", message: cut(text), ...named };
  const messageFailed = message.ok ? "it is empty" : message.error.message;
  const title = document.metadata.title ?? `${document.metadata.name} does not hold`;
  return {
    outcome: "violated",
    message: `${title} (the rule's message failed: ${cut(messageFailed)})`,
    messageFailed,
    ...named,
  };
}

/** Each id once, of a list of ids or of lists of them. */
function idsOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value.flat();
  const ids = items.filter((item) => typeof item === "string");
  return ids.length === items.length ? [...new Set(ids)] : undefined;
}

function cut(text: string): string {
  return text.length > messageLengthMax ? `${text.slice(0, messageLengthMax)}…` : text;
}
