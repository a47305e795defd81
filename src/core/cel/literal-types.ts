import { type Call, childrenOf, type Expression } from "./ast.ts";
import type { FaultDetail } from "./faults.ts";
import { clauseKinds, parseTemplate } from "./format-text.ts";
import { mapIndex } from "./json.ts";
import { type CelType, formatType, sameType } from "./types.ts";
import { Failure, type ValueKind } from "./values.ts";

type TypeOf = (node: Expression) => CelType;

/**
 * What can be said of literals once every type is known: elements of one type, as Kubernetes demands, and templates that
 * fit their arguments.
 */
export function checkLiterals(expression: Expression, typeOf: TypeOf): readonly FaultDetail[] {
  const faults: FaultDetail[] = [];
  visit(expression, false, typeOf, faults);
  return faults;
}

/** @param free within a call of `format`, which takes arguments of any type */
function visit(node: Expression, free: boolean, typeOf: TypeOf, faults: FaultDetail[]): void {
  if (node.kind === "list" && !free) checkSame(node.items, typeOf, faults);
  if (node.kind === "map") {
    const keys = node.entries.map(({ key }) => key);
    const values = node.entries.map(({ value }) => value);
    checkKeys(keys, faults);
    if (!free) checkSame(keys, typeOf, faults);
    if (!free) checkSame(values, typeOf, faults);
  }
  const isFormat = node.kind === "call" && node.name === "format";
  if (isFormat) checkTemplate(node, typeOf, faults);
  for (const child of childrenOf(node)) visit(child, free || isFormat, typeOf, faults);
}

/** Kubernetes tells the types of `int` and `string` apart, too. */
const typeList = { message: "a list of types is outside the profile", fix: "compare each type on its own" };

function checkSame(items: readonly Expression[], typeOf: TypeOf, faults: FaultDetail[]): void {
  const [first, ...rest] = items;
  if (first === undefined) return;
  const wanted = typeOf(first);
  const [second] = rest;
  if (wanted.kind === "type" && second !== undefined) {
    const { start: at, end } = second;
    faults.push({ code: "outside-profile", ...typeList, at, end });
    return;
  }
  for (const item of rest) {
    const type = typeOf(item);
    if (sameType(type, wanted) || type.kind === "error" || wanted.kind === "error") continue;
    faults.push({
      code: "type",
      message: `a literal holds one type: ${formatType(type)} behind ${formatType(wanted)}`,
      fix: "make them one type, with string(…), int(…), double(…) or dyn(…) on each",
      at: item.start,
      end: item.end,
    });
    return;
  }
}

/** Kubernetes takes a key twice, and the last of the two. */
function checkKeys(keys: readonly Expression[], faults: FaultDetail[]): void {
  const seen = new Set<unknown>();
  for (const key of keys) {
    const index = key.kind === "literal" ? mapIndex(key.value) : undefined;
    if (index === undefined) continue;
    const { start: at, end } = key;
    if (seen.has(index)) {
      faults.push({ code: "type", message: `the key ${String(index)} is there twice`, fix: "keep one", at, end });
    }
    seen.add(index);
  }
}

function checkTemplate(call: Call, typeOf: TypeOf, faults: FaultDetail[]): void {
  const args = call.args[0];
  if (call.target?.kind !== "literal" || typeof call.target.value !== "string" || args?.kind !== "list") return;
  const refuse = (message: string, { start, end }: Expression) =>
    faults.push({ code: "invalid-literal", message, at: start, end });
  const pieces = parseTemplate(call.target.value);
  if (pieces instanceof Failure) {
    refuse(pieces.message, call.target);
    return;
  }
  const clauses = pieces.filter((piece) => typeof piece !== "string");
  for (const [index, { clause }] of clauses.entries()) {
    const item = args.items[index];
    if (item === undefined) {
      refuse(`the template has ${clauses.length} clauses for ${args.items.length} arguments`, args);
      return;
    }
    const misfit = clause === "s" ? unwritable(item, typeOf) : misfitting(item, clauseKinds[clause], typeOf);
    if (misfit !== undefined) refuse(`%${clause} does not take ${formatType(typeOf(misfit))}`, misfit);
  }
  if (args.items.length > clauses.length) {
    refuse(`the template has ${clauses.length} clauses for ${args.items.length} arguments`, args);
  }
}

function misfitting(item: Expression, kinds: ReadonlySet<ValueKind>, typeOf: TypeOf): Expression | undefined {
  const { kind } = typeOf(item);
  if (kind === "dyn" || kind === "error" || kind === "param") return undefined;
  if (kind === "object") return kinds.has("map") ? undefined : item;
  return kinds.has(kind === "null" ? "null_type" : kind) ? undefined : item;
}

/** The part of an argument that has no text. */
function unwritable(item: Expression, typeOf: TypeOf): Expression | undefined {
  const misfit = misfitting(item, clauseKinds.s, typeOf);
  if (misfit !== undefined || (item.kind !== "list" && item.kind !== "map")) return misfit;
  for (const child of childrenOf(item)) {
    const inner = unwritable(child, typeOf);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
