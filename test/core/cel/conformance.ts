// The official conformance data of CEL (cel-spec, as packaged in @bufbuild/cel-spec), and which of its cases this engine is held to.
import { tests } from "@bufbuild/cel-spec/testdata/conformance.js";
import { Checker } from "#core/cel/checker.ts";
import { compileExpression, type InputValue, type TypeShape } from "#core/cel/compile.ts";
import { parse } from "#core/cel/parser.ts";
import { formatTimestamp } from "#core/cel/time.ts";
import { formatType, typeOfShape } from "#core/cel/types.ts";
import { type CelValue, isList, isMap, TypeValue, Uint } from "#core/cel/values.ts";

/** A value as protobuf's JSON has it: `{ int64Value: "1" }`. */
export interface SpecValue {
  readonly [kind: string]: unknown;
}

export interface SpecCase {
  readonly suite: string;
  readonly name: string;
  readonly expr: string;
  readonly value?: SpecValue;
  readonly evalError?: unknown;
  readonly bindings?: Readonly<Record<string, { readonly value?: SpecValue }>>;
  readonly typeEnv?: readonly { readonly name: string; readonly ident?: { readonly type?: SpecType } }[];
  readonly typedResult?: { readonly result?: SpecValue; readonly deducedType?: SpecType };
  readonly disableCheck?: boolean;
  readonly checkOnly?: boolean;
}

export type SpecType = Readonly<Record<string, unknown>>;

interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: Omit<SpecCase, "suite"> }[];
}

export function specCases(): readonly SpecCase[] {
  const cases: SpecCase[] = [];
  const visit = (suite: Suite, path: string): void => {
    for (const { original } of suite.tests ?? []) cases.push({ ...original, suite: path });
    for (const inner of suite.suites ?? []) visit(inner, path === "" ? inner.name : `${path}/${inner.name}`);
  };
  visit(tests as unknown as Suite, "");
  return cases;
}

export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "excluded"; readonly reason: string }
  | { readonly kind: "fail"; readonly message: string };

const excluded = (reason: string): Verdict => ({ kind: "excluded", reason });

/** Runs a case, unless the profile leaves it out; the reason says which part of the profile. */
export function judge(spec: SpecCase): Verdict {
  const reason = outside(spec);
  if (reason !== undefined) return excluded(reason);
  const variables = new Map<string, TypeShape>();
  const values: Record<string, InputValue> = {};
  for (const { name, ident } of spec.typeEnv ?? []) variables.set(name, shapeOf(ident?.type));
  for (const [name, { value }] of Object.entries(spec.bindings ?? {})) {
    if (!variables.has(name)) variables.set(name, "dyn");
    const input = inputOf(value ?? {});
    if (input === undefined) return excluded("a variable that JSON cannot carry");
    values[name] = input.value;
  }
  const program = compileExpression(spec.expr, { variables }, "dyn");
  if (!program.ok) {
    const codes = new Set(program.error.map(({ code }) => code));
    if (codes.has("outside-profile")) return excluded("refused: outside the profile");
    if (spec.evalError !== undefined) return { kind: "pass" };
    if (program.error.every(({ message }) => message.startsWith("a literal holds one type"))) {
      return excluded("literals of mixed types: Kubernetes refuses them, too");
    }
    if (spec.disableCheck === true) return excluded("needs the type check off; Kubernetes checks, too");
    return { kind: "fail", message: program.error.map(({ message }) => message).join("; ") };
  }
  const type = spec.typedResult?.deducedType;
  if (type !== undefined && deduced(spec.expr, variables) !== typeText(type)) {
    return { kind: "fail", message: `type ${deduced(spec.expr, variables)}, not ${typeText(type)}` };
  }
  if (spec.checkOnly === true) return { kind: "pass" };
  const { outcome } = program.value.run(values);
  if (spec.evalError !== undefined) {
    return outcome.ok ? { kind: "fail", message: "expected an error" } : { kind: "pass" };
  }
  const wanted = spec.value ?? spec.typedResult?.result ?? { boolValue: true };
  if (!outcome.ok) return { kind: "fail", message: outcome.error.message };
  const [found, expected] = [JSON.stringify(encode(outcome.value)), JSON.stringify(normal(wanted))];
  return found === expected ? { kind: "pass" } : { kind: "fail", message: `${found}, not ${expected}` };
}

