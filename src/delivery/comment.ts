import { type Finding, findingText, formatPlace } from "#core/refusal.ts";
import type { Approval } from "#forge/port.ts";
import { commentMark } from "#forge/text.ts";
import {
  approvalsMark,
  describeAsked,
  describeHeld,
  describeSetAside,
  shortDigest,
  type WeighedApprovals,
  weighApprovals,
} from "./approvals.ts";
import { type Beside, besideMark, describeBeside } from "./beside.ts";
import { rulesSection, rulesSummary } from "./comment-rules.ts";
import { toolHeadline, toolSection } from "./comment-tool.ts";
import { fleetSection } from "./impact-markdown.ts";
import { code, plain } from "./markdown.ts";
import {
  type EnvironmentImpact,
  type MergePair,
  type ObjectCounts,
  type StrategyImpact,
  statelessWords,
  type Verdict,
} from "./verdict.ts";

const charactersMax = 60_000;
const findingsMax = 40;
const alikeMax = 5;
const rowsMax = 100;
const objectsMax = 300;

/**
 * The gate's comment in Markdown: what the proposal does, what stands against it, what to do next. Under 60,000 characters: with the manifest
 * diff if it fits, else with the names of the objects, else with counts, last without the list of the rules. What people wrote is escaped.
 *
 * @param diff unified diff of the rendered objects
 * @param beside older proposals of the same, as they are now
 * @param approvals the forge's, as they are now: told beside the verdict, and no part of it
 */
export function formatComment(
  verdict: Verdict,
  diff: string,
  approvals: readonly Approval[],
  beside: readonly Beside[] = [],
): string {
  const mark = [approvalsMark(approvals), besideMark(beside)].filter((text) => text !== "").join("\n");
  const told: Told = { verdict, weighed: weighApprovals(verdict, approvals), beside, mark };
  const rules = rulesSection(verdict.outcomes);
  const counts = [`**Manifest diff** ${countObjects(verdict)}; too long to show here`];
  for (const manifests of [diffSection(verdict, diff), objectSection(verdict), counts]) {
    const comment = formatWith(told, manifests, rules);
    if (comment.length < charactersMax) return comment;
  }
  const brief = verdict.outcomes.length === 0 ? [] : [`**Rules** ${rulesSummary(verdict.outcomes)}`];
  return cut(formatWith(told, counts, brief));
}

/** Between lines, and said. */
function cut(comment: string): string {
  const end = "\n\n… cut: longer than a comment may be\n";
  if (comment.length < charactersMax) return comment;
  return comment.slice(0, comment.lastIndexOf("\n", charactersMax - end.length - 1)) + end;
}

interface Told {
  readonly verdict: Verdict;
  readonly weighed: WeighedApprovals;
  readonly beside: readonly Beside[];
  readonly mark: string;
}

