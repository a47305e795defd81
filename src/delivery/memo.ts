import { createHash } from "node:crypto";

/**
 * Remembers results of pure functions by the content of their input, so that judging and rendering cost what changed. Losing it costs time
 * only. The least recently used entries go first.
 */
export interface Memo {
  of<Value>(kind: string, key: string, make: () => Value): Value;
}

/** @param entriesMax how many results are kept */
export function createMemo(entriesMax = 20_000): Memo {
  const kept = new Map<string, unknown>();
  return {
    of<Value>(kind: string, key: string, make: () => Value): Value {
      const id = `${kind} ${key}`;
      const known = kept.get(id);
      if (known !== undefined) {
        kept.delete(id);
        kept.set(id, known);
        // Only `make` of the same kind wrote it.
        return known as Value;
      }
      const value = make();
      kept.set(id, value);
      if (value instanceof Promise) value.catch(() => kept.delete(id));
      const oldest = kept.keys().next().value;
      if (kept.size > entriesMax && oldest !== undefined) kept.delete(oldest);
      return value;
    },
  };
}

/** SHA-256 in hex. Parts are length-prefixed, so two lists of parts never meet. */
export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}
