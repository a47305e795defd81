import { arithmetic } from "./arithmetic.ts";
import { clockFields } from "./clock-fields.ts";
import { conversions } from "./conversions.ts";
import { formatsAndUrls } from "./formats-and-urls.ts";
import { lists } from "./lists.ts";
import { networks } from "./networks.ts";
import { fun, type Overload } from "./overloads.ts";
import { quantities } from "./quantities.ts";
import { text } from "./text.ts";
import { boolType, type CelType, listOf, mapOf, type ScalarKind } from "./types.ts";

const a: CelType = { kind: "param", name: "A" };
const b: CelType = { kind: "param", name: "B" };

/** `operators.ts` runs these; here they are for the checker alone. */
function operator(name: string, params: readonly CelType[], result: CelType): Overload {
  return { ...fun(name, [], "bool", () => null), params, result };
}

/** Pairs that have an order, in cel-go's order of trial. */
const ordered: readonly (readonly [ScalarKind, ScalarKind])[] = [
  ["bool", "bool"],
  ["int", "int"],
  ["int", "double"],
  ["int", "uint"],
  ["uint", "uint"],
  ["uint", "double"],
  ["uint", "int"],
  ["double", "double"],
  ["double", "int"],
  ["double", "uint"],
  ["string", "string"],
  ["bytes", "bytes"],
  ["timestamp", "timestamp"],
  ["duration", "duration"],
];
const orders = ["_<_", "_<=_", "_>_", "_>=_"].flatMap((name) =>
  ordered.map(([left, right]) => operator(name, [{ kind: left }, { kind: right }], boolType)),
);

const all: readonly Overload[] = [
  operator("_==_", [a, a], boolType),
  operator("_!=_", [a, a], boolType),
  ...orders,
  operator("@in", [a, listOf(a)], boolType),
  operator("@in", [a, mapOf(a, b)], boolType),
  operator("_[_]", [listOf(a), { kind: "int" }], a),
  operator("_[_]", [mapOf(a, b), a], b),
  ...arithmetic,
  ...conversions,
  ...clockFields,
  ...text,
  ...lists,
  ...quantities,
  ...networks,
  ...formatsAndUrls,
];

/** Every function, method and operator of the profile, by name. */
export const functions: ReadonlyMap<string, readonly Overload[]> = Map.groupBy(all, ({ name }) => name);

/** Whether `a.b` names a function and not the method `b` of `a`. */
export function isNamespacedFunction(name: string): boolean {
  return name.includes(".") && functions.has(name);
}