/** Suites and values that have no meaning where all data is JSON. */
function outside(spec: SpecCase): string | undefined {
  const suite = spec.suite.split("/", 1)[0] ?? "";
  const reason = suites.get(suite) ?? named.get(spec.name) ?? named.get(`${spec.suite}: ${spec.expr}`);
  if (reason !== undefined) return reason;
  if (suite === "string_ext" && /%[.0-9]*e|str_var/.test(spec.expr)) return laterFormat;
  const text = JSON.stringify([spec.value, spec.bindings, spec.typeEnv, spec.typedResult]);
  if (/objectValue|enumValue|messageType|"wrapper"|wellKnown":"ANY/.test(text)) return "protobuf messages";
  if (/TestAllTypes|google\.protobuf\.|cel\.expr\./.test(spec.expr)) return "protobuf messages";
  return undefined;
}

const suites: ReadonlyMap<string, string> = new Map([
  ["bindings_ext", "cel.bind: not in Kubernetes"],
  ["block_ext", "cel.block: not in Kubernetes"],
  ["encoders_ext", "base64: not in Kubernetes"],
  ["enums", "protobuf messages"],
  ["math_ext", "math: not in Kubernetes"],
  ["namespace", "containers: Kubernetes has none"],
  ["optionals", "optional values"],
  ["proto2", "protobuf messages"],
  ["proto2_ext", "protobuf messages"],
  ["proto3", "protobuf messages"],
  ["wrappers", "protobuf messages"],
]);

const laterFormat = "format() of a later string extension than Kubernetes has";
const laterIndex = "indexOf() of a later string extension than Kubernetes has";
const ownFunctions = "functions that the suite declares itself";

/** Single cases, by name. */
const named: ReadonlyMap<string, string> = new Map([
  ["qualified_ident", "variables with dots in their names"],
  ["map_field_select", "variables with dots in their names"],
  ["ident_with_longest_prefix_check", "variables with dots in their names"],
  ["NaN support for decimal", laterFormat],
  ["positive infinity support for decimal", laterFormat],
  ["negative infinity support for decimal", laterFormat],
  ["positive infinity support for fixed-point", laterFormat],
  ["negative infinity support for fixed-point", laterFormat],
  ["list support for string", laterFormat],
  ["map support for string", laterFormat],
  ["map support (all key types)", laterFormat],
  ["dyntype NaN/infinity support", laterFormat],
  ["dyntype support for lists", laterFormat],
  ["dyntype support for maps", laterFormat],
  ["indexof_out_of_range", laterIndex],
  ["lastindexof_out_of_range", laterIndex],
  ["function_result_type", ownFunctions],
  ["multiple_parameters_generality", ownFunctions],
  ["multiple_parameters_generality_2", ownFunctions],
  ["multiple_parameters_parameterized_ovl", ownFunctions],
  ["multiple_parameters_parameterized_ovl_2", ownFunctions],
]);

/** The type that the checker finds. */
function deduced(text: string, variables: ReadonlyMap<string, TypeShape>): string {
  const parsed = parse(text);
  const types = new Map([...variables].map(([name, shape]) => [name, typeOfShape(shape)] as const));
  return parsed.ok ? formatType(new Checker(types).check(parsed.value)) : "";
}

function typeText(type: SpecType): string {
  const [kind = "", found] = Object.entries(type)[0] ?? [];
  if (kind === "listType" && isRecord(found)) return `list(${typeText(found["elemType"] as SpecType)})`;
  if (kind === "mapType" && isRecord(found)) {
    return `map(${typeText(found["keyType"] as SpecType)}, ${typeText(found["valueType"] as SpecType)})`;
  }
  if (kind === "primitive") return String(found).toLowerCase().replace("64", "");
  return kind === "wellKnown" ? String(found).toLowerCase() : kind;
}

