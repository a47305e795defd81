import type { SourceDocument } from "./document.ts";
import { formatAdvice } from "./formats.ts";
import type { JsonValue } from "./json.ts";
import { pointerLabel, pointerParent, pointerParts, pointerTo } from "./pointer.ts";
import type { Finding } from "./refusal.ts";
import { childOf, chosen, follow, propertyOf, type SchemaNode, type SchemaPlace, schemaAt } from "./schema-walk.ts";
import { nearest } from "./suggest.ts";
import type { SchemaError } from "./validators.generated.js";

interface Context {
  readonly source: SourceDocument;
  readonly root: SchemaNode;
  readonly value: JsonValue;
}

/** The errors of a schema's validator as findings: one a mistake, each with what was found, what is allowed and what to write. */
export function schemaFindings(
  source: SourceDocument,
  root: SchemaNode,
  errors: readonly SchemaError[],
): readonly Finding[] {
  if (source.value === undefined) return [];
  const context: Context = { source, root, value: source.value };
  const findings = new Map<string, Finding>();
  for (const error of errors) {
    const finding = findingOf(context, error);
    if (finding === undefined || source.refused(finding.pointer ?? "")) continue;
    const key = `${finding.code} ${finding.pointer}`;
    if (!findings.has(key)) findings.set(key, finding);
  }
  return withoutEchoes([...findings.values()]);
}

/** A mistyped key is one mistake, though the key that was meant is missing too. */
function withoutEchoes(findings: readonly (Finding & { readonly meant?: string })[]): readonly Finding[] {
  const meant = new Set(findings.flatMap((finding) => (finding.meant === undefined ? [] : [finding.meant])));
  return findings
    .filter(({ code, pointer }) => code !== "key-missing" || !meant.has(pointer ?? ""))
    .map(({ meant: _meant, ...finding }) => finding);
}

function findingOf(context: Context, error: SchemaError): (Finding & { readonly meant?: string }) | undefined {
  const pointer = error.instancePath;
  const place = schemaAt(context.root, context.value, pointer);
  if (place === undefined) return undefined;
  const choice = choiceFinding(context, error, place);
  if (choice !== "not-a-choice") return choice;
  switch (error.keyword) {
    case "required":
      return missingKey(
        context,
        pointer,
        chosen(context.root, place.schema, childAt(context, pointer)),
        String(error.params["missingProperty"]),
      );
    case "additionalProperties":
      return unknownKey(
        context,
        pointer,
        chosen(context.root, place.schema, childAt(context, pointer)),
        String(error.params["additionalProperty"]),
      );
    case "type":
      return wrongType(context, pointer, place);
    case "enum":
      return typeof childAt(context, pointer) === "string"
        ? notAllowed(context, pointer, place.schema.enum ?? [])
        : undefined;
    case "pattern":
      return error.propertyName === undefined
        ? malformed(context, pointer, place)
        : malformedKey(context, pointer, place, error.propertyName);
    case "propertyNames":
    case "oneOf":
      return undefined;
    default:
      return outOfRange(context, pointer, place, error);
  }
}

