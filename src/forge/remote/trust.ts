import { Agent, fetch as fetchWith } from "undici";

export type Fetch = typeof globalThis.fetch;

/** Whom to believe that the forge is the forge, where that is none of the authorities that machines know. */
export interface Trust {
  /** For Git: the absolute path of a PEM file, which each of its calls reads anew. */
  readonly authorityFile: string;
  readonly fetch: Fetch;
}

/** @param pem of the authorities; no other is believed */
export function trustOf(authorityFile: string, pem: string): Trust {
  const dispatcher = new Agent({ connect: { ca: pem } });
  // Node's own fetch is the same code, without a way to say whom it believes.
  const fetch = ((url, init) => fetchWith(url as URL, { ...init, dispatcher } as object)) as Fetch;
  return { authorityFile, fetch };
}
