import type { Cidr, Ip } from "./addresses.ts";
import type { NamedFormat } from "./named-formats.ts";
import type { Refusal } from "./profile.ts";
import type { Pattern } from "./regex.ts";
import type { Quantity } from "./resource-quantity.ts";
import type { Duration, Timestamp } from "./time.ts";
import { type CelType, listOf, mapOf, optionalOf, type ScalarKind } from "./types.ts";
import type { Url } from "./url.ts";
import {
  type CelMap,
  type CelValue,
  type Failure,
  isList,
  isMap,
  kindOf,
  lengthInCharacters,
  type Optional,
  type Outcome,
  type TypeValue,
  type Uint,
} from "./values.ts";

interface Natives {
  readonly bool: boolean;
  readonly int: bigint;
  readonly uint: Uint;
  readonly double: number;
  readonly string: string;
  readonly bytes: Uint8Array;
  readonly null: null;
  readonly type: TypeValue;
  readonly timestamp: Timestamp;
  readonly duration: Duration;
  readonly quantity: Quantity;
  readonly ip: Ip;
  readonly cidr: Cidr;
  readonly url: Url;
  readonly format: NamedFormat;
  readonly "map(A,B)": CelMap;
  readonly "map(string,list(string))": CelMap;
}

type TypeVariable = "A" | "B" | "dyn";
type ListName = `list(${string})`;
type OptionalName = `optional(${string})`;
/** The name of a type in a function's declaration. */
export type TypeName = keyof Natives | TypeVariable | ListName | OptionalName;
type NativeOf<Name> = Name extends keyof Natives
  ? Natives[Name]
  : Name extends ListName
    ? readonly CelValue[]
    : Name extends OptionalName
      ? Optional
      : CelValue;
type NativesOf<Names extends readonly TypeName[]> = { readonly [Index in keyof Names]: NativeOf<Names[Index]> };

/** What a function may use besides its arguments. */
export interface Runtime {
  /** For what a function does beyond its price: elements copied or compared. */
  work(steps: number): void;
  /** CEL's `==`. */
  equal(a: CelValue, b: CelValue): boolean;
  /** A compiled regular expression, or why it is none. */
  pattern(text: string): Pattern | Failure;
}

/** One way to call a function. */
export interface Overload {
  readonly name: string;
  /** Called as `target.name(…)`; the target is the first pararuntime. */
  readonly member: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
  /** Called with values that fit the pararuntimes. */
  readonly run: (a: CelValue, b: CelValue, c: CelValue, d: CelValue, runtime: Runtime) => Outcome;
  /** Says what is wrong with a text that is written out as the last argument, so that it is refused before it runs. */
  readonly complaint: Complain | undefined;
  /** Units of an evaluation's budget, as Kubernetes counts them. */
  readonly price: Price;
}

/** What is wrong with a text, in a sentence; a refusal if Kubernetes would take it and the profile does not. */
export type Complain = (text: string) => string | Refusal | undefined;

/**
 * Of the arguments alone, asked before the call; or of the result, asked after.
 * `known` says whether types leave one way to understand the call.
 */
export type Price =
  | { readonly before: (a: CelValue, b: CelValue, known: boolean) => number }
  | { readonly after: (result: CelValue) => number };

interface Options {
  readonly price?: Price;
  readonly complaint?: Complain;
}

type Run<Params extends readonly TypeName[]> = (...args: [...NativesOf<Params>, Runtime]) => Outcome;

/** Declares `name(params…)`. */
export function fun<const Params extends readonly TypeName[]>(
  name: string,
  params: Params,
  result: TypeName,
  run: Run<Params>,
  options: Options = {},
): Overload {
  return overload(name, false, params, result, run, options);
}

/** Declares `params[0].name(params[1]…)`. */
export function method<const Params extends readonly TypeName[]>(
  name: string,
  params: Params,
  result: TypeName,
  run: Run<Params>,
  options: Options = {},
): Overload {
  return overload(name, true, params, result, run, options);
}

function overload<const Params extends readonly TypeName[]>(
  name: string,
  member: boolean,
  params: Params,
  result: TypeName,
  run: Run<Params>,
  { price = flat, complaint }: Options,
): Overload {
  // The caller has checked that the values fit `params`, which is what the narrower type of `run` says.
  const call = run as unknown as (...args: (CelValue | Runtime)[]) => Outcome;
  const calls: readonly Overload["run"][] = [
    (_a, _b, _c, _d, runtime) => call(runtime),
    (a, _b, _c, _d, runtime) => call(a, runtime),
    (a, b, _c, _d, runtime) => call(a, b, runtime),
    (a, b, c, _d, runtime) => call(a, b, c, runtime),
    (a, b, c, d, runtime) => call(a, b, c, d, runtime),
  ];
  const chosen = calls[params.length];
  if (chosen === undefined) throw new TypeError(`${name} has too many pararuntimes`);
  return { name, member, params: params.map(typeOfName), result: typeOfName(result), run: chosen, price, complaint };
}

function typeOfName(name: TypeName): CelType {
  if (name === "A" || name === "B") return { kind: "param", name };
  if (name === "map(A,B)") return mapOf(typeOfName("A"), typeOfName("B"));
  if (name === "map(string,list(string))") return mapOf(typeOfName("string"), typeOfName("list(string)"));
  const [, outer, element] = /^(list|optional)\((.+)\)$/.exec(name) ?? [];
  if (element === undefined) return { kind: name as ScalarKind };
  return (outer === "list" ? listOf : optionalOf)(typeOfName(element as TypeName));
}

/** Functions whose price Kubernetes knows only where types leave one way to call them; else they cost one unit. */
export const pricedIfKnown: ReadonlySet<string> = new Set(["_+_", "string", "bytes"]);

/** Whether a value may be passed for a pararuntime. Of lists and maps the first element is asked, as in Kubernetes. */
export function fits(value: CelValue, type: CelType): boolean {
  switch (type.kind) {
    case "dyn":
    case "param":
      return true;
    case "string":
      return typeof value === "string";
    case "int":
      return typeof value === "bigint";
    case "list":
      return isList(value) && (value[0] === undefined || fits(value[0], type.element));
    case "map":
      return isMap(value);
    case "null":
      return value === null;
    default:
      return kindOf(value) === type.kind;
  }
}

/** One unit. */
export const flat: Price = { before: () => 1 };

/** A tenth of a unit a character or element of the first argument. */
export const traversal: Price = { before: (a) => Math.ceil(sizeOf(a) * 0.1) };
/** As `traversal`, and as much for building the result. */
export const rebuilding: Price = { before: (a) => Math.ceil(sizeOf(a) * 0.2) };
/** A text against a regular expression. */
export const matching: Price = {
  before: (a, b) => Math.ceil((1 + sizeOf(a)) * 0.1) * Math.ceil(sizeOf(b) * 0.25),
};

/** Characters, bytes, elements or keys; 1 for anything else. */
export function sizeOf(value: CelValue): number {
  if (typeof value === "string") return lengthInCharacters(value);
  if (isList(value)) return value.length;
  if (value instanceof Uint8Array) return value.length;
  return isMap(value) ? value.size : 1;
}
