import { type Finding, findingText, formatPlace } from "#core/refusal.ts";
import { code, plain } from "#delivery/markdown.ts";
import { count } from "../output.ts";
import type { Report } from "./report.ts";

/** A table for a job's summary or a comment. */
export function formatMarkdown({ title, findings, checks }: Report): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const passed = Object.values(checks).reduce((sum, number) => sum + number, 0);
  const head =
    errors === 0
      ? `### ✅ ${plain(title)}: ${count(passed, "check")} passed`
      : `### ❌ ${plain(title)}: ${count(errors, "error")}`;
  if (findings.length === 0) return `${head}\n`;
  const rows = findings.map(
    (finding) =>
      `| ${finding.severity === "error" ? "❌" : "⚠️"} | ${place(finding)} | ${plain(findingText(finding))} | ${plain(finding.fix ?? "")} |`,
  );
  return [head, "", "| | where | what | fix |", "|---|---|---|---|", ...rows, ""].join("\n");
}

function place(finding: Finding): string {
  return finding.place === undefined ? "" : code(formatPlace(finding.place));
}
