/**
 * What waits in order, each under a key. Immutable, and what comes or goes copies one part of 32 and the list of parts, not all that waits: a burst of a
 * thousand bars would copy half a million entries.
 */
export type Line<Value> = readonly ReadonlyMap<string, Value>[];

const partMax = 32;

/** In this order; the keys are all different. */
export function lineOf<Value>(entries: Iterable<readonly [string, Value]>): Line<Value> {
  const all = [...entries];
  const parts: ReadonlyMap<string, Value>[] = [];
  for (let at = 0; at < all.length; at += partMax) parts.push(new Map(all.slice(at, at + partMax)));
  return parts;
}

/** What has waited longest. */
export function firstOf<Value>(line: Line<Value>): readonly [string, Value] | undefined {
  for (const entry of line[0] ?? []) return entry;
  return undefined;
}

export function lengthOf(line: Line<unknown>): number {
  let length = 0;
  for (const part of line) length += part.size;
  return length;
}

export function* entriesIn<Value>(line: Line<Value>): Iterable<readonly [string, Value]> {
  for (const part of line) yield* part;
}

/** With one more at its end. @param key of nothing that waits */
export function queued<Value>(line: Line<Value>, key: string, value: Value): Line<Value> {
  const last = line.at(-1);
  if (last === undefined || last.size >= partMax) return [...line, new Map([[key, value]])];
  return line.with(-1, new Map(last).set(key, value));
}

/** Without what waits under the key; the same line if nothing does. */
export function without<Value>(line: Line<Value>, key: string): Line<Value> {
  const index = line.findLastIndex((part) => part.has(key));
  const part = line[index];
  if (part === undefined) return line;
  if (part.size === 1) return line.toSpliced(index, 1);
  const rest = new Map(part);
  rest.delete(key);
  return line.with(index, rest);
}
