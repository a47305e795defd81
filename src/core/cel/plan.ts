import type { Call, Conditional, Expression, Identifier, ListLiteral, Logic, MapLiteral, Select } from "./ast.ts";
import { planComprehension } from "./comprehension.ts";
import { type Evaluation, fail, type Step } from "./evaluation.ts";
import { LiteralMap, mapIndex } from "./json.ts";
import { planIn, planIndex, planOperator } from "./operators.ts";
import type { Overload } from "./overloads.ts";
import { planFunction } from "./plan-function.ts";
import { isConstant, isConversion, qualifierPrice, referencePrice } from "./prices.ts";
import { type CelValue, Failure, isMap, kindOf, type Outcome, TypeValue } from "./values.ts";

/** Names that a step can see, and the ways to call each function that the checker left open. */
export interface Scope {
  readonly slots: ReadonlyMap<string, number>;
  readonly overloadsOf: (call: Call) => readonly Overload[];
  /** For parts that are computed here, once; Kubernetes refuses a conversion that cannot be. */
  readonly constants: Evaluation;
  readonly refuse: (expression: Expression, message: string) => void;
  /** Takes a fresh slot for a macro's variable. */
  readonly newSlot: () => number;
}

/** Compiles a node to a closure. Prices are those of cel-go, which Kubernetes' budget is counted in. */
export function plan(expression: Expression, scope: Scope): Step {
  const step = planNode(expression, scope);
  if (!isConstant(expression)) return step;
  const value = step(scope.constants);
  if (value instanceof Failure && isConversion(expression)) scope.refuse(expression, value.message);
  return () => value;
}

function planNode(expression: Expression, scope: Scope): Step {
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      return () => value;
    }
    case "identifier":
      return planIdentifier(expression, scope);
    case "select":
      return planSelect(expression, scope);
    case "call":
      return planCall(expression, scope);
    case "logic":
      return planLogic(expression, scope);
    case "conditional":
      return planConditional(expression, scope);
    case "list":
      return planList(expression, scope);
    case "map":
      return planMap(expression, scope);
    case "comprehension":
      return planComprehension(expression, scope);
  }
}

function planIdentifier({ name, at }: Identifier, scope: Scope): Step {
  const slot = scope.slots.get(name);
  if (slot === undefined) {
    const type = new TypeValue(name);
    return () => type;
  }
  return (evaluation) => {
    evaluation.charge(1);
    const value = evaluation.variable(slot);
    return value === undefined ? fail(`${name} has no value`, at) : value;
  };
}

function planSelect({ operand, field, test, at }: Select, scope: Scope): Step {
  const inner = plan(operand, scope);
  const price = qualifierPrice(operand) - (test ? 1 : 0);
  return (evaluation) => {
    const value = inner(evaluation);
    if (value instanceof Failure) {
      evaluation.charge(qualifierPrice(operand) - 1);
      return value;
    }
    evaluation.charge(price);
    if (!isMap(value)) return fail(`${kindOf(value)} has no fields, so no ${field}`, at);
    const found = value.get(field);
    if (test) return found !== undefined;
    return found === undefined ? fail(`no such key: ${field}`, at) : found;
  };
}

function planCall(call: Call, scope: Scope): Step {
  const { name, target, args, at } = call;
  const inputs = (target === undefined ? args : [target, ...args]).map((input) => plan(input, scope));
  const [first = nothing, second = nothing] = inputs;
  const overloads = scope.overloadsOf(call);
  const known = overloads.length === 1;
  if (name === "_[_]") return planIndex(call, first, second);
  if (name === "@in") return planIn(call, first, second, known, scope.constants);
  return planOperator(name, first, second, known, at) ?? planFunction(name, inputs, overloads, at);
}

const nothing: Step = () => null;

/** Each term is asked until one decides; errors count only if none does. */
function planLogic({ operator, terms, at }: Logic, scope: Scope): Step {
  const steps = terms.map((term) => plan(term, scope));
  const decisive = operator === "||";
  return (evaluation) => {
    let failure: Failure | undefined;
    for (const step of steps) {
      const value = step(evaluation);
      if (value === decisive) return decisive;
      if (value !== !decisive) failure ??= notBool(value, operator, at);
    }
    return failure ?? !decisive;
  };
}

/** The failure that a value which should have been a bool is, or causes. */
export function notBool(value: Outcome, where: string, at: number): Failure {
  return value instanceof Failure ? value : fail(`no such overload: ${where} of ${kindOf(value)}`, at);
}

function planConditional({ test, then, otherwise, at }: Conditional, scope: Scope): Step {
  const [condition, first, second] = [plan(test, scope), plan(then, scope), plan(otherwise, scope)];
  const [firstPrice, secondPrice] = [-referencePrice(then), -referencePrice(otherwise)];
  return (evaluation) => {
    const value = condition(evaluation);
    if (typeof value !== "boolean") return notBool(value, "?:", at);
    evaluation.charge(value ? firstPrice : secondPrice);
    return value ? first(evaluation) : second(evaluation);
  };
}

function planList({ items }: ListLiteral, scope: Scope): Step {
  const steps = items.map((item) => plan(item, scope));
  return (evaluation) => {
    const values: CelValue[] = [];
    for (const step of steps) {
      const value = step(evaluation);
      if (value instanceof Failure) {
        evaluation.charge(10);
        return value;
      }
      values.push(value);
    }
    evaluation.charge(10);
    return values;
  };
}

function planMap({ entries, at }: MapLiteral, scope: Scope): Step {
  const steps = entries.map(({ key, value }) => [plan(key, scope), plan(value, scope)] as const);
  return (evaluation) => {
    const found = new Map<string | number | bigint | boolean, readonly [CelValue, CelValue]>();
    for (const [keyStep, valueStep] of steps) {
      const key = keyStep(evaluation);
      if (key instanceof Failure) return key;
      const value = valueStep(evaluation);
      if (value instanceof Failure) return value;
      const index = mapIndex(key);
      if (index === undefined) return fail(`unsupported key type: ${kindOf(key)}`, at);
      if (found.has(index)) return fail(`the key ${String(index)} is there twice`, at);
      found.set(index, [key, value]);
    }
    evaluation.charge(30);
    return new LiteralMap(found);
  };
}
