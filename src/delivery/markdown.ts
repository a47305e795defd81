/** Text of a person inside Markdown: no table cell, tag, link, mention or emphasis comes of it. */
export function plain(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .replace(/[\p{Cf}\p{Zl}\p{Zp}]/gu, "�")
    .replace(/[\\`*_[\]<>|#~!]/g, "\\$&")
    .replaceAll("@", "@\u2060");
}

export function code(text: string): string {
  return `\`${text.replace(/[`|\s\p{Cc}\p{Cf}]+/gu, " ")}\``;
}
