import { code, plain } from "./markdown.ts";
import { kindWords, mayRenderOtherwise } from "./tool-files.ts";
import type { ToolImpact, Verdict } from "./verdict.ts";

const filesMax = 60;
const dependenciesMax = 60;

/** What a proposal changes outside of `strategies/` and `policies/`: the files, what each decides and whose it is, and what is installed otherwise. */
export function toolSection(verdict: Verdict): readonly string[] {
  const { tool } = verdict;
  if (tool === undefined) return [];
  const rows = tool.files
    .slice(0, filesMax)
    .map((file) => `| ${code(file.path)} | ${changeOf(file)} | ${kindWords[file.kind]} | ${ownerOf(file)} |`);
  const more = tool.files.length > filesMax ? [`| … and ${tool.files.length - filesMax} more | | | |`] : [];
  return [
    "No strategy and no policy changes, so nothing is rendered otherwise by the merge itself. Nothing of this proposal was run: whoever approves it answers for it.",
    "",
    "| file | change | decides | owner |",
    "|---|---|---|---|",
    ...rows,
    ...more,
    ...dependencySection(tool),
    ...upgradeSection(verdict, tool),
  ];
}

/** `2 files of the tool, 3 dependencies, slipway 0.1.0 → 0.2.0` */
export function toolHeadline({ files, dependencies, slipway }: ToolImpact): string {
  const parts = [`${files.length} ${files.length === 1 ? "file" : "files"} of the tool`];
  if (dependencies.length > 0)
    parts.push(`${dependencies.length} ${dependencies.length === 1 ? "dependency" : "dependencies"}`);
  if (slipway !== undefined) parts.push(`slipway ${plain(slipway.from ?? "none")} → ${plain(slipway.to ?? "none")}`);
  return parts.join(", ");
}

type File = ToolImpact["files"][number];

const modeWords: ReadonlyMap<string, string> = new Map([
  ["100644", "a file"],
  ["100755", "a program"],
  ["120000", "a link"],
  ["160000", "a submodule"],
]);

function changeOf({ from, to }: File): string {
  const words = (mode: string): string => modeWords.get(mode) ?? mode;
  if (from === undefined) return to === "100644" || to === undefined ? "added" : `added, ${words(to)}`;
  if (to === undefined) return "removed";
  return from === to ? "changed" : `${words(from)} → ${words(to)}`;
}

function ownerOf({ owner }: File): string {
  return owner === undefined ? "❌ nobody" : plain(`@${owner}`);
}

function dependencySection({ dependencies }: ToolImpact): readonly string[] {
  if (dependencies.length === 0) return [];
  const rows = dependencies
    .slice(0, dependenciesMax)
    .map(({ name, from, to }) => `| ${code(name)} | ${version(from)} | ${version(to)} |`);
  const hidden = dependencies.length - dependenciesMax;
  const more = hidden > 0 ? [`| … and ${hidden} more | | |`] : [];
  const [added, removed] = [
    dependencies.filter(({ from }) => from === undefined).length,
    dependencies.filter(({ to }) => to === undefined).length,
  ];
  const counts = [
    `${dependencies.length - added - removed} changed`,
    ...(added > 0 ? [`${added} added`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
  ];
  return [
    "",
    `<details${dependencies.length <= 10 ? " open" : ""}><summary>Dependencies: ${counts.join(", ")}</summary>`,
    "",
    "| package | from | to |",
    "|---|---|---|",
    ...rows,
    ...more,
    "",
    "</details>",
  ];
}

function version(text: string | undefined): string {
  return text === undefined ? "–" : code(text);
}

/** What the gate cannot know, and how whoever approves finds out. */
function upgradeSection({ head, state }: Verdict, { files, slipway }: ToolImpact): readonly string[] {
  if (state === "refused" || !files.some(({ kind }) => mayRenderOtherwise(kind))) return [];
  const what =
    slipway === undefined ? "What is rendered otherwise with this" : "What the other version renders otherwise";
  return [
    "",
    `**Impact** ${what} is not known here, for that it would have to run. See it before you approve, in a clone of its own, with a token that may only read:`,
    "",
    "```sh",
    `git fetch origin ${head}`,
    "git switch --detach FETCH_HEAD",
    "npm ci",
    "npx slipway impact --upgrade",
    "```",
    "",
    "After the merge the server renders on with the version that it is, and says so, until it is started anew with main's.",
  ];
}
