import { type Finding, findingText, formatPlace } from "./refusal.ts";
import { invisible } from "./visible.ts";

const widthMax = 100;

/**
 * A finding for a person: place, severity and message, the line it is about with carets below, the bound's place and the fix.
 * Plain text, no colour, no newline at the end. Control and invisible characters of the source are shown as `�`.
 *
 * @param sourceText the text of the file at `finding.place`, if it is at hand
 */
export function formatFinding(finding: Finding, sourceText: string | undefined): string {
  const place = finding.place === undefined ? "" : `${formatPlace(finding.place)}  `;
  const excerpt = sourceText === undefined ? [] : excerptLines(finding, sourceText);
  const lines = [visible(`${place}${finding.severity}  ${findingText(finding)}`), ...excerpt];
  const set = finding.rule === undefined ? "bound set" : "rule";
  if (finding.bound !== undefined) lines.push(`      = ${set} in ${visible(formatPlace(finding.bound))}`);
  if (finding.approvalOf !== undefined) lines.push(`      = passes with an approval of ${visible(finding.approvalOf)}`);
  if (finding.fix !== undefined) lines.push(`      = fix: ${visible(finding.fix)}`);
  return lines.join("\n");
}

function excerptLines(finding: Finding, sourceText: string): readonly string[] {
  const { line, column = 1, length = 1 } = finding.place ?? {};
  if (line === undefined) return [];
  const source = sourceText.split(/\r?\n/, line)[line - 1];
  if (source === undefined) return [];
  // A long line is shown from a little before the mark.
  const start = column + length > widthMax ? Math.max(0, column - 21) : 0;
  const lead = start > 0 ? "…" : "";
  const shown = source.slice(start, start + widthMax);
  const tail = start + widthMax < source.length ? "…" : "";
  const carets = Math.max(1, Math.min(length, shown.length - (column - 1 - start)));
  return [
    `${String(line).padStart(5)} │ ${lead}${visible(shown)}${tail}`,
    `      │ ${" ".repeat(lead.length + column - 1 - start)}${"^".repeat(carets)}`,
  ];
}

/** One column a character, so that the carets stand right and no text can steer a terminal. */
function visible(text: string): string {
  return text.replaceAll(invisible, (found) => "�".repeat(found.length));
}
