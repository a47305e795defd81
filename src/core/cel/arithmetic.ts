import { fun, type Overload, type Price, sizeOf } from "./overloads.ts";
import { durationOf, timestampOf } from "./time.ts";
import { Failure, fitsInt, fitsUint, type Outcome, Uint } from "./values.ts";

const both: Price = { before: (a, b) => Math.ceil((sizeOf(a) + sizeOf(b)) * 0.1) };

function int(value: bigint): Outcome {
  return fitsInt(value) ? value : new Failure("integer overflow");
}

function uint(value: bigint): Outcome {
  return fitsUint(value) ? new Uint(value) : new Failure("unsigned integer overflow");
}

function ifSome<T extends Outcome>(value: T | undefined, what: string): Outcome {
  return value ?? new Failure(`${what} overflow`);
}

const divisionByZero = "divide by zero";
const modulusByZero = "modulus by zero";

/** The operators that have a declared type each. Integers never wrap around: what does not fit is an error. */
export const arithmetic: readonly Overload[] = [
  fun("!_", ["bool"], "bool", (a) => !a),
  fun("-_", ["int"], "int", (a) => int(-a)),
  fun("-_", ["double"], "double", (a) => -a),

  fun("_+_", ["int", "int"], "int", (a, b) => int(a + b)),
  fun("_+_", ["uint", "uint"], "uint", (a, b) => uint(a.value + b.value)),
  fun("_+_", ["double", "double"], "double", (a, b) => a + b),
  fun("_+_", ["string", "string"], "string", (a, b) => a + b, { price: both }),
  fun("_+_", ["bytes", "bytes"], "bytes", (a, b) => Uint8Array.of(...a, ...b), { price: both }),
  fun("_+_", ["list(A)", "list(A)"], "list(A)", (a, b, runtime) => {
    runtime.work(a.length + b.length);
    return [...a, ...b];
  }),
  fun("_+_", ["timestamp", "duration"], "timestamp", (a, b) =>
    ifSome(timestampOf(a.nanos + b.nanos, a.offsetMinutes), "timestamp"),
  ),
  fun("_+_", ["duration", "timestamp"], "timestamp", (a, b) =>
    ifSome(timestampOf(a.nanos + b.nanos, b.offsetMinutes), "timestamp"),
  ),
  fun("_+_", ["duration", "duration"], "duration", (a, b) => ifSome(durationOf(a.nanos + b.nanos), "duration")),

  fun("_-_", ["int", "int"], "int", (a, b) => int(a - b)),
  fun("_-_", ["uint", "uint"], "uint", (a, b) => uint(a.value - b.value)),
  fun("_-_", ["double", "double"], "double", (a, b) => a - b),
  fun("_-_", ["timestamp", "timestamp"], "duration", (a, b) => ifSome(durationOf(a.nanos - b.nanos), "duration")),
  fun("_-_", ["timestamp", "duration"], "timestamp", (a, b) =>
    ifSome(timestampOf(a.nanos - b.nanos, a.offsetMinutes), "timestamp"),
  ),
  fun("_-_", ["duration", "duration"], "duration", (a, b) => ifSome(durationOf(a.nanos - b.nanos), "duration")),

  fun("_*_", ["int", "int"], "int", (a, b) => int(a * b)),
  fun("_*_", ["uint", "uint"], "uint", (a, b) => uint(a.value * b.value)),
  fun("_*_", ["double", "double"], "double", (a, b) => a * b),

  fun("_/_", ["int", "int"], "int", (a, b) => (b === 0n ? new Failure(divisionByZero) : int(a / b))),
  fun("_/_", ["uint", "uint"], "uint", (a, b) =>
    b.value === 0n ? new Failure(divisionByZero) : uint(a.value / b.value),
  ),
  fun("_/_", ["double", "double"], "double", (a, b) => a / b),

  fun("_%_", ["int", "int"], "int", (a, b) => {
    if (b === 0n) return new Failure(modulusByZero);
    return fitsInt(a / b) ? a % b : new Failure("integer overflow");
  }),
  fun("_%_", ["uint", "uint"], "uint", (a, b) =>
    b.value === 0n ? new Failure(modulusByZero) : uint(a.value % b.value),
  ),
];
