import type { JsonValue } from "./json.ts";
import { pointerParts } from "./pointer.ts";
import { nearest } from "./suggest.ts";

/** The part of JSON Schema that our documents use. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: { readonly [name: string]: SchemaNode };
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly examples?: readonly string[];
  readonly properties?: { readonly [name: string]: SchemaNode };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

export interface SchemaPlace {
  readonly schema: SchemaNode;
  /** The name in `$defs`, the key of the format's explanation. */
  readonly definition: string | undefined;
  /** The description nearest to the use. */
  readonly description: string | undefined;
}

/** The schema of what stands at a pointer; a choice (`oneOf`) is followed by what the value has. */
export function schemaAt(root: SchemaNode, value: JsonValue, pointer: string): SchemaPlace | undefined {
  let place = follow(root, root);
  let at: JsonValue | undefined = value;
  for (const part of pointerParts(pointer)) {
    const next = memberOf(chosen(root, place.schema, at), part);
    if (next === undefined) return undefined;
    place = follow(root, next);
    at = childOf(at, part);
  }
  return place;
}

/** A `oneOf` branch by the value: the one whose fixed word fits, else that with the most of its keys, then with the most keys like its own. */
export function chosen(root: SchemaNode, schema: SchemaNode, value: JsonValue | undefined): SchemaNode {
  const branches = schema.oneOf?.map((branch) => follow(root, branch).schema);
  const first = branches?.[0];
  if (branches === undefined || first === undefined) return schema;
  if (!branches.some(isMap)) return branches.find(({ type }) => type === typeOf(value)) ?? first;
  const key = choosingKey(branches);
  const word = key === undefined ? undefined : childOf(value, key);
  const byWord = branches.find((branch) => typeof word === "string" && wordsOf(branch, key).includes(word));
  if (byWord !== undefined) return byWord;
  const keys = value !== null && typeof value === "object" ? Object.keys(value) : [];
  const own = (branch: SchemaNode): number => keys.filter((key) => propertyOf(branch, key) !== undefined).length;
  const like = (branch: SchemaNode): number => {
    const known = Object.keys(branch.properties ?? {});
    return keys.filter((key) => !known.includes(key) && nearest(key, known) !== undefined).length;
  };
  const [best = first] = branches.toSorted((a, b) => own(b) - own(a) || like(b) - like(a));
  return best;
}

export function isMap(schema: SchemaNode): boolean {
  return schema.properties !== undefined;
}

function typeOf(value: JsonValue | undefined): string {
  return Array.isArray(value) ? "array" : typeof value;
}

const choosingKeys = ["use", "kind"] as const;

/** The key whose fixed word says which branch of a choice is meant; `undefined` where the other keys say it. */
export function choosingKey(branches: readonly SchemaNode[]): string | undefined {
  return choosingKeys.find((key) => branches.every((branch) => wordsOf(branch, key).length > 0));
}

export function wordsOf(branch: SchemaNode, key: string | undefined): readonly string[] {
  return (key === undefined ? undefined : branch.properties?.[key]?.enum) ?? [];
}

export function follow(root: SchemaNode, schema: SchemaNode): SchemaPlace {
  let place: SchemaPlace = { schema, definition: undefined, description: schema.description };
  while (place.schema.$ref !== undefined) {
    const definition = place.schema.$ref.replace("#/$defs/", "");
    const next = root.$defs?.[definition] ?? {};
    place = { schema: next, definition, description: place.description ?? next.description };
  }
  return place;
}

export function childOf(value: JsonValue | undefined, part: string): JsonValue | undefined {
  if (value === null || typeof value !== "object") return undefined;
  return Object.entries(value).find(([key]) => key === part)?.[1];
}

function memberOf(schema: SchemaNode, part: string): SchemaNode | undefined {
  if (schema.items !== undefined) return schema.items;
  const property = propertyOf(schema, part);
  if (property !== undefined) return property;
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

/** An own property's schema: `toString` is a key like any other. */
export function propertyOf(schema: SchemaNode, key: string): SchemaNode | undefined {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
}
