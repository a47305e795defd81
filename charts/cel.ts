import type { JsonValue } from "#core/json.ts";

/** One variable of an admission policy; later ones may use earlier ones as `variables.<name>`. */
export interface CelVariable {
  readonly name: string;
  readonly expression: string;
}

/** Kubernetes refuses an expression of more than 100,000 characters; a part of a long list stays well below. */
const partCharactersMax = 50_000;

/** A string literal of CEL: the text as it is, whatever is in it. */
export function celString(text: string): string {
  const escaped = text.replace(/[\\'\p{Cc}\u2028\u2029]/gu, (character) => {
    if (character === "\\" || character === "'") return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `'${escaped}'`;
}

/** A literal of CEL. Kubernetes wants the items of a list, and the values of a map, to be of one type unless they are wrapped in `dyn`. */
export function celLiteral(value: JsonValue): string {
  if (typeof value === "string") return celString(value);
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => celItem(item, value)).join(", ")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const values = entries.map(([, item]) => item);
  return `{${entries.map(([key, item]) => `${celString(key)}: ${celItem(item, values)}`).join(", ")}}`;
}

function celItem(item: JsonValue, all: readonly JsonValue[]): string {
  const mixed = new Set(all.map(kindOf)).size > 1;
  return mixed ? `dyn(${celLiteral(item)})` : celLiteral(item);
}

function kindOf(value: JsonValue): string {
  if (Array.isArray(value)) return "list";
  return value === null ? "null" : typeof value;
}

/** A literal as the value of a variable: an empty list has no type of its own. */
export function celTyped(value: JsonValue): string {
  return Array.isArray(value) && value.length === 0 ? "false ? [''] : []" : celLiteral(value);
}

/** `{'a': true, 'b': true}`: what `in` finds in one step, however many there are. */
export function celSet(names: readonly string[]): string {
  // An empty literal has no type, and so no place in a list beside others.
  if (names.length === 0) return "false ? {'': true} : {}";
  return `{${[...names]
    .sort()
    .map((name) => `${celString(name)}: true`)
    .join(", ")}}`;
}

/** The sets of a list that is too long for one expression; at least one. */
export function celSets(names: readonly string[]): readonly string[] {
  const parts: string[][] = [[]];
  let length = 0;
  for (const name of [...names].sort()) {
    const own = celString(name).length + ": true, ".length;
    if (length + own > partCharactersMax) {
      parts.push([]);
      length = 0;
    }
    parts.at(-1)?.push(name);
    length += own;
  }
  return parts.map(celSet);
}
