import type { Call } from "./ast.ts";
import { compare, equal } from "./equality.ts";
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
    return binary(left, right, (a, b, evaluation) => {
      if (isOpaque(a) && kindOf(a) !== kindOf(b)) return fail(`no such overload: ${kindOf(a)} == ${kindOf(b)}`, at);
      return isEqual(a, b, evaluation) === wanted;
    });
  }
  const test = comparisons.get(name);
  if (test === undefined) return undefined;
  return binary(left, right, (a, b, evaluation) => {
    evaluation.charge(known && isText(a) ? smaller(a, b) : 1);
    if (isText(a)) evaluation.work(smaller(a, b));
    const order = compare(a, b);
    if (order === undefined) return fail(`no such overload: ${kindOf(a)} ${name.replaceAll("_", "")} ${kindOf(b)}`, at);
    return Number.isNaN(order) ? fail("NaN values cannot be ordered", at) : test(order);
  });
}

function binary(left: Step, right: Step, run: (a: CelValue, b: CelValue, evaluation: Evaluation) => Outcome): Step {
  return (evaluation) => {
    const a = left(evaluation);
    const b = right(evaluation);
    if (!(a instanceof Failure) && !(b instanceof Failure)) return run(a, b, evaluation);
    evaluation.charge(1);
    return a instanceof Failure ? a : b;
  };
}

/** Of Kubernetes' own types, which it compares only with themselves. */
function isOpaque(value: CelValue): boolean {
  return typeof value === "object" && value !== null && opaque.has(kindOf(value));
}

const opaque: ReadonlySet<ValueKind> = new Set<ValueKind>(["quantity", "ip", "cidr", "url", "format"]);

function isText(value: CelValue): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

function smaller(a: CelValue, b: CelValue): number {
  return Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
}

function isEqual(a: CelValue, b: CelValue, evaluation: Evaluation): boolean {
  evaluation.charge(isOpaque(a) ? 1 : smaller(a, b));
  const tally = { visits: 0 };
  const result = equal(a, b, tally);
  evaluation.work(tally.visits);
  return result;
}

/** `item in container`, which is free if Kubernetes makes a set of a list that is written out. */
export function planIn(call: Call, item: Step, container: Step, known: boolean, constants: Evaluation): Step {
  const written = call.args[1];
  if (known && written?.kind === "list" && isConstant(written)) {
    const values = container(constants);
    if (isList(values) && values.length === 0) return () => false;
    if (isList(values) && values.every((value) => settable.has(kindOf(value))))
      return binary(item, container, (a, b, evaluation) => contains(a, b, evaluation, 0, call.at));
  }
  const price = known ? undefined : 1;
  return binary(item, container, (a, b, evaluation) => contains(a, b, evaluation, price, call.at));
}

/** What Kubernetes puts into a set. */
const settable: ReadonlySet<ValueKind> = new Set<ValueKind>(["bool", "int", "uint", "double", "string"]);

/** @param price a unit an element if there is none */
function contains(
  item: CelValue,
  container: CelValue,
  evaluation: Evaluation,
  price: number | undefined,
  at: number,
): Outcome {
  if (isMap(container)) {
    evaluation.charge(1);
    return container.get(item) !== undefined;
  }
  if (!isList(container)) return fail(`no such overload: ${kindOf(item)} in ${kindOf(container)}`, at);
  evaluation.charge(price ?? container.length);
  const tally = { visits: 0 };
  const found = container.some((candidate) => equal(candidate, item, tally));
  evaluation.work(tally.visits);
  return found;
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
