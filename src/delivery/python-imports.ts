/** What a Python file imports, as its text says it: nothing is run. */
export interface PythonImport {
  /** Dotted, for example `os.path`; empty in `from . import x`. */
  readonly name: string;
  /** Dots in front of it: 0 of an absolute import. */
  readonly level: number;
  /** What `from … import` takes of it; a module's name may be among them. */
  readonly members: readonly string[];
  /** Of the name, from 1; columns count characters. */
  readonly line: number;
  readonly column: number;
}

interface Token {
  /** A name, a number, one character, or `"\n"` at the end of a logical line. Strings and comments are left out. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const word = /[\p{L}\p{N}_]+/uy;
const quote = /(?:[rRbBuUfFtT]{0,3})("""|'''|"|')/uy;

/**
 * All `import` and `from` statements, in the order of the text. What Python itself would refuse gives what can be made of it: the interpreter says
 * so when it loads the file.
 */
export function pythonImports(text: string): readonly PythonImport[] {
  const tokens = tokenize(text);
  const found: PythonImport[] = [];
  for (let at = 0; at < tokens.length; at += 1) {
    const before = tokens[at - 1]?.text;
    // A statement starts a line, follows a semicolon, or the colon of a short `if x: import y`.
    const starts = before === undefined || before === "\n" || before === ";" || before === ":";
    if (!starts) continue;
    if (tokens[at]?.text === "import") found.push(...plainImports(tokens, at + 1));
    if (tokens[at]?.text === "from") found.push(...fromImport(tokens, at + 1));
  }
  return found;
}

/** `import a.b as c, d` */
function plainImports(tokens: readonly Token[], start: number): readonly PythonImport[] {
  const found: PythonImport[] = [];
  let at = start;
  for (;;) {
    const { name, next } = dotted(tokens, at);
    const first = tokens[at];
    if (name === "" || first === undefined) return found;
    found.push({ name, level: 0, members: [], line: first.line, column: first.column });
    at = tokens[next]?.text === "as" ? next + 2 : next;
    if (tokens[at]?.text !== ",") return found;
    at += 1;
  }
}

/** `from ..a import (b as c, d)` */
function fromImport(tokens: readonly Token[], start: number): readonly PythonImport[] {
  let at = start;
  while (tokens[at]?.text === ".") at += 1;
  const level = at - start;
  const { name, next } = dotted(tokens, at);
  const place = tokens[start];
  if (tokens[next]?.text !== "import" || place === undefined || (name === "" && level === 0)) return [];
  const members: string[] = [];
  let before = "import";
  for (let member = next + 1; member < tokens.length; member += 1) {
    const text = tokens[member]?.text ?? "\n";
    if (text === "\n" || text === ";" || text === ")") break;
    if (isWord(text) && before !== "as" && text !== "as") members.push(text);
    before = text;
  }
  return [{ name, level, members, line: place.line, column: place.column }];
}

function dotted(tokens: readonly Token[], start: number): { readonly name: string; readonly next: number } {
  const parts: string[] = [];
  let at = start;
  for (;;) {
    const text = tokens[at]?.text ?? "";
    if (!isWord(text) || text === "import" || text === "as") break;
    parts.push(text);
    at += 1;
    if (tokens[at]?.text !== ".") break;
    at += 1;
  }
  return { name: parts.join("."), next: at };
}

function isWord(text: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(text);
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let [at, line, lineStart, depth] = [0, 1, 0, 0];
  const turn = (): void => {
    line += 1;
    lineStart = at;
  };
  const skipTo = (end: number): void => {
    for (; at < end; at += 1) {
      if (text[at] !== "\n") continue;
      line += 1;
      lineStart = at + 1;
    }
  };
  while (at < text.length) {
    const char = text[at] ?? "";
    const token = { line, column: characters(text, lineStart, at) + 1 };
    quote.lastIndex = at;
    word.lastIndex = at;
    const opened = quote.exec(text);
    const found = opened === null ? word.exec(text)?.[0] : undefined;
    if (opened !== null) skipTo(stringEnd(text, at + opened[0].length, opened[1] ?? '"'));
    else if (found !== undefined) {
      tokens.push({ text: found, ...token });
      at += found.length;
    } else if (char === "#") {
      while (at < text.length && text[at] !== "\n") at += 1;
    } else if (char === "\n") {
      at += 1;
      turn();
      if (depth === 0) tokens.push({ text: "\n", ...token });
    } else if (char === "\\" && /^\\\r?\n/.test(text.slice(at, at + 3))) skipTo(text.indexOf("\n", at) + 1);
    else {
      if ("([{".includes(char)) depth += 1;
      if (")]}".includes(char)) depth = Math.max(0, depth - 1);
      // A colon inside brackets ends no head of a statement.
      if (!/\s/.test(char) && !(char === ":" && depth > 0)) tokens.push({ text: char, ...token });
      at += 1;
    }
  }
  return tokens;
}

/** Behind the closing quote; one that is never closed ends with its line, a triple one with the text. */
function stringEnd(text: string, start: number, closing: string): number {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text.startsWith(closing, at)) return at + closing.length;
    else if (text[at] === "\n" && closing.length === 1) return at;
  }
  return text.length;
}

function characters(text: string, from: number, to: number): number {
  return [...text.slice(from, to)].length;
}
