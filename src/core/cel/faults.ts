/** Why an expression is refused before it is evaluated. Codes are API, texts are not. */
export type ExpressionFaultCode =
  /** The text is no CEL. */
  | "syntax"
  /** CEL, but not part of what this engine and Kubernetes 1.34 both understand: see `profile.ts`. */
  | "outside-profile"
  | "unknown-variable"
  | "unknown-function"
  | "unknown-field"
  /** No overload fits, literals of mixed types, or the whole expression has another type than wanted. */
  | "type"
  /** A constant that would fail at each evaluation: a broken regular expression, a duration that is none. */
  | "invalid-literal"
  /** Longer or nested deeper than allowed. */
  | "too-complex";

/** One mistake and its place in the expression's text. */
export interface ExpressionFault {
  readonly code: ExpressionFaultCode;
  readonly message: string;
  readonly fix?: string;
  /** UTF-16 units from the start of the text. */
  readonly offset: number;
  /** 1-based, in the expression's text. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly length: number;
}

/** Why an evaluation has no value. Whoever asked must deny. */
export interface EvaluationFault {
  readonly code: "evaluation-error" | "cost-exceeded";
  readonly message: string;
  /** Of the part that failed, in the expression's text. */
  readonly offset: number;
}

export interface FaultDetail {
  readonly code: ExpressionFaultCode;
  readonly message: string;
  readonly fix?: string | undefined;
  readonly at: number;
  readonly end: number;
}

/** Adds line and column. A line ends with `\n`. */
export function faultAt(text: string, detail: FaultDetail): ExpressionFault {
  const before = text.slice(0, detail.at);
  const lineStart = before.lastIndexOf("\n") + 1;
  return {
    code: detail.code,
    message: detail.message,
    ...(detail.fix === undefined ? {} : { fix: detail.fix }),
    offset: detail.at,
    line: before.split("\n").length,
    column: detail.at - lineStart + 1,
    length: Math.max(1, detail.end - detail.at),
  };
}
