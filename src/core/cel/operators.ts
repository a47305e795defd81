import { type Call, isReference } from "./ast.ts";
import { compare, equal } from "./equality.ts";
import { type Evaluation, fail, type Step } from "./evaluation.ts";
import { mapIndex } from "./json.ts";
import { sizeOf } from "./overloads.ts";
import { type CelValue, Failure, isList, isMap, kindOf, type Outcome, Uint } from "./values.ts";

const comparisons: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ["_<_", (order) => order < 0],
  ["_<=_", (order) => order <= 0],
  ["_>_", (order) => order > 0],
  ["_>=_", (order) => order >= 0],
]);

/** `==`, `!=`, `<` and its kin, and `in`, which take values of any type. The others are overloads in `arithmetic.ts`. */
export function planOperator(name: string, left: Step, right: Step, at: number): Step | undefined {
  if (name === "_==_" || name === "_!=_") {
    const wanted = name === "_==_";
    return binary(left, right, (a, b, evaluation) => isEqual(a, b, evaluation) === wanted);
  }
  if (name === "@in") return binary(left, right, (a, b, evaluation) => contains(a, b, evaluation, at));
  const test = comparisons.get(name);
  if (test === undefined) return undefined;
  return binary(left, right, (a, b, evaluation) => {
    evaluation.charge(isText(a) ? smaller(a, b) : 1);
    const order = compare(a, b);
    if (order === undefined) return fail(`no such overload: ${kindOf(a)} ${name.replaceAll("_", "")} ${kindOf(b)}`, at);
    return Number.isNaN(order) ? fail("NaN values cannot be ordered", at) : test(order);
  });
}

function binary(left: Step, right: Step, run: (a: CelValue, b: CelValue, evaluation: Evaluation) => Outcome): Step {
  return (evaluation) => {
    const a = left(evaluation);
    if (a instanceof Failure) return a;
    const b = right(evaluation);
    if (b instanceof Failure) return b;
    return run(a, b, evaluation);
  };
}

function isText(value: CelValue): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

function smaller(a: CelValue, b: CelValue): number {
  return Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
}

function isEqual(a: CelValue, b: CelValue, evaluation: Evaluation): boolean {
  evaluation.charge(kindOf(a) === "quantity" ? 1 : smaller(a, b));
  const tally = { visits: 0 };
  const result = equal(a, b, tally);
  evaluation.charge(tally.visits >> 6);
  return result;
}

function contains(item: CelValue, container: CelValue, evaluation: Evaluation, at: number): Outcome {
  if (isMap(container)) {
    evaluation.charge(1);
    return container.get(item) !== undefined;
  }
  if (!isList(container)) return fail(`no such overload: ${kindOf(item)} in ${kindOf(container)}`, at);
  evaluation.charge(container.length);
  const tally = { visits: 0 };
  const found = container.some((candidate) => equal(candidate, item, tally));
  evaluation.charge(tally.visits >> 6);
  return found;
}

/** `list[index]` and `map[key]`. */
export function planIndex(call: Call, operand: Step, index: Step): Step {
  const price = call.args[0] !== undefined && isReference(call.args[0]) ? 1 : 2;
  return binary(operand, index, (container, key, evaluation) => {
    evaluation.charge(price);
    if (isMap(container)) return container.get(key) ?? fail(`no such key: ${describe(key)}`, call.at);
    if (!isList(container)) return fail(`${kindOf(container)} has no index`, call.at);
    const position = mapIndex(key);
    if (typeof position !== "bigint") return fail(`a list has no index ${describe(key)}`, call.at);
    const item = position < 0n || position >= container.length ? undefined : container[Number(position)];
    return item === undefined ? fail(`index out of bounds: ${position}`, call.at) : item;
  });
}

function describe(key: CelValue): string {
  if (key instanceof Uint) return String(key.value);
  return key === null || typeof key !== "object" ? String(key) : kindOf(key);
}
