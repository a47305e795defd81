const firstRetryMs = 50;
const lastRetryMs = 3_000;

/** Doubles up to 3 s. The spread comes from the identity, so that clients do not all return in the same instant. */
export function retryDelayMs(failures: number, identity: string): number {
  const base = Math.min(firstRetryMs * 2 ** Math.min(failures, 10), lastRetryMs);
  let hash = failures;
  for (const character of identity) hash = (hash * 31 + character.charCodeAt(0)) % 1009;
  return Math.round(base * (0.75 + hash / 2018));
}
