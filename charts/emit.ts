import type { JsonValue } from "#core/json.ts";
import { assert } from "#core/result.ts";

/**
 * Writes plain JSON data as YAML whose bytes are a contract: the environment branch is compared by tree id, so no library's next version may
 * reflow it. Block style, two spaces, lists at the indentation of their key (as kubectl writes them), no line is ever folded.
 *
 * Keys: `apiVersion`, `kind`, `metadata`, `spec` first in the document itself, everything else sorted by code unit. Strings are plain only if
 * YAML 1.1 and 1.2 both read them back as that string (Kubernetes' own parser is a mix of the two); texts of several lines are literal blocks
 * where every parser gives back the same bytes, so that an algorithm's bundle is readable in a diff.
 *
 * @param document data without `undefined`, `NaN` or infinities; `-0` is written as `0`, since Kubernetes has no such number
 * @returns the document, ending with a line feed
 */
export function emitYaml(document: JsonValue): string {
  const lines: string[] = [];
  writeNode(lines, "", document, 0, true);
  return `${lines.join("\n")}\n`;
}

const leadingKeys = ["apiVersion", "kind", "metadata", "spec"];
/** YAML refuses implicit keys over 1024 characters; nothing of ours comes near. */
const keyLengthMax = 512;

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Appends `value` behind `prefix` (`- ` or `key:`, already indented), its own lines at `indent`. */
function writeNode(lines: string[], prefix: string, value: JsonValue, indent: number, root = false): void {
  if (Array.isArray(value) && value.length > 0) {
    writeSequence(lines, prefix, value, indent);
  } else if (isObject(value) && Object.keys(value).length > 0) {
    writeMapping(lines, prefix, value, indent, root);
  } else if (typeof value === "string" && isLiteral(value)) {
    writeLiteral(lines, prefix, value, indent);
  } else {
    lines.push(joined(prefix, formatScalar(value)));
  }
}

function joined(prefix: string, text: string): string {
  if (prefix === "" || prefix.endsWith("- ")) return prefix + text;
  return `${prefix} ${text}`;
}

/** A collection in a list starts on the dash's own line (`- name: x`); below a key it starts on the next one. */
function startsInline(prefix: string): boolean {
  return prefix.endsWith("- ");
}

function writeSequence(lines: string[], prefix: string, items: readonly JsonValue[], indent: number): void {
  const inline = startsInline(prefix);
  if (prefix !== "" && !inline) lines.push(prefix);
  const padding = " ".repeat(indent);
  for (const [index, item] of items.entries()) {
    const lead = inline && index === 0 ? prefix : padding;
    writeNode(lines, `${lead}- `, item, indent + 2);
  }
}

function writeMapping(
  lines: string[],
  prefix: string,
  mapping: { readonly [key: string]: JsonValue },
  indent: number,
  root: boolean,
): void {
  const inline = startsInline(prefix);
  if (prefix !== "" && !inline) lines.push(prefix);
  const padding = " ".repeat(indent);
  for (const [index, key] of orderedKeys(mapping, root).entries()) {
    assert(key.length <= keyLengthMax, `a key of ${key.length} characters cannot be written as YAML`);
    const lead = inline && index === 0 ? prefix : padding;
    const value = mapping[key];
    assert(value !== undefined, `${key} is undefined, which JSON does not have`);
    // kubectl writes a list at the indentation of its key; anything else goes two deeper.
    writeNode(lines, `${lead}${formatString(key)}:`, value, Array.isArray(value) ? indent : indent + 2);
  }
}

function orderedKeys(mapping: { readonly [key: string]: JsonValue }, root: boolean): readonly string[] {
  const keys = Object.keys(mapping).sort();
  if (!root) return keys;
  const leading = leadingKeys.filter((key) => Object.hasOwn(mapping, key));
  return [...leading, ...keys.filter((key) => !leadingKeys.includes(key))];
}

function formatScalar(value: JsonValue): string {
  if (typeof value === "string") return formatString(value);
  if (typeof value === "number") return formatNumber(value);
  if (Array.isArray(value)) return "[]";
  if (isObject(value)) return "{}";
  return String(value);
}

function formatNumber(value: number): string {
  assert(Number.isFinite(value), `${value} is not a number that JSON has`);
  const text = JSON.stringify(value);
  // YAML 1.1 reads an exponent only behind a decimal point.
  return text.includes("e") && !text.includes(".") ? text.replace("e", ".0e") : text;
}

const plainText = /^[A-Za-z/][A-Za-z0-9_./@=,+-]*(?:[ :][A-Za-z0-9_./@=,+-]+)*$/;
/** Quantities such as `100m` and `64Mi` are no number in any YAML. */
const plainQuantity = /^[1-9][0-9]{0,9}(?:m|[KMGTPE]i)$/;
/** What some YAML takes for a boolean, null or (the `yaml` package under 1.1: `e1`) a number. */
const reserved = /^(?:y|n|yes|no|on|off|true|false|null|e[-+]?[0-9]+)$/i;

function formatString(text: string): string {
  if (plainQuantity.test(text)) return text;
  if (plainText.test(text) && !reserved.test(text)) return text;
  // JSON in a string stays readable between single quotes, where nothing but the quote itself is escaped.
  if (/["\\]/.test(text) && !/[\n\t]/.test(text) && text.search(unprintable) === -1)
    return `'${text.replaceAll("'", "''")}'`;
  return JSON.stringify(text).replace(unprintable, escapeCharacter);
}

/**
 * Line breaks of YAML 1.1, control characters, characters that show nothing or turn the text around them (a reviewer must see what a diff
 * holds), noncharacters, and halves of pairs. Tab and line feed are not among them.
 */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the purpose.
  /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]|\p{Surrogate}/gu;

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A literal block gives back the same bytes without an indentation indicator, and no character in it needs an escape. */
function isLiteral(text: string): boolean {
  if (!text.includes("\n")) return false;
  // Leading white space would need an indicator; white space alone on the last line is read differently by different parsers.
  if (/^[\s]/.test(text) || /\n[ \t]+$/.test(text)) return false;
  return text.search(unprintable) === -1;
}

function writeLiteral(lines: string[], prefix: string, text: string, indent: number): void {
  const body = text.replace(/\n+$/, "");
  const breaks = text.length - body.length;
  // At the root nothing stands around the block, yet its lines must be deeper than the document's own indentation of -1.
  const padding = " ".repeat(Math.max(indent, 2));
  lines.push(joined(prefix, `|${chomping(breaks)}`));
  for (const line of body.split("\n")) lines.push(line === "" ? "" : padding + line);
  for (let extra = 1; extra < breaks; extra++) lines.push("");
}

/** How the block's last line feeds are kept: none, exactly one, or all. */
function chomping(breaks: number): "-" | "" | "+" {
  if (breaks === 0) return "-";
  return breaks === 1 ? "" : "+";
}
