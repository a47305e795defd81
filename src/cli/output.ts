import { readFileSync } from "node:fs";
import { join } from "node:path";
import type picocolors from "picocolors";
import { formatFinding } from "#core/excerpt.ts";
import type { JsonObject } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";

export type Colors = ReturnType<typeof picocolors.createColors>;

export interface OutputOptions {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly colors: Colors;
  /** A person looks at it: things may move. */
  readonly interactive: boolean;
  /** How wide the terminal is; infinite in a pipe, where nothing is cut. */
  readonly columns: number;
  readonly json: boolean;
}

/** What a command says to a person. With `--json` it is silent, and the document says it all. */
export interface Output {
  readonly colors: Colors;
  readonly interactive: boolean;
  readonly columns: number;
  readonly json: boolean;
  line(text?: string): void;
  /** One JSON object as a line, for what has no end that a document could wait for. Only with `--json`. */
  jsonLine(object: JsonObject): void;
  /** To standard error. */
  error(text: string): void;
  /** Findings with the marked source line, to standard error. */
  findings(findings: readonly Finding[]): void;
  /** Where the findings' files are; texts that are not on disk are given by name. */
  readFrom(root: string): void;
}

export function createOutput(options: OutputOptions): Output {
  let root: string | undefined;
  return {
    colors: options.colors,
    interactive: options.interactive && !options.json,
    columns: options.columns,
    json: options.json,
    line(text = "") {
      if (!options.json) options.stdout(`${text}\n`);
    },
    jsonLine(object) {
      if (options.json) options.stdout(`${JSON.stringify(object)}\n`);
    },
    error(text) {
      if (!options.json) options.stderr(`${text}\n`);
    },
    findings(findings) {
      if (options.json) return;
      for (const item of findings)
        options.stderr(`${paintFinding(formatFinding(item, sourceOf(root, item)), item, options.colors)}\n`);
    },
    readFrom(folder) {
      root = folder;
    },
  };
}

/** The text of the file a finding points into, for the marked line; without it the finding is printed bare. */
function sourceOf(root: string | undefined, item: Finding): string | undefined {
  if (root === undefined || item.place?.line === undefined) return undefined;
  try {
    return readFileSync(join(root, item.place.file), "utf8");
  } catch {
    // The file may be gone or unreadable; the finding itself says what is wrong, the excerpt is only a help.
    return undefined;
  }
}

function paintFinding(text: string, item: Finding, colors: Colors): string {
  const paint = item.severity === "error" ? colors.red : colors.yellow;
  return text.replace(item.severity, () => paint(item.severity)).replace(/\^+/, (carets) => paint(carets));
}

/** `0.21 s`, `3 min`, `2 h`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** `2 errors`, `1 strategy`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** Columns padded to their widest cell, two spaces apart, no trailing space. For plain ASCII-width text. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `2026-03-14 10:02:11` in UTC: the same on every machine, as in the record. */
export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}
