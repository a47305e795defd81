import { err, ok, type Result } from "../result.ts";
import type { FaultDetail } from "./faults.ts";
import { decodeNumber, type LiteralValue, readQuoted } from "./literals.ts";

export type Token =
  | {
      readonly kind: "literal";
      readonly value: LiteralValue;
      readonly text: string;
      readonly at: number;
      readonly end: number;
    }
  /** Digits of a whole number, whose sign the parser knows. */
  | { readonly kind: "int"; readonly text: string; readonly at: number; readonly end: number }
  | { readonly kind: "name" | "operator" | "end"; readonly text: string; readonly at: number; readonly end: number }
  /** A name in backticks, which the profile refuses. */
  | { readonly kind: "quoted-name"; readonly text: string; readonly at: number; readonly end: number };

const space = /(?:[\t\n\f\r ]|\/\/[^\n]*)+/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const quotedName = /`[A-Za-z0-9_.\-/ ]+`/y;
const quoteStart = /(?:[bB][rR]?|[rR])?(?:"""|'''|"|')/y;
const number = /0x[0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+(?:[eE][+-]?[0-9]+|[uU])?/y;
const operator = /==|!=|<=|>=|&&|\|\||[[\]{}().,:?!<>+\-*/%]/y;

/** Splits a text into tokens; the last one is `end`. The first character that begins no token ends it. */
export function tokenize(text: string): Result<readonly Token[], FaultDetail> {
  const tokens: Token[] = [];
  let at = endOf(space, text, 0) ?? 0;
  while (at < text.length) {
    const token = nextToken(text, at);
    if (!token.ok) return token;
    tokens.push(token.value);
    at = endOf(space, text, token.value.end) ?? token.value.end;
  }
  tokens.push({ kind: "end", text: "", at, end: at });
  return ok(tokens);
}

function nextToken(text: string, at: number): Result<Token, FaultDetail> {
  const quote = endOf(quoteStart, text, at);
  if (quote !== undefined) {
    const literal = readQuoted(text, at, quote);
    if (!literal.ok) return literal;
    const { value, end } = literal.value;
    return ok({ kind: "literal", value, text: text.slice(at, end), at, end });
  }
  const numberEnd = endOf(number, text, at);
  if (numberEnd !== undefined) return numberToken(text, at, numberEnd);
  for (const [kind, pattern] of plain) {
    const end = endOf(pattern, text, at);
    if (end !== undefined) return ok({ kind, text: text.slice(at, end), at, end });
  }
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return err({
    code: "syntax",
    message: `${JSON.stringify(found)} begins nothing`,
    fix: advice.get(found),
    at,
    end: at + found.length,
  });
}

const plain = [
  ["name", name],
  ["quoted-name", quotedName],
  ["operator", operator],
] as const;

const advice: ReadonlyMap<string, string> = new Map([
  ["=", "write == to compare; there is no assignment"],
  ["&", "write && for both; there are no bit operations"],
  ["|", "write || for either; there are no bit operations"],
  ["“", "use plain quotes"],
  ["”", "use plain quotes"],
  ["‘", "use plain quotes"],
  ["’", "use plain quotes"],
  ["#", "begin a comment with //"],
  [";", "write one expression, without an end mark"],
  ["$", "name variables without a sign"],
  ["@", "name variables without a sign"],
]);

function numberToken(text: string, at: number, end: number): Result<Token, FaultDetail> {
  const found = text.slice(at, end);
  if (/^(?:0x[0-9a-fA-F]+|[0-9]+)$/.test(found)) return ok({ kind: "int", text: found, at, end });
  const value = decodeNumber(found);
  if (value === undefined) {
    return err({ code: "syntax", message: `${found} is above what a uint can hold`, at, end });
  }
  return ok({ kind: "literal", value, text: found, at, end });
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
