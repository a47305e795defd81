import { nearest } from "../suggest.ts";
import type { Call, Comprehension, Expression, Identifier, Literal, MapLiteral, Select } from "./ast.ts";
import type { FaultDetail } from "./faults.ts";
import { functions } from "./functions.ts";
import { checkLiterals } from "./literal-types.ts";
import { adviseOverload, describeCall } from "./overload-advice.ts";
import type { Overload } from "./overloads.ts";
import {
  boolType,
  type CelType,
  dynType,
  errorType,
  formatType,
  listOf,
  mapOf,
  sameType,
  stringType,
} from "./types.ts";
import { assign, Bindings, instantiate, moreGeneral, resolve } from "./unify.ts";
import { kindOf } from "./values.ts";

/** Names of types, which stand for values: `type(x) == string`. */
const typeNames: ReadonlySet<string> = new Set([
  "bool",
  "bytes",
  "double",
  "int",
  "list",
  "map",
  "null_type",
  "string",
  "type",
  "uint",
]);

type Names = ReadonlyMap<string, CelType>;

/** Finds the type of each node, and every mistake, not only the first. */
export class Checker {
  readonly faults: FaultDetail[] = [];
  readonly #variables: Names;
  readonly #overloads = new Map<Call, readonly Overload[]>();
  readonly #types = new Map<Expression, CelType>();
  readonly #bindings = new Bindings();
  #fresh = 0;

  constructor(variables: Names) {
    this.#variables = variables;
  }

  /** The ways in which a call can be meant, after `check`. */
  overloadsOf(call: Call): readonly Overload[] {
    return this.#overloads.get(call) ?? [];
  }

  check(expression: Expression): CelType {
    this.#check(expression, this.#variables);
    const typeOf = (node: Expression) => final(resolve(this.#bindings, this.#types.get(node) ?? dynType));
    this.faults.push(...checkLiterals(expression, typeOf));
    return typeOf(expression);
  }

  #check(node: Expression, names: Names): CelType {
    const type = this.#checkNode(node, names);
    this.#types.set(node, type);
    return type;
  }

  #checkNode(node: Expression, names: Names): CelType {
    switch (node.kind) {
      case "literal":
        return literalType(node);
      case "identifier":
        return this.#checkIdentifier(node, names);
      case "select":
        return this.#checkSelect(node, names);
      case "call":
        return this.#checkCall(node, names);
      case "logic":
        for (const term of node.terms) this.#expectBool(term, names, `${node.operator} needs bool`);
        return boolType;
      case "conditional":
        return this.#checkConditional(node.test, node.then, node.otherwise, names);
      case "list":
        return listOf(this.#join(node.items, names) ?? this.#freshVariable());
      case "map":
        return this.#checkMap(node, names);
      case "comprehension":
        return this.#checkComprehension(node, names);
    }
  }

  #checkIdentifier({ name, at, end }: Identifier, names: Names): CelType {
    const known = names.get(name);
    if (known !== undefined) return known;
    if (typeNames.has(name)) return { kind: "type" };
    const near = nearest(name, [...names.keys()]);
    const fix = near === undefined ? `there are: ${[...names.keys()].join(", ")}` : `write ${near}`;
    return this.#fault({ code: "unknown-variable", message: `there is no variable ${name}`, fix, at, end });
  }

  #checkSelect({ operand, field, test, at, end }: Select, names: Names): CelType {
    const type = resolve(this.#bindings, this.#check(operand, names));
    const found = this.#fieldType(type, field, at, end);
    return test ? boolType : found;
  }

