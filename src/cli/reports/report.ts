import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "../context.ts";

/** What every format tells: the findings, and how many checks of each name passed. */
export interface Report {
  /** What was done, for example `slipway check`. */
  readonly title: string;
  readonly version: string;
  readonly findings: readonly Finding[];
  readonly checks: Readonly<Record<string, number>>;
}

export const formats = ["text", "sarif", "junit", "markdown"] as const;
export type Format = (typeof formats)[number];

export function parseFormat(text: string): Result<Format, Finding> {
  const format = formats.find((known) => known === text);
  if (format !== undefined) return ok(format);
  return err(
    finding(
      "format-unknown",
      `--format ${JSON.stringify(text)} is not known here`,
      `write one of ${formats.join(", ")}`,
    ),
  );
}

/** A report for other programs. `text`, and `--json`, are the command's own. */
export async function formatReport(format: Exclude<Format, "text">, report: Report): Promise<string> {
  switch (format) {
    case "sarif":
      return (await import("./sarif.ts")).formatSarif(report);
    case "junit":
      return (await import("./junit.ts")).formatJunit(report);
    case "markdown":
      return (await import("./markdown.ts")).formatMarkdown(report);
  }
}
