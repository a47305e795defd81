import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import type { CheckReport } from "./check.ts";
import { concerns, refusedStrategies, strategyOf } from "./render-tree.ts";

/** The line in a proposal's description that admits what its policies stop. */
export const flipsLine = "flips: stop";

/** Whether a proposal says that strategies which its policies refuse are to be stopped (design 2.5). */
export function acceptsStops(description: string): boolean {
  return /^[ \t]*flips:[ \t]*stop[ \t]*$/m.test(description);
}

/**
 * What an edit of policies makes of the findings about strategies that it does not change. One that was refused before is not its doing; one that
 * is stopped loses nothing that runs; one that runs would be stopped, and that must be said, mended or waived in the same proposal.
 *
 * @param known the tree before, by its own policies
 * @param changed the strategies that the proposal changes: they are judged like any other
 */
export function flipsOf(
  known: CheckReport,
  changed: readonly StrategyId[],
  accepted: boolean,
): (finding: Finding) => Finding {
  const said = new Set(known.findings.filter(({ severity }) => severity === "error").map(keyOf));
  const running = runningIn(known);
  return (finding) => {
    const id = strategyOf(finding);
    if (id === undefined || finding.severity !== "error" || changed.includes(id)) return finding;
    const warning: Finding = { ...finding, severity: "warning" };
    if (finding.code === "team-total-exceeded") return said.has(keyOf(finding)) ? warning : finding;
    const places = running.get(id) ?? [];
    const flips = places.filter((environment) => concerns(finding, environment));
    if (flips.length === 0) return warning;
    const where = `${id} runs in ${flips.join(", ")}`;
    if (accepted) return { ...warning, message: `${finding.message}; ${where} and will be stopped` };
    const mend = `mend it in this proposal, waive it for at most 90 days, or say "${flipsLine}" in the description to stop it`;
    return {
      ...finding,
      message: `${finding.message}; ${where}`,
      fix: finding.fix === undefined ? mend : `${finding.fix}; ${mend}`,
    };
  };
}

/** Whether a finding is of this edit's making: advice that was there before, about strategies that the edit does not change, is not. */
export function isNews(known: CheckReport, changed: readonly StrategyId[]): (finding: Finding) => boolean {
  const said = new Set(known.findings.map(placedKeyOf));
  return (finding) => {
    const id = strategyOf(finding);
    if (id === undefined || finding.severity === "error" || changed.includes(id)) return true;
    return !said.has(placedKeyOf(finding));
  };
}

function placedKeyOf(finding: Finding): string {
  const { rule, environment, place } = finding;
  return `${rule} ${environment} ${place?.file}:${place?.line}:${place?.column} ${keyOf(finding)}`;
}

/** Where each strategy runs, and is not refused. */
function runningIn({ strategies, findings }: CheckReport): ReadonlyMap<StrategyId, readonly string[]> {
  const refused = new Map<string, ReadonlySet<StrategyId>>();
  const isRefused = (id: StrategyId, environment: string): boolean => {
    const known = refused.get(environment) ?? refusedStrategies(findings, environment);
    refused.set(environment, known);
    return known.has(id);
  };
  return new Map(
    strategies.map(({ id, environments }) => [
      id,
      environments
        .filter(({ name, effective, bundle }) => effective.running && bundle !== undefined && !isRefused(id, name))
        .map(({ name }) => name),
    ]),
  );
}

function keyOf({ code, message }: Finding): string {
  return `${code} ${message}`;
}
