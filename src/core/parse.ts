import { readDocument, type SourceDocument } from "./document.ts";
import type { Trap } from "./document-traps.ts";
import { knownParts, type Parts, type Refused } from "./parts.ts";
import { pointerLabel } from "./pointer.ts";
import { byPlace, type Finding, hasErrors, type Place } from "./refusal.ts";
import { unreachable } from "./result.ts";
import { schemaFindings } from "./schema-findings.ts";
import { childOf, type SchemaNode, schemaAt } from "./schema-walk.ts";
import type { Validator } from "./validators.generated.js";

/** What is certain of a document, whatever else is wrong with it: what checks beyond its form may judge. */
export interface Known<T> {
  /** What no finding about its form stands at. */
  readonly parts: Parts<T>;
  /** Whether each member of a list or map is known: only then is a name that is not among them truly not there. */
  readonly whole: (pointer: string) => boolean;
  /** Where a value stands; what is not there is placed at the nearest thing above it. */
  readonly locate: (pointer: string) => Place;
  /** Where a part of a text's value stands. */
  readonly locateInside: SourceDocument["locateInside"];
}

/** A document that was read and checked against its schema. */
export interface Parsed<T> extends Known<T> {
  /** Undefined if there is any error among the findings. */
  readonly document: T | undefined;
  /** In the order of the text. */
  readonly findings: readonly Finding[];
}

export interface DocumentKind<T> {
  readonly schema: SchemaNode;
  readonly validate: Validator;
  /** What a schema cannot say, asked of whatever keeps to it. The document as a whole is there if its form is without any error. */
  readonly check: (known: Known<T>, source: SourceDocument, document: T | undefined) => readonly Finding[];
  /** What the file's path asks of the document, whatever its state. These win over the schema's word on the same value. */
  readonly checkPath: (source: SourceDocument) => readonly Finding[];
}

/** Reads and checks a document; everything that is wrong with it at once, and never throws. */
export function parseDocument<T>(file: string, text: string, kind: DocumentKind<T>): Parsed<T> {
  const source = readDocument(file, text);
  const form = formFindings(source, kind);
  const { parts, whole } = knownParts(source, form.refused);
  // The schema's errors are all among the refused: what is left has its types. Of what has no structure nothing is left.
  const { locate, locateInside } = source;
  const known: Known<T> = { parts: (parts ?? {}) as Parts<T>, whole, locate, locateInside };
  const formed = form.valid && !hasErrors(form.findings) ? (source.value as T) : undefined;
  const findings = [...form.findings, ...kind.check(known, source, formed)].toSorted(byPlace);
  return { ...known, document: hasErrors(findings) ? undefined : formed, findings };
}

interface Form {
  readonly valid: boolean;
  readonly findings: readonly Finding[];
  readonly refused: Refused;
}

/** What is wrong with the YAML, its path and its schema: one finding a place, and all the places that one of them speaks of. */
function formFindings<T>(source: SourceDocument, kind: DocumentKind<T>): Form {
  if (source.value === undefined)
    return { valid: false, findings: source.findings, refused: { values: new Set(), keys: new Set() } };
  const valid = kind.validate(source.value);
  const schema = schemaFindings(source, kind.schema, valid ? [] : (kind.validate.errors ?? []));
  const traps = [...source.traps]
    .filter(([pointer]) => !source.refused(pointer))
    .map(([pointer, trap]) => {
      const wanted = schemaAt(kind.schema, source.value ?? null, pointer)?.schema.type;
      const clash = schema.findings.find((finding) => finding.pointer === pointer);
      return trapFinding(source, pointer, trap, wanted, clash);
    });
  const path = kind.checkPath(source);
  const said = (pointer: string): boolean => source.refused(pointer) || source.traps.has(pointer);
  const findings = [
    ...source.findings,
    ...traps,
    ...path.filter(({ pointer = "" }) => !said(pointer)),
    ...schema.findings.filter(
      ({ pointer = "" }) => !said(pointer) && !path.some((finding) => finding.pointer === pointer),
    ),
  ];
  const all = [...source.findings, ...path, ...schema.findings];
  const keys = new Set(all.filter(isAboutKey).flatMap(pointerOf));
  const values = [...all.flatMap(pointerOf), ...source.traps.keys(), ...schema.doubts];
  return { valid, findings, refused: { values: new Set(values.filter((pointer) => !keys.has(pointer))), keys } };
}