function formatWith(
  { verdict, weighed, beside, mark }: Told,
  manifests: readonly string[],
  rules: readonly string[],
): string {
  const sections = [
    [commentMark, headline(verdict, weighed), mark],
    toolSection(verdict),
    strategyTable(verdict.strategies.filter(({ kind }) => verdict.fleet === undefined || kind !== "policy")),
    limitTable(verdict.strategies),
    besideLines(beside),
    verdict.fleet === undefined || verdict.fleet.policies.length === 0 ? policyList(verdict.policies) : [],
    verdict.fleet === undefined ? [] : fleetSection(verdict.fleet),
    findingList(verdict.findings),
    verdict.state === "passed" ? approvalLines(verdict, weighed) : [],
    verdict.objects.length > 0 ? manifests : [],
    rules,
    [footer(verdict)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headline(verdict: Verdict, { needs }: WeighedApprovals): string {
  if (verdict.state === "refused") return `### ❌ slipway: refused — ${verdict.summary}`;
  const impacts = verdict.strategies.flatMap(({ environments }) => environments);
  const restarts = impacts.filter(({ effect }) => effect === "restarts").length;
  const loosened = impacts.flatMap(({ limits }) => limits).filter(({ direction }) => direction === "looser").length;
  const approvals = Math.max(0, ...needs.map(({ missing }) => missing));
  const ready = approvals === 0 ? "ready to merge" : `ready for ${plural(approvals, "approval")}`;
  if (verdict.tool !== undefined) return `### ✅ slipway: ${ready} — ${toolHeadline(verdict.tool)}`;
  if (verdict.strategies.length === 0 && verdict.policies.length === 0)
    return `### ✅ slipway: ${ready} — nothing to do`;
  const parts = [
    plural(verdict.strategies.length, "strategy", "strategies"),
    plural(restarts, "restart"),
    `${plural(loosened, "limit")} loosened`,
  ];
  return `### ✅ slipway: ${ready} — ${parts.join(", ")}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function strategyTable(strategies: readonly StrategyImpact[]): readonly string[] {
  if (strategies.length === 0) return [];
  const rows = strategies.flatMap(({ id, kind, changes, environments }) => {
    const change = kind === "policy" ? "by policy" : changes.map(plain).join(", ");
    if (environments.length === 0) return [`| ${id} | – | ${change} | – | – | – |`];
    return environments.map(
      (impact) =>
        `| ${id} | ${impact.environment} | ${change} | ${limits(impact)} | ${counts(impact.objects)} | ${effect(impact)} |`,
    );
  });
  const more = rows.length > rowsMax ? [`| … and ${rows.length - rowsMax} more | | | | | |`] : [];
  return [
    "| strategy | environment | change | limits | objects | process |",
    "|---|---|---|---|---|---|",
    ...rows.slice(0, rowsMax),
    ...more,
  ];
}

/** Under which limits it will run, and what bounds each: folded, for whoever approves. */
function limitTable(strategies: readonly StrategyImpact[]): readonly string[] {
  const rows = strategies.flatMap(({ id, environments }) =>
    environments.flatMap(({ environment, heldTo = [] }) =>
      heldTo.map(
        ({ name, value, bound, place }) =>
          `| ${id} | ${environment} | ${name} | ${plain(value)} | ${plain(bound)} | ${code(formatPlace(place))} |`,
      ),
    ),
  );
  if (rows.length === 0) return [];
  const more = rows.length > rowsMax ? [`| … and ${rows.length - rowsMax} more | | | | | |`] : [];
  return [
    "<details><summary>Image and limits, and what bounds them</summary>",
    "",
    "| strategy | environment | limit | is | bound | set in |",
    "|---|---|---|---|---|---|",
    ...rows.slice(0, rowsMax),
    ...more,
    "",
    "</details>",
  ];
}

function besideLines(beside: readonly Beside[]): readonly string[] {
  if (beside.length === 0) return [];
  const more = beside.length > alikeMax ? [`- … and ${beside.length - alikeMax} more`] : [];
  const lines = beside.slice(0, alikeMax).map((one) => `- ${plain(describeBeside(one))}`);
  return ["**Proposed already**: whichever is merged first, the other is judged again on it", ...lines, ...more];
}

function limits({ limits: changes }: EnvironmentImpact): string {
  return changes.length === 0 ? "=" : changes.map(({ text, direction }) => `${plain(text)} (${direction})`).join(", ");
}

function counts({ added, changed, removed }: ObjectCounts): string {
  const parts = [
    added > 0 ? `+${added}` : "",
    changed > 0 ? `~${changed}` : "",
    removed > 0 ? `−${removed}` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "=" : parts.join(" ");
}

function effect({ effect: process, stateless }: EnvironmentImpact): string {
  if (stateless === true) return `${process}, ${statelessWords}`;
  return process === "unchanged" ? "goes on" : process;
}

function policyList(policies: readonly string[]): readonly string[] {
  return policies.length === 0 ? [] : ["**Policies**", ...policies.map((line) => `- ${plain(line)}`)];
}

/** Errors first; of many that are mended alike a few, and how to mend them once. */
function findingList(findings: readonly Finding[]): readonly string[] {
  const ordered = [...findings].sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"));
  const groups = new Map<string, Finding[]>();
  for (const finding of ordered) {
    const key = JSON.stringify([finding.severity, finding.code, finding.rule, finding.fix]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const lines: string[] = [];
  let left = findingsMax;
  let unsaid = 0;
  for (const group of groups.values()) {
    const shown = group.slice(0, Math.min(alikeMax, left));
    left -= shown.length;
    unsaid += shown.length === 0 ? group.length : 0;
    const [first] = shown;
    const said = shown.map(findingLine).join("\n");
    // Two spaces at a line's end: a break, wherever it is shown.
    if (first?.fix !== undefined)
      lines.push(`${said}  `, `  ${shown.length === 1 ? "fix" : "fix of each"}: ${plain(first.fix)}`);
    else if (first !== undefined) lines.push(said);
    if (first !== undefined && group.length > shown.length)
      lines.push(`- … and ${group.length - shown.length} more like ${shown.length === 1 ? "this" : "these"}`);
  }
  return unsaid === 0 ? lines : [...lines, `- … and ${unsaid} more`];
}

function findingLine(finding: Finding): string {
  const place = finding.place === undefined ? "" : `${code(formatPlace(finding.place))} `;
  const set = finding.rule === undefined ? "bound set" : "rule";
  const bound = finding.bound === undefined ? "" : ` (${set} in ${code(formatPlace(finding.bound))})`;
  return `- ${finding.severity === "error" ? "❌" : "⚠️"} ${place}${plain(findingText(finding))}${bound}`;
}

/** Who must approve and why, what is there, and what does not count. */
function approvalLines({ number }: Verdict, { needs, setAside }: WeighedApprovals): readonly string[] {
  const merge = `\`slipway merge ${number}\``;
  const aside = setAside.map((one) => `- ${plain(describeSetAside(one))}`);
  if (needs.length === 0) return [`**Needs** nothing more: ${merge}`, ...aside];
  const open = needs.some(({ missing }) => missing > 0);
  const lines = needs.map((one) => {
    const { need, missing } = one;
    const sign = missing === 0 ? "✓" : "…";
    return `- ${sign} ${plain(`${describeAsked(need)}: ${need.reasons.join(", ")} (${describeHeld(one)})`)}`;
  });
  const next = open ? `: \`slipway approve ${number}\`, then ${merge}` : `, and has it: ${merge}`;
  return [`**Needs**${next}`, ...lines, ...aside];
}

function countObjects({ objects, objectsTotal }: Verdict): string {
  return `${objects.length} of ${plural(objectsTotal, "object")}`;
}

function diffSection(verdict: Verdict, diff: string): readonly string[] {
  // Longer than any run of backticks inside, so that no text ends the block.
  const longest = Math.max(2, ...[...diff.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [
    `<details><summary>Manifest diff: ${countObjects(verdict)}</summary>`,
    "",
    `${fence}diff`,
    diff.trimEnd(),
    fence,
    "",
    "</details>",
  ];
}

function objectSection(verdict: Verdict): readonly string[] {
  const lines = verdict.objects
    .slice(0, objectsMax)
    .map(({ environment, path, status }) => `- ${status} ${code(`${environment}: ${path}`)}`);
  const more = verdict.objects.length > objectsMax ? [`- … and ${verdict.objects.length - objectsMax} more`] : [];
  return [
    `<details><summary>Manifest diff: ${countObjects(verdict)}</summary>`,
    "",
    ...lines,
    ...more,
    "",
    "</details>",
  ];
}

/** Stands at the comment's foot: of which pair it tells. */
export function pairMark({ base, head }: MergePair): string {
  return `base ${base.slice(0, 7)} · head ${head.slice(0, 7)}`;
}

function footer(verdict: Verdict): string {
  const { tree, policyDigest, approvalDigest, number } = verdict;
  const parts = [
    pairMark(verdict),
    ...(tree === undefined ? [] : [`tree ${tree.slice(0, 7)}`]),
    ...(policyDigest === undefined ? [] : [`policy ${policyDigest.replace("sha256:", "").slice(0, 7)}`]),
    ...(approvalDigest === undefined ? [] : [`approvals for ${shortDigest(approvalDigest)}`]),
    `<code>slipway proposal ${number}</code>`,
  ];
  return `<sub>${parts.join(" · ")}</sub>`;
}
