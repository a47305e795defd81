/** What JSON keeps no deeper than this; a value that holds itself is deeper. */
const depthMax = 200;

/**
 * Why a value would not come back from JSON as it was, for example `snapshot().prices is a Map, which JSON cannot keep`; undefined if it would.
 * `JSON.stringify` makes `null` of NaN and `{}` of a Map without a word. A property that is undefined is not there.
 *
 * @param at what the value is called
 */
export function whyNotPlain(value: unknown, at: string, depth = 0): string | undefined {
  const cannot = (what: string): string => `${at.slice(0, 200)} is ${what}, which JSON cannot keep`;
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : cannot(String(value));
  if (typeof value !== "object") return cannot(value === undefined ? "undefined" : `a ${typeof value}`);
  if (depth > depthMax) return `${at.slice(0, 200)} is more than ${depthMax} levels deep, or holds itself`;
  if (Array.isArray(value)) return firstOf(value.keys(), (key) => whyNotPlain(value[key], `${at}[${key}]`, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return cannot(`a ${nameOf(value)}`);
  return firstOf(Object.keys(value), (key) => {
    const item: unknown = Reflect.get(value, key);
    return item === undefined ? undefined : whyNotPlain(item, `${at}.${key}`, depth + 1);
  });
}

function firstOf<Key>(keys: Iterable<Key>, find: (key: Key) => string | undefined): string | undefined {
  for (const key of keys) {
    const found = find(key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(value: object): string {
  const { name } = Object(value.constructor) as { readonly name?: unknown };
  return typeof name === "string" && name !== "" ? name : "class of its own";
}
