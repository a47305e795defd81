import { compareStrategies, type FieldChange, type StrategyState } from "#core/direction.ts";
import type { StrategyId } from "#core/identity.ts";
import { comparePolicies } from "#core/policy-direction.ts";
import type { CheckReport } from "./check.ts";
import { refusedStrategies } from "./render-tree.ts";
import type { Side } from "./sides.ts";
import type { ChangeSummary } from "./summarize.ts";

/** One field that a proposal changes, and which way. */
export interface DirectedChange extends FieldChange {
  /** Whose it is, for a change of a strategy. */
  readonly strategy?: StrategyId;
  /** `strategies/momentum/sma-cross/strategy.yaml`, `policies/teams.yaml` */
  readonly file: string;
  /** Where it counts; `undefined`: everywhere. */
  readonly environments: readonly string[] | undefined;
}

/**
 * All that a proposal changes, field by field with its direction: of each strategy it touches what runs in each environment before and after (a
 * refused one runs nowhere), and of the policies each field.
 */
export function directChanges(before: Side, after: Side, { strategies }: ChangeSummary): readonly DirectedChange[] {
  const names = [...new Set([...before.report.environments, ...after.report.environments])].sort();
  const ofStrategies = names.flatMap((environment) => {
    const [old, now] = [before, after].map(({ report }) => statesIn(report, environment));
    return strategies.flatMap(({ id }) =>
      compareStrategies(old?.get(id), now?.get(id)).map((change) => ({
        ...change,
        strategy: id,
        file: `strategies/${id}/strategy.yaml`,
        environments: [environment],
      })),
    );
  });
  return [...ofStrategies, ...comparePolicies(before.policies, after.policies)];
}

/** What runs, or may be started, in an environment. */
function statesIn(report: CheckReport, environment: string): ReadonlyMap<StrategyId, StrategyState> {
  const refused = refusedStrategies(report.findings, environment);
  const states = new Map<StrategyId, StrategyState>();
  for (const { id, environments } of report.strategies) {
    const found = environments.find(({ name }) => name === environment);
    if (found?.bundle === undefined || refused.has(id)) continue;
    const { effective, bundle } = found;
    states.set(id, { effective, codeDigest: bundle.kind === "none" ? "none" : bundle.sha256 });
  }
  return states;
}
