import { formatChange } from "#core/direction.ts";
import { formatPlace } from "#core/refusal.ts";
import type { EnvironmentFleet, FleetImpact, StrategyRow } from "./fleet-impact.ts";
import { byOwner, groupRows, headline, refusalText } from "./impact-summary.ts";
import { code, plain } from "./markdown.ts";

/** How many rows a table of the comment holds; the command line shows all of them. */
const rowsMax = 50;
const changesMax = 50;

/**
 * What a change of policies does to the fleet, in Markdown: each field of a policy with its direction, one line an environment, then who is refused, who is newly allowed and what moves.
 *
 * @returns lines; none where no environment has a strategy
 */
export function fleetSection({ environments, policies }: FleetImpact): readonly string[] {
  const lines = environments.filter(({ strategies }) => strategies.length > 0).flatMap(environmentSection);
  const changes = policies
    .slice(0, changesMax)
    .map((change) => `- ${code(change.file)} ${plain(formatChange(change))}`);
  const more = policies.length > changesMax ? [`- … and ${policies.length - changesMax} more`] : [];
  return [
    ...(changes.length === 0 ? [] : ["**Policies**", ...changes, ...more]),
    ...(lines.length === 0 ? [] : ["", "**Impact**", ...lines]),
  ];
}

function environmentSection(environment: EnvironmentFleet): readonly string[] {
  const groups = groupRows(environment);
  const moved = [...groups.restarted, ...groups.changed, ...groups.added, ...groups.removed];
  return [
    `- ${plain(headline(environment))}`,
    ...table("now refused", groups.refused, "first reason", (row) => `${placeOf(row)}${plain(refusalText(row))}`),
    ...table("newly allowed", groups.allowed, "process", ({ impact }) => impact.effect),
    ...folded(`${moved.length} changed`, table("changed", moved, "effect", movedText)),
  ];
}

function table(
  title: string,
  rows: readonly StrategyRow[],
  column: string,
  cell: (row: StrategyRow) => string,
): readonly string[] {
  if (rows.length === 0) return [];
  const more = rows.length - rowsMax;
  const owners = byOwner(rows)
    .slice(0, 10)
    .map(([owner, number]) => `${plain(owner)} ${number}`)
    .join(", ");
  return [
    "",
    `| ${title} | owner | ${column} |`,
    "|---|---|---|",
    ...rows.slice(0, rowsMax).map((row) => `| ${row.id} | ${plain(row.owner)} | ${cell(row)} |`),
    ...(more > 0 ? [`| … and ${more} more | by owner: ${owners} | |`] : []),
    "",
  ];
}

function folded(summary: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", `<details><summary>${summary}</summary>`, ...lines, "</details>", ""];
}

function placeOf({ refusal }: StrategyRow): string {
  return refusal?.place === undefined ? "" : `${code(formatPlace(refusal.place))} `;
}

function movedText({ impact }: StrategyRow): string {
  const limits = impact.limits.map(({ text, direction }) => `${plain(text)} (${direction})`).join(", ");
  const process = impact.effect === "unchanged" ? "goes on" : impact.effect;
  return limits === "" ? process : `${process}: ${limits}`;
}