/** Errors at and below a `oneOf` come from every branch: only those of the branch that the author meant are kept. */
function choiceFinding(context: Context, error: SchemaError, place: SchemaPlace): Finding | undefined | "not-a-choice" {
  const inside =
    place.schema.oneOf === undefined ? schemaAt(context.root, context.value, pointerParent(error.instancePath)) : place;
  if (inside?.schema.oneOf === undefined) return "not-a-choice";
  const pointer = inside === place ? error.instancePath : pointerParent(error.instancePath);
  const value = childAt(context, pointer);
  const branches = inside.schema.oneOf.map((branch) => follow(context.root, branch).schema);
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return wrongType(context, pointer, { ...inside, schema: { type: "object" } });
  const words = branches.flatMap((branch) => branch.properties?.["use"]?.enum ?? []);
  const branch = chosen(context.root, inside.schema, value);
  if (words.length > 0) {
    const word = childOf(value, "use");
    if (word === undefined) {
      // With a mistyped `use`, the unknown key is the mistake; each other key waits for it.
      const typed = Object.keys(value).find((key) => nearest(key, ["use"]) !== undefined);
      const all = { properties: { use: { enum: words } } };
      return typed === undefined ? missingKey(context, pointer, all, "use") : unknownKey(context, pointer, all, typed);
    }
    if (typeof word !== "string")
      return wrongType(context, pointerTo(pointer, "use"), { ...inside, schema: { type: "string", enum: words } });
    if (!words.includes(word)) return notAllowed(context, pointerTo(pointer, "use"), words);
  } else if (
    !Object.keys(value).some((key) =>
      branches.some((each) => nearest(key, Object.keys(each.properties ?? {})) !== undefined),
    )
  ) {
    const message = `${pointerLabel(pointer)} names no code: it needs entry and runtime, or rpc`;
    return finding(context, "key-missing", pointer, message, "write { entry: algorithm.ts, runtime: node }");
  }
  if (error.keyword === "required") {
    const key = String(error.params["missingProperty"]);
    return branch.required?.includes(key) && childOf(value, key) === undefined ? "not-a-choice" : undefined;
  }
  if (error.keyword === "additionalProperties" && inside === place) {
    const key = String(error.params["additionalProperty"]);
    if (propertyOf(branch, key) !== undefined) return undefined;
    const other = branches.find((each) => each !== branch && propertyOf(each, key) !== undefined);
    if (other === undefined) return "not-a-choice";
    const at = pointerTo(pointer, key);
    const label = pointerLabel(pointer);
    const kept =
      typeof childOf(value, "use") === "string"
        ? `use: ${String(childOf(value, "use"))}`
        : Object.keys(branch.properties ?? {}).join(" and ");
    const message = `${label}.${key} does not go with ${kept}`;
    return {
      ...finding(context, "key-unknown", at, message, `take ${key} out, or choose the other form`),
      place: context.source.locateKey(at),
    };
  }
  if (inside === place) return undefined;
  const key = pointerParts(error.instancePath).at(-1) ?? "";
  return key === "use" || propertyOf(branch, key) === undefined ? undefined : "not-a-choice";
}

function missingKey(context: Context, pointer: string, schema: SchemaNode, key: string): Finding {
  const property = propertyOf(schema, key);
  const place = property === undefined ? undefined : follow(context.root, property);
  const example = place === undefined ? undefined : exampleOf(place);
  const what = place?.description === undefined ? "" : ` (${phrase(place.description)})`;
  const message = `${pointer === "/spec" ? "spec" : pointerLabel(pointer)} has no ${key}`;
  const fix = example === undefined ? `add ${key}${what}` : `add, for example, ${key}: ${example}${what}`;
  return finding(context, "key-missing", pointerTo(pointer, key), message, fix);
}

function unknownKey(
  context: Context,
  pointer: string,
  schema: SchemaNode,
  key: string,
): Finding & { readonly meant?: string } {
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
    return { ...base, place, ...(free.includes(near) ? { meant: pointerTo(pointer, near) } : {}) };
  }
  const home = known.find((name) => {
    const property = propertyOf(schema, name);
    return property !== undefined && propertyOf(follow(context.root, property).schema, key) !== undefined;
  });
  const fix = home === undefined ? `take it out; known here: ${known.join(", ")}` : `move it into ${home}`;
  return { ...finding(context, "key-unknown", at, `${label} is not a key that is known here`, fix), place };
}

