import { err, ok, type Result } from "../result.ts";
import type { FaultDetail } from "./faults.ts";
import { fitsUint, Uint } from "./values.ts";

export type LiteralValue = number | string | Uint | Uint8Array;

/** The value of a number that is no plain int: `1.5`, `1e3`, `7u`; undefined if a uint is out of range. */
export function decodeNumber(text: string): Uint | number | undefined {
  if (!/[uU]$/.test(text)) return Number(text);
  const value = BigInt(text.slice(0, -1));
  return fitsUint(value) ? new Uint(value) : undefined;
}

/**
 * Reads a string or bytes literal.
 *
 * @param at where its prefix or quote begins
 * @param contentAt where its content begins
 */
export function readQuoted(
  text: string,
  at: number,
  contentAt: number,
): Result<{ readonly value: string | Uint8Array; readonly end: number }, FaultDetail> {
  const opening = text.slice(at, contentAt).toLowerCase();
  const quote = /"""|'''|"|'/.exec(opening)?.[0] ?? "";
  const raw = opening.includes("r");
  const bytes = opening.includes("b");
  let content = "";
  const octets: number[] = [];
  let index = contentAt;
  while (!text.startsWith(quote, index)) {
    const character = text.charAt(index);
    if (character === "" || (quote.length === 1 && (character === "\n" || character === "\r"))) {
      return err({ code: "syntax", message: "the string has no end", fix: `close it with ${quote}`, at, end: index });
    }
    if (character === "\\" && !raw) {
      const escaped = readEscape(text, index, bytes);
      if (!escaped.ok) return escaped;
      if (escaped.value.octet === undefined) content += escaped.value.text;
      else content = flush(content, octets, escaped.value.octet);
      index = escaped.value.end;
      continue;
    }
    // Line ends are \n in the value, however the file has them.
    if (character === "\r") {
      content += "\n";
      index += text.charAt(index + 1) === "\n" ? 2 : 1;
      continue;
    }
    content += character;
    index += 1;
  }
  const end = index + quote.length;
  if (!bytes) return ok({ value: content, end });
  flush(content, octets);
  return ok({ value: Uint8Array.from(octets), end });
}

/** Moves text into the octets as UTF-8, then the octet of an escape. */
function flush(content: string, octets: number[], octet?: number): string {
  octets.push(...new TextEncoder().encode(content));
  if (octet !== undefined) octets.push(octet);
  return "";
}

const simple: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ['"', '"'],
  ["'", "'"],
  ["\\", "\\"],
  ["?", "?"],
  ["`", "`"],
]);

interface Escaped {
  readonly text: string;
  /** Set in bytes: `\xff` is one octet there, a character elsewhere. */
  readonly octet?: number;
  readonly end: number;
}

function readEscape(text: string, at: number, bytes: boolean): Result<Escaped, FaultDetail> {
  const letter = text.charAt(at + 1);
  const plain = simple.get(letter);
  if (plain !== undefined) return ok({ text: plain, end: at + 2 });
  const pattern = /\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  const refused = (message: string, fix?: string) =>
    err({ code: "syntax", message, fix, at, end: Math.min(text.length, at + (found?.[0].length ?? 2)) } as const);
  if (found === null) return refused(`\\${letter} is no escape`, "write \\\\ for a backslash, or a raw string: r'…'");
  const unicode = found[2] ?? found[3];
  const code = found[4] === undefined ? Number.parseInt(found[1] ?? unicode ?? "", 16) : Number.parseInt(found[4], 8);
  const end = at + found[0].length;
  if (bytes) {
    if (unicode !== undefined) return refused(`${found[0]} is not allowed in bytes`, "write the octets: \\x…");
    return ok({ text: "", octet: code, end });
  }
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return refused(`${found[0]} is no character`);
  return ok({ text: String.fromCodePoint(code), end });
}
