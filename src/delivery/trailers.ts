import type { Commit } from "#git/port.ts";

/** The trailers of an environment commit (design, section 6), in the order they are written. */
export const trailerNames = [
  "Dry-Commit",
  "Strategy",
  "Policy-Digest",
  "Renderer",
  "Tool-Commit",
  "Rendered-Tree",
  "Approved-by",
  "Proposal",
  "Waiver",
  "Rollback-of",
  "Record-Head",
] as const;

export type TrailerName = (typeof trailerNames)[number];
export type Trailer = readonly [name: TrailerName, value: string];

const subjectMax = 200;

/** A commit message: the subject, an empty line, the trailers. */
export function formatMessage(subject: string, trailers: readonly Trailer[]): string {
  const line = oneLine(subject).slice(0, subjectMax) || "(no subject)";
  if (trailers.length === 0) return `${line}\n`;
  return `${line}\n\n${trailers.map(([name, value]) => `${name}: ${oneLine(value)}`).join("\n")}\n`;
}

/** The values of a trailer in a message's last paragraph, as `git interpret-trailers` reads it. */
export function trailerValues(message: string, name: TrailerName): readonly string[] {
  const paragraphs = message.trimEnd().split(/\n\s*\n/);
  const last = paragraphs.length > 1 ? paragraphs.at(-1) : undefined;
  const prefix = `${name.toLowerCase()}:`;
  return (last ?? "")
    .split("\n")
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length).trim());
}

export function subjectOf(commit: Commit): string {
  return commit.message.split("\n", 1)[0]?.trim() ?? "";
}

/** Lines anywhere in a text that claim a trailer of ours. People's messages may not: approvals come from the forge. */
export function claimedTrailers(message: string): readonly TrailerName[] {
  return trailerNames.filter((name) => new RegExp(`^[ \\t]*${name}[ \\t]*[:=]`, "im").test(message));
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
