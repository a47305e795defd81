import type { SourceDocument } from "./document.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { pointerParent, pointerParts, pointerTo } from "./pointer.ts";

/**
 * What is known of a document that may be refused in places: a value that a finding stands at is `undefined`, with its key or index
 * still there; what is simply not written has no key. For checks to read, never to render.
 */
export type Parts<T> = T extends readonly (infer Item)[]
  ? readonly (Parts<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Parts<T[Key]> | undefined }
    : T;

/** Pointers that the findings about a document's form stand at. */
export interface Refused {
  /** Values that are refused, missing, or in doubt for what stands beside them. */
  readonly values: ReadonlySet<string>;
  /** Keys that are refused themselves: what they were meant to be is not known, so they are left out. */
  readonly keys: ReadonlySet<string>;
}

export interface KnownParts {
  readonly parts: unknown;
  /** Whether each member of a list or map is known: only then is a name that is not among them truly not there. */
  readonly whole: (pointer: string) => boolean;
}

/** Takes out of a document whatever is refused. What is left keeps to the schema. */
export function knownParts(source: SourceDocument, refused: Refused): KnownParts {
  const incomplete = new Set<string>();
  const read = (value: JsonValue, pointer: string): unknown => {
    if (refused.values.has(pointer)) return undefined;
    if (Array.isArray(value)) return value.map((item: JsonValue, index) => read(item, pointerTo(pointer, index)));
    if (value !== null && typeof value === "object") return readMap(value, pointer);
    if (!source.refused(pointer)) return value;
    incomplete.add(pointerParent(pointer));
    return undefined;
  };
  const members = refusedMembers(refused);
  const readMap = (map: JsonObject | readonly JsonValue[], pointer: string): unknown => {
    const parts: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(map)) {
      const at = pointerTo(pointer, key);
      if (!refused.keys.has(at)) parts[key] = read(member, at);
    }
    for (const key of members.get(pointer) ?? []) {
      if (!Object.hasOwn(map, key)) parts[key] = undefined;
    }
    return parts;
  };
  for (const pointer of [...refused.values, ...refused.keys]) incomplete.add(pointerParent(pointer));
  return {
    parts: source.value === undefined ? undefined : read(source.value, ""),
    whole: (pointer) => source.value !== undefined && !incomplete.has(pointer) && !refused.values.has(pointer),
  };
}

/** The keys of refused values by what holds them. */
function refusedMembers({ values }: Refused): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, string[]>();
  for (const pointer of values) {
    const parent = pointerParent(pointer);
    const keys = members.get(parent) ?? [];
    keys.push(pointerParts(pointer).at(-1) ?? "");
    members.set(parent, keys);
  }
  return members;
}

/** Whether a member is there, or should be, and nothing is known of it. */
export function isRefused<T extends object>(parts: T, key: keyof T): boolean {
  return Object.hasOwn(parts, key) && parts[key] === undefined;
}

/**
 * A member of a map whose keys are names.
 *
 * @param pointer where the map stands
 * @returns `undefined` if it is not there, `"refused"` if nothing is known of it or of the map
 */
export function namedIn<T>(
  { whole }: Pick<KnownParts, "whole">,
  pointer: string,
  map: { readonly [name: string]: T | undefined } | undefined,
  name: string,
): T | "refused" | undefined {
  if (map === undefined) return "refused";
  if (Object.hasOwn(map, name)) return map[name] ?? "refused";
  return whole(pointer) ? undefined : "refused";
}
