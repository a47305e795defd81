import { fun, method, type Overload, traversal } from "./overloads.ts";
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  Quantity,
  quantityAsFloat,
  quantityAsInteger,
  subtractQuantities,
} from "./resource-quantity.ts";
import { Failure } from "./values.ts";

const complaint = (text: string) =>
  parseQuantity(text) === undefined ? `${JSON.stringify(text)} is no quantity, such as 500m or 1Gi` : undefined;
const whole = (value: bigint) => new Quantity(value, 0, true);

/** Kubernetes' functions on quantities. `sign` is a function, not a method: Kubernetes declares it so. */
export const quantities: readonly Overload[] = [
  fun("quantity", ["string"], "quantity", (text) => parseQuantity(text) ?? new Failure("not a quantity"), {
    price: traversal,
    complaint,
  }),
  fun("isQuantity", ["string"], "bool", (text) => parseQuantity(text) !== undefined, { price: traversal }),
  fun("sign", ["quantity"], "int", ({ mantissa }) => BigInt(compareQuantities(whole(mantissa), whole(0n)))),
  method("isInteger", ["quantity"], "bool", (quantity) => quantityAsInteger(quantity) !== undefined),
  method(
    "asInteger",
    ["quantity"],
    "int",
    (quantity) => quantityAsInteger(quantity) ?? new Failure("cannot convert value to integer"),
  ),
  method("asApproximateFloat", ["quantity"], "double", quantityAsFloat),
  method("add", ["quantity", "quantity"], "quantity", (a, b) => addQuantities(a, b)),
  method("add", ["quantity", "int"], "quantity", (a, b) => addQuantities(a, whole(b))),
  method("sub", ["quantity", "quantity"], "quantity", (a, b) => subtractQuantities(a, b)),
  method("sub", ["quantity", "int"], "quantity", (a, b) => subtractQuantities(a, whole(b))),
  method("isGreaterThan", ["quantity", "quantity"], "bool", (a, b) => compareQuantities(a, b) > 0),
  method("isLessThan", ["quantity", "quantity"], "bool", (a, b) => compareQuantities(a, b) < 0),
  method("compareTo", ["quantity", "quantity"], "int", (a, b) => BigInt(compareQuantities(a, b))),
];
