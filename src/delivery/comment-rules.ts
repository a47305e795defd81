import { code, plain } from "./markdown.ts";
import type { RuleOutcome } from "./verdict.ts";

const rowsMax = 300;
const namesMax = 3;

/** Every rule that was asked, folded: those that do not hold first. None without rules. */
export function rulesSection(outcomes: readonly RuleOutcome[]): readonly string[] {
  if (outcomes.length === 0) return [];
  const ordered = [...outcomes.filter((outcome) => !holds(outcome)), ...outcomes.filter(holds)];
  const rows = ordered
    .slice(0, rowsMax)
    .map((outcome) => `| ${plain(outcome.rule)} | ${verdict(outcome)} | ${whose(outcome)} | ${code(outcome.file)} |`);
  const more = ordered.length > rowsMax ? [`| … and ${ordered.length - rowsMax} more | | | |`] : [];
  return [
    `<details><summary>Rules: ${rulesSummary(outcomes)}</summary>`,
    "",
    "| rule | verdict | of | source |",
    "|---|---|---|---|",
    ...rows,
    ...more,
    "",
    "</details>",
  ];
}

/** `39 asked, 36 hold, 2 broken, 1 waived` */
export function rulesSummary(outcomes: readonly RuleOutcome[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(worst(outcome), (counts.get(worst(outcome)) ?? 0) + 1);
  const parts = Object.entries(words).flatMap(([kind, word]) => {
    const count = counts.get(kind) ?? 0;
    return count === 0 ? [] : [`${count} ${count === 1 ? word.one : word.many}`];
  });
  return [`${outcomes.length} asked`, ...parts].join(", ");
}

const words = {
  hold: { one: "holds", many: "hold" },
  unevaluated: { one: "cannot be evaluated", many: "cannot be evaluated" },
  refused: { one: "refuses", many: "refuse" },
  approvals: { one: "asks for an approval", many: "ask for an approval" },
  waived: { one: "is waived", many: "are waived" },
  advised: { one: "advises", many: "advise" },
} as const;

type Kind = keyof RuleOutcome["broken"];

/** The gravest first. */
const kinds: readonly Kind[] = ["unevaluated", "refused", "approvals", "waived", "advised"];

function holds({ broken }: RuleOutcome): boolean {
  return kinds.every((kind) => broken[kind] === 0);
}

/** One word a rule, so that the words of the summary add up to all of them. */
function worst({ broken }: RuleOutcome): keyof typeof words {
  return kinds.find((kind) => broken[kind] > 0) ?? "hold";
}

function verdict({ broken, waivers }: RuleOutcome): string {
  const parts = kinds.filter((kind) => broken[kind] > 0).map((kind) => part(kind, broken[kind], waivers));
  return parts.length === 0 ? "✓ holds" : parts.join("; ");
}

function part(kind: Kind, count: number, waivers: readonly string[]): string {
  const times = count === 1 ? "" : ` (${count})`;
  switch (kind) {
    case "unevaluated":
      return `❌ cannot be evaluated${times}`;
    case "refused":
      return `❌ refuses${times}`;
    case "approvals":
      return `asks for an approval${times}`;
    case "waived":
      return `waived by ${waivers.map(plain).join(", ")}${times}`;
    case "advised":
      return `⚠️ advises${times}`;
  }
}

function whose({ strategies }: RuleOutcome): string {
  const more = strategies.length > namesMax ? ` and ${strategies.length - namesMax} more` : "";
  return `${strategies.slice(0, namesMax).join(", ")}${more}`;
}
