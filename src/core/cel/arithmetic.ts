import { fun, type Overload, type Price, sizeOf } from "./overloads.ts";
import { durationOf, type Timestamp, timestampOf } from "./time.ts";
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

function shift(timestamp: Timestamp, nanos: bigint): Outcome {
  return ifSome(timestampOf(timestamp.nanos + nanos, timestamp.offsetMinutes), "timestamp");
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

const divisionByZero = "divide by zero";
const modulusByZero = "modulus by zero";

/**
 * The operators that have a declared type each. Integers never wrap around: what does not fit is an error.
 * In cel-go's order, since an operand of open type takes the first that fits.
 */
export const arithmetic: readonly Overload[] = [
  fun("!_", ["bool"], "bool", (a) => !a),
  fun("-_", ["double"], "double", (a) => -a),
  fun("-_", ["int"], "int", (a) => int(-a)),

  fun("_+_", ["bytes", "bytes"], "bytes", concatBytes, { price: both }),
  fun("_+_", ["double", "double"], "double", (a, b) => a + b),
  fun("_+_", ["duration", "duration"], "duration", (a, b) => ifSome(durationOf(a.nanos + b.nanos), "duration")),
  fun("_+_", ["duration", "timestamp"], "timestamp", (a, b) => shift(b, a.nanos)),
  fun("_+_", ["timestamp", "duration"], "timestamp", (a, b) => shift(a, b.nanos)),
  fun("_+_", ["int", "int"], "int", (a, b) => int(a + b)),
  fun("_+_", ["list(A)", "list(A)"], "list(A)", (a, b, runtime) => {
    runtime.work((a.length + b.length) * 4);
    return [...a, ...b];
  }),
  fun("_+_", ["string", "string"], "string", (a, b) => a + b, { price: both }),
  fun("_+_", ["uint", "uint"], "uint", (a, b) => uint(a.value + b.value)),

  fun("_-_", ["double", "double"], "double", (a, b) => a - b),
  fun("_-_", ["duration", "duration"], "duration", (a, b) => ifSome(durationOf(a.nanos - b.nanos), "duration")),
  fun("_-_", ["int", "int"], "int", (a, b) => int(a - b)),
  fun("_-_", ["timestamp", "duration"], "timestamp", (a, b) => shift(a, -b.nanos)),
  fun("_-_", ["timestamp", "timestamp"], "duration", (a, b) => ifSome(durationOf(a.nanos - b.nanos), "duration")),
  fun("_-_", ["uint", "uint"], "uint", (a, b) => uint(a.value - b.value)),

  fun("_*_", ["double", "double"], "double", (a, b) => a * b),
  fun("_*_", ["int", "int"], "int", (a, b) => int(a * b)),
  fun("_*_", ["uint", "uint"], "uint", (a, b) => uint(a.value * b.value)),

  fun("_/_", ["double", "double"], "double", (a, b) => a / b),
  fun("_/_", ["int", "int"], "int", (a, b) => (b === 0n ? new Failure(divisionByZero) : int(a / b))),
  fun("_/_", ["uint", "uint"], "uint", (a, b) =>
    b.value === 0n ? new Failure(divisionByZero) : uint(a.value / b.value),
  ),

  fun("_%_", ["int", "int"], "int", (a, b) => {
    if (b === 0n) return new Failure(modulusByZero);
    return fitsInt(a / b) ? a % b : new Failure("integer overflow");
  }),
  fun("_%_", ["uint", "uint"], "uint", (a, b) =>
    b.value === 0n ? new Failure(modulusByZero) : uint(a.value % b.value),
  ),
];
