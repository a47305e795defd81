import type { Call } from "./ast.ts";
import type { Overload } from "./overloads.ts";
import { type CelType, formatType } from "./types.ts";

/** `string < int`, `size(int)`, `string.contains(int)`. */
export function describeCall({ name, target, args }: Call, types: readonly CelType[]): string {
  const texts = types.map(formatType);
  const [first = "", second = ""] = texts;
  const binary = /^_(.+)_$/.exec(name)?.[1];
  if (name === "_[_]") return `${first}[${second}]`;
  if (binary !== undefined) return `${first} ${binary} ${second}`;
  if (name === "@in") return `${first} in ${second}`;
  if (name === "!_" || name === "-_") return name.charAt(0) + first;
  if (target !== undefined) return `${first}.${name}(${texts.slice(1).join(", ")})`;
  return `${name}(${texts.slice(0, args.length).join(", ")})`;
}

/** What to write instead of a call that no overload fits. */
export function adviseOverload(
  call: Call,
  declared: readonly Overload[],
  types: readonly CelType[],
): string | undefined {
  const [left, right] = types.map(({ kind }) => kind);
  if (/^_.*_$|^@in$/.test(call.name)) return adviseOperator(call.name, left, right);
  const sameStyle = declared.filter(({ member }) => member === (call.target !== undefined));
  if (sameStyle.length === 0) {
    return call.target === undefined
      ? `write it as a method: x.${call.name}(…)`
      : `write it as a function: ${call.name}(x)`;
  }
  const forms = sameStyle.map(({ name, member, params }) => {
    const texts = params.map(formatType);
    return member ? `${texts[0]}.${name}(${texts.slice(1).join(", ")})` : `${name}(${texts.join(", ")})`;
  });
  return `it is declared as ${[...new Set(forms)].slice(0, 4).join(" or ")}`;
}

const numeric: ReadonlySet<string | undefined> = new Set(["int", "uint", "double"]);

function adviseOperator(name: string, left: string | undefined, right: string | undefined): string | undefined {
  const kinds = [left, right];
  if (kinds.includes("quantity"))
    return "compare quantities with a.isLessThan(b), a.isGreaterThan(b) or a.compareTo(b)";
  if (name === "@in" || name === "_[_]") return undefined;
  if (kinds.includes("string") && kinds.some((kind) => numeric.has(kind))) {
    return "turn the text into a number with int(…) or double(…), or the number into text with string(…)";
  }
  if (numeric.has(left) && numeric.has(right)) return "turn both into one type with int(…) or double(…)";
  return undefined;
}
