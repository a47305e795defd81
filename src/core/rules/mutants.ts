import type { Call, Comprehension, Expression, ListLiteral, Literal, Logic } from "../cel/ast.ts";
import { parse } from "../cel/parser.ts";
import { assert } from "../result.ts";
import { printExpression } from "./print.ts";

/** An expression with one thing in it changed so that, where it stands, it lets more through. */
export interface Mutant {
  readonly text: string;
  /** The part that was changed, and what it became. */
  readonly from: string;
  readonly to: string;
  /** UTF-16 units from the start of the original text. */
  readonly offset: number;
  readonly length: number;
  /** What a sample that tells the two apart looks like. */
  readonly hint: string;
}

/**
 * Whether a part that is true more often lets more through, or less, or nobody knows: `!` turns it around, and inside of a comparison or a
 * function it is open, so that both ways are tried.
 */
type Polarity = "more" | "less" | "open";

interface Change {
  readonly node: Expression;
  readonly by: Expression;
  readonly hint: string;
}

/** Per expression; what has more is no rule that anybody understands. */
const mutantsMax = 500;

/**
 * Every way to weaken an expression by one step: a comparison turned or loosened, a constant shifted, `&&` for `||`, a condition dropped, `!` dropped,
 * `exists` for `all`, one branch for both, an anchor of a pattern or a listed item dropped, and `true` for all of it.
 *
 * @param text of an expression that compiles
 */
export function mutantsOf(text: string): readonly Mutant[] {
  const parsed = parse(text);
  assert(parsed.ok, "a rule's expression was compiled before");
  const root = parsed.value;
  const changes = [{ node: root, by: named(root, "true"), hint: "a deny sample" }, ...truthChanges(root, "more", text)];
  const seen = new Set<string>([printExpression(root, text)]);
  const mutants: Mutant[] = [];
  for (const { node, by, hint } of changes.slice(0, mutantsMax)) {
    const mutated = printExpression(replaced(root, node, by), text);
    if (seen.has(mutated)) continue;
    seen.add(mutated);
    const [from, to] = [printExpression(node, text), printExpression(by, text)];
    mutants.push({ text: mutated, from, to, offset: node.start, length: node.end - node.start, hint });
  }
  return mutants;
}

/** A part that is true or false: by itself it is turned around, too. */
function truthChanges(node: Expression, polarity: Polarity, source: string): readonly Change[] {
  const changes = changesIn(node, polarity, source);
  const atom = node.kind === "select" || node.kind === "identifier" || (node.kind === "call" && isQuestion(node));
  const hint = `a sample in which ${printExpression(node, source)} is true and one in which it is false`;
  return atom ? [{ node, by: negation(node), hint }, ...changes] : changes;
}

/** Neither an operator that is turned in its own way, nor a function that only stands where it gives a value. */
function isQuestion({ name }: Call): boolean {
  return name === "@in" || !/^_.+_$|^[!-]_$/.test(name);
}

function changesIn(node: Expression, polarity: Polarity, source: string): readonly Change[] {
  switch (node.kind) {
    case "literal":
    case "identifier":
      return [];
    case "select":
      return changesIn(node.operand, "open", source);
    case "logic":
      return [...logicChanges(node, polarity), ...node.terms.flatMap((term) => truthChanges(term, polarity, source))];
    case "conditional": {
      const { test, then, otherwise } = node;
      const hint = "samples of both branches in which the other one says something else";
      return [
        ...[then, otherwise].map((by) => ({ node, by, hint })),
        ...truthChanges(test, "open", source),
        ...changesIn(then, polarity, source),
        ...changesIn(otherwise, polarity, source),
      ];
    }
    case "list":
      return node.items.flatMap((item) => changesIn(item, "open", source));
    case "map":
      return node.entries.flatMap(({ value }) => changesIn(value, "open", source));
    case "comprehension":
      return comprehensionChanges(node, polarity, source);
    case "call":
      return callChanges(node, polarity, source);
  }
}

