import { Fault } from "#core/result.ts";

/** Something that a person must look at, said again until it is mended. */
export interface Raised {
  readonly code: string;
  readonly message: string;
  readonly environment?: string;
  readonly number?: number;
}

/** One that fails must not keep the others waiting. */
export async function caught<Value>(
  raised: Raised[],
  about: { readonly environment?: string; readonly number?: number },
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    // Merged or closed while it was judged: then there is nothing to say.
    if (cause.code !== "proposal-not-open") raised.push({ code: cause.code, message: cause.message, ...about });
    return undefined;
  }
}
