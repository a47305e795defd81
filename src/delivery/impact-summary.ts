import { findingText } from "#core/refusal.ts";
import type { EnvironmentFleet, StrategyRow } from "./fleet-impact.ts";

/** The strategies of one environment by what a change does to them; each is in one group. */
export interface FleetGroups {
  readonly refused: readonly StrategyRow[];
  readonly allowed: readonly StrategyRow[];
  readonly added: readonly StrategyRow[];
  readonly removed: readonly StrategyRow[];
  readonly restarted: readonly StrategyRow[];
  /** Objects or limits differ, and the process goes on. */
  readonly changed: readonly StrategyRow[];
  readonly unchanged: readonly StrategyRow[];
}

export function groupRows({ strategies }: EnvironmentFleet): FleetGroups {
  const groups: { [Group in keyof FleetGroups]: StrategyRow[] } = {
    refused: [],
    allowed: [],
    added: [],
    removed: [],
    restarted: [],
    changed: [],
    unchanged: [],
  };
  for (const row of strategies) groups[groupOf(row)].push(row);
  return groups;
}

function groupOf({ before, after, impact }: StrategyRow): keyof FleetGroups {
  if (after === "refused" && before !== "refused") return "refused";
  if (before === "refused" && after === "passed") return "allowed";
  if (after === "absent") return before === "absent" ? "unchanged" : "removed";
  if (before === "absent") return "added";
  if (impact.effect !== "unchanged") return "restarted";
  const { added, changed, removed } = impact.objects;
  return added + changed + removed > 0 || impact.limits.length > 0 ? "changed" : "unchanged";
}

/** `30 strategies in paper: 24 unchanged · 4 limits lowered, no restart · 2 now refused` */
export function headline(environment: EnvironmentFleet): string {
  const groups = groupRows(environment);
  const parts = [
    `${groups.unchanged.length} unchanged`,
    ...part(groups.added, "new"),
    ...part(groups.removed, "removed"),
    ...part(groups.restarted, "restart"),
    ...part(groups.changed, limitWord(groups.changed)),
    ...part(groups.refused, "now refused"),
    ...part(groups.allowed, "newly allowed"),
  ];
  const total = environment.strategies.length;
  const strategies = `${total} ${total === 1 ? "strategy" : "strategies"} in ${environment.environment}`;
  if (environment.isRefused === true)
    return `${[strategies, ...part(groups.refused, "now refused")].join(": ")}; what else changes is not known, as its policies are refused`;
  return `${strategies}: ${parts.join(" · ")}`;
}

function part(rows: readonly StrategyRow[], text: string): readonly string[] {
  return rows.length === 0 ? [] : [`${rows.length} ${text}`];
}

function limitWord(rows: readonly StrategyRow[]): string {
  const directions = new Set(rows.flatMap(({ impact }) => impact.limits.map(({ direction }) => direction)));
  if (directions.size === 0) return "changed, no restart";
  const [only] = directions;
  if (directions.size === 1 && only === "tighter") return "limits lowered, no restart";
  if (directions.size === 1 && only === "looser") return "limits raised, no restart";
  return "limits changed, no restart";
}

/** How many rows each owner has, the most first. */
export function byOwner(rows: readonly StrategyRow[]): readonly (readonly [owner: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const { owner } of rows) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return [...counts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
}

/** What refuses a strategy, short enough for a table: without the fix and without the path, which stand beside it. */
export function refusalText({ refusal }: StrategyRow): string {
  return refusal === undefined ? "" : findingText(refusal).replace(/^(?:limits|resources)\./, "");
}