function shapeOf(type: SpecType | undefined): TypeShape {
  const primitive = type?.["primitive"];
  if (primitive === "STRING") return "string";
  if (primitive === "INT64") return "int";
  if (primitive === "DOUBLE") return "double";
  if (primitive === "BOOL") return "bool";
  const list = type?.["listType"];
  if (isRecord(list) && isRecord(list["elemType"])) return { list: shapeOf(list["elemType"]) };
  const map = type?.["mapType"];
  if (isRecord(map) && isRecord(map["valueType"])) return { map: shapeOf(map["valueType"]) };
  return "dyn";
}

function isRecord(value: unknown): value is SpecType {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON of a value; undefined if there is none that this engine would read as the same value. */
function inputOf(value: SpecValue): { readonly value: InputValue } | undefined {
  if (typeof value["int64Value"] === "string") return { value: BigInt(value["int64Value"]) };
  if (typeof value["doubleValue"] === "number") {
    return Number.isInteger(value["doubleValue"]) ? undefined : { value: value["doubleValue"] };
  }
  if (typeof value["stringValue"] === "string") return { value: value["stringValue"] };
  if (typeof value["boolValue"] === "boolean") return { value: value["boolValue"] };
  if ("nullValue" in value) return { value: null };
  if (isRecord(value["listValue"])) return listInput(value["listValue"]["values"]);
  return isRecord(value["mapValue"]) ? mapInput(value["mapValue"]["entries"]) : undefined;
}

function listInput(values: unknown): { readonly value: InputValue } | undefined {
  const items = (Array.isArray(values) ? values : []).map((item: SpecValue) => inputOf(item));
  const found = items.filter((item) => item !== undefined).map((item) => item.value);
  return found.length === items.length ? { value: found } : undefined;
}

function mapInput(entries: unknown): { readonly value: InputValue } | undefined {
  const result: Record<string, InputValue> = {};
  for (const { key, value } of Array.isArray(entries) ? entries : []) {
    const input = inputOf(value as SpecValue);
    const name = (key as SpecValue)["stringValue"];
    if (input === undefined || typeof name !== "string") return undefined;
    result[name] = input.value;
  }
  return { value: result };
}

/** A value of the suite in one form: numbers as text, keys of maps in order. */
function normal(value: SpecValue): unknown {
  const [kind = "", found] = Object.entries(value)[0] ?? [];
  if (kind === "doubleValue") return { double: Object.is(found, -0) ? "-0" : String(found) };
  if (kind === "nullValue") return { null: true };
  if (kind === "listValue") {
    const items = isRecord(found) && Array.isArray(found["values"]) ? found["values"] : [];
    return { list: items.map(normal) };
  }
  if (kind === "mapValue") {
    const entries = isRecord(found) && Array.isArray(found["entries"]) ? found["entries"] : [];
    return { map: sorted(entries.map(({ key, value: item }) => [normal(key), normal(item)])) };
  }
  return { [kind.replace(/Value$/, "")]: found };
}

function sorted(entries: readonly (readonly [unknown, unknown])[]): readonly unknown[] {
  return [...entries].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function encode(value: CelValue): unknown {
  if (value === null) return { null: true };
  if (typeof value === "boolean") return { bool: value };
  if (typeof value === "bigint") return { int64: String(value) };
  if (typeof value === "number") return { double: Object.is(value, -0) ? "-0" : String(value) };
  if (typeof value === "string") return { string: value };
  if (value instanceof Uint) return { uint64: String(value.value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value instanceof TypeValue) return { type: value.name };
  if (isList(value)) return { list: value.map(encode) };
  if (isMap(value)) return { map: sorted(value.keys().map((key) => [encode(key), encode(value.get(key) ?? null)])) };
  return { [value.kind]: value.kind === "timestamp" ? formatTimestamp(value) : "" };
}
