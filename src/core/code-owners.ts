import { membersOf } from "./operators.ts";
import { holds } from "./owners.ts";
import type { TeamsDocument } from "./teams.generated.ts";

export const codeOwnersFile = ".github/CODEOWNERS";

/** What the first line says: one that somebody wrote by hand is nobody's business here. */
const mark = "# Made from policies/teams.yaml by: slipway forge owners";

export function isGenerated(text: string): boolean {
  return text.startsWith(mark);
}

/**
 * What GitHub reads to ask people for reviews, and no more than that: who must approve, and how many, is Slipway's word by the same document.
 * The last line that holds a file counts there, so each names everyone whom a change of it may ask.
 */
export function codeOwners({ spec }: TeamsDocument): string {
  const { owners = [], approvals = [] } = spec;
  const peopleOf = (group: string): readonly string[] =>
    (membersOf(spec, group) ?? []).map((name) => `@${name.replace(/^@/, "")}`);
  const data = new Map(
    [...new Set(["policies/", "strategies/", ...approvals.map(({ folder }) => folder)])].map((folder) => [
      folder,
      approvals.filter((rule) => holds(rule.folder, folder)).flatMap(({ group }) => peopleOf(group)),
    ]),
  );
  const rows = [...owners.map(({ path, group }) => [path, peopleOf(group)] as const), ...data].toSorted(
    ([a], [b]) => a.length - b.length || (a < b ? -1 : 1),
  );
  const lines = rows.map(([path, people]) => [path === "/" ? "*" : `/${path}`, ...new Set(people)].join(" "));
  return [
    mark,
    "# Advisory: slipway/approvals counts. Do not edit; propose policies/teams.yaml, then this file anew.",
    ...lines,
    "",
  ].join("\n");
}
