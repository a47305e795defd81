import type { SourceDocument } from "./document.ts";
import { formatAdvice } from "./formats.ts";
import type { JsonValue } from "./json.ts";
import { pointerLabel, pointerParent, pointerParts, pointerTo } from "./pointer.ts";
import type { Finding } from "./refusal.ts";
import {
  childOf,
  choosingKey,
  chosen,
  follow,
  isMap,
  propertyOf,
  type SchemaNode,
  type SchemaPlace,
  schemaAt,
  wordsOf,
} from "./schema-walk.ts";
import { describe, exampleOf, phrase, typeNames } from "./schema-words.ts";
import { nearest } from "./suggest.ts";
import type { SchemaError } from "./validators.generated.js";

interface Context {
  readonly source: SourceDocument;
  readonly root: SchemaNode;
  readonly value: JsonValue;
}

export interface SchemaFindings {
  readonly findings: readonly Finding[];
  /** Pointers beside the findings' own of which nothing is known either: a key that was meant, a choice that cannot be told. */
  readonly doubts: ReadonlySet<string>;
}

type Found = Finding & { readonly doubts?: readonly string[] };

/** The errors of a schema's validator as findings: one a mistake, each with what was found, what is allowed and what to write. */
export function schemaFindings(
  source: SourceDocument,
  root: SchemaNode,
  errors: readonly SchemaError[],
): SchemaFindings {
  if (source.value === undefined) return { findings: [], doubts: new Set() };
  const context: Context = { source, root, value: source.value };
  const found = new Map<string, Finding>();
  const doubts = new Set<string>();
  for (const error of errors) {
    const told = findingOf(context, error);
    if (told === undefined) continue;
    const { doubts: own = [], ...finding } = told;
    const key = `${finding.code} ${finding.pointer}`;
    if (!found.has(key)) found.set(key, finding);
    for (const pointer of own) doubts.add(pointer);
  }
  // A mistyped key is one mistake, though the key that was meant is missing too.
  const findings = [...found.values()].filter(
    ({ code, pointer = "" }) => code !== "key-missing" || !doubts.has(pointer),
  );
  return { findings, doubts };
}

function findingOf(context: Context, error: SchemaError): Found | undefined {
  const pointer = error.instancePath;
  const whole = schemaAt(context.root, context.value, pointer);
  if (whole === undefined) return undefined;
  const choice = choiceFinding(context, error, whole);
  if (choice !== "not-a-choice") return choice;
  const place = { ...whole, schema: chosen(context.root, whole.schema, childAt(context, pointer)) };
  switch (error.keyword) {
    case "required":
      return missingKey(context, pointer, place.schema, String(error.params["missingProperty"]));
    case "additionalProperties":
      return unknownKey(context, pointer, place.schema, String(error.params["additionalProperty"]));
    case "type":
      return wrongType(context, pointer, place);
    case "enum":
      return typeof childAt(context, pointer) === "string"
        ? notAllowed(context, pointer, place.schema.enum ?? [])
        : undefined;
    case "pattern": {
      // A key's pattern speaks twice; `propertyNames` says which key it is. Of an empty text its length is the mistake.
      const text = childAt(context, pointer);
      const isEmpty = text === "" && place.schema.minLength !== undefined;
      return typeof text === "string" && !isEmpty ? malformed(context, pointer, place) : undefined;
    }
    case "propertyNames":
      return malformedKey(context, pointer, place, String(error.params["propertyName"]));
    case "oneOf":
      return undefined;
    default:
      return outOfRange(context, pointer, place, error);
  }
}

/** Errors at and below a `oneOf` come from every branch: only those of the branch that the author meant are kept. */
function choiceFinding(context: Context, error: SchemaError, place: SchemaPlace): Found | undefined | "not-a-choice" {
  const itself = place.schema.oneOf !== undefined;
  const pointer = itself ? error.instancePath : pointerParent(error.instancePath);
  const choice = itself ? place : schemaAt(context.root, context.value, pointer);
  if (choice?.schema.oneOf === undefined) return "not-a-choice";
  const value = childAt(context, pointer);
  const branches = choice.schema.oneOf.map((branch) => follow(context.root, branch).schema);
  if (!branches.some(isMap)) return typeChoice(context, error, pointer, branches);
  if (value === null || typeof value !== "object" || Array.isArray(value)) return wrongType(context, pointer, choice);
  const undecided = undecidedChoice(context, pointer, branches, value);
  if (undecided !== undefined) return { ...undecided, doubts: undecided.pointer === pointer ? [] : [pointer] };
  const branch = chosen(context.root, choice.schema, value);
  if (!itself) {
    const key = pointerParts(error.instancePath).at(-1) ?? "";
    return key === choosingKey(branches) || propertyOf(branch, key) === undefined ? undefined : "not-a-choice";
  }
  const foreign = Object.keys(value).find(
    (key) => propertyOf(branch, key) === undefined && branches.some((each) => propertyOf(each, key) !== undefined),
  );
  if (foreign !== undefined) return foreignKey(context, pointer, branch, branches, foreign);
  if (error.keyword === "required") {
    return branch.required?.includes(String(error.params["missingProperty"])) ? "not-a-choice" : undefined;
  }
  const unknown = String(error.params["additionalProperty"]);
  return error.keyword === "additionalProperties" && propertyOf(branch, unknown) === undefined
    ? "not-a-choice"
    : undefined;
}

