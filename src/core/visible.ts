/**
 * Characters that a reader cannot see or that turn text around: controls, format and bidi characters, zero-width ones, line
 * separators, spaces that are not U+0020, lone surrogates. Newlines, carriage returns and tabs are among them: a caller that
 * allows those takes them out first.
 */
export const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

/** `U+202E`, for messages. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Somebody's text for one line of a terminal or a comment: what cannot be seen is shown as U+FFFD. */
export function inOneLine(text: string): string {
  return text.replace(invisible, "\uFFFD");
}
