import { readDocument, type SourceDocument } from "./document.ts";
import type { Trap } from "./document-traps.ts";
import { pointerLabel } from "./pointer.ts";
import { byPlace, type Finding, hasErrors, type Place } from "./refusal.ts";
import { unreachable } from "./result.ts";
import { schemaFindings } from "./schema-findings.ts";
import { childOf, type SchemaNode, schemaAt } from "./schema-walk.ts";
import type { Validator } from "./validators.generated.js";

/** A document that was read and checked against its schema. */
export interface Parsed<T> {
  /** Undefined if there is any error among the findings. */
  readonly document: T | undefined;
  /** In the order of the text. */
  readonly findings: readonly Finding[];
  /** Where a value stands; what is not there is placed at the nearest thing above it. */
  readonly locate: (pointer: string) => Place;
  /** Where a part of a text's value stands. */
  readonly locateInside: SourceDocument["locateInside"];
}

export interface DocumentKind<T> {
  readonly schema: SchemaNode;
  readonly validate: Validator;
  /** What a schema cannot say, asked only of a document that keeps to its schema. */
  readonly check: (document: T, source: SourceDocument) => readonly Finding[];
  /** What the file's path asks of the document, whatever its state. These win over the schema's word on the same value. */
  readonly checkPath: (source: SourceDocument) => readonly Finding[];
}

/** Reads and checks a document; everything that is wrong with it at once, and never throws. */
export function parseDocument<T>(file: string, text: string, kind: DocumentKind<T>): Parsed<T> {
  const source = readDocument(file, text);
  const { locate, locateInside } = source;
  if (source.value === undefined) return { document: undefined, findings: source.findings, locate, locateInside };
  const valid = kind.validate(source.value);
  const schema = valid ? [] : schemaFindings(source, kind.schema, kind.validate.errors ?? []);
  const traps = [...source.traps]
    .filter(([pointer]) => !source.refused(pointer))
    .map(([pointer, trap]) => {
      const wanted = schemaAt(kind.schema, source.value ?? null, pointer)?.schema.type;
      const clash = schema.find((finding) => finding.pointer === pointer);
      return trapFinding(source, pointer, trap, wanted, clash);
    });
  const path = kind
    .checkPath(source)
    .filter(({ pointer = "" }) => !source.refused(pointer) && !source.traps.has(pointer));
  const fromSchema = schema.filter(
    ({ pointer = "" }) => !source.traps.has(pointer) && !path.some((finding) => finding.pointer === pointer),
  );
  const found = [...source.findings, ...traps, ...path, ...fromSchema];
  if (hasErrors(found) || !valid)
    return { document: undefined, findings: found.toSorted(byPlace), locate, locateInside };
  const document = source.value as T;
  const findings = [...found, ...kind.check(document, source)].toSorted(byPlace);
  return { document: hasErrors(findings) ? undefined : document, findings, locate, locateInside };
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
  const fix = trapFix(trap, source.written(pointer) ?? "", wanted, clash?.fix);
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
