/** Reads what another program wrote, key by key. Each throws an `Error` that names the key; the caller says where the document came from. */
export type Fields = { readonly [key: string]: unknown };

export function fields(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${name} is not an object`);
  return value as Fields;
}

export function string(from: Fields, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw new Error(`${key} is not text`);
  return value;
}

export function integer(from: Fields, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new Error(`${key} is not a whole number`);
  return value;
}

export function items(from: Fields, key: string): readonly Fields[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new Error(`${key} is not a list`);
  return value.map((item) => fields(item, `an item of ${key}`));
}

export function oneOf<const Word extends string>(from: Fields, key: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === from[key]);
  if (found === undefined) throw new Error(`${key} is none of ${words.join(", ")}`);
  return found;
}
