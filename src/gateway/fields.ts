/** What another process sent or wrote, before anything about it is known. */
export type Fields = { readonly [key: string]: unknown };

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The JSON object in these bytes; a text says why there is none. */
export function readObject(bytes: Uint8Array, bytesMax: number): Fields | string {
  if (bytes.length > bytesMax) return `it has ${bytes.length} bytes, at most ${bytesMax} are allowed`;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    return `it is not JSON in UTF-8: ${cause instanceof Error ? cause.message.slice(0, 120) : "unreadable"}`;
  }
  return isFields(value) ? value : "it is not an object";
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The first key that is missing or not known; undefined if the keys are exactly these, and some of the optional ones. */
export function keyProblem(
  fields: Fields,
  keys: readonly string[],
  optional: readonly string[] = [],
): string | undefined {
  const missing = keys.find((key) => !Object.hasOwn(fields, key));
  if (missing !== undefined) return `${missing} is missing`;
  const unknown = Object.keys(fields).find((key) => !keys.includes(key) && !optional.includes(key));
  return unknown === undefined ? undefined : `${shown(unknown)} is not a field`;
}

/** A foreign value for a message: short, and without control characters or bidi text. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}