function wrongType(context: Context, pointer: string, place: SchemaPlace): Finding {
  const { schema, definition } = place;
  const found = childAt(context, pointer);
  const label = pointerLabel(pointer);
  const wanted = typeNames.get(schema.type ?? "") ?? "something else";
  const example = exampleOf(place);
  if (found === null || found === undefined) {
    const fix =
      example === undefined ? "fill it in, or take the key out" : `write for example ${example}, or take the key out`;
    return finding(context, "value-empty", pointer, `${label} is empty`, fix);
  }
  const written = context.source.written(pointer) ?? "";
  const message = `${label} is ${describe(found, written)}; allowed: ${wanted}`;
  if (schema.type === "string" && typeof found === "number") {
    const fits = (text: string) => schema.pattern === undefined || new RegExp(schema.pattern).test(text);
    const fix = fits(written) ? `write ${JSON.stringify(written)} in quotes` : undefined;
    const advice =
      fix === undefined && definition !== undefined ? formatAdvice(definition, written, fits)?.fix : undefined;
    return finding(
      context,
      "type-mismatch",
      pointer,
      `${label} is the number ${written}; allowed: text`,
      fix ?? advice ?? `write ${example ?? "text in quotes"}`,
    );
  }
  if (schema.type === "boolean" && typeof found === "string" && /^(?:true|false)$/i.test(found)) {
    return finding(context, "type-mismatch", pointer, message, `write ${found.toLowerCase()} without quotes`);
  }
  if (schema.type === "integer" && typeof found === "string" && /^-?[0-9]+$/.test(found)) {
    return finding(context, "type-mismatch", pointer, message, `write ${found} without quotes`);
  }
  if (schema.type === "array" && typeof found !== "object") {
    return finding(context, "type-mismatch", pointer, message, `write [${written}]`);
  }
  if (schema.type === "string" && typeof found === "boolean") {
    return finding(
      context,
      "type-mismatch",
      pointer,
      message,
      example === undefined ? `write "${written}" in quotes` : `write for example ${example}`,
    );
  }
  return finding(context, "type-mismatch", pointer, message, `write ${example ?? wanted}`);
}

const typeNames: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["integer", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list in [ ]"],
  ["object", "a map of keys and values"],
]);

function describe(found: JsonValue, written: string): string {
  if (Array.isArray(found)) return "a list";
  if (typeof found === "object") return "a map";
  if (typeof found === "string") return `the text ${JSON.stringify(found)}`;
  return typeof found === "number" ? `the number ${written}` : written;
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
  const allowed = advice?.allowed ?? phrase(place.schema.description ?? "another form");
  return finding(
    context,
    "value-malformed",
    pointer,
    `${pointerLabel(pointer)} is ${JSON.stringify(text)}; allowed: ${allowed}`,
    advice?.fix ?? `write for example ${exampleOf(place)}`,
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
    case "minItems":
      return finding(
        context,
        "list-empty",
        pointer,
        `${label} is an empty list; allowed: at least one`,
        `write for example ${exampleOf(place)}`,
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

/** What a person could write, in YAML. */
function exampleOf({ schema, definition }: SchemaPlace): string | undefined {
  if (schema.items !== undefined)
    return schema.items.$ref === "#/$defs/channel" ? "[quotes]" : listExample(schema.items);
  const text = schema.enum?.[0] ?? schema.examples?.[0];
  if (text !== undefined) return /^[0-9.]+$/.test(text) || definition === "orderRate" ? JSON.stringify(text) : text;
  if (schema.minimum !== undefined) return String(schema.minimum);
  return schema.type === "boolean" ? "true" : undefined;
}

function listExample(items: SchemaNode): string {
  const name = items.$ref?.replace("#/$defs/", "") ?? items.enum?.[0] ?? "";
  const examples = new Map([
    ["instrument", "AAPL"],
    ["venue", "paper"],
    ["rpcAddress", '"tcp://host:4242"'],
    ["package", "numpy"],
  ]);
  return `[${examples.get(name) ?? name}]`;
}

function phrase(description: string): string {
  return description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, "");
}

function childAt(context: Context, pointer: string): JsonValue | undefined {
  let at: JsonValue | undefined = context.value;
  for (const part of pointerParts(pointer)) at = childOf(at, part);
  return at;
}

function finding(context: Context, code: string, pointer: string, message: string, fix: string): Finding {
  return { code, severity: "error", message, fix, pointer, place: context.source.locate(pointer) };
}
