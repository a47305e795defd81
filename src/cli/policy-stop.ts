import type { StrategyId } from "#core/identity.ts";
import { type Finding, findingText, formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { mainRef } from "#delivery/names.ts";
import { strategyOf } from "#delivery/render-tree.ts";
import { readCommit } from "#delivery/tree.ts";
import type { Repository } from "#git/port.ts";

/** What main's policies have against a strategy on main, at main's time: it is rendered as stopped then. */
export async function refusedToday(
  repository: Repository,
  strategy: StrategyId,
  environment: string,
): Promise<readonly Finding[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const tree = await readCommit(repository, main, { code: (id) => id === strategy });
  if (!tree.has(`strategies/${strategy}/strategy.yaml`)) return [];
  const atSeconds = (await repository.commit(main)).committer.timeSeconds;
  const report = await checkTree(tree, { strategies: [strategy], environments: [environment], atSeconds });
  return report.findings.filter((finding) => finding.severity === "error" && strategyOf(finding) === strategy);
}

/** The first reason, where it stands, and what to do. */
export function describeRefusedToday([first, ...others]: readonly Finding[]): readonly string[] {
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  const where = first.place === undefined ? "" : `${formatPlace(first.place)} `;
  return [
    `  refused   ✗ today's policies refuse it, so it is stopped: ${findingText(first)}${more}`,
    `            → ${where}${first.fix ?? "mend it and deploy it"}`,
  ];
}
