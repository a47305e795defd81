import { SplitMix64 } from "#executor/random.ts";

export type Place = "broker" | "gateway" | "feed" | "executor-ts" | "executor-py" | "algorithm-py";
const places: readonly Place[] = ["broker", "gateway", "gateway", "feed", "executor-ts", "executor-py", "algorithm-py"];

export type Blow =
  | { readonly atMs: number; readonly what: "kill"; readonly place: Place }
  | { readonly atMs: number; readonly what: "pause"; readonly place: Place; readonly forMs: number }
  /** The TypeScript executor stands still, another one starts with its state, and it goes on. */
  | { readonly atMs: number; readonly what: "second"; readonly forMs: number };

/** The blows of a storm, in their order: the same for the same seed. When exactly a process is hit the machine says. */
export function drawBlows(seed: number, lastsMs: number): readonly Blow[] {
  const random = new SplitMix64(BigInt(seed));
  const below = (most: number): number => Math.floor(random.next() * most);
  const blows: Blow[] = [];
  const count = 6 + below(5);
  for (let index = 0; index < count; index += 1) {
    const atMs = below(lastsMs);
    const place = places[below(places.length)] ?? "gateway";
    const kind = below(10);
    if (kind < 6) blows.push({ atMs, what: "kill", place });
    else if (kind < 8) blows.push({ atMs, what: "pause", place, forMs: 200 + below(4_000) });
    else blows.push({ atMs, what: "second", forMs: 500 + below(6_000) });
  }
  return blows.sort((a, b) => a.atMs - b.atMs);
}

export function describeBlow(blow: Blow): string {
  const at = `${String(blow.atMs).padStart(6)} ms`;
  switch (blow.what) {
    case "kill":
      return `${at}  kill -9 ${blow.place}`;
    case "pause":
      return `${at}  pause ${blow.place} for ${blow.forMs} ms`;
    case "second":
      return `${at}  a second executor-ts; the first stands still for ${blow.forMs} ms`;
  }
}
