import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { environmentsOf, type Fleet } from "./fleet.ts";

/** The line in a proposal's description that says how many strategies it takes out of an environment. */
export function removesLine(count: number): string {
  return `removes: ${count}`;
}

/** The number that a proposal says; undefined if it says none. */
export function saidRemovals(description: string): number | undefined {
  const count = /^[ \t]*removes:[ \t]*(\d{1,6})[ \t]*$/m.exec(description)?.[1];
  return count === undefined ? undefined : Number(count);
}

/** So many at once are a proposal like any other. */
const removedMax = 3;
const namedMax = 5;

/**
 * A proposal that takes many strategies out of an environment at once must say how many: a folder that was lost from a checkout, or a script that went
 * too far, does not. More than three, and more than a tenth of those that are there.
 *
 * @param said the proposal's word; it must be the number, neither more nor less
 */
export function checkRemovals(before: Fleet, after: Fleet, said: number | undefined): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [environment] of before.environments) {
    const were = placedIn(before, environment);
    const are = new Set(placedIn(after, environment));
    const gone = were.filter((id) => !are.has(id));
    if (gone.length <= removedMax || gone.length * 10 <= were.length || said === gone.length) continue;
    const more = gone.length > namedMax ? ` and ${gone.length - namedMax} more` : "";
    const wrong = said === undefined ? "" : `, and the proposal says "${removesLine(said)}"`;
    findings.push({
      code: "mass-removal",
      severity: "error",
      message: `${gone.length} of ${were.length} strategies are taken out of ${environment} at once${wrong}: ${gone.slice(0, namedMax).join(", ")}${more}`,
      fix: `propose fewer at a time; or, if they are all to go, say "${removesLine(gone.length)}" in the description (slipway deploy --removes ${gone.length})`,
      environment,
      place: { file: `strategies/${gone[0]}/strategy.yaml` },
    });
  }
  return findings;
}

/** Sorted. What cannot be read has its own finding, and is not gone as long as its folder is there. */
function placedIn({ strategies }: Fleet, environment: string): readonly StrategyId[] {
  return [...strategies]
    .filter(
      ([, { parsed }]) =>
        parsed === undefined ||
        !parsed.whole("/spec/environments") ||
        environmentsOf(parsed.parts).includes(environment),
    )
    .map(([id]) => id)
    .sort();
}