/** A choice between types, such as text or a list: whichever it is, the other branch's word on the type is none. */
function typeChoice(
  context: Context,
  error: SchemaError,
  pointer: string,
  branches: readonly SchemaNode[],
): Found | undefined | "not-a-choice" {
  const value = childAt(context, pointer);
  const [schema] = branches.filter(({ type }) => type === (Array.isArray(value) ? "array" : typeof value));
  if (schema !== undefined)
    return error.instancePath === pointer && error.keyword === "type" ? undefined : "not-a-choice";
  const found = wrongType(context, pointer, {
    schema: branches[0] ?? {},
    definition: undefined,
    description: undefined,
  });
  const allowed = branches.map(({ type }) => typeNames.get(type ?? "")).join(", or ");
  return { ...found, message: found.message.replace(/; allowed: .*$/, `; allowed: ${allowed}`) };
}

/** A choice whose branch cannot be told. */
function undecidedChoice(
  context: Context,
  pointer: string,
  branches: readonly SchemaNode[],
  value: JsonValue,
): Found | undefined {
  const keys = Object.keys(value ?? {});
  const choosing = choosingKey(branches);
  const words = branches.flatMap((branch) => wordsOf(branch, choosing));
  if (choosing === undefined) {
    if (keys.some((key) => branches.some((each) => nearest(key, Object.keys(each.properties ?? {})) !== undefined)))
      return undefined;
    const allowed = branches.map(({ required = [] }) => required.join(" and ")).join(", or ");
    const message = `${pointerLabel(pointer)} says nothing that is known here; allowed: ${allowed}`;
    const [schema = {}] = branches;
    const example = exampleOf(context.root, { schema, definition: undefined, description: undefined });
    return finding(context, "key-missing", pointer, message, `write ${example ?? allowed}`);
  }
  const word = childOf(value, choosing);
  const choice: SchemaNode = { type: "string", enum: words, description: `one of ${words.join(", ")}` };
  if (word === undefined) {
    // With a mistyped `use`, the unknown key is the mistake; each other key waits for it.
    const typed = keys.find((key) => nearest(key, [choosing]) !== undefined);
    const schema = { properties: { [choosing]: choice } };
    if (typed === undefined) return missingKey(context, pointer, schema, choosing);
    return unknownKey(context, pointer, schema, typed);
  }
  const at = pointerTo(pointer, choosing);
  if (typeof word !== "string")
    return wrongType(context, at, { schema: choice, definition: undefined, description: undefined });
  return words.includes(word) ? undefined : notAllowed(context, at, words);
}

/** A key of another branch: one mistake, though the branch's own key may be missing for it. */
function foreignKey(
  context: Context,
  pointer: string,
  branch: SchemaNode,
  branches: readonly SchemaNode[],
  key: string,
): Found {
  const at = pointerTo(pointer, key);
  const choosing = choosingKey(branches);
  const word = wordsOf(branch, choosing)[0];
  const other = branches.find((each) => propertyOf(each, key) !== undefined);
  const otherForm = other === undefined ? undefined : wordsOf(other, choosing)[0];
  const own = branch.required?.find((name) => childOf(childAt(context, pointer), name) === undefined);
  const kept = word === undefined ? (branch.required ?? []).join(" and ") : `${choosing}: ${word}`;
  const first = own === undefined || word === undefined ? `take ${key} out` : `write ${own} instead`;
  const second = otherForm === undefined ? `keep ${key} alone` : `write ${choosing}: ${otherForm}`;
  const message = `${pointerLabel(at)} does not go with ${kept}`;
  return {
    ...finding(context, "key-unknown", at, message, `${first}, or ${second}`),
    place: context.source.locateKey(at),
    doubts: [pointer],
  };
}

