import { RE2JS } from "re2js";
import { Failure } from "./values.ts";

/** An RE2 expression: linear in the text, without look-around and back references. */
export interface Pattern {
  test(text: string): boolean;
  /** The leftmost match, or the empty text. */
  find(text: string): string;
  /** Up to `limit` matches from left to right, all if it is negative. An empty match right behind another is none. */
  findAll(text: string, limit: number): readonly string[];
}

const lengthMax = 1000;

export function compilePattern(text: string): Pattern | Failure {
  if (text.length > lengthMax) return new Failure(`a regular expression of more than ${lengthMax} characters`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(text);
  } catch (error) {
    return new Failure(error instanceof Error ? error.message : "not a regular expression");
  }
  return {
    test: (subject) => compiled.test(subject),
    find: (subject) => findAll(compiled, subject, 1)[0] ?? "",
    findAll: (subject, limit) => findAll(compiled, subject, limit),
  };
}

function findAll(compiled: RE2JS, text: string, limit: number): readonly string[] {
  const found: string[] = [];
  const matcher = compiled.matcher(text);
  let from = 0;
  let previousEnd = -1;
  while (from <= text.length && (limit < 0 || found.length < limit) && matcher.find(from)) {
    const [start, end] = [matcher.start(), matcher.end()];
    if (end > start || start !== previousEnd) found.push(text.slice(start, end));
    previousEnd = end;
    from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  return found;
}
