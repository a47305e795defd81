/** A value that only its parser can make: the brand is the proof that the check was done. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };

/** The outcome of something that may be refused. A refusal is expected and a person can act on it; a fault is thrown. */
export type Result<Value, Refused> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Refused };

export function ok<Value>(value: Value): Result<Value, never> {
  return { ok: true, value };
}

export function err<Refused>(error: Refused): Result<never, Refused> {
  return { ok: false, error };
}

/** Ends a `switch` over a closed union: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}

/** What a broken invariant throws: a bug of ours, never the user's mistake. The supervisor restarts into recovery. */
export class Bug extends Error {
  override readonly name = "Bug";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** The outside failed: disk, network, Git, broker. Thrown by adapters, caught once per process. Exit code 1. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: string;
  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
