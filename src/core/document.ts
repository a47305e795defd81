import { Composer, type Document, LineCounter } from "yaml";
import { scanCharacters, scanTokens, type TextFinding } from "./document-text.ts";
import type { Trap } from "./document-traps.ts";
import { type Entry, type Reading, readValues } from "./document-values.ts";
import type { JsonValue } from "./json.ts";
import { pointerParent } from "./pointer.ts";
import type { Finding, Place } from "./refusal.ts";
import { scalarSpans } from "./scalar-offsets.ts";

/** A YAML document as JSON, and where each value stands in the text. */
export interface SourceDocument {
  readonly file: string;
  /** Undefined if the text has no reliable structure; the findings then say why. Refused values are `null` in it. */
  readonly value: JsonValue | undefined;
  /** What is wrong with the YAML itself, in the order of the text. Traps are not among them: see `traps`. */
  readonly findings: readonly Finding[];
  /** Unquoted words and numbers that YAML readers disagree on, by pointer. What to write instead depends on the type wanted. */
  readonly traps: ReadonlyMap<string, Trap>;
  /** Whether a finding already covers what stands there, so that nothing else is said about it. */
  readonly refused: (pointer: string) => boolean;
  /** Where a value stands: a scalar itself, a block's key. What is not there is placed at what should hold it. */
  readonly locate: (pointer: string) => Place;
  /**
   * Where a part of a text's value stands, whatever the quotes, folds and escapes around it.
   *
   * @param offset in UTF-16 units of the value; its length is the place behind it
   */
  readonly locateInside: (pointer: string, offset: number, length: number) => Place;
  /** Where a member's key stands. */
  readonly locateKey: (pointer: string) => Place;
  /** A scalar as it is written, without quotes. */
  readonly written: (pointer: string) => string | undefined;
}

/**
 * Reads one YAML 1.2 document, at most 64 KiB and 20 levels deep, without anchors, aliases, tags, merge keys and duplicate keys.
 * Never throws: whatever the text is, the answer is findings.
 *
 * @param file the path for places, relative to the repository
 */
export function readDocument(file: string, text: string): SourceDocument {
  const characters = scanCharacters(text);
  if (characters.fatal) {
    return sourceDocument(file, text, countLines(text), characters.findings, undefined);
  }
  // The mark is refused above; blanked, it neither confuses the parser nor moves a column.
  const clean = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const shift = text.length - clean.length;
  const lines = countLines(clean);
  const tokens = scanTokens(clean);
  const early = [...characters.findings.map((finding) => moved(finding, -shift)), ...tokens.findings];
  if (tokens.fatal || tokens.findings.some(({ code }) => code === "yaml-many-documents" || code === "yaml-malformed")) {
    return sourceDocument(file, clean, lines, early, undefined);
  }
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  const [document] = [...composer.compose(tokens.tokens, true, clean.length)];
  const broken = document === undefined ? undefined : syntaxFinding(document, early, clean);
  if (broken !== undefined) return sourceDocument(file, clean, lines, [...early, broken], undefined);
  if (!document?.contents) {
    const empty: TextFinding = {
      code: "document-empty",
      message: "the file is empty",
      fix: "slipway new writes a first one",
      start: 0,
      end: 0,
    };
    return sourceDocument(file, clean, lines, early.length > 0 ? early : [empty], undefined);
  }
  const reading = readValues(document.contents);
  const later = reading.findings.filter((finding) => !early.some((first) => overlaps(first, finding)));
  return sourceDocument(file, clean, lines, [...early, ...later], reading);
}

function moved(finding: TextFinding, by: number): TextFinding {
  return { ...finding, start: Math.max(0, finding.start + by), end: Math.max(1, finding.end + by) };
}

function overlaps(
  a: { readonly start: number; readonly end: number },
  b: { readonly start: number; readonly end: number },
): boolean {
  return a.start < b.end && b.start < a.end;
}

/** The lexer's own count misses line ends inside of what it cannot read. */
function countLines(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines.addNewLine(at + 1);
  return lines;
}

/** The first syntax error that no earlier finding explains; those behind it are mostly its echo. */
function syntaxFinding(
  document: Document.Parsed,
  early: readonly TextFinding[],
  text: string,
): TextFinding | undefined {
  const echoes =
    /^(?:BAD_ALIAS|TAG_RESOLVE_FAILED|MULTIPLE_ANCHORS|MULTIPLE_TAGS|ALIAS_PROPS|BAD_DIRECTIVE|BAD_PROP_ORDER)$/;
  for (const error of document.errors) {
    const explained = early.some(({ code }) => code.startsWith("yaml-")) && echoes.test(error.code);
    if (explained) continue;
    const indent = /^ */.exec(text.slice(error.pos[0]))?.[0].length ?? 0;
    const start = Math.min(error.pos[0] + indent, Math.max(0, text.trimEnd().length - 1));
    const [message, fix] = syntaxText(error.code, error.message);
    return { code: "yaml-malformed", message, fix, start, end: Math.max(start + 1, error.pos[1]) };
  }
  return undefined;
}

