import type { Expression } from "#core/cel/ast.ts";
import { tokenize } from "#core/cel/lexer.ts";
import { parse } from "#core/cel/parser.ts";

/** A field by its way from a variable: `["spec", "limits", "maxDrawdown"]`. */
export type CelPath = readonly string[];

/**
 * What a visitor does with a part of an expression: puts a text in its place, goes on inside (`undefined`), or gives up on the whole, saying why.
 * Variables that a loop declares hide those of the same name and are never shown.
 */
export type Visitor = (part: {
  /** Present if the part is a free variable or a field of one. */
  readonly path: CelPath | undefined;
  /** Whether it asks for the field: `has(a.b)`. */
  readonly asks: boolean;
}) => string | { readonly reason: string } | undefined;

/** Rewrites an expression part by part, at the places of its syntax tree; everything else of the text stays as it is. */
export function rewriteCel(text: string, visit: Visitor): { readonly text: string } | { readonly reason: string } {
  const parsed = parse(text);
  if (!parsed.ok) return { reason: "it cannot be parsed" };
  const rewriter = new Rewriter(text, visit);
  rewriter.walk(parsed.value, new Set());
  return rewriter.result();
}

/** The variable of an admission policy that holds the value of a field: `environmentBoundsState`. */
export function variableName(path: CelPath): string {
  const [first = "", ...rest] = path;
  return first + rest.map((part) => `${part[0]?.toUpperCase()}${part.slice(1)}`).join("");
}

/** Every field that an expression names, whatever it is of. */
export function celFields(text: string): ReadonlySet<string> {
  const fields = new Set<string>();
  const parsed = parse(text);
  const walk = (node: Expression): void => {
    if (node.kind === "select") fields.add(node.field);
    const key = indexOf(node);
    if (key !== undefined) fields.add(key);
    for (const child of childrenOf(node)) walk(child);
  };
  if (parsed.ok) walk(parsed.value);
  return fields;
}

class Rewriter {
  readonly #text: string;
  readonly #visit: Visitor;
  readonly #edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  #reason: string | undefined;

  constructor(text: string, visit: Visitor) {
    this.#text = text;
    this.#visit = visit;
  }

  walk(node: Expression, hidden: ReadonlySet<string>): void {
    const path = pathOf(node);
    const free = path !== undefined && !hidden.has(path[0] ?? "") ? path : undefined;
    const answer = this.#visit({ path: free, asks: node.kind === "select" && node.test });
    if (typeof answer === "string") {
      this.#replace(node, answer);
    } else if (answer !== undefined) {
      this.#reason ??= answer.reason;
    } else if (node.kind === "comprehension") {
      this.walk(node.range, hidden);
      const inside = new Set([...hidden, node.variable]);
      if (node.condition !== undefined) this.walk(node.condition, inside);
      this.walk(node.body, inside);
    } else {
      for (const child of childrenOf(node)) this.walk(child, hidden);
    }
  }

  result(): { readonly text: string } | { readonly reason: string } {
    if (this.#reason !== undefined) return { reason: this.#reason };
    let text = this.#text;
    for (const edit of this.#edits.toSorted((a, b) => b.start - a.start))
      text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
    return { text: onOneLine(text) };
  }

  #replace(node: Expression, text: string): void {
    const { start } = node;
    const asks = node.kind === "select" && node.test;
    // The place of `has(a.b)` ends with the field.
    const end = asks ? this.#text.indexOf(")", node.end) + 1 : node.end;
    // Nor do places hold the parentheses around a first part: `(spec).owner`.
    const old = this.#text.slice(start, end);
    if (old.split("(").length !== old.split(")").length)
      this.#reason ??= `there are parentheses around a part of ${old.replace(/[()]/g, "")}`;
    this.#edits.push({ start, end, text });
  }
}

/** Without line breaks and comments: the API server quotes an expression that fails, and a warning's header holds no line breaks. */
function onOneLine(text: string): string {
  if (!text.includes("\n")) return text;
  const tokens = tokenize(text);
  if (!tokens.ok) return text;
  let line = "";
  let end = 0;
  for (const { kind, at, end: next } of tokens.value) {
    if (kind === "end") break;
    line += (at > end && line !== "" ? " " : "") + text.slice(at, next);
    end = next;
  }
  return line;
}

function pathOf(node: Expression): CelPath | undefined {
  if (node.kind === "identifier") return [node.name];
  if (node.kind === "select") {
    const operand = pathOf(node.operand);
    return operand === undefined ? undefined : [...operand, node.field];
  }
  const key = indexOf(node);
  const operand = node.kind === "call" ? node.args[0] : undefined;
  const path = key === undefined || operand === undefined ? undefined : pathOf(operand);
  return path === undefined || key === undefined ? undefined : [...path, key];
}

/** The key of `a['b']`. */
function indexOf(node: Expression): string | undefined {
  if (node.kind !== "call" || node.name !== "_[_]") return undefined;
  const index = node.args[1];
  return index?.kind === "literal" && typeof index.value === "string" ? index.value : undefined;
}

function childrenOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case "literal":
    case "identifier":
      return [];
    case "select":
      return [node.operand];
    case "call":
      return node.target === undefined ? node.args : [node.target, ...node.args];
    case "logic":
      return node.terms;
    case "conditional":
      return [node.test, node.then, node.otherwise];
    case "list":
      return node.items;
    case "map":
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case "comprehension":
      return [node.range, ...(node.condition === undefined ? [] : [node.condition]), node.body];
  }
}
