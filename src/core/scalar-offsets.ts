/** How YAML writes a scalar. */
export type ScalarStyle = "plain" | "single-quoted" | "double-quoted" | "block";

/** Where one UTF-16 unit of a value is written: `start` to `end` of the source. */
export interface UnitSpan {
  readonly start: number;
  readonly end: number;
}

/** A part of the written scalar that gives one UTF-16 unit of its value. */
interface Unit extends UnitSpan {
  readonly text: string;
}

/**
 * Where each UTF-16 unit of a scalar's value is written, and last the empty place behind it: quotes, escapes, folds, indentation and line ends
 * are what the two differ by. Exact for everything but white space that YAML folded, which is placed behind the word before it.
 *
 * @param source the scalar as it is written, with its quotes or the header of its block
 * @param value what it reads as
 * @returns one more than the value has units
 */
export function scalarSpans(source: string, style: ScalarStyle, value: string): readonly UnitSpan[] {
  const units = unitsOf(source, style);
  const spans: UnitSpan[] = [];
  let next = 0;
  let end = units[0]?.start ?? 0;
  for (let index = 0; index < value.length; index += 1) {
    const wanted = value.charAt(index);
    const unit = units[next];
    // White space of the value is an escape, or what YAML made of the white space between two units.
    const folded = unit === undefined || (isSpace(wanted) && unit.text !== wanted);
    const limit = unit?.start ?? source.length;
    const span = folded ? { start: Math.min(end, limit), end: Math.min(end + 1, limit) } : unit;
    if (!folded) next += 1;
    spans.push(span);
    end = span.end;
  }
  return [...spans, { start: end, end }];
}

function unitsOf(source: string, style: ScalarStyle): readonly Unit[] {
  switch (style) {
    case "plain":
      return written(source, 0, source.length, false);
    case "single-quoted":
      return written(source, 1, source.length - 1, true);
    case "double-quoted":
      return escaped(source);
    case "block": {
      const header = source.indexOf("\n");
      return header < 0 ? [] : written(source, header + 1, source.length, false);
    }
  }
}

/** Everything but white space; in single quotes a quote is written twice. */
function written(source: string, from: number, to: number, quoted: boolean): readonly Unit[] {
  const units: Unit[] = [];
  for (let at = from; at < to; at += 1) {
    const text = source.charAt(at);
    if (isSpace(text)) continue;
    const end = quoted && text === "'" ? at + 2 : at + 1;
    units.push({ text, start: at, end });
    at = end - 1;
  }
  return units;
}

const named: ReadonlyMap<string, string> = new Map([
  ["0", "\0"],
  ["a", "\u0007"],
  ["b", "\b"],
  ["t", "\t"],
  ["\t", "\t"],
  ["n", "\n"],
  ["v", "\v"],
  ["f", "\f"],
  ["r", "\r"],
  ["e", "\u001b"],
  ["N", "\u0085"],
  ["_", "\u00a0"],
  ["L", "\u2028"],
  ["P", "\u2029"],
]);
const hexDigits: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);

function escaped(source: string): readonly Unit[] {
  const units: Unit[] = [];
  for (let at = 1; at < source.length - 1; at += 1) {
    const text = source.charAt(at);
    if (isSpace(text)) continue;
    if (text !== "\\") {
      units.push({ text, start: at, end: at + 1 });
      continue;
    }
    const letter = source.charAt(at + 1);
    const digits = hexDigits.get(letter) ?? 0;
    const end = at + 2 + digits;
    // An escaped line end gives nothing.
    if (letter !== "\n" && letter !== "\r") {
      const made = digits === 0 ? (named.get(letter) ?? letter) : character(source.slice(at + 2, end));
      for (const unit of made.split("")) units.push({ text: unit, start: at, end });
    }
    at = end - 1;
  }
  return units;
}

function character(hex: string): string {
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : "";
}

function isSpace(text: string): boolean {
  return text === " " || text === "\n" || text === "\r" || text === "\t";
}
