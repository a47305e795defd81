import { err, ok, type Result } from "../result.ts";
import type { Expression } from "./ast.ts";
import type { FaultDetail } from "./faults.ts";
import { isNamespacedFunction } from "./functions.ts";
import { type Token, tokenize } from "./lexer.ts";
import type { LiteralValue } from "./literals.ts";
import { expandMacro } from "./macros.ts";
import { depthMax, lengthMax, refusal } from "./profile.ts";
import { fitsInt } from "./values.ts";

/** What the parser found. With faults there is no expression to check. */
export function parse(text: string): Result<Expression, readonly FaultDetail[]> {
  if (text.length > lengthMax) {
    const message = `the expression has ${text.length} characters, above the limit of ${lengthMax}`;
    return err([{ code: "too-complex", message, fix: "split it into several rules", at: 0, end: 1 }]);
  }
  const tokens = tokenize(text);
  if (!tokens.ok) return err([tokens.error]);
  const parser = new Parser(tokens.value);
  const expression = parser.parseAll();
  if (expression === undefined || parser.faults.length > 0) return err(parser.faults);
  return ok(expression);
}

const relations: ReadonlySet<string> = new Set(["<", "<=", ">=", ">", "==", "!=", "in"]);
const sums: ReadonlySet<string> = new Set(["+", "-"]);
const products: ReadonlySet<string> = new Set(["*", "/", "%"]);
/** Words of other languages and of later CEL; they name no variable and no function, but may name a field. */
const reserved: ReadonlySet<string> = new Set(
  "as break const continue else for function if import let loop package namespace return var void while".split(" "),
);
const endToken: Token = { kind: "end", text: "", at: 0, end: 0 };

/** Recursive descent over CEL's grammar. `undefined` means that a fault is recorded and nothing can be made of the rest. */
class Parser {
  readonly faults: FaultDetail[] = [];
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parseAll(): Expression | undefined {
    const expression = this.#parseExpression();
    if (expression === undefined) return undefined;
    const rest = this.#peek();
    if (rest.kind === "end") return expression;
    return this.#unexpected(rest, "the end or an operator");
  }

  #parseExpression(): Expression | undefined {
    if (this.#nesting >= depthMax) return this.#tooDeep(this.#peek());
    this.#nesting += 1;
    const expression = this.#parseConditional();
    this.#nesting -= 1;
    return expression;
  }

  #parseConditional(): Expression | undefined {
    const test = this.#parseLogic("||");
    const mark = this.#peek();
    if (test === undefined || !this.#take("?")) return test;
    const then = this.#parseLogic("||");
    if (then === undefined || !this.#expect(":", "between the two branches")) return undefined;
    const otherwise = this.#parseExpression();
    if (otherwise === undefined) return undefined;
    return this.#node(mark, [test, then, otherwise], { kind: "conditional", test, then, otherwise });
  }

  #parseLogic(operator: "&&" | "||"): Expression | undefined {
    const next = () => (operator === "||" ? this.#parseLogic("&&") : this.#parseChain(0));
    const first = next();
    if (first === undefined) return undefined;
    const mark = this.#peek();
    const terms = [first];
    while (this.#take(operator)) {
      const term = next();
      if (term === undefined) return undefined;
      terms.push(term);
    }
    return terms.length === 1 ? first : this.#node(mark, terms, { kind: "logic", operator, terms });
  }

  /** Comparisons, then sums, then products, all from left to right. */
  #parseChain(level: number): Expression | undefined {
    const operators = [relations, sums, products][level];
    if (operators === undefined) return this.#parseUnary();
    let left = this.#parseChain(level + 1);
    while (left !== undefined) {
      const mark = this.#peek();
      if ((mark.kind !== "operator" && mark.text !== "in") || !operators.has(mark.text)) return left;
      this.#next += 1;
      const right = this.#parseChain(level + 1);
      if (right === undefined) return undefined;
      left = this.#call(mark, mark.text === "in" ? "@in" : `_${mark.text}_`, undefined, [left, right]);
    }
    return undefined;
  }

