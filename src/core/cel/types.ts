/**
 * What an expression may expect of a variable, as its author declares it.
 * A `double` takes whole numbers too and makes doubles of them; below `dyn` a whole number is an int, as in the API server.
 */
export type TypeShape =
  | "dyn"
  | "string"
  | "int"
  | "double"
  | "bool"
  | { readonly list: TypeShape }
  | { readonly map: TypeShape }
  | { readonly object: Readonly<Record<string, TypeShape>> };

/** What an expression may speak of: variables by name. */
export interface Declarations {
  readonly variables: ReadonlyMap<string, TypeShape>;
}

export type ScalarKind =
  | "dyn"
  /** Of a part that has been reported; nothing is reported twice. */
  | "error"
  | "null"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "timestamp"
  | "duration"
  | "type"
  | "quantity"
  | "ip"
  | "cidr"
  | "url"
  | "format";

/** A type during checking. `param` is a type variable, free or of a function's declaration. */
export type CelType =
  | { readonly kind: ScalarKind }
  | { readonly kind: "list"; readonly element: CelType }
  | { readonly kind: "map"; readonly key: CelType; readonly value: CelType }
  /** What `validate()` of a named format gives; there is no other way to get one. */
  | { readonly kind: "optional"; readonly element: CelType }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, CelType> }
  | { readonly kind: "param"; readonly name: string };

export const dynType: CelType = { kind: "dyn" };
export const errorType: CelType = { kind: "error" };
export const boolType: CelType = { kind: "bool" };
export const stringType: CelType = { kind: "string" };

export function listOf(element: CelType): CelType {
  return { kind: "list", element };
}

export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: "map", key, value };
}

export function optionalOf(element: CelType): CelType {
  return { kind: "optional", element };
}

/** The type that a declared shape stands for. */
export function typeOfShape(shape: TypeShape): CelType {
  if (typeof shape === "string") return { kind: shape };
  if ("list" in shape) return listOf(typeOfShape(shape.list));
  if ("map" in shape) return mapOf(stringType, typeOfShape(shape.map));
  const fields = Object.entries(shape.object).map(([name, field]) => [name, typeOfShape(field)] as const);
  return { kind: "object", fields: new Map(fields) };
}

/** A type for a message: `list(string)`, `map(string, dyn)`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case "list":
    case "optional":
      return `${type.kind}(${formatType(type.element)})`;
    case "map":
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case "param":
    case "error":
      return "dyn";
    default:
      return type.kind;
  }
}

export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if ("element" in a) return "element" in b && a.kind === b.kind && sameType(a.element, b.element);
  if (a.kind === "map") return b.kind === "map" && sameType(a.key, b.key) && sameType(a.value, b.value);
  if (a.kind === "param") return b.kind === "param" && a.name === b.name;
  return a.kind === b.kind && a.kind !== "object";
}
