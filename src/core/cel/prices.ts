// What Kubernetes charges for names and fields, and what it charges nothing for. `test/apiserver` compares each bill.
import type { Expression } from "./ast.ts";

const conversions: ReadonlySet<string> = new Set([
  "bool",
  "bytes",
  "double",
  "duration",
  "dyn",
  "int",
  "string",
  "timestamp",
  "type",
  "uint",
]);

/** Whether Kubernetes computes the value once, when it compiles; it costs nothing then. */
export function isConstant(expression: Expression): boolean {
  switch (expression.kind) {
    case "literal":
      return true;
    case "list":
      return expression.items.every(isConstant);
    case "map":
      return expression.entries.every(({ key, value }) => isConstant(key) && isConstant(value));
    case "call":
      if (expression.name === "@in") return isEmptyList(expression.args[1]);
      return isConversion(expression) && expression.args.every(isConstant);
    default:
      return false;
  }
}

/** Nothing is in it, whatever is asked for. */
function isEmptyList(expression: Expression | undefined): boolean {
  return expression?.kind === "list" && expression.items.length === 0;
}

export function isConversion(expression: Expression): boolean {
  return (
    expression.kind === "call" &&
    conversions.has(expression.name) &&
    expression.target === undefined &&
    expression.args.length === 1
  );
}

/** A name, a field or an element of one, or a choice between such: what cel-go resolves in one go. */
function isReference(expression: Expression): boolean {
  switch (expression.kind) {
    case "identifier":
    case "conditional":
      return true;
    case "select":
      return !expression.test;
    case "call":
      return expression.name === "_[_]";
    default:
      return false;
  }
}

/** What is saved when a reference is used within another one: the unit for its first part. */
export function referencePrice(expression: Expression): number {
  if (!isReference(expression) || expression.kind === "conditional") return 0;
  const inner = operandOf(expression);
  return inner !== undefined && isReference(inner) ? referencePrice(inner) : 1;
}

function operandOf(expression: Expression): Expression | undefined {
  if (expression.kind === "select") return expression.operand;
  return expression.kind === "call" ? expression.args[0] : undefined;
}

/** A field or element: one unit, and one more if it is of something that is no reference. */
export function qualifierPrice(operand: Expression | undefined): number {
  return operand !== undefined && isReference(operand) ? 1 : 2;
}