  #parseUnary(): Expression | undefined {
    const mark = this.#peek();
    if (mark.kind !== "operator" || (mark.text !== "!" && mark.text !== "-")) return this.#parseMember();
    let count = 0;
    while (this.#take(mark.text)) count += 1;
    if (mark.text === "-" && count === 1 && isNumber(this.#peek())) return this.#parseMember(mark);
    // A number has its sign in itself, also behind "!".
    const sign = this.#peek();
    const signed = sign.kind === "operator" && sign.text === "-" && isNumber(this.#peek(1));
    if (signed) this.#next += 1;
    const operand = this.#parseMember(signed ? sign : undefined);
    // Two signs cancel each other out, whatever stands behind them.
    if (operand === undefined || count % 2 === 0) return operand;
    return this.#call(mark, mark.text === "!" ? "!_" : "-_", undefined, [operand]);
  }

  #parseMember(sign?: Token): Expression | undefined {
    let operand = this.#parsePrimary(sign);
    while (operand !== undefined) {
      const mark = this.#peek();
      if (this.#take(".")) operand = this.#parseAfterDot(operand, mark);
      else if (this.#take("[")) operand = this.#parseIndex(operand, mark);
      else return operand;
    }
    return undefined;
  }

  #parseAfterDot(operand: Expression, dot: Token): Expression | undefined {
    if (this.#take("?")) this.#refuse(refusal("optional-field"), dot.at, dot.at + 2);
    const field = this.#peek();
    if (field.kind === "quoted-name") {
      this.#refuse(refusal("quoted-field"), field.at, field.end);
    } else if (field.kind !== "name" || isKeyword(field.text)) {
      return this.#unexpected(field, "a field or function");
    }
    this.#next += 1;
    if (field.kind === "name" && this.#take("(")) return this.#parseCall(field, operand);
    const parts = { kind: "select", operand, field: field.text.replaceAll("`", ""), test: false } as const;
    return this.#node(field, [operand], parts, field.end);
  }

  #parseIndex(operand: Expression, bracket: Token): Expression | undefined {
    if (this.#take("?")) this.#refuse(refusal("optional-index"), bracket.at, bracket.at + 2);
    const index = this.#parseExpression();
    if (index === undefined || !this.#expect("]", "after the index")) return undefined;
    return this.#call(bracket, "_[_]", undefined, [operand, index], this.#previousEnd());
  }

  #parseCall(name: Token, target: Expression | undefined): Expression | undefined {
    const args = this.#parseItems(")", "after the arguments");
    if (args === undefined) return undefined;
    const end = this.#previousEnd();
    const prefix = target === undefined ? undefined : qualifiedName(target);
    const qualified = prefix === undefined ? undefined : `${prefix}.${name.text}`;
    if (target !== undefined && qualified !== undefined && isNamespacedFunction(qualified)) {
      const call = this.#call({ ...name, at: target.start }, qualified, undefined, args, end);
      return call === undefined ? undefined : { ...call, start: target.start };
    }
    const refused = refusal(`function:${qualified ?? name.text}`) ?? refusal(`function:${name.text}/${args.length}`);
    if (refused !== undefined) {
      const at = target !== undefined && refusal(`function:${qualified ?? ""}`) !== undefined ? target.start : name.at;
      this.#refuse(refused, at, name.end);
    }
    const macro = expandMacro(name.text, target, args);
    if (macro === undefined) return this.#call(name, name.text, target, args, end);
    if ("fault" in macro) {
      this.faults.push({ code: "syntax", ...macro.fault });
      return undefined;
    }
    const node = this.#node(name, macro.children, macro.node, end);
    return node === undefined ? undefined : { ...node, ...macro.place };
  }

  #parsePrimary(sign: Token | undefined): Expression | undefined {
    const token = this.#peek();
    this.#next += 1;
    switch (token.kind) {
      case "int":
        return this.#parseInt(token, sign);
      case "literal":
        return this.#parseLiteral(token, token.value, sign);
      case "name":
        return this.#parseName(token);
      case "operator":
        if (token.text === "(") return this.#parseGroup();
        if (token.text === "[") return this.#parseList(token);
        if (token.text === "{") return this.#parseMap(token);
        if (token.text === "." && this.#peek().kind === "name") {
          this.#refuse(refusal("leading-dot"), token.at, token.end);
          return this.#parsePrimary(undefined);
        }
        return this.#unexpected(token, "a value");
      default:
        return this.#unexpected(token, "a value");
    }
  }

  #parseLiteral(token: Token, value: LiteralValue, sign: Token | undefined): Expression {
    if (sign === undefined || typeof value !== "number") return this.#leaf(token, { kind: "literal", value });
    return this.#leaf({ ...token, at: sign.at }, { kind: "literal", value: -value });
  }

  #parseInt(token: Token, sign: Token | undefined): Expression | undefined {
    const value = sign === undefined ? BigInt(token.text) : -BigInt(token.text);
    const at = sign?.at ?? token.at;
    if (fitsInt(value)) return this.#leaf({ ...token, at }, { kind: "literal", value });
    this.faults.push({ code: "syntax", message: `${value} is outside what an int can hold`, at, end: token.end });
    return undefined;
  }

  #parseName(token: Token): Expression | undefined {
    if (token.text === "true" || token.text === "false") {
      return this.#leaf(token, { kind: "literal", value: token.text === "true" });
    }
    if (token.text === "null") return this.#leaf(token, { kind: "literal", value: null });
    if (token.text === "in") return this.#unexpected(token, "a value");
    if (reserved.has(token.text)) {
      const message = `${token.text} is a reserved word`;
      this.faults.push({ code: "syntax", message, fix: reservedAdvice(token.text), at: token.at, end: token.end });
      return undefined;
    }
    if (this.#take("(")) return this.#parseCall(token, undefined);
    if (this.#isMessage()) {
      this.#refuse(refusal("message"), token.at, token.end);
      return undefined;
    }
    const refused = refusal(`name:${token.text}`);
    if (refused !== undefined) this.#refuse(refused, token.at, token.end);
    return this.#leaf(token, { kind: "identifier", name: token.text });
  }

  /** Whether `{` follows, at once or after more names: `Type{`, `package.Type{`. */
  #isMessage(): boolean {
    let index = this.#next;
    while (this.#tokens[index]?.text === "." && this.#tokens[index + 1]?.kind === "name") index += 2;
    const token = this.#tokens[index];
    return token?.kind === "operator" && token.text === "{";
  }

  #parseGroup(): Expression | undefined {
    const expression = this.#parseExpression();
    if (expression === undefined || !this.#expect(")", "to close the group")) return undefined;
    return expression;
  }

  #parseList(bracket: Token): Expression | undefined {
    const items = this.#parseItems("]", "to close the list");
    if (items === undefined) return undefined;
    return this.#node(bracket, items, { kind: "list", items }, this.#previousEnd());
  }

  #parseMap(brace: Token): Expression | undefined {
    const entries: { key: Expression; value: Expression }[] = [];
    if (this.#take(",")) {
      if (!this.#expect("}", "to close the map")) return undefined;
      return this.#node(brace, [], { kind: "map", entries }, this.#previousEnd());
    }
    while (!this.#take("}")) {
      if (entries.length > 0 && !this.#expect(",", "between two entries")) return undefined;
      if (entries.length > 0 && this.#take("}")) break;
      const mark = this.#peek();
      if (this.#take("?")) this.#refuse(refusal("optional-entry"), mark.at, mark.end);
      const key = this.#parseExpression();
      if (key === undefined || !this.#expect(":", "after the key")) return undefined;
      const value = this.#parseExpression();
      if (value === undefined) return undefined;
      entries.push({ key, value });
    }
    const children = entries.flatMap(({ key, value }) => [key, value]);
    return this.#node(brace, children, { kind: "map", entries }, this.#previousEnd());
  }

  /** Expressions between commas up to the closing mark. A list may end with a comma, arguments may not. */
  #parseItems(close: ")" | "]", where: string): readonly Expression[] | undefined {
    const items: Expression[] = [];
    // The grammar lets a comma stand alone in a list.
    if (close === "]" && this.#take(",")) return this.#expect(close, where) ? items : undefined;
    while (!this.#take(close)) {
      if (items.length > 0 && !this.#take(",")) {
        return this.#unexpected(this.#peek(), `"," or "${close}" ${where}`);
      }
      if (items.length > 0 && close === "]" && this.#take(close)) break;
      const mark = this.#peek();
      if (close === "]" && this.#take("?")) this.#refuse(refusal("optional-item"), mark.at, mark.end);
      const item = this.#parseExpression();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #call(
    mark: Token,
    name: string,
    target: Expression | undefined,
    args: readonly Expression[],
    end?: number,
  ): Expression | undefined {
    const children = target === undefined ? args : [target, ...args];
    return this.#node(mark, children, { kind: "call", name, target, args }, end);
  }

  #leaf(token: Token, parts: LeafParts): Expression {
    return { ...parts, at: token.at, end: token.end, start: token.at, depth: 1 };
  }

  /** A node over its children, refused if it is too deep: every later walk recurses. */
  #node(mark: Token, children: readonly Expression[], parts: NodeParts, end?: number): Expression | undefined {
    let depth = 1;
    let start = mark.at;
    let last = end ?? mark.end;
    for (const child of children) {
      depth = Math.max(depth, child.depth + 1);
      start = Math.min(start, child.start);
      last = Math.max(last, child.end);
    }
    if (depth > depthMax) return this.#tooDeep(mark);
    return { ...parts, at: mark.at, end: last, start, depth };
  }

  #tooDeep(token: Token): undefined {
    const message = `the expression is nested deeper than ${depthMax} levels`;
    this.faults.push({
      code: "too-complex",
      message,
      fix: "split it into several rules",
      at: token.at,
      end: token.end,
    });
    return undefined;
  }

  #refuse(refused: { readonly message: string; readonly fix: string } | undefined, at: number, end: number): void {
    if (refused !== undefined) this.faults.push({ code: "outside-profile", ...refused, at, end });
  }

  #unexpected(token: Token, expected: string): undefined {
    const found = token.kind === "end" ? "the expression ends" : `found ${token.text}`;
    this.faults.push({
      code: "syntax",
      message: `${found} where ${expected} was expected`,
      at: token.at,
      end: token.end,
    });
    return undefined;
  }

  #expect(text: string, where: string): boolean {
    if (this.#take(text)) return true;
    this.#unexpected(this.#peek(), `"${text}" ${where}`);
    return false;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? this.#tokens.at(-1) ?? endToken;
  }

  #take(operator: string): boolean {
    const token = this.#peek();
    if (token.kind !== "operator" || token.text !== operator) return false;
    this.#next += 1;
    return true;
  }

  #previousEnd(): number {
    return this.#tokens[this.#next - 1]?.end ?? 0;
  }
}

type WithoutPlace<T> = T extends Expression ? Omit<T, "at" | "end" | "start" | "depth"> : never;
export type NodeParts = WithoutPlace<Expression>;
type LeafParts = Extract<NodeParts, { kind: "literal" | "identifier" }>;

function isNumber(token: Token): boolean {
  return token.kind === "int" || (token.kind === "literal" && typeof token.value === "number");
}

function isKeyword(text: string): boolean {
  return text === "true" || text === "false" || text === "null" || text === "in";
}

function reservedAdvice(word: string): string | undefined {
  if (word === "if" || word === "else") return "write condition ? value : otherValue";
  if (word === "for" || word === "while" || word === "loop") return "write list.all(x, …), .exists, .filter or .map";
  return undefined;
}

/** `a.b.c` of a chain of plain fields. */
function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === "identifier") return expression.name;
  if (expression.kind !== "select" || expression.test) return undefined;
  const prefix = qualifiedName(expression.operand);
  return prefix === undefined ? undefined : `${prefix}.${expression.field}`;
}
