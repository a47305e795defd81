import { err, ok, type Result } from "#core/result.ts";
import type { ForgeRefusal } from "./port.ts";

/** The first line of the one comment: by it, and by who wrote it, a forge finds what to replace. */
export const commentMark = "<!-- slipway:gate -->";

const titleCharactersMax = 200;
const descriptionCharactersMax = 30_000;
const identityCharactersMax = 100;
const summaryCharactersMax = 500;

/** What can make a line read differently from what it is: control characters, bidi overrides, line separators, zero-width ones. */
const deceptive = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}\u200B\u2060\uFEFF]/u;
const deceptiveInText = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The trailers that Slipway and the tools beside it write (design, section 6): nobody else's text may carry one. */
const ownTrailer =
  /^[ \t]*(?:dry-commit|strategy|policy-digest|renderer|rendered-tree|approved-by|proposal|waiver|rollback-of|record-head|argocd-[\w-]+)[ \t]*[:=]/i;

/** Makes invisible and control characters visible (`\u{202e}`); line feeds and tabs stay, CRLF becomes a line feed. */
export function escapeText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(deceptiveInText, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * Quotes the lines that Git would read as trailers of ours (`> Proposal: 7`), so that a description which ends up in a commit message
 * claims nothing. The first line stays: Git takes no trailers from a subject. Done twice it changes nothing more.
 */
function neutraliseTrailers(text: string): string {
  const [subject = "", ...rest] = escapeText(text).trimStart().split("\n");
  return [subject, ...rest.map((line) => (ownTrailer.test(line) ? `> ${line.trimStart()}` : line))].join("\n");
}

/** One line, 1 to 200 characters. */
export function checkTitle(title: string): Result<string, ForgeRefusal> {
  const allowed = `one line of 1 to ${titleCharactersMax} characters without control, bidi or invisible ones`;
  const fits = title.trim() !== "" && title.length <= titleCharactersMax && !deceptive.test(title);
  return fits
    ? ok(title.trim())
    : err({ code: "title-malformed", title: escapeText(title.slice(0, titleCharactersMax)), allowed });
}

/** Up to 30,000 characters; what deceives is escaped, every line is safe as a part of a commit message. */
export function checkDescription(description: string): Result<string, ForgeRefusal> {
  if (description.length > descriptionCharactersMax) {
    return err({ code: "description-malformed", allowed: `at most ${descriptionCharactersMax} characters` });
  }
  // The leading line feed makes the first line one that is looked at.
  const [, ...lines] = neutraliseTrailers(`.\n${description}`).split("\n");
  return ok(lines.join("\n"));
}

/** A name or an address as a commit header can carry it. */
export function checkIdentity(text: string): Result<string, ForgeRefusal> {
  const fits =
    text !== "" &&
    text.trim() === text &&
    text.length <= identityCharactersMax &&
    !deceptive.test(text) &&
    !/[<>]/.test(text);
  const allowed = `1 to ${identityCharactersMax} characters without < and >, control, bidi or invisible ones, or a space at an end`;
  return fits
    ? ok(text)
    : err({ code: "identity-malformed", text: escapeText(text.slice(0, identityCharactersMax)), allowed });
}

export function checkPerson(person: { readonly name: string; readonly email: string }): Result<void, ForgeRefusal> {
  const name = checkIdentity(person.name);
  if (!name.ok) return name;
  const email = checkIdentity(person.email);
  if (!email.ok) return email;
  if (!/\s/.test(person.email)) return ok(undefined);
  return err({ code: "identity-malformed", text: person.email, allowed: "an address without white space" });
}

/** The gate's one line, as it fits a status. */
export function oneLine(summary: string): string {
  const line = escapeText(summary).replace(/\s+/g, " ").trim();
  return line.length <= summaryCharactersMax ? line : `${line.slice(0, summaryCharactersMax - 1)}…`;
}

/** The message of a merge commit: what was asked for, then Slipway's own trailers. Nobody else's text claims one. */
export function mergeMessage(
  number: number,
  title: string,
  request: { readonly message: string; readonly trailers?: readonly (readonly [name: string, value: string])[] },
): string {
  const trailers = [["Proposal", `${number}`] as const, ...(request.trailers ?? [])];
  const lines = trailers.map(([name, value]) => `${name}: ${oneLine(value)}\n`).join("");
  return `${neutraliseTrailers(request.message).trimEnd() || title}\n\n${lines}`;
}
