import type { Expression, MacroName } from "./ast.ts";
import type { NodeParts } from "./parser.ts";

interface Expansion {
  readonly node: NodeParts;
  /** Where faults about the node point, if not to the macro's name. */
  readonly place?: { readonly at: number; readonly end: number };
  readonly children: readonly Expression[];
}

interface MacroFault {
  readonly fault: { readonly message: string; readonly fix?: string; readonly at: number; readonly end: number };
}

/** How many arguments a macro takes; any other number makes it an ordinary call, which no function answers. */
const arities: Readonly<Record<MacroName, readonly number[]>> = {
  all: [2],
  exists: [2],
  exists_one: [2],
  filter: [2],
  map: [2, 3],
};

function isMacro(name: string): name is MacroName {
  return Object.hasOwn(arities, name);
}

/** The node of `has(a.b)` or `list.all(x, …)`; undefined if the call is none of the macros. */
export function expandMacro(
  name: string,
  target: Expression | undefined,
  args: readonly Expression[],
): Expansion | MacroFault | undefined {
  if (target === undefined) return name === "has" && args.length === 1 ? expandHas(args[0]) : undefined;
  if (!isMacro(name) || !arities[name].includes(args.length)) return undefined;
  const [variable, ...rest] = args;
  const body = rest.at(-1);
  if (variable === undefined || body === undefined) return undefined;
  if (variable.kind !== "identifier") {
    const message = `the first argument of ${name} must be a name for the element`;
    return { fault: { message, fix: `write .${name}(x, …)`, at: variable.start, end: variable.end } };
  }
  return {
    node: {
      kind: "comprehension",
      macro: name,
      range: target,
      variable: variable.name,
      condition: rest.length === 2 ? rest[0] : undefined,
      body,
    },
    children: [target, ...rest],
  };
}

function expandHas(argument: Expression | undefined): Expansion | MacroFault | undefined {
  if (argument === undefined) return undefined;
  if (argument.kind === "select") {
    const { operand, field } = argument;
    const { at, end } = argument;
    return { node: { kind: "select", operand, field, test: true }, place: { at, end }, children: [operand] };
  }
  const message = "has() takes a field: has(a.b)";
  const fix = "to ask for a key, write 'key' in a";
  return { fault: { message, fix, at: argument.start, end: argument.end } };
}
