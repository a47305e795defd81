import type { Call, Expression } from "../cel/ast.ts";

/** The text of an expression: parentheses around every operand that is an operation itself, literals as they were written. */
export function printExpression(expression: Expression, source: string): string {
  const print = (part: Expression): string => printExpression(part, source);
  const operand = (part: Expression): string => {
    const text = print(part);
    return isOperation(part) || text.startsWith("-") ? `(${text})` : text;
  };
  switch (expression.kind) {
    case "literal":
      return source.slice(expression.start, expression.end);
    case "identifier":
      return expression.name;
    case "select": {
      const field = `${operand(expression.operand)}.${expression.field}`;
      return expression.test ? `has(${field})` : field;
    }
    case "call":
      return printCall(expression, print, operand);
    case "logic":
      return expression.terms.map(operand).join(` ${expression.operator} `);
    case "conditional":
      return `${operand(expression.test)} ? ${operand(expression.then)} : ${operand(expression.otherwise)}`;
    case "list":
      return `[${expression.items.map(print).join(", ")}]`;
    case "map":
      return `{${expression.entries.map(({ key, value }) => `${print(key)}: ${print(value)}`).join(", ")}}`;
    case "comprehension": {
      const { range, macro, variable, condition, body } = expression;
      const args = [variable, ...(condition === undefined ? [] : [print(condition)]), print(body)];
      return `${operand(range)}.${macro}(${args.join(", ")})`;
    }
  }
}

type Print = (part: Expression) => string;

function printCall({ name, target, args }: Call, print: Print, operand: Print): string {
  const [first, second] = args;
  if (name === "_[_]" && first !== undefined && second !== undefined) return `${operand(first)}[${print(second)}]`;
  if (name === "@in" && first !== undefined && second !== undefined) return `${operand(first)} in ${operand(second)}`;
  const infix = /^_(?<sign>[^_]+)_$/.exec(name)?.groups?.["sign"];
  if (infix !== undefined && first !== undefined && second !== undefined)
    return `${operand(first)} ${infix} ${operand(second)}`;
  const prefix = /^(?<sign>[!-])_$/.exec(name)?.groups?.["sign"];
  if (prefix !== undefined && first !== undefined) return `${prefix}${operand(first)}`;
  const list = args.map(print).join(", ");
  return target === undefined ? `${name}(${list})` : `${operand(target)}.${name}(${list})`;
}

/** What binds weaker than a name does, and so must stand in parentheses beside an operator. */
function isOperation(expression: Expression): boolean {
  if (expression.kind === "logic" || expression.kind === "conditional") return true;
  return expression.kind === "call" && expression.name !== "_[_]" && /^@in$|^_.+_$|^.+_$/.test(expression.name);
}
