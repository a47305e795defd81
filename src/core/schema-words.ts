import type { JsonValue } from "./json.ts";
import { follow, propertyOf, type SchemaNode, type SchemaPlace } from "./schema-walk.ts";

/** What a person could write, in YAML, if it is short enough to read in a sentence. */
export function exampleOf(root: SchemaNode, place: SchemaPlace, depth = 0): string | undefined {
  const { schema, definition } = place;
  if (schema.items !== undefined)
    return schema.items.$ref === "#/$defs/channel" ? "[quotes]" : listExample(schema.items);
  const text = schema.enum?.[0] ?? schema.examples?.[0];
  if (text !== undefined) return /^[0-9.]+$/.test(text) || definition === "orderRate" ? JSON.stringify(text) : text;
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

function listExample(items: SchemaNode): string {
  const name = items.$ref?.replace("#/$defs/", "");
  const examples = new Map([
    ["instrument", "[AAPL]"],
    ["venue", "[paper]"],
  ]);
  return name === undefined ? `[${items.enum?.[0] ?? "a-name"}]` : (examples.get(name) ?? "[]");
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
