import { type CST, Parser } from "yaml";
import type { Finding } from "./refusal.ts";
import { codePoint, invisible } from "./visible.ts";

// What is refused in a document's text before it has a value: characters nobody can see, and YAML that a spec does not need.

const bytesMax = 64 * 1024;
const depthMax = 20;

/** A finding at characters `start` to `end` of the text. */
export interface TextFinding extends Omit<Finding, "place" | "severity"> {
  readonly start: number;
  readonly end: number;
}

/** Sizes and characters. `fatal`: the text must not even be parsed. */
export function scanCharacters(text: string): { readonly findings: readonly TextFinding[]; readonly fatal: boolean } {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > bytesMax) {
    const message = `the document has ${bytes} bytes; at most ${bytesMax} are allowed`;
    const fix = "keep data out of the spec: the algorithm's folder can hold it";
    return { findings: [{ code: "document-too-large", message, fix, start: 0, end: 1 }], fatal: true };
  }
  const findings: TextFinding[] = [];
  const tabs: number[] = [];
  for (const found of text.matchAll(invisible)) {
    const character = found[0];
    const at = found.index;
    if (character === "\n" || (character === "\r" && text[at + 1] === "\n")) continue;
    if (character === "\t") tabs.push(at);
    else findings.push(characterFinding(character, at));
  }
  const first = tabs[0];
  if (first !== undefined) {
    const more = tabs.length === 1 ? "" : ` (and ${tabs.length - 1} more)`;
    findings.push({
      code: "yaml-tab",
      message: `a tab character stands here${more}`,
      fix: "use spaces",
      start: first,
      end: first + 1,
    });
  }
  const indented = tabs.some((at) => /(?:^|\n)[ \t]*$/.test(text.slice(Math.max(0, at - 200), at)));
  return { findings, fatal: indented || findings.some(({ code }) => code === "yaml-line-ending") };
}

function characterFinding(character: string, start: number): TextFinding {
  const end = start + character.length;
  if (start === 0 && character === "\uFEFF") {
    return {
      code: "yaml-byte-order-mark",
      message: "the file starts with a byte order mark (U+FEFF)",
      fix: "save it as UTF-8 without BOM",
      start,
      end,
    };
  }
  if (character === "\r") {
    return {
      code: "yaml-line-ending",
      message: "a carriage return stands here without a line feed",
      fix: "end lines with LF or CRLF",
      start,
      end,
    };
  }
  const message = `an invisible character stands here (${codePoint(character)})`;
  return {
    code: "yaml-invisible-character",
    message,
    fix: "delete it; what a reviewer cannot see must not be in a spec",
    start,
    end,
  };
}

/** The tokens of the text, and what they show: nesting, anchors, aliases, tags, directives, more than one document. */
export function scanTokens(text: string): {
  readonly tokens: readonly CST.Token[];
  readonly findings: readonly TextFinding[];
  readonly fatal: boolean;
} {
  const tokens = [...new Parser().parse(text)];
  const findings: TextFinding[] = [];
  let documents = 0;
  for (const token of tokens) {
    if (token.type === "directive") {
      findings.push(tokenFinding(token, "yaml-directive", "a YAML directive", "take the line out: this is YAML 1.2"));
    }
    if (token.type !== "document") continue;
    documents += 1;
    if (documents === 2) {
      const message = "a second document starts here; a file holds one";
      findings.push({
        code: "yaml-many-documents",
        message,
        fix: "take it out, or move it to a file of its own",
        start: token.offset,
        end: token.offset + 3,
      });
    }
    const deep = scanNesting(token, findings);
    if (deep !== undefined) {
      const message = `the nesting is deeper than ${depthMax} levels here`;
      findings.push({
        code: "document-too-deep",
        message,
        fix: "no spec needs that: flatten it",
        start: deep,
        end: deep + 1,
      });
      return { tokens, findings, fatal: true };
    }
  }
  return { tokens, findings, fatal: false };
}

/** Walks with a stack of its own, since the nesting of the text is not to be trusted; returns the offset of what is too deep. */
function scanNesting(document: CST.Document, findings: TextFinding[]): number | undefined {
  const waiting: { readonly token: CST.Token; readonly depth: number }[] = [{ token: document, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    const properties = "start" in token && Array.isArray(token.start) ? token.start : [];
    for (const part of properties) scanProperty(part, findings);
    if (token.type === "alias") {
      findings.push(tokenFinding(token, "yaml-alias", `the alias ${token.source}`, "write the value out"));
    }
    if (token.type === "single-quoted-scalar" || token.type === "double-quoted-scalar") {
      const closed = token.source.length > 1 && token.source.endsWith(token.source.charAt(0));
      if (!closed)
        findings.push({
          code: "yaml-malformed",
          message: "this quote is not closed",
          fix: "close it",
          start: token.offset,
          end: token.offset + 1,
        });
    }
    if (token.type === "document" && token.value !== undefined) waiting.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    if (depth === depthMax) return token.offset;
    for (const item of token.items) {
      for (const part of [...item.start, ...(item.sep ?? [])]) scanProperty(part, findings);
      if (item.key) waiting.push({ token: item.key, depth: depth + 1 });
      if (item.value !== undefined) waiting.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}

function scanProperty(part: CST.SourceToken, findings: TextFinding[]): void {
  if (part.type === "anchor")
    findings.push(
      tokenFinding(
        part,
        "yaml-anchor",
        `the anchor ${part.source}`,
        "take it out and write values where they are used",
      ),
    );
  if (part.type === "tag")
    findings.push(tokenFinding(part, "yaml-tag", `the tag ${part.source}`, "take it out: the schema knows each type"));
}

function tokenFinding(
  token: { readonly offset: number; readonly source: string },
  code: string,
  what: string,
  fix: string,
): TextFinding {
  return {
    code,
    message: `${what} is YAML that a spec may not use`,
    fix,
    start: token.offset,
    end: token.offset + token.source.length,
  };
}
