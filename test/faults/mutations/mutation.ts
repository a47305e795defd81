import { join } from "node:path";
import { executorMutations } from "./executor.ts";
import { gatewayMutations } from "./gateway.ts";

/** One line of the production code, and what it is broken into. */
export interface Edit {
  /** Below `src/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
}

/** A way in which the production code could be wrong, that storms have to notice. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Why it does no harm by itself: no storm notices it, and another mutation breaks the second defence, too. */
  readonly harmless?: string;
  /** The file of tests that notices what storms come to too seldom, or do not look at. */
  readonly test?: string;
}

export const mutations: readonly Mutation[] = [...executorMutations, ...gatewayMutations];

export function mutationOf(name: string): Mutation {
  const found = mutations.find((mutation) => mutation.name === name);
  if (found === undefined) throw new Error(`there is no mutation ${name}`);
  return found;
}

export function pathOf(file: string): string {
  return join(import.meta.dirname, "../../../src", file);
}

/** @throws Error if the text does not stand there exactly once: then the mutation is out of date */
export function applied(source: string, { file, from, to }: Edit): string {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times ${JSON.stringify(from)}`);
  return parts.join(to);
}