function syntaxText(code: string, message: string): readonly [message: string, fix: string] {
  switch (code) {
    case "BAD_INDENT":
      if (message.startsWith("Flow")) return ["a bracket or brace above is not closed", "close it with ] or }"];
      return ["this line's indentation fits no level above", "indent members of one map alike, with spaces"];
    case "BLOCK_AS_IMPLICIT_KEY":
      return [
        "a key and a colon stand inside of another value",
        "start a new line for it, or put text that holds a colon in quotes",
      ];
    case "MULTILINE_IMPLICIT_KEY":
      return ["this line has no colon, so it is no member of the map", "write key: value"];
    case "MISSING_CHAR":
      return [`something is not closed: ${lowerFirst(message)}`, "close the quote, bracket or brace"];
    case "BAD_DQ_ESCAPE":
      return ["an escape in double quotes that YAML does not know", "use single quotes, or write the backslash twice"];
    case "BAD_SCALAR_START":
      return ["a plain text cannot start with this character", "put the text in quotes"];
    default:
      return [`this is not YAML: ${lowerFirst(message)}`, "look at this line and the one above"];
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function sourceDocument(
  file: string,
  text: string,
  lines: LineCounter,
  findings: readonly TextFinding[],
  reading: Reading | undefined,
): SourceDocument {
  const entries: ReadonlyMap<string, Entry> = reading?.entries ?? new Map<string, Entry>();
  const place = (start: number, end: number): Place => {
    const { line, col } = lines.linePos(start);
    const lineEnd = /\r?\n|$/g;
    lineEnd.lastIndex = start;
    const stop = lineEnd.exec(text)?.index ?? text.length;
    return {
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      length: Math.max(1, Math.min(end, stop) - start),
    };
  };
  const nearest = (pointer: string): readonly [Entry | undefined, boolean] => {
    for (let at = pointer; ; at = pointerParent(at)) {
      const entry = entries.get(at);
      if (entry !== undefined || at === "") return [entry, at === pointer];
    }
  };
  const locateKey = (pointer: string): Place => {
    const [entry] = nearest(pointer);
    const at = entry?.key ?? entry;
    if (entry?.key === undefined && entry?.shape === "block") return place(entry.start, entry.start + 1);
    return at === undefined ? { file, line: 1, column: 1, length: 1 } : place(at.start, at.end);
  };
  const locate = (pointer: string): Place => {
    const [entry, exact] = nearest(pointer);
    const itself = exact && entry !== undefined && entry.shape !== "block" && entry.end > entry.start;
    return itself ? place(entry.start, entry.end) : locateKey(pointer);
  };
  const locateInside = (pointer: string, offset: number, length: number): Place => {
    const entry = entries.get(pointer);
    if (entry?.style === undefined || entry.written === undefined) return locate(pointer);
    const spans = scalarSpans(text.slice(entry.start, entry.end), entry.style, entry.written);
    const spanAt = (index: number) => spans[Math.min(Math.max(index, 0), spans.length - 1)] ?? { start: 0, end: 0 };
    // What a text lacks at its end, it lacks behind its last word, not on the empty line after it.
    const first = Math.min(offset, entry.written.trimEnd().length);
    const last = spanAt(first + Math.max(length, 1) - 1);
    return place(entry.start + spanAt(first).start, entry.start + last.end);
  };
  const ordered = findings.toSorted((a, b) => a.start - b.start);
  const placed = ordered.map(
    ({ start, end, ...finding }): Finding => ({ ...finding, severity: "error", place: place(start, end) }),
  );
  const refused = (pointer: string): boolean => {
    const holes = reading?.holes ?? new Set<string>();
    for (let at = pointer; at !== ""; at = pointerParent(at)) if (holes.has(at)) return true;
    const entry = entries.get(pointer);
    if (entry === undefined || entry.shape === "block") return false;
    return findings.some(
      (finding) => overlaps(finding, entry) || (entry.key !== undefined && overlaps(finding, entry.key)),
    );
  };
  return {
    file,
    value: reading?.value,
    findings: placed,
    traps: reading?.traps ?? new Map<string, Trap>(),
    refused,
    locate,
    locateInside,
    locateKey,
    written: (pointer) => entries.get(pointer)?.written,
  };
}
