/** A place in a file a person wrote. Line and column count from 1. */
export interface Place {
  /** Path as the person knows it, relative to the repository, for example `strategies/momentum/sma-cross/strategy.yaml`. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Length of the marked text in characters, for the caret line. */
  readonly length?: number;
}

export type Severity = "error" | "warning";

/**
 * One thing that is wrong with what a person gave us, and how to mend it. `code` is API (stable, kebab-case), the texts are not.
 * A message says what was found and what is allowed, in one sentence without the place; `fix` says what to do next.
 */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly fix?: string;
  readonly place?: Place;
  /** JSON pointer into the document, for example `/spec/limits/maxOrderNotional`. */
  readonly pointer?: string;
  /** The rule of `policies/rules` that says it. */
  readonly rule?: string;
  /** A violation that passes with the approval of this group, team or person. */
  readonly approvalOf?: string;
  /** The waivers that let a violation pass, by name. */
  readonly waivers?: readonly string[];
  /** The environment whose policies say it; absent where it holds whatever the environment. */
  readonly environment?: string;
  /** Where the bound that was exceeded stands, for example `policies/environments/paper.yaml:14:5`. */
  readonly bound?: Place;
}

/** The sentence of a finding; a rule's own words stand behind its name. */
export function findingText({ rule, message }: Finding): string {
  return rule === undefined ? message : `${rule}: ${message}`;
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "error");
}

/** `file:line:column`, as editors and terminals make it a link. */
export function formatPlace(place: Place): string {
  const position =
    place.line === undefined ? "" : `:${place.line}${place.column === undefined ? "" : `:${place.column}`}`;
  return `${place.file}${position}`;
}

/** Orders findings of one file as its text has them. */
export function byPlace(a: Finding, b: Finding): number {
  return (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0);
}