function missingKey(context: Context, pointer: string, schema: SchemaNode, key: string): Finding {
  const property = propertyOf(schema, key);
  const place = property === undefined ? undefined : follow(context.root, property);
  const example = place === undefined ? undefined : exampleOf(context.root, place);
  const what = place?.description === undefined ? "" : ` (${phrase(place.description)})`;
  const message = `${pointer === "/spec" ? "spec" : pointerLabel(pointer)} has no ${key}`;
  const fix = example === undefined ? `add ${key}${what}` : `add, for example, ${key}: ${example}${what}`;
  return finding(context, "key-missing", pointerTo(pointer, key), message, fix);
}

function unknownKey(context: Context, pointer: string, schema: SchemaNode, key: string): Found {
  const known = Object.keys(schema.properties ?? {});
  const free = known.filter((name) => childOf(childAt(context, pointer), name) === undefined);
  const near = nearest(key, free) ?? nearest(key, known);
  const at = pointerTo(pointer, key);
  const place = context.source.locateKey(at);
  const label = pointerLabel(at);
  if (near !== undefined) {
    const message = `${label} is not a key that is known here; did you mean "${near}"?`;
    const base = finding(
      context,
      "key-unknown",
      at,
      message,
      free.includes(near) ? `write ${near}` : `take it out: ${near} is there already`,
    );
    return { ...base, place, doubts: free.includes(near) ? [pointerTo(pointer, near)] : [] };
  }
  const home = known.find((name) => {
    const property = propertyOf(schema, name);
    return property !== undefined && propertyOf(follow(context.root, property).schema, key) !== undefined;
  });
  const fix = home === undefined ? `take it out; known here: ${known.join(", ")}` : `move it into ${home}`;
  const doubts = home === undefined ? [] : movedTo(context, pointer, schema, home, key);
  return { ...finding(context, "key-unknown", at, `${label} is not a key that is known here`, fix), place, doubts };
}

/** The place that a key one level too high belongs to. Where all of it is missing, that is said by itself. */
function movedTo(context: Context, pointer: string, schema: SchemaNode, home: string, key: string): readonly string[] {
  const at = pointerTo(pointer, home);
  const value = childAt(context, at);
  if (value === undefined) return schema.required?.includes(home) ? [] : [at];
  return childOf(value, key) === undefined ? [pointerTo(at, key)] : [];
}

function wrongType(context: Context, pointer: string, place: SchemaPlace): Finding {
  const { schema, definition } = place;
  const found = childAt(context, pointer);
  const label = pointerLabel(pointer);
  const wanted = typeNames.get(schema.type ?? "object") ?? "something else";
  const example = exampleOf(context.root, place);
  if (found === null || found === undefined) {
    const parent = schemaAt(context.root, context.value, pointerParent(pointer))?.schema;
    const own = parent && chosen(context.root, parent, undefined).required;
    const needed = parent === undefined || own?.includes(pointerParts(pointer).at(-1) ?? "");
    const fill = example === undefined ? "fill it in" : `write for example ${example}`;
    return finding(
      context,
      "value-empty",
      pointer,
      `${label} is empty`,
      needed ? fill : `${fill}, or take the key out`,
    );
  }
  const written = context.source.written(pointer) ?? "";
  const mismatch = (fix: string): Finding => {
    const message = `${label} is ${describe(found, written)}; allowed: ${wanted}`;
    return finding(context, "type-mismatch", pointer, message, fix);
  };
  switch (schema.type) {
    case "string": {
      const fits = (text: string) =>
        schema.enum?.includes(text) ?? (schema.pattern === undefined || new RegExp(schema.pattern).test(text));
      if (typeof found !== "object" && fits(written)) return mismatch(`write ${JSON.stringify(written)} in quotes`);
      if (schema.enum !== undefined) return mismatch(`write one of ${schema.enum.join(", ")}`);
      const advice =
        typeof found === "number" && definition !== undefined ? formatAdvice(definition, written, fits) : undefined;
      return mismatch(advice?.fix ?? `write for example ${example ?? "text in quotes"}`);
    }
    case "boolean":
      if (typeof found === "string" && /^(?:true|false)$/i.test(found))
        return mismatch(`write ${found.toLowerCase()} without quotes`);
      return mismatch("write true or false");
    case "integer":
      if (typeof found === "string" && /^-?[0-9]+$/.test(found)) return mismatch(`write ${found} without quotes`);
      return mismatch(`write a whole number from ${schema.minimum} to ${schema.maximum}`);
    case "array":
      return mismatch(typeof found === "object" ? `write for example ${example}` : `write [${written}]`);
    default:
      return mismatch(example === undefined ? `write ${wanted}` : `write for example ${example}`);
  }
}

