import type { BoundTable } from "#core/bound-table.ts";
import { type BoundName, type BoundValue, boundNames, isListBound, isWithin } from "#core/bounds.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { assert } from "#core/result.ts";
import { type CelVariable, celSets, celString, celTyped } from "./cel.ts";

/**
 * One bound in CEL: the variables that hold its value for the strategy in question, and the test of a text against it. Gate and gateway hold the
 * same value with `isWithin` of the core; a test compares the two on every step around each bound.
 */
export interface BoundExpression {
  readonly variables: readonly CelVariable[];
  /** Whether `text`, an expression of type string, is a canonical value that the bound lets through. */
  holds(text: string): string;
  /** The end of the sentence about a text that is not, an expression: `, above the bound 1000 of paper`. */
  words(text: string): string;
  /** The expression of its value, as a text; of a list there is none. */
  readonly value: string;
}

/** How the strategy in question is known: expressions for `<team>/<name>` and `<team>`. */
export interface Subject {
  readonly strategy: string;
  readonly team: string;
  /** Whether the expressions speak of the item of a loop, which no variable of a policy can. */
  readonly inLoop: boolean;
}

// The canonical texts of limits, as the core writes them; gate and schema let through nothing that has no such text.
const amount = "^(0[.][0-9]{0,7}[1-9]|[1-9][0-9]{0,14}([.][0-9]{0,7}[1-9])?)$";
const fraction = "^(0[.][0-9]{0,7}[1-9]|1)$";
const rate = "^[1-9][0-9]{0,5}/([1-9][0-9]{0,3}|[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}|86400)s$";
/** As many as a spec may name; more would also cost more than an expression may. */
const itemsMax = { instruments: 200, venues: 20, rpcAddresses: 1 } as const;

/** Whether a text separated by commas names nothing twice. It costs the square of the list's length. */
export function namesNothingTwice(text: string): string {
  return `[${text}.split(',')].all(items, items.all(item, items.exists_one(other, other == item)))`;
}

/** @param environment its name, for the words */
export function boundExpression(
  table: BoundTable,
  name: BoundName,
  subject: Subject,
  environment: string,
): BoundExpression {
  if (isListBound(name)) return listBound(table, name, subject, environment);
  const { variables, value } = textBound(table, name, subject);
  const isFormed = formOf(name);
  const isWithin = name === "orderRate" ? rateAtMost : atMost;
  return {
    variables,
    value,
    holds: (text) => `${isFormed(text)} && ${isWithin(text, value)}`,
    words: (text) =>
      `(${isFormed(text)} ? ', above the bound ' + ${value} + ${celString(` of ${environment}`)} : ', which is malformed')`,
  };
}

/** The test of a text's form: as the core writes it. */
function formOf(name: Exclude<BoundName, "instruments" | "venues" | "rpcAddresses">): (text: string) => string {
  switch (name) {
    case "maxOrderNotional":
    case "maxPositionNotional":
      return (text) => `${text}.matches(${celString(amount)})`;
    case "maxDrawdown":
      return (text) => `${text}.matches(${celString(fraction)})`;
    case "orderRate":
      return (text) => `${text}.matches(${celString(rate)})`;
    case "cpu":
      return isCpu;
    case "memory":
    case "state":
      return isMemory;
  }
}

/** Whole cores without a suffix, else thousandths. */
function isCpu(text: string): string {
  return `${text}.matches('^([1-9][0-9]{0,5}|[1-9][0-9]{0,8}m)$') && !${text}.endsWith('000m')`;
}

/** The largest power of 1024 that divides it without rest. */
function isMemory(text: string): string {
  const number = `int(${text}.find('^[0-9]+'))`;
  return `${text}.matches('^[1-9][0-9]{0,15}([KMGT]i)?$') && (${text}.endsWith('Ti') || ${number} % 1024 != 0)`;
}

function atMost(text: string, bound: string): string {
  return `!quantity(${text}).isGreaterThan(quantity(${bound}))`;
}

/** The most orders in the bound's own time, as `mostIn` of the core has it: bursts count, so the quotient is rounded up. */
function rateAtMost(text: string, bound: string): string {
  const count = (of: string): string => `int(${of}.split('/')[0])`;
  const seconds = (of: string): string => `int(${of}.split('/')[1].replace('s', ''))`;
  const windows = `((${seconds(bound)} + ${seconds(text)} - 1) / ${seconds(text)})`;
  return `${count(text)} * ${windows} <= ${count(bound)}`;
}

interface Value {
  readonly variables: readonly CelVariable[];
  /** An expression. */
  readonly value: string;
}

/** The value of a bound that is one text. */
function textBound(table: BoundTable, name: BoundName, subject: Subject): Value {
  const literal = (value: BoundValue): string => {
    assert(typeof value === "string", `${name} is a list`);
    return celString(value);
  };
  return chosen(name, overridesOf(table, name, literal), literal(table.everyone[name]), subject);
}

/** The variable that holds a bound's value as rules see it, a text or a list, and what it needs. */
export function boundVariables(
  table: BoundTable,
  bound: BoundName,
  name: string,
  subject: Subject,
): readonly CelVariable[] {
  const literal = (value: BoundValue): string => (typeof value === "string" ? celString(value) : celTyped([...value]));
  return chosen(name, overridesOf(table, bound, literal), literal(table.everyone[bound]), subject).variables;
}

