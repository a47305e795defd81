import { type Evaluation, fail, failAt, type Step } from "./evaluation.ts";
import { fits, flat, type Overload, pricedIfKnown } from "./overloads.ts";
import { type CelValue, Failure, kindOf, type Outcome } from "./values.ts";

/** One call, as far as types have narrowed it down. */
interface Target {
  readonly name: string;
  readonly overloads: readonly Overload[];
  readonly at: number;
  readonly charge: (a: CelValue, b: CelValue, evaluation: Evaluation) => void;
  readonly chargeResult: (result: CelValue, evaluation: Evaluation) => void;
}

/** Compiles a call of a function or method: which overload it is, the values decide. */
export function planFunction(name: string, inputs: readonly Step[], overloads: readonly Overload[], at: number): Step {
  const known = overloads.length === 1;
  const price = (known || !pricedIfKnown.has(name) ? overloads[0]?.price : undefined) ?? flat;
  const target: Target = {
    name,
    overloads,
    at,
    charge: (a, b, evaluation) => {
      if ("before" in price) evaluation.charge(price.before(a, b, known));
      evaluation.read(a);
      evaluation.read(b);
    },
    chargeResult: (result, evaluation) => {
      if ("after" in price) evaluation.charge(price.after(result));
    },
  };
  const [first, second] = inputs;
  if (first !== undefined && inputs.length === 1) return unary(target, first);
  if (first !== undefined && second !== undefined && inputs.length === 2) return binary(target, first, second);
  return other(target, inputs);
}

function unary(target: Target, input: Step): Step {
  return (evaluation) => {
    const a = input(evaluation);
    if (a instanceof Failure) return failed(target, a, null, null, evaluation);
    return call(target, [a], evaluation);
  };
}

function binary(target: Target, left: Step, right: Step): Step {
  return (evaluation) => {
    const a = left(evaluation);
    const b = right(evaluation);
    if (a instanceof Failure) return failed(target, a, null, b instanceof Failure ? null : b, evaluation);
    if (b instanceof Failure) return failed(target, b, a, null, evaluation);
    return call(target, [a, b], evaluation);
  };
}

/** None or more than two arguments: the first that fails ends it, and costs nothing. */
function other(target: Target, inputs: readonly Step[]): Step {
  return (evaluation) => {
    const values: CelValue[] = [];
    for (const input of inputs) {
      const value = input(evaluation);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return call(target, values, evaluation);
  };
}

/** Kubernetes evaluates both of two arguments and charges for the call, whether one fails or not. */
function failed(target: Target, failure: Failure, a: CelValue, b: CelValue, evaluation: Evaluation): Failure {
  target.charge(a, b, evaluation);
  target.chargeResult(null, evaluation);
  return failure;
}

function call(target: Target, values: readonly CelValue[], evaluation: Evaluation): Outcome {
  const [a = null, b = null, c = null, d = null] = values;
  target.charge(a, b, evaluation);
  if (evaluation.exceeded) return fail("over budget", target.at);
  for (const overload of target.overloads) {
    if (!matches(overload, values)) continue;
    const result = overload.run(a, b, c, d, evaluation);
    if (result instanceof Failure) return failAt(result, target.at);
    target.chargeResult(result, evaluation);
    evaluation.read(result);
    return result;
  }
  return fail(`no such overload: ${target.name}(${values.map(kindOf).join(", ")})`, target.at);
}

function matches({ params }: Overload, values: readonly CelValue[]): boolean {
  for (let index = 0; index < params.length; index += 1) {
    const [param, value] = [params[index], values[index]];
    if (param === undefined || value === undefined || !fits(value, param)) return false;
  }
  return true;
}
