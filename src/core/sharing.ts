/** Whose signals may be read by whom: `team/name` or `team/*` on both sides. */
export type Sharing = { readonly [publisher: string]: readonly (string | undefined)[] | undefined };

/** The strategy whose signals a channel brings; undefined if it brings something else. */
export function publisherOf(channel: string): string | undefined {
  return /^strat\/([^/]+\/[^/]+)\/signal$/.exec(channel)?.[1];
}

/** What is not said is not allowed, within a team either; nobody reads its own. */
export function mayRead(sharing: Sharing | undefined, publisher: string, reader: string): boolean {
  if (publisher === reader) return false;
  return Object.entries(sharing ?? {}).some(
    ([pattern, readers]) =>
      covers(pattern, publisher) && readers?.some((item) => item !== undefined && covers(item, reader)) === true,
  );
}

/** `momentum/*` covers every strategy of the team, and nothing covers a part of a name. */
function covers(pattern: string, strategy: string): boolean {
  return pattern.endsWith("/*") ? strategy.startsWith(pattern.slice(0, -1)) : pattern === strategy;
}
