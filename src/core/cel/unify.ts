import { type CelType, dynType, mapOf, sameType } from "./types.ts";

/** What type variables stand for. */
export class Bindings {
  readonly #types = new Map<string, CelType>();
  /** What was bound before each change, so that an attempt that fails leaves no trace. */
  readonly #trail: (readonly [name: string, before: CelType | undefined])[] = [];

  get(name: string): CelType | undefined {
    return this.#types.get(name);
  }

  set(name: string, type: CelType): void {
    this.#trail.push([name, this.#types.get(name)]);
    this.#types.set(name, type);
  }

  /** Carries an attempt out, and takes it back if it fails. */
  attempt(run: () => boolean): boolean {
    const mark = this.#trail.length;
    if (run()) return true;
    for (const [name, before] of this.#trail.splice(mark).reverse()) {
      if (before === undefined) this.#types.delete(name);
      else this.#types.set(name, before);
    }
    return false;
  }
}

/**
 * Whether values of the first types may be passed for the second; binds type variables if so.
 * The rules are cel-go's, so that both sides accept the same expressions: `dyn` fits everything, in both directions.
 */
export function assign(bindings: Bindings, from: readonly CelType[], to: readonly CelType[]): boolean {
  if (from.length !== to.length) return false;
  return bindings.attempt(() => from.every((type, index) => assignable(bindings, type, to[index] ?? dynType)));
}

function assignable(draft: Bindings, a: CelType, b: CelType): boolean {
  if (b.kind === "param") {
    const bound = bind(draft, a, b);
    if (bound !== undefined) return bound;
  }
  if (a.kind === "param") return bind(draft, b, a) ?? false;
  if (isOpen(a) || isOpen(b)) return true;
  if (a.kind === "null") return nullable(b);
  if (b.kind === "null") return nullable(a);
  if ("element" in a) return "element" in b && a.kind === b.kind && assignable(draft, a.element, b.element);
  if (isMapLike(a) && isMapLike(b)) {
    return (
      a === b || (assignable(draft, keyTypeOf(a), keyTypeOf(b)) && assignable(draft, valueTypeOf(a), valueTypeOf(b)))
    );
  }
  return sameType(a, b);
}

/** An object is a map whose keys are known; where a map is asked for, its values may be anything. */
type MapLike = Extract<CelType, { readonly kind: "map" | "object" }>;

function isMapLike(type: CelType): type is MapLike {
  return type.kind === "map" || type.kind === "object";
}

function keyTypeOf(type: MapLike): CelType {
  return type.kind === "map" ? type.key : { kind: "string" };
}

function valueTypeOf(type: MapLike): CelType {
  return type.kind === "map" ? type.value : dynType;
}

function isOpen(type: CelType): boolean {
  return type.kind === "dyn" || type.kind === "error";
}

function nullable(type: CelType): boolean {
  return !["bool", "int", "uint", "double", "string", "bytes", "type", "list", "map"].includes(type.kind);
}

/** @returns undefined if the variable is unbound and the type contains it: the other direction may still do */
function bind(draft: Bindings, type: CelType, variable: CelType & { kind: "param" }): boolean | undefined {
  if (sameType(type, variable)) return true;
  const known = draft.get(variable.name);
  if (known !== undefined) {
    if (sameType(type, known)) return true;
    if (!assignable(draft, type, known)) return false;
    const general = isLessSpecific(type, known) ? type : known;
    if (!occurs(draft, variable, general)) draft.set(variable.name, general);
    return true;
  }
  if (occurs(draft, variable, type)) return undefined;
  draft.set(variable.name, type);
  return true;
}

function occurs(bindings: Bindings, variable: CelType & { kind: "param" }, within: CelType): boolean {
  if (sameType(variable, within)) return true;
  switch (within.kind) {
    case "param": {
      const known = bindings.get(within.name);
      return known !== undefined && occurs(bindings, variable, known);
    }
    case "list":
    case "optional":
      return occurs(bindings, variable, within.element);
    case "map":
      return occurs(bindings, variable, within.key) || occurs(bindings, variable, within.value);
    default:
      return false;
  }
}

/** Whether the first type is the second or says less. */
function isLessSpecific(a: CelType, b: CelType): boolean {
  if (isOpen(a) || a.kind === "param") return true;
  if (isOpen(b) || b.kind === "param") return false;
  if ("element" in a && "element" in b) return isLessSpecific(a.element, b.element);
  if (a.kind === "map" && b.kind === "map") {
    return isLessSpecific(a.key, b.key) && isLessSpecific(a.value, b.value);
  }
  if (a.kind === "map" && b.kind === "object") return true;
  return sameType(a, b);
}

/** The more general of two types that fit each other. */
export function moreGeneral(a: CelType, b: CelType): CelType {
  return isLessSpecific(a, b) ? a : b;
}

/** The type with its variables replaced by what they stand for. */
export function resolve(bindings: Bindings, type: CelType): CelType {
  switch (type.kind) {
    case "param": {
      const known = bindings.get(type.name);
      return known === undefined ? type : resolve(bindings, known);
    }
    case "list":
    case "optional":
      return { kind: type.kind, element: resolve(bindings, type.element) };
    case "map":
      return mapOf(resolve(bindings, type.key), resolve(bindings, type.value));
    default:
      return type;
  }
}

/** A declared type with its variables renamed to fresh ones. */
export function instantiate(type: CelType, suffix: string): CelType {
  switch (type.kind) {
    case "param":
      return { kind: "param", name: type.name + suffix };
    case "list":
    case "optional":
      return { kind: type.kind, element: instantiate(type.element, suffix) };
    case "map":
      return mapOf(instantiate(type.key, suffix), instantiate(type.value, suffix));
    default:
      return type;
  }
}
