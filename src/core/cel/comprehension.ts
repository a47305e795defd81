import type { Comprehension } from "./ast.ts";
import { type Evaluation, fail, type Step } from "./evaluation.ts";
import { notBool, plan, type Scope } from "./plan.ts";
import { isConstant } from "./prices.ts";
import { type CelValue, Failure, isList, isMap, kindOf, type Outcome } from "./values.ts";

interface Loop {
  readonly slot: number;
  readonly condition: Step | undefined;
  readonly body: Step;
  /** Whether the body is the same for each element. */
  readonly constant: boolean;
  readonly at: number;
}

type Run = (loop: Loop, items: readonly CelValue[], evaluation: Evaluation) => Outcome;

const runs: Readonly<Record<Comprehension["macro"], Run>> = {
  all: (loop, items, evaluation) => quantify(loop, items, evaluation, false),
  exists: (loop, items, evaluation) => quantify(loop, items, evaluation, true),
  exists_one: countOne,
  filter: select,
  map: transform,
};

/** Compiles a macro. The prices beside those of its parts are what cel-go charges for the loop that it expands to. */
export function planComprehension(node: Comprehension, scope: Scope): Step {
  const range = plan(node.range, scope);
  const slot = scope.newSlot();
  const inner = { ...scope, slots: new Map(scope.slots).set(node.variable, slot) };
  const loop = {
    slot,
    condition: node.condition === undefined ? undefined : plan(node.condition, inner),
    body: plan(node.body, inner),
    constant: isConstant(node.body),
    at: node.at,
  };
  const run = runs[node.macro];
  return (evaluation) => {
    const value = range(evaluation);
    if (value instanceof Failure) return value;
    const items = itemsOf(value);
    if (items === undefined) return fail(`${node.macro} needs a list or a map, not ${kindOf(value)}`, node.at);
    const result = run(loop, items, evaluation);
    evaluation.charge(1);
    return result;
  };
}

function itemsOf(value: CelValue): readonly CelValue[] | undefined {
  if (isList(value)) return value;
  return isMap(value) ? value.keys() : undefined;
}

/** `all` and `exists`: the first element that decides does; errors count only if none does. */
function quantify(loop: Loop, items: readonly CelValue[], evaluation: Evaluation, decisive: boolean): Outcome {
  // To ask whether to go on costs 2 (of `exists`, 3), and to look at what was found so far 1.
  const asking = decisive ? 3 : 2;
  let failure: Failure | undefined;
  let left = items.length;
  for (const item of items) {
    if (!turn(evaluation, asking + 1)) break;
    left -= 1;
    evaluation.slots[loop.slot] = item;
    const value = loop.body(evaluation);
    if (value === decisive) {
      if (left > 0) evaluation.charge(asking);
      return decisive;
    }
    if (value !== !decisive) failure ??= notBool(value, decisive ? "exists" : "all", loop.at);
  }
  return failure ?? !decisive;
}

/** Begins another turn of a loop, if the budget allows it. */
function turn(evaluation: Evaluation, price: number): boolean {
  evaluation.charge(price);
  evaluation.work(1);
  return !evaluation.exceeded;
}

/** From here on a failure is the result; the loop goes on all the same, since Kubernetes charges for it. */
function countOne(loop: Loop, items: readonly CelValue[], evaluation: Evaluation): Outcome {
  let count = 0;
  let failure: Failure | undefined;
  for (const item of items) {
    if (!turn(evaluation, 0)) break;
    evaluation.slots[loop.slot] = item;
    const value = loop.body(evaluation);
    if (typeof value !== "boolean") failure = notBool(value, "exists_one", loop.at);
    if (value !== true) continue;
    evaluation.charge(2);
    count += 1;
  }
  evaluation.charge(1);
  return failure ?? count === 1;
}

function select(loop: Loop, items: readonly CelValue[], evaluation: Evaluation): Outcome {
  const kept: CelValue[] = [];
  let failure: Failure | undefined;
  for (const item of items) {
    if (!turn(evaluation, 0)) break;
    evaluation.slots[loop.slot] = item;
    const value = loop.body(evaluation);
    if (typeof value !== "boolean") failure = notBool(value, "filter", loop.at);
    if (value !== true) continue;
    evaluation.charge(13);
    kept.push(item);
  }
  return failure ?? kept;
}

function transform(loop: Loop, items: readonly CelValue[], evaluation: Evaluation): Outcome {
  const made: CelValue[] = [];
  let failure: Failure | undefined;
  for (const item of items) {
    if (!turn(evaluation, 0)) break;
    evaluation.slots[loop.slot] = item;
    const wanted = loop.condition?.(evaluation) ?? true;
    if (typeof wanted !== "boolean") failure = notBool(wanted, "map", loop.at);
    if (wanted !== true) continue;
    const value = loop.body(evaluation);
    evaluation.charge(loop.constant ? 2 : 12);
    if (value instanceof Failure) failure = value;
    else made.push(value);
  }
  return failure ?? made;
}
