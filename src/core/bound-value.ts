import { type BoundName, type BoundValue, isListBound } from "./bounds.ts";
import { parseDecimal } from "./decimal.ts";
import { parseCpu, parseMemory } from "./quantity.ts";
import { parseRate } from "./rate.ts";
import { unreachable } from "./result.ts";

/** Whether a value that a waiver or a team writes is one of that bound at all. */
export function isValueOf(name: BoundName, value: BoundValue): boolean {
  if (isListBound(name)) return typeof value !== "string";
  if (typeof value !== "string") return false;
  switch (name) {
    case "maxOrderNotional":
    case "maxPositionNotional":
    case "maxDrawdown":
      return parseDecimal(value).ok && !value.startsWith("-");
    case "orderRate":
      return parseRate(value).ok;
    case "cpu":
      return parseCpu(value).ok;
    case "memory":
    case "state":
      return parseMemory(value).ok;
    default:
      return unreachable(name);
  }
}
