import { compare } from "./equality.ts";
import { fun, method, type Overload, type Price, type Runtime } from "./overloads.ts";
import { durationOf } from "./time.ts";
import {
  bytesOf,
  type CelValue,
  Failure,
  fitsInt,
  fitsUint,
  isList,
  isMap,
  kindOf,
  type Outcome,
  Uint,
} from "./values.ts";

const comparable = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"] as const;

/** A unit an element; a text a tenth of one a byte. */
export const visiting: Price = { before: (list) => visits(list) };
/** Each element of one list against each of the other. */
const crossing: Price = { before: (a, b) => 1 + lengthOf(a) * lengthOf(b) };
const crossingTwice: Price = { before: (a, b) => 1 + 2 * lengthOf(a) * lengthOf(b) };

/** Kubernetes' functions on lists, and CEL's sets. */
export const lists: readonly Overload[] = [
  ...comparable.flatMap((kind) => [
    method("isSorted", [`list(${kind})`], "bool", isSorted, { price: visiting }),
    method("min", [`list(${kind})`], kind, (list) => extreme(list, "min"), { price: visiting }),
    method("max", [`list(${kind})`], kind, (list) => extreme(list, "max"), { price: visiting }),
  ]),
  method("sum", ["list(int)"], "int", (list) => sum(list, 0n), { price: visiting }),
  method("sum", ["list(uint)"], "uint", (list) => sum(list, new Uint(0n)), { price: visiting }),
  method("sum", ["list(double)"], "double", (list) => sum(list, 0), { price: visiting }),
  method("sum", ["list(duration)"], "duration", (list) => sum(list, durationOf(0n) ?? 0n), { price: visiting }),
  method("indexOf", ["list(A)", "A"], "int", (list, item, runtime) => BigInt(list.findIndex(same(item, runtime))), {
    price: visiting,
  }),
  method(
    "lastIndexOf",
    ["list(A)", "A"],
    "int",
    (list, item, runtime) => BigInt(list.findLastIndex(same(item, runtime))),
    {
      price: visiting,
    },
  ),
  fun("sets.contains", ["list(A)", "list(A)"], "bool", contains, { price: crossing }),
  fun("sets.intersects", ["list(A)", "list(A)"], "bool", (a, b, runtime) => a.some(isIn(b, runtime)), {
    price: crossing,
  }),
  fun(
    "sets.equivalent",
    ["list(A)", "list(A)"],
    "bool",
    (a, b, runtime) => contains(a, b, runtime) && contains(b, a, runtime),
    { price: crossingTwice },
  ),
];

function lengthOf(value: CelValue): number {
  return isList(value) ? value.length : 1;
}

/** Counting stops here: more cannot be paid for. */
const visitsMax = 1_000_000;

function visits(value: CelValue): number {
  const pending: CelValue[] = [value];
  let [count, price] = [0, 0];
  while (pending.length > 0 && count <= visitsMax) {
    const next = pending.pop() ?? null;
    count += 1;
    if (typeof next === "string") price += Math.floor(bytesOf(next) * 0.1);
    else if (next instanceof Uint8Array) price += Math.floor(next.length * 0.1);
    else if (isList(next)) for (const item of next) pending.push(item);
    else if (isMap(next)) for (const key of next.keys()) pending.push(key, next.get(key) ?? null);
    else price += 1;
  }
  return count > visitsMax ? count : price;
}

function same(item: CelValue, runtime: Runtime): (candidate: CelValue) => boolean {
  return (candidate) => runtime.equal(candidate, item);
}

function isIn(list: readonly CelValue[], runtime: Runtime): (item: CelValue) => boolean {
  return (item) => list.some((candidate) => runtime.equal(candidate, item));
}

function contains(list: readonly CelValue[], part: readonly CelValue[], runtime: Runtime): boolean {
  return part.every(isIn(list, runtime));
}

function isComparable(value: CelValue): boolean {
  return comparableKinds.has(kindOf(value));
}

const comparableKinds: ReadonlySet<string> = new Set(comparable);

/** Of two that have no order none is greater: so Kubernetes has it for lists whose elements' types it cannot know. */
function isGreater(a: CelValue, b: CelValue): boolean {
  const order = compare(a, b);
  return order !== undefined && order > 0;
}

function isSorted(list: readonly CelValue[]): Outcome {
  for (const [index, item] of list.entries()) {
    const previous = index === 0 ? item : (list[index - 1] ?? null);
    if (!isComparable(item)) return new Failure(`isSorted: ${kindOf(item)} has no order`);
    if (isGreater(previous, item)) return false;
  }
  return true;
}

function extreme(list: readonly CelValue[], which: "min" | "max"): Outcome {
  const [first, ...rest] = list;
  if (first === undefined) return new Failure(`${which} called on empty list`);
  let best = first;
  for (const item of rest) {
    if (!isComparable(item)) return new Failure(`${which}: ${kindOf(item)} has no order`);
    if (which === "min" ? isGreater(best, item) : isGreater(item, best)) best = item;
  }
  return best;
}

function sum(list: readonly CelValue[], zero: CelValue): Outcome {
  let total: Outcome = zero;
  for (const item of list) {
    total = add(total, item);
    if (total instanceof Failure) return total;
  }
  return total;
}

function add(a: CelValue, b: CelValue): Outcome {
  if (typeof a === "bigint" && typeof b === "bigint") return fitsInt(a + b) ? a + b : new Failure("integer overflow");
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a instanceof Uint && b instanceof Uint) {
    const total = a.value + b.value;
    return fitsUint(total) ? new Uint(total) : new Failure("unsigned integer overflow");
  }
  if (isDuration(a) && isDuration(b)) return durationOf(a.nanos + b.nanos) ?? new Failure("duration overflow");
  return new Failure("sum: elements of different types");
}

function isDuration(value: CelValue): value is Extract<CelValue, { readonly kind: "duration" }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "duration";
}
