import { nearest } from "#core/suggest.ts";

// What code of a strategy's own answers is untrusted: nothing of it is passed over in silence, and nothing is read that it does not have itself.

/** What others call the fields of ours. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ["qty", "quantity"],
  ["size", "quantity"],
  ["amount", "quantity"],
  ["shares", "quantity"],
  ["volume", "quantity"],
  ["symbol", "sid"],
  ["ticker", "sid"],
  ["instrument", "sid"],
  ["action", "side"],
  ["direction", "side"],
]);

/**
 * The first field of an answer that nobody would read, in one sentence: `a decision has no field qty; did you mean quantity?`. A field that is
 * undefined is not there, as in JSON.
 *
 * @param what the answer is, for example `a decision`
 */
export function unknownField(answer: object, what: string, fields: readonly string[]): string | undefined {
  const unknown = Object.keys(answer).find(
    (field) => !fields.includes(field) && Reflect.get(answer, field) !== undefined,
  );
  if (unknown === undefined) return undefined;
  const near = nearest(unknown, [...fields, ...otherNames.keys()]);
  const meant = near === undefined ? undefined : (otherNames.get(near) ?? near);
  const fix =
    meant === undefined || !fields.includes(meant)
      ? `it may have ${fields.slice(0, -1).join(", ")} and ${fields.at(-1)}`
      : `did you mean ${meant}?`;
  return `${what} has no field ${unknown.slice(0, 40)}; ${fix}`;
}

/** A field that the answer has itself: what somebody gave all objects is not its. */
export function ownField(answer: object, field: string): unknown {
  return Object.hasOwn(answer, field) ? Reflect.get(answer, field) : undefined;
}

/** A value in a message, short. */
export function show(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 80);
  } catch {
    return typeof value;
  }
}