  #fieldType(type: CelType, field: string, at: number, end: number): CelType {
    switch (type.kind) {
      case "object": {
        const known = type.fields.get(field);
        if (known !== undefined) return known;
        const fields = [...type.fields.keys()];
        const near = nearest(field, fields);
        const fix = near === undefined ? `there are: ${fields.join(", ")}` : `write ${near}`;
        return this.#fault({ code: "unknown-field", message: `there is no field ${field}`, fix, at, end });
      }
      case "map":
        return type.value;
      case "param":
        this.#assign([dynType], [type]);
        return dynType;
      case "dyn":
      case "error":
        return dynType;
      default:
        return this.#fault({ code: "type", message: `${formatType(type)} has no fields, so no ${field}`, at, end });
    }
  }

  #checkConditional(test: Expression, then: Expression, otherwise: Expression, names: Names): CelType {
    this.#expectBool(test, names, "? needs bool");
    const types = [this.#check(then, names), this.#check(otherwise, names)] as const;
    const result = this.#freshVariable();
    if (this.#assign(types, [result, result])) return resolve(this.#bindings, result);
    const [first, second] = types.map((type) => formatType(resolve(this.#bindings, type)));
    return this.#fault({
      code: "type",
      message: `the two branches differ: ${first} and ${second}`,
      fix: "make them one type, with string(…), int(…) or double(…)",
      at: otherwise.start,
      end: otherwise.end,
    });
  }

  #checkMap({ entries }: MapLiteral, names: Names): CelType {
    const keys = entries.map(({ key }) => key);
    const values = entries.map(({ value }) => value);
    const key = this.#keyType(keys, names);
    return mapOf(key, this.#join(values, names) ?? this.#freshVariable());
  }

  /** Keys are scalars, which also keeps types small: one that held two others could double with each step. */
  #keyType(keys: readonly Expression[], names: Names): CelType {
    const type = resolve(this.#bindings, this.#join(keys, names) ?? this.#freshVariable());
    if (keys.length > 0 && type.kind === "param") this.#assign([dynType], [type]);
    const wrong = keys.find((key) => !keyKinds.has(resolve(this.#bindings, this.#types.get(key) ?? dynType).kind));
    if (wrong === undefined) return type;
    const found = formatType(resolve(this.#bindings, this.#types.get(wrong) ?? dynType));
    const message = `a key is a string, an int, a uint or a bool, not ${found}`;
    return this.#fault({ code: "type", message, at: wrong.start, end: wrong.end });
  }

  /** The type of all elements of a literal, `dyn` if they differ; `checkLiterals` refuses most that do. */
  #join(items: readonly Expression[], names: Names): CelType | undefined {
    let joined: CelType | undefined;
    for (const item of items) {
      const type = this.#check(item, names);
      if (joined === undefined) joined = type;
      else joined = this.#assign([joined], [type]) ? moreGeneral(joined, type) : dynType;
    }
    return joined;
  }

  #checkComprehension(node: Comprehension, names: Names): CelType {
    const range = resolve(this.#bindings, this.#check(node.range, names));
    const element = this.#elementType(range, node);
    const inner = new Map(names).set(node.variable, element);
    if (node.macro === "map") {
      if (node.condition !== undefined) this.#expectBool(node.condition, inner, "the condition of map needs bool");
      return listOf(resolve(this.#bindings, this.#check(node.body, inner)));
    }
    this.#expectBool(node.body, inner, `${node.macro} needs bool`);
    return node.macro === "filter" ? listOf(resolve(this.#bindings, element)) : boolType;
  }

  #elementType(range: CelType, node: Comprehension): CelType {
    switch (range.kind) {
      case "list":
        return resolve(this.#bindings, range.element).kind === "type" ? this.#typeLoop(node) : range.element;
      case "map":
        return range.key;
      case "object":
        return stringType;
      case "dyn":
      case "error":
      case "param":
        this.#assign([dynType], [range]);
        return dynType;
      default: {
        const message = `${node.macro} needs a list or a map, not ${formatType(range)}`;
        return this.#fault({ code: "type", message, at: node.range.start, end: node.range.end });
      }
    }
  }

  #typeLoop({ range }: Comprehension): CelType {
    const { start: at, end } = range;
    return this.#fault({ code: "outside-profile", ...typeLoop, at, end });
  }

  #checkCall(call: Call, names: Names): CelType {
    const inputs = call.target === undefined ? call.args : [call.target, ...call.args];
    const types = inputs.map((input) => this.#check(input, names));
    const declared = functions.get(call.name);
    if (declared === undefined) return this.#unknownFunction(call);
    const field = call.name === "_[_]" ? this.#indexedType(call, types[0]) : undefined;
    if (field !== undefined) return field;
    const member = call.target !== undefined;
    let result: CelType | undefined;
    const fitting: Overload[] = [];
    for (const overload of declared) {
      if (overload.member !== member || overload.params.length !== types.length) continue;
      const suffix = this.#nextSuffix();
      const params = overload.params.map((param) => instantiate(param, suffix));
      if (!this.#assign(types, params)) continue;
      const type = resolve(this.#bindings, instantiate(overload.result, suffix));
      fitting.push(overload);
      if (result === undefined) result = type;
      else if (result.kind !== "dyn" && !sameType(type, result)) result = dynType;
    }
    if (result === undefined) return this.#noOverload(call, declared, types);
    this.#overloads.set(call, fitting);
    this.#checkConstant(call, fitting);
    return result;
  }

  /** `spec['name']` is `spec.name`, and an element of anything may be anything. */
  #indexedType(call: Call, operand: CelType | undefined): CelType | undefined {
    const key = call.args[1];
    const type = operand === undefined ? dynType : resolve(this.#bindings, operand);
    if (type.kind === "dyn" || type.kind === "error") return dynType;
    if (type.kind !== "object" || key?.kind !== "literal" || typeof key.value !== "string") return undefined;
    return this.#fieldType(type, key.value, key.start, key.end);
  }

  #unknownFunction(call: Call): CelType {
    if (call.name === "has") {
      const message = "has() takes one field: has(a.b)";
      return this.#fault({ code: "type", message, at: call.at, end: call.end });
    }
    const near = nearest(
      call.name,
      [...functions.keys()].filter((name) => /^[a-z]/i.test(name)),
    );
    const at = call.at;
    return this.#fault({
      code: "unknown-function",
      message: `there is no function ${call.name}`,
      ...(near === undefined ? {} : { fix: `write ${near}` }),
      at,
      end: at + call.name.length,
    });
  }

  #noOverload(call: Call, declared: readonly Overload[], types: readonly CelType[]): CelType {
    const known = types.map((type) => resolve(this.#bindings, type));
    const fix = adviseOverload(call, declared, known);
    const { at } = call;
    const end =
      call.name.startsWith("_") || call.name.endsWith("_") || call.name === "@in" ? at + 1 : at + call.name.length;
    const message = `no function fits: ${describeCall(call, known)}`;
    return this.#fault({ code: "type", message, ...(fix === undefined ? {} : { fix }), at, end });
  }

  /** A text written out where a duration, a pattern or the like is parsed from it must be one. */
  #checkConstant(call: Call, fitting: readonly Overload[]): void {
    const last = call.args.at(-1);
    if (last?.kind !== "literal" || typeof last.value !== "string") return;
    for (const { complaint } of fitting) {
      const found = complaint?.(last.value);
      if (found === undefined) continue;
      const { start: at, end } = last;
      if (typeof found === "string") this.#fault({ code: "invalid-literal", message: found, at, end });
      else this.#fault({ code: "outside-profile", ...found, at, end });
      return;
    }
  }

  #expectBool(node: Expression, names: Names, message: string): void {
    const type = resolve(this.#bindings, this.#check(node, names));
    if (this.#assign([type], [boolType])) return;
    this.#fault({ code: "type", message: `${message}, not ${formatType(type)}`, at: node.start, end: node.end });
  }

  #assign(from: readonly CelType[], to: readonly CelType[]): boolean {
    return assign(this.#bindings, from, to);
  }

  #freshVariable(): CelType {
    return { kind: "param", name: `_${this.#nextSuffix()}` };
  }

  #nextSuffix(): string {
    this.#fresh += 1;
    return `#${this.#fresh}`;
  }

  #fault(detail: FaultDetail): CelType {
    this.faults.push(detail);
    return errorType;
  }
}

const keyKinds: ReadonlySet<string> = new Set(["string", "int", "uint", "bool", "dyn", "error", "param"]);

const typeLoop = { message: "a loop over types is outside the profile", fix: "compare each type on its own" };

/** A type variable that nothing has bound stands for anything. */
function final(type: CelType): CelType {
  switch (type.kind) {
    case "param":
      return dynType;
    case "list":
    case "optional":
      return { kind: type.kind, element: final(type.element) };
    case "map":
      return mapOf(final(type.key), final(type.value));
    default:
      return type;
  }
}

function literalType({ value }: Literal): CelType {
  const kind = kindOf(value);
  if (kind === "null_type") return { kind: "null" };
  return kind === "list" || kind === "map" || kind === "optional" ? dynType : { kind };
}