function logicChanges(node: Logic, polarity: Polarity): readonly Change[] {
  const { operator, terms } = node;
  const changes: Change[] = [];
  const weakens = polarity === "open" || (operator === "&&") === (polarity === "more");
  if (!weakens) return [];
  const other = operator === "&&" ? "||" : "&&";
  changes.push({
    node,
    by: { ...node, operator: other },
    hint: `a sample in which only one side of ${operator} is true`,
  });
  for (const index of terms.keys()) {
    const rest = terms.toSpliced(index, 1);
    const [only] = rest;
    const by: Expression = rest.length === 1 && only !== undefined ? only : { ...node, terms: rest };
    changes.push({ node, by, hint: `a sample that only condition ${index + 1} of ${terms.length} decides` });
  }
  return changes;
}

function comprehensionChanges(node: Comprehension, polarity: Polarity, source: string): readonly Change[] {
  const { macro, range, condition, body } = node;
  const changes: Change[] = [];
  const hint = "a sample with several items of which one breaks it";
  if (macro === "all" && polarity !== "less") changes.push({ node, by: { ...node, macro: "exists" }, hint });
  if (macro === "exists" && polarity !== "more") changes.push({ node, by: { ...node, macro: "all" }, hint });
  if (macro === "all" && range.kind === "list" && polarity !== "less") changes.push(...droppedItems(range, source));
  if (macro === "exists_one")
    changes.push({ node, by: { ...node, macro: "exists" }, hint: "a sample with two of them" });
  const inner = macro === "all" || macro === "exists" ? polarity : "open";
  return [
    ...changes,
    ...changesIn(range, "open", source),
    ...(condition === undefined ? [] : truthChanges(condition, "open", source)),
    ...(macro === "map" ? changesIn(body, "open", source) : truthChanges(body, inner, source)),
  ];
}

/** What a comparison becomes: turned around always, loosened where that lets more through. */
const turned: Readonly<Record<string, string>> = {
  "_==_": "_!=_",
  "_!=_": "_==_",
  "_<_": "_>=_",
  "_<=_": "_>_",
  "_>_": "_<=_",
  "_>=_": "_<_",
};
const loosened: Readonly<Record<string, string>> = { "_<_": "_<=_", "_>_": "_>=_" };
const tightened: Readonly<Record<string, string>> = { "_<=_": "_<_", "_>=_": "_>_" };

function callChanges(node: Call, polarity: Polarity, source: string): readonly Change[] {
  const { name, target, args } = node;
  const [first, second] = args;
  if (name === "!_" && first !== undefined) {
    const inner = polarity === "open" ? polarity : flipped(polarity);
    return [{ node, by: first, hint: "a sample on each side of !" }, ...changesIn(first, inner, source)];
  }
  const changes: Change[] = [];
  const renamed = (to: string | undefined, hint: string): void => {
    if (to !== undefined) changes.push({ node, by: { ...node, name: to }, hint });
  };
  if (turned[name] !== undefined) {
    renamed(turned[name], "a sample on each side of the comparison");
    const equal = "a sample in which both sides are equal";
    if (polarity !== "less") renamed(loosened[name], equal);
    if (polarity !== "more") renamed(tightened[name], equal);
  }
  if (turned[name] !== undefined || /^_[-+*/%]_$/.test(name)) {
    for (const constant of args) changes.push(...shiftedConstant(constant));
  }
  if (name === "@in" && second?.kind === "list" && polarity !== "more") changes.push(...droppedItems(second, source));
  if (name === "sets.contains" && polarity !== "less") renamed("sets.intersects", "a sample that has some of them");
  if ((name === "startsWith" || name === "endsWith") && polarity !== "less")
    renamed("contains", `a sample that has it elsewhere than where it ${name === "startsWith" ? "starts" : "ends"}`);
  if (name === "matches" && first?.kind === "literal" && polarity !== "less")
    changes.push(...droppedAnchors(first, source));
  if (name === "quantity" && first?.kind === "literal") changes.push(...shiftedDigits(first, source));
  const inside = target === undefined ? args : [target, ...args];
  return [...changes, ...inside.flatMap((part) => changesIn(part, "open", source))];
}

