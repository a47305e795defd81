import { formatText, goEscapes, textMax, tooLong } from "./format-text.ts";
import { visiting } from "./lists.ts";
import {
  flat,
  fun,
  matching,
  method,
  type Overload,
  type Price,
  type Runtime,
  rebuilding,
  sizeOf,
  traversal,
} from "./overloads.ts";
import { compilePattern } from "./regex.ts";
import { type CelValue, Failure, lengthInCharacters, type Outcome } from "./values.ts";

const searching: Price = { before: (a, b) => Math.ceil(sizeOf(a) * 0.1) * Math.ceil(sizeOf(b) * 0.1) };
const joining: Price = { after: (result) => Math.ceil(sizeOf(result) * 0.2) };

const patternComplaint = (text: string) => {
  const compiled = compilePattern(text);
  return compiled instanceof Failure ? `${JSON.stringify(text)} is no RE2 expression: ${compiled.message}` : undefined;
};

/** The standard functions on texts, and CEL's string extension, version 2. Positions count characters. */
export const text: readonly Overload[] = [
  method("contains", ["string", "string"], "bool", (a, b) => a.includes(b), { price: searching }),
  method("startsWith", ["string", "string"], "bool", (a, b) => a.startsWith(b), { price: traversal }),
  method("endsWith", ["string", "string"], "bool", (a, b) => a.endsWith(b), { price: traversal }),
  method(
    "matches",
    ["string", "string"],
    "bool",
    (a, b, runtime) => withPattern(runtime.pattern(b), (p) => p.test(a)),
    {
      price: matching,
      complaint: patternComplaint,
    },
  ),
  // Kubernetes has no price for the function, only for the method.
  fun("matches", ["string", "string"], "bool", (a, b, runtime) => withPattern(runtime.pattern(b), (p) => p.test(a)), {
    complaint: patternComplaint,
  }),
  method("find", ["string", "string"], "string", (a, b, runtime) => withPattern(runtime.pattern(b), (p) => p.find(a)), {
    price: matching,
    complaint: patternComplaint,
  }),
  method("findAll", ["string", "string"], "list(string)", (a, b, runtime) => findAll(a, b, -1n, runtime), {
    price: matching,
    complaint: patternComplaint,
  }),
  method("findAll", ["string", "string", "int"], "list(string)", findAll, { price: matching }),

  method("charAt", ["string", "int"], "string", charAt, { price: flat }),
  method("indexOf", ["string", "string"], "int", (a, b) => indexOf(a, b, 0n), { price: visiting }),
  method("indexOf", ["string", "string", "int"], "int", indexOf, { price: visiting }),
  method("lastIndexOf", ["string", "string"], "int", (a, b) => lastIndexOf(a, b, undefined), { price: visiting }),
  method("lastIndexOf", ["string", "string", "int"], "int", lastIndexOf, { price: visiting }),
  method("lowerAscii", ["string"], "string", (a) => a.replace(/[A-Z]+/g, (found) => found.toLowerCase()), {
    price: traversal,
  }),
  method("upperAscii", ["string"], "string", (a) => a.replace(/[a-z]+/g, (found) => found.toUpperCase()), {
    price: traversal,
  }),
  method("replace", ["string", "string", "string"], "string", (a, b, c) => replace(a, b, c, -1n), {
    price: rebuilding,
  }),
  method("replace", ["string", "string", "string", "int"], "string", replace, { price: rebuilding }),
  method("split", ["string", "string"], "list(string)", (a, b) => split(a, b, -1n), { price: rebuilding }),
  method("split", ["string", "string", "int"], "list(string)", split, { price: rebuilding }),
  method("substring", ["string", "int"], "string", (a, start) => substring(a, start, undefined), { price: traversal }),
  method("substring", ["string", "int", "int"], "string", substring, { price: traversal }),
  method("trim", ["string"], "string", trim, { price: traversal }),
  fun("strings.quote", ["string"], "string", quote, { price: traversal }),
  method("format", ["string", "list(dyn)"], "string", format, { price: traversal }),
  method("join", ["list(string)"], "string", (list) => join(list, ""), { price: joining }),
  method("join", ["list(string)", "string"], "string", join, { price: joining }),
];

