import { decimal, formatDecimal } from "./decimal.ts";
import { exceeds } from "./limits.ts";
import type { Known } from "./parse.ts";
import type { Parts } from "./parts.ts";
import { cpuOf, formatCpu, formatMemory, memoryOf } from "./quantity.ts";
import { formatRate, rateOf } from "./rate.ts";
import { assert } from "./result.ts";

/** The bounds of a spec's `limits`, which the gateway enforces, order by order (design section 4; limits after EU 2017/589 Art. 8). */
export const limitNames = [
  "instruments",
  "venues",
  "maxOrderNotional",
  "maxPositionNotional",
  "orderRate",
  "maxDrawdown",
] as const;

/** Every field of a spec that has a bound of the same name. */
export const boundNames = [...limitNames, "cpu", "memory", "state", "rpcAddresses"] as const;

export type BoundName = (typeof boundNames)[number];

/** A value as a document has it: a decimal, rate or quantity as text, or a list of names. */
export type BoundValue = string | readonly string[];

/** A value as far as it is known: nothing is of a list with an item that is refused, since it may be the very one in question. */
export function knownBound(
  { whole }: Pick<Known<unknown>, "whole">,
  pointer: string,
  value: Parts<BoundValue> | undefined,
): BoundValue | undefined {
  if (value === undefined || typeof value === "string") return value;
  return whole(pointer) ? value.filter((item) => item !== undefined) : undefined;
}

/**
 * How `after` stands to `before` in risk: `looser` lets everything through that `before` does and more, `tighter` less; `incomparable` lets
 * through something that `before` does not, and the other way round (a list with one name exchanged, `100/10s` for `20/1s`).
 */
export type Direction = "equal" | "tighter" | "looser" | "incomparable";

/**
 * Whether everything that `value` lets through, `bound` does, too. A preorder: reflexive and transitive; two values that are within each other
 * mean the same (`1` and `1000m`). Both texts keep to their schema; anything else is a bug.
 */
export function isWithin(name: BoundName, bound: BoundValue, value: BoundValue): boolean {
  switch (name) {
    case "maxOrderNotional":
    case "maxPositionNotional":
    case "maxDrawdown":
      return !exceeds[name](decimal(text(bound)), decimal(text(value)));
    case "orderRate":
      return !exceeds.orderRate(rateOf(text(bound)), rateOf(text(value)));
    case "cpu":
      return !exceeds.cpu(cpuOf(text(bound)), cpuOf(text(value)));
    case "memory":
    case "state":
      return !exceeds[name](memoryOf(text(bound)), memoryOf(text(value)));
    case "instruments":
    case "venues":
    case "rpcAddresses":
      return list(value).every((item) => !exceeds[name](list(bound), item));
  }
}

/** The direction of a change of one field. */
export function compareBound(name: BoundName, before: BoundValue, after: BoundValue): Direction {
  return directionOf(isWithin(name, before, after), isWithin(name, after, before));
}

/** The direction of a change of several fields at once: one that loosens and one that tightens make it incomparable. */
export function combine(directions: Iterable<Direction>): Direction {
  let looser = false;
  let tighter = false;
  for (const direction of directions) {
    looser ||= direction === "looser" || direction === "incomparable";
    tighter ||= direction === "tighter" || direction === "incomparable";
  }
  return directionOf(!looser, !tighter);
}

function directionOf(afterWithinBefore: boolean, beforeWithinAfter: boolean): Direction {
  if (afterWithinBefore && beforeWithinAfter) return "equal";
  if (afterWithinBefore) return "tighter";
  return beforeWithinAfter ? "looser" : "incomparable";
}

/** The one text of a value: equal values have equal texts. Lists keep their order; it has no meaning. */
export function canonicalBound(name: BoundName, value: BoundValue): BoundValue {
  switch (name) {
    case "maxOrderNotional":
    case "maxPositionNotional":
    case "maxDrawdown":
      return formatDecimal(decimal(text(value)));
    case "orderRate":
      return formatRate(rateOf(text(value)));
    case "cpu":
      return formatCpu(cpuOf(text(value)));
    case "memory":
    case "state":
      return formatMemory(memoryOf(text(value)));
    case "instruments":
    case "venues":
    case "rpcAddresses":
      return list(value);
  }
}

/** A value for people: lists joined, long ones cut. */
export function formatBound(value: BoundValue): string {
  if (typeof value === "string") return value;
  if (value.length > 12) return `${value.slice(0, 12).join(", ")} and ${value.length - 12} more`;
  return value.join(", ") || "none";
}

export function isListBound(name: BoundName): name is "instruments" | "venues" | "rpcAddresses" {
  return name === "instruments" || name === "venues" || name === "rpcAddresses";
}

function text(value: BoundValue): string {
  assert(typeof value === "string", "this bound is one value, not a list");
  return value;
}

function list(value: BoundValue): readonly string[] {
  assert(typeof value !== "string", "this bound is a list, not one value");
  return value;
}