function droppedItems(list: ListLiteral, source: string): readonly Change[] {
  return list.items.map((item, index) => ({
    node: list,
    by: { ...list, items: list.items.toSpliced(index, 1) },
    hint: `a sample that ${printExpression(item, source)} decides`,
  }));
}

function negation(node: Expression): Expression {
  const { at, end, start, depth } = node;
  return { kind: "call", name: "!_", target: undefined, args: [node], at, end, start, depth };
}

function flipped(polarity: "more" | "less"): Polarity {
  return polarity === "more" ? "less" : "more";
}

function shiftedConstant(node: Expression): readonly Change[] {
  if (node.kind !== "literal" || typeof node.value !== "bigint") return [];
  const { value } = node;
  const hint = `a sample right at ${value} and one a step past it`;
  return [value + 1n, value - 1n].map((shifted) => ({ node, by: named(node, String(shifted)), hint }));
}

/** `'100Mi'` as `'101Mi'` and `'99Mi'`: the last digit is the step. */
function shiftedDigits(node: Literal, source: string): readonly Change[] {
  const written = source.slice(node.start, node.end);
  const parts = /^(?<before>["'])(?<whole>[0-9]+)(?<point>\.?)(?<fraction>[0-9]*)(?<after>[A-Za-z]*["'])$/.exec(
    written,
  )?.groups;
  if (parts === undefined) return [];
  const { before = "", whole = "", point = "", fraction = "", after = "" } = parts;
  const hint = `a sample right at ${written} and one a step past it`;
  return [1n, -1n].flatMap((step) => {
    const digits = BigInt(whole + fraction) + step;
    if (digits < 0n) return [];
    const text = digits.toString().padStart(fraction.length + 1, "0");
    const cut = text.length - fraction.length;
    const by = named(node, `${before}${text.slice(0, cut)}${point}${text.slice(cut)}${after}`);
    return [{ node, by, hint }];
  });
}

function droppedAnchors(node: Literal, source: string): readonly Change[] {
  const written = source.slice(node.start, node.end);
  return [
    { text: written.replace(/^(r?["'])\^/, "$1"), hint: "a sample with something before what the pattern matches" },
    { text: written.replace(/\$(["'])$/, "$1"), hint: "a sample with something behind what the pattern matches" },
  ]
    .filter(({ text }) => text !== written)
    .map(({ text, hint }) => ({ node, by: named(node, text), hint }));
}

/** What is not in the source is a name: names are printed as they are. */
function named({ at, end, start, depth }: Expression, name: string): Expression {
  return { kind: "identifier", name, at, end, start, depth };
}

function replaced(root: Expression, node: Expression, by: Expression): Expression {
  const inside = (part: Expression): Expression => replaced(part, node, by);
  if (root === node) return by;
  switch (root.kind) {
    case "literal":
    case "identifier":
      return root;
    case "select":
      return { ...root, operand: inside(root.operand) };
    case "call":
      return {
        ...root,
        target: root.target === undefined ? undefined : inside(root.target),
        args: root.args.map(inside),
      };
    case "logic":
      return { ...root, terms: root.terms.map(inside) };
    case "conditional":
      // biome-ignore lint/suspicious/noThenProperty: a node of the tree, which nobody awaits.
      return { ...root, test: inside(root.test), then: inside(root.then), otherwise: inside(root.otherwise) };
    case "list":
      return { ...root, items: root.items.map(inside) };
    case "map":
      return { ...root, entries: root.entries.map(({ key, value }) => ({ key: inside(key), value: inside(value) })) };
    case "comprehension": {
      const condition = root.condition === undefined ? undefined : inside(root.condition);
      return { ...root, range: inside(root.range), condition, body: inside(root.body) };
    }
  }
}
