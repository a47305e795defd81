import type { JsonValue } from "./json.ts";
import { follow, propertyOf, type SchemaNode, type SchemaPlace } from "./schema-walk.ts";

/** What a person could write, in YAML, if it is short enough to read in a sentence. */
export function exampleOf(root: SchemaNode, place: SchemaPlace, depth = 0): string | undefined {
  const { schema, definition } = place;
  if (schema.items !== undefined) return listExample(root, schema, schema.items);
  const text = schema.enum?.[0] ?? schema.examples?.[0];
  if (text !== undefined)
    return /^[0-9.]+$|^[0-9]{4}-/.test(text) || definition === "orderRate" ? JSON.stringify(text) : text;
  if (schema.minimum !== undefined) return String(schema.minimum);
  if (schema.type === "boolean") return "true";
  const branch = schema.oneOf?.[0];
  if (depth === 3) return undefined;
  if (branch !== undefined) return exampleOf(root, follow(root, branch), depth + 1);
  const members = (schema.required ?? []).map((key) => [key, propertyOf(schema, key)] as const);
  const name = schema.propertyNames === undefined ? undefined : follow(root, schema.propertyNames).schema.examples?.[0];
  if (name !== undefined && typeof schema.additionalProperties === "object")
    members.push([name, schema.additionalProperties]);
  if (name !== undefined && schema.additionalProperties === true) return `{ ${name}: 10 }`;
  const parts = members.map(
    ([key, member]) =>
      [key, member === undefined ? undefined : exampleOf(root, follow(root, member), depth + 1)] as const,
  );
  if (parts.length === 0 || parts.some(([, example]) => example === undefined)) return undefined;
  const shown = `{ ${parts.map(([key, example]) => `${key}: ${example}`).join(", ")} }`;
  return shown.length > 100 ? undefined : shown;
}

function listExample(root: SchemaNode, list: SchemaNode, items: SchemaNode): string {
  const { schema, definition } = follow(root, items);
  if (schema.type === "object" && schema.additionalProperties === true) return "[{}]";
  const [one] = schema.examples ?? schema.enum ?? [];
  // Where nothing may stand, nothing is what a person should start with; strategies that trade nothing are no example.
  const empty = list.minItems === undefined && definition !== "instrument" && definition !== "venue";
  if (definition !== undefined && (empty || one === undefined)) return "[]";
  return `[${one ?? "a-name"}]`;
}

export const typeNames: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["integer", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list in [ ]"],
  ["object", "a map of keys and values"],
]);

export function describe(found: JsonValue, written: string): string {
  if (Array.isArray(found)) return "a list";
  if (typeof found === "object") return "a map";
  if (typeof found === "string") return `the text ${JSON.stringify(found)}`;
  return typeof found === "number" ? `the number ${written}` : written;
}

export function phrase(description: string): string {
  return description.charAt(0).toLowerCase() + description.slice(1).replace(/\.$/, "");
}
