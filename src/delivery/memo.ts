import { createHash } from "node:crypto";
import { memorySpecIndex, type SpecIndex } from "./spec-index.ts";

/**
 * Remembers results of pure functions by the content of their input, so that judging and rendering cost what changed. Losing it costs time
 * only. The least recently used entries go first.
 */
export interface Memo {
  of<Value>(kind: string, key: string, make: () => Value): Value;
  /** What is made of a value that nobody changes: kept for as long as that very value is, however many there are. */
  from<Value>(kind: string, subject: object, make: () => Value): Value;
  /** Keeps at least as many results as that from now on: less than what one judgement needs would keep nothing for the next. */
  makeRoom(entries: number): void;
  readonly specs: SpecIndex;
}

export interface MemoOptions {
  /** How many results are kept at least, beside those of `specs`. Default: 20,000. */
  readonly entriesMax?: number;
  readonly specs?: SpecIndex;
}

export function createMemo({ entriesMax = 20_000, specs = memorySpecIndex() }: MemoOptions = {}): Memo {
  const kept = new Map<string, unknown>();
  let room = entriesMax;
  const derived = new WeakMap<object, Map<string, unknown>>();
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
      if (kept.size > room && oldest !== undefined) kept.delete(oldest);
      return value;
    },
    from<Value>(kind: string, subject: object, make: () => Value): Value {
      const own = derived.get(subject) ?? new Map<string, unknown>();
      derived.set(subject, own);
      // As above.
      if (own.has(kind)) return own.get(kind) as Value;
      const value = make();
      own.set(kind, value);
      return value;
    },
    makeRoom(entries) {
      room = Math.max(room, entries);
    },
    specs,
  };
}

/** Equal keys are equal values. Two orders of keys in it are two keys: then something is made once more, and comes out the same. */
export function keyOf(value: object, memo: Memo): string {
  return memo.from("key", value, () => digest(JSON.stringify(value)));
}

/** Of many values, in their order. */
export function keysOf(values: readonly object[], memo: Memo): string {
  return memo.from("keys", values, () => digest(values.map((value) => keyOf(value, memo)).join(" ")));
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
