/** An object of the API, or of a kubeconfig, of which nothing is believed. */
export type Unknown = { readonly [key: string]: unknown };

export function asObject(value: unknown): Unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Unknown) : {};
}

export function object(from: Unknown, ...path: readonly string[]): Unknown {
  let value: unknown = from;
  for (const key of path) value = asObject(value)[key];
  return asObject(value);
}

export function list(from: Unknown, ...path: readonly string[]): readonly Unknown[] {
  const value = object(from, ...path.slice(0, -1))[path.at(-1) ?? ""];
  return Array.isArray(value) ? value.map(asObject) : [];
}

export function text(from: Unknown, ...path: readonly string[]): string | undefined {
  const value = object(from, ...path.slice(0, -1))[path.at(-1) ?? ""];
  // The client makes dates of what is one.
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function instant(from: Unknown, ...path: readonly string[]): number | undefined {
  const ms = Date.parse(text(from, ...path) ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}
