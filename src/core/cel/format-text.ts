import { formatDouble } from "./double-text.ts";
import { compareText } from "./equality.ts";
import { formatDuration, formatTimestamp } from "./time.ts";
import {
  type CelMap,
  type CelValue,
  Failure,
  isList,
  isMap,
  kindOf,
  type Outcome,
  TypeValue,
  Uint,
  type ValueKind,
} from "./values.ts";

export type ClauseName = "s" | "d" | "f" | "e" | "b" | "x" | "X" | "o";

/** A piece of a template: text, or what becomes of the next argument. */
export type Piece = string | { readonly clause: ClauseName; readonly precision: number | undefined };

const precisionMax = 100;
/** No function makes a longer text. */
export const textMax = 1 << 20;

/** The pieces of `%s`, `%d`, `%.2f` … and the text between; or what is wrong with the template. */
export function parseTemplate(template: string): readonly Piece[] | Failure {
  const pieces: Piece[] = [];
  let rest = template;
  while (rest !== "") {
    const mark = rest.indexOf("%");
    if (mark !== 0) {
      pieces.push(mark < 0 ? rest : rest.slice(0, mark));
      rest = mark < 0 ? "" : rest.slice(mark);
      continue;
    }
    const [found, precisionText, clause] = /^%(?:\.([0-9]+))?([%sdfebxXo])/.exec(rest) ?? [];
    if (found === undefined) return new Failure(`${JSON.stringify(rest.slice(0, 6))} is no clause of format()`);
    if (clause === "%" && precisionText !== undefined) return new Failure("a percent sign is written %%");
    const precision = precisionText === undefined ? undefined : Number(precisionText);
    if (precision !== undefined && precision > precisionMax) {
      return new Failure(`format() writes at most ${precisionMax} digits after the point`);
    }
    pieces.push(clause === "%" ? "%" : { clause: clause as ClauseName, precision });
    rest = rest.slice(found.length);
  }
  return pieces;
}

/** What each clause takes; `%f` and `%e` take texts for the sake of "NaN" and "Infinity". */
export const clauseKinds: Readonly<Record<ClauseName, ReadonlySet<ValueKind>>> = {
  s: new Set<ValueKind>([
    "list",
    "map",
    "int",
    "uint",
    "double",
    "bool",
    "string",
    "timestamp",
    "bytes",
    "duration",
    "type",
    "null_type",
  ]),
  d: new Set<ValueKind>(["int", "uint"]),
  f: new Set<ValueKind>(["double", "string"]),
  e: new Set<ValueKind>(["double", "string"]),
  b: new Set<ValueKind>(["int", "uint", "bool"]),
  x: new Set<ValueKind>(["int", "uint", "string", "bytes"]),
  X: new Set<ValueKind>(["int", "uint", "string", "bytes"]),
  o: new Set<ValueKind>(["int", "uint"]),
};

/** `template.format(args)`, as cel-go's string extension of version 2 writes it. */
export function formatText(template: string, args: readonly CelValue[]): Outcome {
  const pieces = parseTemplate(template);
  if (pieces instanceof Failure) return pieces;
  let text = "";
  let next = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    const value = args[next];
    if (value === undefined) return new Failure(`format() has no argument ${next}`);
    next += 1;
    const formatted = formatClause(piece.clause, piece.precision, value);
    if (formatted instanceof Failure) return formatted;
    text += formatted;
    if (text.length > textMax) return tooLong();
  }
  return text;
}

export function tooLong(): Failure {
  return new Failure(`the text would be longer than ${textMax} characters`);
}

function formatClause(clause: ClauseName, precision: number | undefined, value: CelValue): string | Failure {
  if (!clauseKinds[clause].has(kindOf(value))) return new Failure(`%${clause} does not take ${kindOf(value)}`);
  switch (clause) {
    case "s":
      return plain(value);
    case "d":
      return String(integerOf(value));
    case "f":
      return formatFloat(value, (float) => fixed(float, precision ?? 6));
    case "e":
      // cel-go takes the precision of %e for the width of the field.
      return formatFloat(value, scientific, precision ?? 6);
    case "b":
      return typeof value === "boolean" ? String(Number(value)) : integerOf(value).toString(2);
    case "o":
      return integerOf(value).toString(8);
    default: {
      const digits = hexadecimal(value);
      return clause === "X" ? digits.toUpperCase() : digits;
    }
  }
}

function integerOf(value: CelValue): bigint {
  if (value instanceof Uint) return value.value;
  return typeof value === "bigint" ? value : 0n;
}

