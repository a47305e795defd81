import type { StrategyId } from "#core/identity.ts";
import { type Finding, findingText, formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { mainRef } from "#delivery/names.ts";
import { strategyOf } from "#delivery/render-tree.ts";
import { readCommit } from "#delivery/tree.ts";
import type { Repository } from "#git/port.ts";

/** What the check says today of strategies on main, at main's time: errors, for which one is rendered as stopped, and warnings. */
export async function findingsToday(
  repository: Repository,
  strategies: readonly StrategyId[],
  environment: string,
): Promise<ReadonlyMap<StrategyId, readonly Finding[]>> {
  const main = strategies.length === 0 ? undefined : await repository.resolve(mainRef);
  if (main === undefined) return new Map();
  const tree = await readCommit(repository, main, { code: (id) => strategies.some((known) => known === id) });
  const there = strategies.filter((id) => tree.has(`strategies/${id}/strategy.yaml`));
  const atSeconds = (await repository.commit(main)).committer.timeSeconds;
  const { findings } = await checkTree(tree, { strategies: there, environments: [environment], atSeconds });
  return new Map(there.map((id) => [id, findings.filter((finding) => strategyOf(finding) === id)]));
}

/** Strategies that do not run because the policies refuse them, a line each. */
export function describeStoppedByPolicy(found: ReadonlyMap<StrategyId, readonly Finding[]>): readonly string[] {
  return [...found].flatMap(([id, findings]) => {
    const first = findings.find(({ severity }) => severity === "error");
    return first === undefined
      ? []
      : [`  ! ${id} is stopped, because today's policies refuse it: ${findingText(first)}   → slipway status ${id}`];
  });
}

/** Why no event comes to it, as far as its spec tells. */
export function describeSilence(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ code }) => code === "channel-unfed" || code === "signal-unpublished")
    .flatMap(({ message, place, fix }) => [
      `            → ${place === undefined ? "" : `${formatPlace(place)} `}${message}`,
      ...(fix === undefined ? [] : [`              ${fix}`]),
    ]);
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
