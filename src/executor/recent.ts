/**
 * What was set last of each key, the newest entries of many. Immutable, and setting copies one small part and not all of it: at 2,000 fills a second
 * a copied map of a thousand was half of what an executor did. Oldest part first; of a key that is in two, the later one counts.
 */
export type Recent<Value> = readonly ReadonlyMap<string, Value>[];

const partMax = 32;

export function lookUp<Value>(recent: Recent<Value>, key: string): Value | undefined {
  for (let index = recent.length - 1; index >= 0; index -= 1) {
    const value = recent[index]?.get(key);
    if (value !== undefined) return value;
  }
  return undefined;
}

/**
 * @param max how many settings back are remembered at least; older ones go, a part at a time
 * @param keeps whether an old entry stays, because something is awaited of it; of fewer than `max`
 */
export function remembering<Value>(
  recent: Recent<Value>,
  key: string,
  value: Value,
  { max, keeps }: { readonly max: number; readonly keeps: (key: string) => boolean },
): Recent<Value> {
  const last = recent.at(-1);
  const room = last !== undefined && (last.size < partMax || last.has(key));
  const part = new Map(room ? last : []);
  part.delete(key);
  const parts = [...(room ? recent.slice(0, -1) : recent), part.set(key, value)];
  const [oldest] = parts;
  if (oldest === undefined || (parts.length - 2) * partMax < max) return parts;
  let rest: Recent<Value> = parts.slice(1);
  for (const [old, was] of oldest) {
    if (keeps(old) && lookUp(rest, old) === undefined) rest = remembering(rest, old, was, { max, keeps });
  }
  return rest;
}

/** Each key once, those that were set last at the end. */
export function entriesOf<Value>(recent: Recent<Value>): ReadonlyMap<string, Value> {
  const entries = new Map<string, Value>();
  for (const part of recent) {
    for (const [key, value] of part) {
      entries.delete(key);
      entries.set(key, value);
    }
  }
  return entries;
}

/** As `entriesOf` gave them. */
export function recentOf<Value>(entries: Iterable<readonly [string, Value]>): Recent<Value> {
  const all = [...entries];
  const parts: ReadonlyMap<string, Value>[] = [];
  for (let at = 0; at < all.length; at += partMax) parts.push(new Map(all.slice(at, at + partMax)));
  return parts;
}
