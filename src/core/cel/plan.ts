import {
  type Call,
  type Conditional,
  type Expression,
  type Identifier,
  isReference,
  type ListLiteral,
  type Logic,
  type MapLiteral,
  type Select,
} from "./ast.ts";
import { planComprehension } from "./comprehension.ts";
import { fail, failAt, type Step } from "./evaluation.ts";
import { LiteralMap, mapIndex } from "./json.ts";
import { planIndex, planOperator } from "./operators.ts";
import { fits, type Overload } from "./overloads.ts";
import { type CelValue, Failure, isMap, kindOf, type Outcome } from "./values.ts";

/** Names that a step can see, and the ways to call each function that the checker left open. */
export interface Scope {
  readonly slots: ReadonlyMap<string, number>;
  readonly overloadsOf: (call: Call) => readonly Overload[];
  /** Takes a fresh slot for a macro's variable. */
  readonly newSlot: () => number;
}

/** Compiles a node to a closure. Prices are those of cel-go, which Kubernetes' budget is counted in. */
export function plan(expression: Expression, scope: Scope): Step {
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
  const slot = scope.slots.get(name) ?? -1;
  return (evaluation) => {
    evaluation.charge(1);
    return evaluation.variable(slot) ?? fail(`${name} has no value`, at);
  };
}

function planSelect({ operand, field, test, at }: Select, scope: Scope): Step {
  const inner = plan(operand, scope);
  // A field of a name costs one unit more than the name, a field of anything else two.
  const price = (isReference(operand) ? 1 : 2) - (test ? 1 : 0);
  return (evaluation) => {
    const value = inner(evaluation);
    if (value instanceof Failure) return value;
    evaluation.charge(price);
    if (!isMap(value)) return fail(`${kindOf(value)} has no fields, so no ${field}`, at);
    const found = value.get(field);
    if (test) return found !== undefined;
    return found ?? fail(`no such key: ${field}`, at);
  };
}

function planCall(call: Call, scope: Scope): Step {
  const { name, target, args, at } = call;
  const inputs = (target === undefined ? args : [target, ...args]).map((input) => plan(input, scope));
  const [first = nothing, second = nothing] = inputs;
  if (name === "_[_]") return planIndex(call, first, second);
  const operator = planOperator(name, first, second, at);
  if (operator !== undefined) return operator;
  const overloads = scope.overloadsOf(call);
  return (evaluation) => {
    const values: CelValue[] = [];
    for (const input of inputs) {
      const value = input(evaluation);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    const overload = overloads.find(({ params }) => params.every((param, index) => fits(values[index] ?? null, param)));
    if (overload === undefined) {
      return fail(`no such overload: ${name}(${values.map(kindOf).join(", ")})`, at);
    }
    const [a = null, b = null, c = null, d = null] = values;
    if ("before" in overload.price) evaluation.charge(overload.price.before(a, b));
    if (evaluation.exceeded) return fail("over budget", at);
    const result = overload.run(a, b, c, d, evaluation);
    if (result instanceof Failure) return failAt(result, at);
    if ("after" in overload.price) evaluation.charge(overload.price.after(result));
    return result;
  };
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
  return (evaluation) => {
    const value = condition(evaluation);
    if (value === true) return first(evaluation);
    return value === false ? second(evaluation) : notBool(value, "?:", at);
  };
}

function planList({ items }: ListLiteral, scope: Scope): Step {
  const steps = items.map((item) => plan(item, scope));
  return (evaluation) => {
    const values: CelValue[] = [];
    for (const step of steps) {
      const value = step(evaluation);
      if (value instanceof Failure) return value;
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
