import type { Call } from "./ast.ts";
import { compare } from "./equality.ts";
import { type Evaluation, fail, type Step } from "./evaluation.ts";
import { mapIndex } from "./json.ts";
import { sizeOf } from "./overloads.ts";
import { isConstant, qualifierPrice, referencePrice } from "./prices.ts";
import { type CelValue, Failure, isList, isMap, kindOf, type Outcome, Uint, type ValueKind } from "./values.ts";

const comparisons: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ["_<_", (order) => order < 0],
  ["_<=_", (order) => order <= 0],
  ["_>_", (order) => order > 0],
  ["_>=_", (order) => order >= 0],
]);

/**
 * `==`, `!=`, `<` and its kin, which take values of any type. The others are overloads in `arithmetic.ts`.
 *
 * @param known whether types leave one way to understand it, which is when Kubernetes knows its price
 */
export function planOperator(name: string, left: Step, right: Step, known: boolean, at: number): Step | undefined {
  if (name === "_==_" || name === "_!=_") {
    const wanted = name === "_==_";
    const price: Charge = (a, b) => (isOpaque(a) ? 1 : smaller(a, b));
    return binary(left, right, price, (a, b, evaluation) => {
      if (isOpaque(a) && b !== null) {
        if (kindOf(a) !== kindOf(b)) return !wanted || fail(`no such overload: ${kindOf(a)} == ${kindOf(b)}`, at);
        if (isComputed(b)) return fail("no such overload: == with a sum of quantities; use compareTo", at);
      }
      return evaluation.equal(a, b) === wanted;
    });
  }
  const test = comparisons.get(name);
  if (test === undefined) return undefined;
  const price: Charge = (a, b) => (known && isText(a) ? smaller(a, b) : 1);
  return binary(left, right, price, (a, b) => {
    const order = compare(a, b);
    if (order === undefined) return fail(`no such overload: ${kindOf(a)} ${name.replaceAll("_", "")} ${kindOf(b)}`, at);
    return Number.isNaN(order) ? fail("NaN values cannot be ordered", at) : test(order);
  });
}

type Charge = (a: CelValue, b: CelValue) => number;

/** Both sides are evaluated and the operator is paid for, even if a side fails; a failure counts as a small value. */
function binary(
  left: Step,
  right: Step,
  price: Charge,
  run: (a: CelValue, b: CelValue, evaluation: Evaluation) => Outcome,
): Step {
  return (evaluation) => {
    const a = left(evaluation);
    const b = right(evaluation);
    evaluation.charge(price(a instanceof Failure ? null : a, b instanceof Failure ? null : b));
    if (a instanceof Failure) return a;
    if (b instanceof Failure) return b;
    evaluation.read(a);
    evaluation.read(b);
    return run(a, b, evaluation);
  };
}

/** Of Kubernetes' own types, which it compares only with themselves. */
function isOpaque(value: CelValue): boolean {
  return typeof value === "object" && value !== null && opaque.has(kindOf(value));
}

function isComputed(value: CelValue): boolean {
  return typeof value === "object" && value !== null && "computed" in value && value.computed;
}

const opaque: ReadonlySet<ValueKind> = new Set<ValueKind>(["quantity", "ip", "cidr", "url", "format"]);

function isText(value: CelValue): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

function smaller(a: CelValue, b: CelValue): number {
  return Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
}

/** `item in container`, which is free if Kubernetes makes a set of a list that is written out. */
export function planIn(call: Call, item: Step, container: Step, known: boolean, constants: Evaluation): Step {
  const written = call.args[1];
  if (known && written?.kind === "list" && isConstant(written)) {
    const values = container(constants);
    if (isList(values) && values.length === 0) return () => false;
    if (isList(values) && values.every((value) => settable.has(kindOf(value)))) {
      return binary(
        item,
        container,
        () => 0,
        (a, b, evaluation) => contains(a, b, evaluation, call.at),
      );
    }
  }
  const price: Charge = (_, b) => (known && isList(b) ? b.length : 1);
  return binary(item, container, price, (a, b, evaluation) => contains(a, b, evaluation, call.at));
}

/** What Kubernetes puts into a set. */
const settable: ReadonlySet<ValueKind> = new Set<ValueKind>(["bool", "int", "uint", "double", "string"]);

function contains(item: CelValue, container: CelValue, evaluation: Evaluation, at: number): Outcome {
  if (isMap(container)) return container.get(item) !== undefined;
  if (!isList(container)) return fail(`no such overload: ${kindOf(item)} in ${kindOf(container)}`, at);
  return container.some((candidate) => evaluation.equal(candidate, item));
}

/** `list[index]` and `map[key]`. */
export function planIndex(call: Call, operand: Step, index: Step): Step {
  const [container, key] = call.args;
  // A computed index is paid for by its own evaluation.
  const price = qualifierPrice(container) - (key === undefined ? 0 : referencePrice(key));
  return (evaluation) => {
    const found = operand(evaluation);
    if (found instanceof Failure) {
      evaluation.charge(qualifierPrice(container) - 1);
      return found;
    }
    const position = index(evaluation);
    evaluation.charge(price);
    return position instanceof Failure ? position : elementOf(found, position, call.at);
  };
}

function elementOf(container: CelValue, key: CelValue, at: number): Outcome {
  if (isMap(container)) {
    const found = container.get(key);
    return found === undefined ? fail(`no such key: ${describe(key)}`, at) : found;
  }
  if (!isList(container)) return fail(`${kindOf(container)} has no index`, at);
  const position = mapIndex(key);
  if (typeof position !== "bigint") return fail(`a list has no index ${describe(key)}`, at);
  const item = position < 0n || position >= container.length ? undefined : container[Number(position)];
  return item === undefined ? fail(`index out of bounds: ${position}`, at) : item;
}

function describe(key: CelValue): string {
  if (key instanceof Uint) return String(key.value);
  return key === null || typeof key !== "object" ? String(key) : kindOf(key);
}