/** Whether a finding refuses a member's key. Of a key that stands twice it is the value that is not known. */
function isAboutKey({ code }: Finding): boolean {
  return (
    code === "key-unknown" || code === "key-malformed" || (code.startsWith("yaml-") && code !== "yaml-duplicate-key")
  );
}

function pointerOf({ pointer }: Finding): readonly string[] {
  return pointer === undefined ? [] : [pointer];
}

/**
 * A document that is named by its file: `policies/<folder>/<name>.yaml`. It stands nowhere else, and says the same name.
 *
 * @param what the document as people call it, for example `an environment`
 */
export function checkFileName(source: SourceDocument, folder: string, what: string): readonly Finding[] {
  const file = new RegExp(`(?:^|[/\\\\])policies[/\\\\]${folder}[/\\\\]([^/\\\\]+)\\.yaml$`).exec(source.file);
  const name = file?.[1];
  if (name === undefined) return [misplaced(source, `${what} stands in policies/${folder}/<name>.yaml, not here`)];
  const found = childOf(childOf(source.value, "metadata"), "name");
  if (typeof found !== "string" || found === name) return [];
  const message = `metadata.name is ${JSON.stringify(found)}, but the file says ${JSON.stringify(name)}`;
  return [
    {
      code: "metadata-not-file",
      severity: "error",
      message,
      fix: `write ${name}, or rename the file`,
      pointer: "/metadata/name",
      place: source.locate("/metadata/name"),
    },
  ];
}

/** What is said of a document that stands where its kind does not. */
export function misplaced({ file }: SourceDocument, message: string): Finding {
  return {
    code: "document-misplaced",
    severity: "error",
    message,
    fix: "move the file",
    place: { file, line: 1, column: 1, length: 1 },
  };
}

/** What to write instead of a trap depends on the type that the schema wants there; where it clashes, that says it better. */
function trapFinding(
  source: SourceDocument,
  pointer: string,
  trap: Trap,
  wanted: string | undefined,
  clash: Finding | undefined,
): Finding {
  const message = clash?.message ?? `${pointerLabel(pointer)}: ${trap.message}`;
  // In quotes a word that is none of those allowed would be refused again.
  const chosen = clash?.code === "value-not-allowed" ? clash.fix : undefined;
  const fix = chosen ?? trapFix(trap, source.written(pointer) ?? "", wanted, clash?.fix);
  return { code: trap.code, severity: "error", message, fix, pointer, place: source.locate(pointer) };
}

function trapFix(trap: Trap, text: string, wanted: string | undefined, clashFix: string | undefined): string {
  const quoted = `write ${JSON.stringify(text)} in quotes`;
  switch (trap.code) {
    case "yaml-null-word":
      return clashFix ?? "take the key out, or fill it in";
    case "yaml-date":
      return quoted;
    case "yaml-boolean-word":
      if (wanted === "boolean") return `write ${trap.plain}`;
      return wanted === "string" ? quoted : `write ${trap.plain}, or ${JSON.stringify(text)} in quotes if it is text`;
    case "yaml-number-form":
      if (trap.imprecise === true) return quoted;
      if (wanted === "string")
        return trap.plain === undefined
          ? "write it in digits, in quotes"
          : `write ${JSON.stringify(trap.plain)} in quotes`;
      if (trap.plain === undefined) return "write it in digits, or in quotes if it is text";
      return `write ${trap.plain}, or ${JSON.stringify(text)} in quotes if it is text`;
    default:
      return unreachable(trap.code);
  }
}
