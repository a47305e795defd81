import type { PolicyChange } from "#core/policy-direction.ts";
import type { Comparison } from "#delivery/compare.ts";
import type { EnvironmentFleet, FleetImpact, StrategyRow } from "#delivery/fleet-impact.ts";
import { byOwner, groupRows, headline, refusalText } from "#delivery/impact-summary.ts";
import { columns, count } from "./output.ts";

export interface ComparisonWords {
  /** What the two sides are called. */
  readonly base: string;
  readonly head: string;
  /** Every row, however many. */
  readonly all: boolean;
  readonly columns: number;
}

const rowsMax = 20;
const ownersMax = 8;

/** The comparison as a transcript: what was edited, then each environment with what it does there. */
export function describeComparison(
  { policies, strategies, fleet }: Comparison,
  words: ComparisonWords,
): readonly string[] {
  const directed = columns(fleet.policies.map((change) => [`${change.file}:`, changeOf(change), change.direction]));
  // Words for people have no direction; an edit of nothing else is shown as it is summarized.
  const edits = [...(directed.length > 0 ? directed : policies.map((line) => `policies: ${line}`)), ...strategies];
  if (edits.length === 0) return [`${words.head} is what ${words.base} holds: nothing changes`];
  const shown = words.all ? edits : edits.slice(0, rowsMax);
  const more = edits.length > shown.length ? [`… and ${edits.length - shown.length} more edits (--all)`] : [];
  return [
    ...shown,
    ...more,
    "",
    ...fleet.environments.flatMap((environment) => describeFleet(environment, fleet.policies, words)),
    gate(fleet),
  ];
}

/** `bounds.maxOrderNotional 2000 → 1000` */
function changeOf({ field, before, after }: PolicyChange): string {
  if (before === undefined) return `${field}${after === undefined ? "" : ` ${after}`} added`;
  return after === undefined ? `${field} ${before} removed` : `${field} ${before} → ${after}`;
}

/** What the policies let through that they did not before, whoever asks for it. */
function looserLines(environment: string, policies: readonly PolicyChange[]): readonly string[] {
  const looser = policies.filter(
    ({ direction, environments }) => direction !== "tighter" && environments?.includes(environment) !== false,
  );
  return looser.map(
    (change) => `  NOW POSSIBLE     ${changeOf(change)}${change.direction === "looser" ? "" : " (cannot be compared)"}`,
  );
}

/** One environment: how many of each, then who and why. */
export function describeFleet(
  environment: EnvironmentFleet,
  policies: readonly PolicyChange[],
  words: ComparisonWords,
): readonly string[] {
  const groups = groupRows(environment);
  const moved = [...groups.restarted, ...groups.changed, ...groups.added, ...groups.removed];
  return [
    `  ${headline(environment)}`,
    ...table("NOW REFUSED", groups.refused, words, (row) => [placeOf(row), refusalText(row)]),
    ...table("NEWLY ALLOWED", groups.allowed, words, (row) => [effectText(row), ""]),
    ...looserLines(environment.environment, policies),
    ...table("CHANGED", moved, words, (row) => [effectText(row), limitText(row)]),
    ...sharedLines(environment).map((line) => cut(line, words.columns)),
    "",
  ];
}

/** A table of rows that fit the width; the third column takes what is left. */
function table(
  title: string,
  rows: readonly StrategyRow[],
  { all, columns: width }: ComparisonWords,
  cells: (row: StrategyRow) => readonly [string, string],
): readonly string[] {
  if (rows.length === 0) return title === "CHANGED" ? [] : [`  ${title.padEnd(15)} none`];
  const shown = all ? rows : rows.slice(0, rowsMax);
  const lines = columns([
    [title, "OWNER", ...(title === "NOW REFUSED" ? ["LINE", "FIRST REASON"] : ["EFFECT", ""])],
    ...shown.map((row) => [row.id, row.owner, ...cells(row)]),
  ]);
  const owners = byOwner(rows);
  const summary =
    rows.length <= rowsMax || all
      ? []
      : [
          `  … and ${rows.length - shown.length} more (--all), by owner: ${owners
            .slice(0, ownersMax)
            .map(([owner, number]) => `${owner} ${number}`)
            .join(", ")}${owners.length > ownersMax ? `, and ${count(owners.length - ownersMax, "more owner")}` : ""}`,
        ];
  return [...lines.map((line) => `  ${cut(line, width - 2)}`), ...summary];
}

function cut(line: string, width: number): string {
  const most = Math.max(60, width);
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** The line of the spec, which the row names; of another file its name, too. */
function placeOf({ refusal }: StrategyRow): string {
  if (refusal?.place === undefined) return "";
  const { file, line } = refusal.place;
  const name = file.replace(/^strategies\/[^/]+\/[^/]+\//, "");
  if (line === undefined) return name;
  return name === "strategy.yaml" ? String(line) : `${name}:${line}`;
}

const effects: Readonly<Record<StrategyRow["impact"]["effect"], string>> = {
  starts: "starts",
  stops: "stops",
  restarts: "restarts",
  unchanged: "goes on",
  removed: "is removed",
};

function effectText({ impact }: StrategyRow): string {
  return effects[impact.effect];
}

function limitText({ impact }: StrategyRow): string {
  return impact.limits.map(({ text, direction }) => `${text} (${direction})`).join(", ");
}

function sharedLines({ shared }: EnvironmentFleet): readonly string[] {
  if (shared.length === 0) return [];
  const names = shared.slice(0, 4).map(({ path }) => path);
  const more = shared.length > names.length ? `, and ${shared.length - names.length} more` : "";
  return [`  ${count(shared.length, "object")} of teams and platform: ${names.join(", ")}${more}`];
}

function gate({ environments, findings }: FleetImpact): string {
  if (findings.length > 0)
    return `gate: refused until ${count(findings.length, "error")} above ${findings.length === 1 ? "is" : "are"} mended`;
  const refused = environments.flatMap((environment) => groupRows(environment).refused);
  const running = refused.filter((row) => row.running).length;
  if (refused.length === 0) return "gate: no strategy that passes now would be refused";
  if (running === 0)
    return `gate: ${count(refused.length, "stopped strategy", "stopped strategies")} could not be started again`;
  return `gate: refused until the ${running === 1 ? "one that runs is" : `${running} that run are`} mended or waived in this proposal, or it says "flips: stop"`;
}