function hexadecimal(value: CelValue): string {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  if (!(bytes instanceof Uint8Array)) return integerOf(bytes).toString(16);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const named: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

function formatFloat(value: CelValue, write: (float: number) => string, width = 0): string | Failure {
  const float = typeof value === "string" ? named.get(value) : value;
  if (typeof float !== "number") return new Failure("%f and %e take doubles");
  if (Number.isNaN(float)) return "NaN".padStart(width);
  if (!Number.isFinite(float)) return (float < 0 ? "-∞" : "∞").padStart(width);
  return write(float).padStart(width);
}

/** With commas between thousands; a tie goes to the even digit, of the exact value. */
function fixed(value: number, digits: number): string {
  const text = roundedText(value, digits);
  const [whole = "", fraction] = text.split(".");
  const grouped = whole.replaceAll(/(?<=[0-9])(?=(?:[0-9]{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** An exact decimal of a double, rounded half to even. */
function roundedText(value: number, digits: number): string {
  const { numerator, denominator } = fractionOf(Math.abs(value));
  const scaled = numerator * 10n ** BigInt(digits);
  let quotient = scaled / denominator;
  const twice = (scaled % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient += 1n;
  const text = String(quotient).padStart(digits + 1, "0");
  const sign = value < 0 ? "-" : "";
  if (digits === 0) return sign + text;
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function fractionOf(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  let denominator = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}

const raised = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `1.052033×10⁰³`, which is how Go's message package writes `%e`. */
function scientific(value: number): string {
  const [mantissa = "", exponent = "0"] = value.toExponential(6).split("e");
  const digits = String(Math.abs(Number(exponent))).padStart(2, "0");
  const power = digits.replaceAll(/[0-9]/g, (digit) => raised.charAt(Number(digit)));
  return `${Object.is(value, -0) ? mantissa.replace("-", "") : mantissa}×10${Number(exponent) < 0 ? "⁻" : ""}${power}`;
}

/** `%s` of an argument: texts as they are. */
function plain(value: CelValue): string | Failure {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return formatDouble(value);
    case "bigint":
    case "boolean":
      return String(value);
    default:
      break;
  }
  if (value === null) return "null";
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return decode(value);
  if (value instanceof TypeValue) return value.name;
  if (isList(value)) return listText(value);
  if (isMap(value)) return mapText(value);
  if (value.kind === "timestamp") return formatTimestamp(value);
  return value.kind === "duration" ? formatDuration(value) : new Failure(`%s does not take ${value.kind}`);
}

function decode(bytes: Uint8Array): string | Failure {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new Failure("invalid UTF-8 in bytes, cannot convert to string");
  }
}

/** A value within a list or map: as a literal of CEL. */
function literal(value: CelValue): string | Failure {
  const text = typeof value === "number" ? memberDouble(value) : plain(value);
  if (text instanceof Failure) return text;
  if (typeof value === "string") return quoted(text);
  if (value instanceof Uint8Array) return `b${quoted(text)}`;
  const kind = kindOf(value);
  return kind === "timestamp" || kind === "duration" ? `${kind}(${quoted(text)})` : text;
}

function memberDouble(value: number): string {
  if (!Number.isFinite(value)) return quoted(formatDouble(value));
  return Object.is(value, -0) ? "-0.000000" : roundedText(value, 6);
}

function listText(list: readonly CelValue[]): string | Failure {
  const texts: string[] = [];
  let length = 0;
  for (const item of list) {
    const text = literal(item);
    if (text instanceof Failure) return text;
    length += text.length;
    if (length > textMax) return tooLong();
    texts.push(text);
  }
  return `[${texts.join(", ")}]`;
}

function mapText(map: CelMap): string | Failure {
  const entries: (readonly [key: string, text: string])[] = [];
  let length = 0;
  for (const key of map.keys()) {
    const kind = kindOf(key);
    if (kind !== "string" && kind !== "bool" && kind !== "int" && kind !== "uint") {
      return new Failure(`no formatting function for map key of type ${kind}`);
    }
    const [keyText, valueText] = [literal(key), literal(map.get(key) ?? null)];
    if (keyText instanceof Failure) return keyText;
    if (valueText instanceof Failure) return valueText;
    length += keyText.length + valueText.length;
    if (length > textMax) return tooLong();
    entries.push([keyText, `${keyText}:${valueText}`]);
  }
  entries.sort(([a], [b]) => compareText(a, b));
  return `{${entries.map(([, text]) => text).join(", ")}}`;
}

/** What Go writes with a letter of its own in a quoted text. */
export const goEscapes: ReadonlyMap<string, string> = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\\", "\\\\"],
  ['"', '\\"'],
]);

/** In double quotes, with what cannot be printed escaped, as Go does. */
function quoted(text: string): string {
  let result = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = goEscapes.get(character);
    if (escaped !== undefined) result += escaped;
    else if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) result += character;
    else if (code < 0x80) result += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code > 0xffff) result += `\\U${code.toString(16).padStart(8, "0")}`;
    else result += `\\u${code.toString(16).padStart(4, "0")}`;
  }
  return `${result}"`;
}
