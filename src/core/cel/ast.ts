import type { CelValue } from "./values.ts";

interface Place {
  /** Where faults about the node point: the name of a call or field, the operator, the first character of anything else. */
  readonly at: number;
  readonly end: number;
  /** Of the whole node. */
  readonly start: number;
  /** Levels of nodes below, this one included. */
  readonly depth: number;
}

export interface Literal extends Place {
  readonly kind: "literal";
  readonly value: CelValue;
}

export interface Identifier extends Place {
  readonly kind: "identifier";
  readonly name: string;
}

/** `operand.field`, or `has(operand.field)` if `test`. */
export interface Select extends Place {
  readonly kind: "select";
  readonly operand: Expression;
  readonly field: string;
  readonly test: boolean;
}

/** A function, a method or an operator; operators have CEL's names for them: `_+_`, `!_`, `@in`. */
export interface Call extends Place {
  readonly kind: "call";
  readonly name: string;
  readonly target: Expression | undefined;
  readonly args: readonly Expression[];
}

/** A chain of one operator, flat, so that its length is no depth. */
export interface Logic extends Place {
  readonly kind: "logic";
  readonly operator: "&&" | "||";
  readonly terms: readonly Expression[];
}

export interface Conditional extends Place {
  readonly kind: "conditional";
  readonly test: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
}

export interface ListLiteral extends Place {
  readonly kind: "list";
  readonly items: readonly Expression[];
}

export interface MapLiteral extends Place {
  readonly kind: "map";
  readonly entries: readonly { readonly key: Expression; readonly value: Expression }[];
}

export type MacroName = "all" | "exists" | "exists_one" | "map" | "filter";

/** `range.macro(variable, body)`, or `range.map(variable, condition, body)`. */
export interface Comprehension extends Place {
  readonly kind: "comprehension";
  readonly macro: MacroName;
  readonly range: Expression;
  readonly variable: string;
  readonly condition: Expression | undefined;
  readonly body: Expression;
}

export type Expression =
  | Literal
  | Identifier
  | Select
  | Call
  | Logic
  | Conditional
  | ListLiteral
  | MapLiteral
  | Comprehension;

/** The names of variables that a node and those below it speak of, those of macros' elements too. */
export function namesIn(expression: Expression): readonly string[] {
  return expression.kind === "identifier" ? [expression.name] : childrenOf(expression).flatMap(namesIn);
}

/** The nodes directly below, in the order in which they are written. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "literal":
    case "identifier":
      return [];
    case "select":
      return [expression.operand];
    case "call":
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args];
    case "logic":
      return expression.terms;
    case "conditional":
      return [expression.test, expression.then, expression.otherwise];
    case "list":
      return expression.items;
    case "map":
      return expression.entries.flatMap(({ key, value }) => [key, value]);
    case "comprehension":
      return [expression.range, ...(expression.condition === undefined ? [] : [expression.condition]), expression.body];
  }
}