/** The value that holds for the subject: its own, its team's, or everyone's. */
function chosen(name: string, overrides: readonly Override[], everyone: string, subject: Subject): Value {
  const keys = { Strategy: subject.strategy, Team: subject.team } as const;
  const choices = overrides.map(({ kind }) => {
    const map = `variables.${name}Of${kind}`;
    return `${keys[kind]} in ${map} ? ${map}[${keys[kind]}] : `;
  });
  const value = `${choices.join("")}${everyone}`;
  const variables = overrides.map(({ kind, map }) => ({ name: `${name}Of${kind}`, expression: map }));
  if (subject.inLoop) return { variables, value: overrides.length === 0 ? value : `(${value})` };
  return { variables: [...variables, { name, expression: value }], value: `variables.${name}` };
}

interface Override {
  readonly kind: "Strategy" | "Team";
  /** A literal. */
  readonly map: string;
}

/** What differs for a strategy or a team, as literals of maps; the strategy's comes first. */
function overridesOf(table: BoundTable, name: BoundName, literal: (value: BoundValue) => string): readonly Override[] {
  const map = (values: BoundTable["teams"]): string | undefined => {
    const own = Object.entries(values).flatMap(([key, { [name]: value }]) =>
      value === undefined ? [] : [`${celString(key)}: ${literal(value)}`],
    );
    return own.length === 0 ? undefined : `{${own.sort().join(", ")}}`;
  };
  const [strategies, teams] = [map(table.strategies), map(table.teams)];
  return [
    ...(strategies === undefined ? [] : [{ kind: "Strategy" as const, map: strategies }]),
    ...(teams === undefined ? [] : [{ kind: "Team" as const, map: teams }]),
  ];
}

/** A list may be longer than one expression, so it stands in parts; which list is meant is a number. */
function listBound(
  table: BoundTable,
  name: "instruments" | "venues" | "rpcAddresses",
  subject: Subject,
  environment: string,
): BoundExpression {
  const lists: (readonly string[])[] = [];
  const numberOf = (value: BoundValue): string => {
    assert(typeof value !== "string", `${name} is one value`);
    const sorted = [...new Set(value)].sort();
    const known = lists.findIndex((list) => list.join("\n") === sorted.join("\n"));
    return String(known >= 0 ? known : lists.push(sorted) - 1);
  };
  const everyone = numberOf(table.everyone[name]);
  const choice = chosen(`${name}List`, overridesOf(table, name, numberOf), everyone, subject);
  const sets = lists.map((list, number) =>
    celSets(list).map((expression, part) => ({ name: `${name}${number}Part${part}`, expression })),
  );
  const only = sets.length === 1 && sets[0]?.length === 1 ? sets[0][0] : undefined;
  const all = sets.map((parts) => `[${parts.map((part) => `variables.${part.name}`).join(", ")}]`);
  const isIn = (item: string): string =>
    only === undefined
      ? `variables.${name}[${choice.value}].exists(part, ${item} in part)`
      : `${item} in variables.${only.name}`;
  const max = itemsMax[name];
  return {
    variables: [
      ...sets.flat(),
      ...(only === undefined ? [{ name, expression: `[${all.join(", ")}]` }, ...choice.variables] : []),
    ],
    words: () => celString(`, which ${environment} does not allow`),
    value: "'a list'",
    holds: (text) => {
      if (max === 1) return isIn(text);
      return `[${text}.split(',')].all(items, items.size() <= ${max} && items.all(item, ${isIn("item")}))`;
    },
  };
}

/**
 * The table in which strategies that stand still for today's policies keep what they had: they are rendered as they were when they last passed,
 * and the cluster must take that. Whoever uses it must see to it that they do stand still.
 */
export function withHeld(table: BoundTable, held: readonly EffectiveStrategy[]): BoundTable {
  const strategies: { [strategy: string]: BoundTable["strategies"][string] } = { ...table.strategies };
  for (const effective of held) {
    const { team, name } = effective;
    const id = `${team}/${name}`;
    const usual = { ...table.everyone, ...table.teams[team], ...table.strategies[id] };
    const kept: { [Name in BoundName]?: BoundValue } = {};
    for (const bound of boundNames) {
      const value = ownValue(effective, bound);
      const before = usual[bound];
      if (value === undefined || isWithin(bound, before, value)) continue;
      kept[bound] =
        typeof before === "string" || typeof value === "string" ? value : [...new Set([...before, ...value])];
    }
    if (Object.keys(kept).length > 0) strategies[id] = { ...strategies[id], ...kept };
  }
  return { ...table, strategies };
}

function ownValue({ limits, resources, algorithm }: EffectiveStrategy, bound: BoundName): BoundValue | undefined {
  switch (bound) {
    case "cpu":
    case "memory":
    case "state":
      return resources[bound];
    case "rpcAddresses":
      return algorithm.kind === "rpc" ? [algorithm.rpc] : undefined;
    default:
      return limits[bound];
  }
}
