import type { EffectiveStrategy } from "#core/effective.ts";

/** What an environment runs of a strategy: nothing where the spec does not name it, or something stands in the way. */
export type EffectiveOrNothing = EffectiveStrategy | "nothing";

/**
 * What environments make of specs, by everything that it is made of: the spec, the environment, and what the policies hold the strategy to at the
 * instant. A cache of a pure function, so losing it costs time only.
 */
export interface SpecIndex {
  /** Of a strategy that is not in question: as this process worked it out, or as another one has left it. */
  get(key: string): EffectiveOrNothing | undefined;
  /** Only what this process worked out itself. */
  proven(key: string): EffectiveOrNothing | undefined;
  set(key: string, value: EffectiveOrNothing): void;
  /** Leaves to other processes what was asked for since the last time, if there is a place for it and enough of it is new. */
  save(): Promise<void>;
}

/**
 * Remembers what this process works out. What was not asked for while as many others came goes.
 *
 * @param entriesMax how many are kept at least; there are never more than twice as many
 */
export function memorySpecIndex(entriesMax = 60_000): SpecIndex {
  let recent = new Map<string, EffectiveOrNothing>();
  let earlier = new Map<string, EffectiveOrNothing>();
  const set = (key: string, value: EffectiveOrNothing): void => {
    if (recent.size >= entriesMax) [earlier, recent] = [recent, new Map()];
    recent.set(key, value);
  };
  const get = (key: string): EffectiveOrNothing | undefined => {
    const found = recent.get(key);
    if (found !== undefined) return found;
    const old = earlier.get(key);
    if (old !== undefined) set(key, old);
    return old;
  };
  return { get, proven: get, set, save: () => Promise.resolve() };
}