function notAllowed(context: Context, pointer: string, allowed: readonly string[]): Finding {
  const found = String(childAt(context, pointer));
  const near = nearest(found, allowed) ?? (allowed.length === 1 ? allowed[0] : undefined);
  const list = allowed.length === 1 ? allowed[0] : allowed.join(", ");
  const hint = near !== undefined && allowed.length > 1 ? `; did you mean "${near}"?` : "";
  const fix = near === undefined ? `write one of ${list}` : `write ${near}`;
  return finding(
    context,
    "value-not-allowed",
    pointer,
    `${pointerLabel(pointer)} is ${JSON.stringify(found)}; allowed: ${list}${hint}`,
    fix,
  );
}

function malformed(context: Context, pointer: string, place: SchemaPlace): Finding {
  const found = childAt(context, pointer);
  const text = String(found);
  const fits = (candidate: string) =>
    place.schema.pattern !== undefined && new RegExp(place.schema.pattern).test(candidate);
  const advice = place.definition === undefined ? undefined : formatAdvice(place.definition, text, fits);
  const trimmed = text.trim();
  if (advice === undefined && trimmed !== text && fits(trimmed)) {
    const message = `${pointerLabel(pointer)} begins or ends with white space`;
    return finding(context, "value-malformed", pointer, message, `write ${JSON.stringify(trimmed)}`);
  }
  const allowed = advice?.allowed ?? phrase(place.schema.description ?? "another form");
  return finding(
    context,
    "value-malformed",
    pointer,
    `${pointerLabel(pointer)} is ${JSON.stringify(text)}; allowed: ${allowed}`,
    advice?.fix ?? `write for example ${exampleOf(context.root, place) ?? "another value"}`,
  );
}

function malformedKey(context: Context, pointer: string, place: SchemaPlace, key: string): Finding {
  const names = place.schema.propertyNames === undefined ? undefined : follow(context.root, place.schema.propertyNames);
  const fits = (candidate: string) =>
    names?.schema.pattern !== undefined && new RegExp(names.schema.pattern).test(candidate);
  const advice = names?.definition === undefined ? undefined : formatAdvice(names.definition, key, fits);
  const at = pointerTo(pointer, key);
  const message = `${JSON.stringify(key)} cannot be a key of ${pointerLabel(pointer)}; allowed: ${advice?.allowed ?? "another form"}`;
  return {
    ...finding(context, "key-malformed", at, message, advice?.fix ?? "choose another name"),
    place: context.source.locateKey(at),
  };
}

function outOfRange(context: Context, pointer: string, place: SchemaPlace, error: SchemaError): Finding {
  const found = childAt(context, pointer);
  const label = pointerLabel(pointer);
  const { minimum, maximum } = place.schema;
  switch (error.keyword) {
    case "minLength":
      return finding(context, "value-empty", pointer, `${label} is empty`, "fill it in");
    case "maxLength": {
      const message = `${label} has ${String(found).length} characters; allowed: at most ${place.schema.maxLength}`;
      return finding(context, "value-too-long", pointer, message, "shorten it");
    }
    case "minItems":
      return finding(
        context,
        "list-empty",
        pointer,
        `${label} is an empty list; allowed: at least one`,
        `write for example ${exampleOf(context.root, place)}`,
      );
    case "maxItems": {
      const message = `${label} has ${Array.isArray(found) ? found.length : "too many"} entries; allowed: at most ${place.schema.maxItems}`;
      return finding(context, "list-too-long", pointer, message, "shorten the list");
    }
    case "uniqueItems": {
      const [first, second] = [Number(error.params["j"]), Number(error.params["i"])].sort((a, b) => a - b);
      const at = pointerTo(pointer, second ?? 0);
      const message = `${label} names ${String(childAt(context, at))} twice (it is ${pointerLabel(pointerTo(pointer, first ?? 0))} already)`;
      return finding(context, "list-repeats", at, message, "keep one of the two");
    }
    default: {
      const message = `${label} is ${context.source.written(pointer)}; allowed: ${minimum} to ${maximum}`;
      return finding(context, "value-out-of-range", pointer, message, `write a number from ${minimum} to ${maximum}`);
    }
  }
}

function childAt(context: Context, pointer: string): JsonValue | undefined {
  let at: JsonValue | undefined = context.value;
  for (const part of pointerParts(pointer)) at = childOf(at, part);
  return at;
}

function finding(context: Context, code: string, pointer: string, message: string, fix: string): Finding {
  return { code, severity: "error", message, fix, pointer, place: context.source.locate(pointer) };
}