function withPattern<P>(pattern: P | Failure, use: (pattern: P) => Outcome): Outcome {
  return pattern instanceof Failure ? pattern : use(pattern);
}

function findAll(value: string, pattern: string, limit: bigint, runtime: Runtime): Outcome {
  return withPattern(runtime.pattern(pattern), (compiled) => {
    const found = compiled.findAll(value, Number(limit));
    runtime.work(found.length * 8);
    return found;
  });
}

function format(template: string, args: readonly CelValue[], runtime: Runtime): Outcome {
  const text = formatText(template, args);
  if (typeof text === "string") runtime.work(text.length);
  return text;
}

function outOfRange(position: bigint): Failure {
  return new Failure(`index out of range: ${position}`);
}

function charAt(value: string, position: bigint): Outcome {
  if (position < 0n || position > BigInt(lengthInCharacters(value))) return outOfRange(position);
  const offset = offsetOf(value, Number(position));
  const code = value.codePointAt(offset);
  return code === undefined ? "" : String.fromCodePoint(code);
}

/** The UTF-16 offset of a character. */
function offsetOf(value: string, position: number): number {
  let offset = 0;
  for (let passed = 0; passed < position && offset < value.length; passed += 1) {
    offset += (value.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

function indexOf(value: string, part: string, from: bigint): Outcome {
  if (part === "") return from;
  if (from < 0n) return outOfRange(from);
  if (from >= BigInt(lengthInCharacters(value))) return -1n;
  const found = value.indexOf(part, offsetOf(value, Number(from)));
  return found < 0 ? -1n : BigInt(lengthInCharacters(value.slice(0, found)));
}

function lastIndexOf(value: string, part: string, from: bigint | undefined): Outcome {
  const length = BigInt(lengthInCharacters(value));
  if (part === "") return from ?? length;
  if (from !== undefined && from < 0n) return outOfRange(from);
  if (from !== undefined && from >= length) return -1n;
  const found = value.lastIndexOf(part, from === undefined ? value.length : offsetOf(value, Number(from)));
  return found < 0 ? -1n : BigInt(lengthInCharacters(value.slice(0, found)));
}

/** An empty `part` stands before each character and at the end. A negative limit is none. */
function replace(value: string, part: string, replacement: string, limit: bigint): Outcome {
  const pieces = part === "" ? ["", ...value, ""] : value.split(part);
  const count = Math.min(pieces.length - 1, limit < 0n ? pieces.length : Number(limit));
  if (value.length + count * replacement.length > textMax) return tooLong();
  const kept = pieces.slice(0, count);
  const rest = pieces.slice(count).join(part);
  return kept.map((piece) => piece + replacement).join("") + rest;
}

function split(value: string, separator: string, limit: bigint): Outcome {
  if (limit === 0n) return [];
  const pieces = separator === "" ? [...value] : value.split(separator);
  if (limit < 0n || BigInt(pieces.length) <= limit) return pieces;
  const count = Number(limit) - 1;
  return [...pieces.slice(0, count), pieces.slice(count).join(separator)];
}

function substring(value: string, start: bigint, end: bigint | undefined): Outcome {
  const length = BigInt(lengthInCharacters(value));
  if (end !== undefined && start > end) return new Failure(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > length) return outOfRange(start);
  if (end !== undefined && end > length) return outOfRange(end);
  const first = offsetOf(value, Number(start));
  return value.slice(first, end === undefined ? undefined : offsetOf(value, Number(end)));
}

/** Unicode's white space, which is JavaScript's without the byte order mark and with U+0085. */
function trim(value: string): string {
  return value.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, "");
}

/** The text as a literal in double quotes. */
function quote(value: string): string {
  let quoted = '"';
  for (const character of value) quoted += goEscapes.get(character) ?? character;
  return `${quoted}"`;
}

function join(list: unknown, separator: string): Outcome {
  if (!Array.isArray(list)) return "";
  let length = 0;
  for (const item of list) {
    if (typeof item !== "string") return new Failure("join: not all elements are strings");
    length += item.length + separator.length;
    if (length > textMax) return tooLong();
  }
  return list.join(separator);
}
