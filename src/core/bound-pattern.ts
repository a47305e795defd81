import { type BoundName, type BoundValue, isListBound } from "./bounds.ts";
import { decimal } from "./decimal.ts";
import { cpuOf, memoryOf } from "./quantity.ts";
import { rateOf } from "./rate.ts";
import { assert } from "./result.ts";

// Editors know schemas, and schemas know no decimals in texts. A regular expression can hold a number against another one, digit by digit; each of
// these takes a text that the schema of its field takes, too, exactly if `isWithin` does.

/** Beyond this an editor would feel it; the description then has to do. */
const lengthMax = 20_000;

/** The texts within a bound that is one value, as a regular expression; `undefined` where that would be too long. */
export function boundPattern(name: BoundName, bound: BoundValue): string | undefined {
  assert(typeof bound === "string" && !isListBound(name), `${name} is a list`);
  const pattern = `^(${alternatives(name, bound)})$`;
  return pattern.length > lengthMax ? undefined : pattern;
}

function alternatives(name: BoundName, bound: string): string {
  switch (name) {
    case "orderRate":
      return ratesUpTo(bound);
    case "cpu": {
      const milli = cpuOf(bound);
      return `(${wholesUpTo(BigInt(milli))})m|${decimalsUpTo(BigInt(milli), 3)}`;
    }
    case "memory":
    case "state":
      return memoriesUpTo(BigInt(memoryOf(bound)));
    default:
      return decimalsUpTo(decimal(bound), 8);
  }
}

/** At most a rate's count in its time: a burst counts once for each of the value's windows that begins there. */
function ratesUpTo(bound: string): string {
  const { count, seconds } = rateOf(bound);
  const parts: string[] = [];
  let from = 1;
  while (from <= 86_400) {
    const windows = Math.ceil(seconds / from);
    // The longest time with as many windows.
    const to = windows === 1 ? 86_400 : Math.ceil(seconds / (windows - 1)) - 1;
    const most = Math.floor(count / windows);
    if (most > 0) parts.push(`(${wholesUpTo(BigInt(most))})/(${wholesBetween(BigInt(from), BigInt(to))})s`);
    from = to + 1;
  }
  return parts.length === 0 ? nothing : parts.join("|");
}

const units: readonly (readonly [unit: string, bytes: bigint])[] = [
  ["Ki", 1024n],
  ["Mi", 1024n ** 2n],
  ["Gi", 1024n ** 3n],
  ["Ti", 1024n ** 4n],
];

function memoriesUpTo(bytes: bigint): string {
  const parts = units
    .map(([unit, size]) => [unit, (bytes * 1000n) / size] as const)
    .filter(([, thousandths]) => thousandths > 0n)
    .map(([unit, thousandths]) => `(${decimalsUpTo(thousandths, 3)})${unit}`);
  return parts.length === 0 ? nothing : parts.join("|");
}

/** Matches no text. */
const nothing = "[^\\s\\S]";

/**
 * Decimals without a sign, with at most `places` digits behind the point, up to a value.
 *
 * @param scaled the value times 10^places
 */
function decimalsUpTo(scaled: bigint, places: number): string {
  const digits = scaled.toString().padStart(places + 1, "0");
  const [whole, fraction] = [digits.slice(0, -places), digits.slice(-places)];
  const below = whole === "0" ? [] : [`(${wholesUpTo(BigInt(whole) - 1n)})(\\.[0-9]{1,${places}})?`];
  return [...below, `${whole}(\\.(${fractionsUpTo(fraction)}))?`].join("|");
}

/** Digits behind a point, at least one and at most as many as the bound has, up to the bound. */
function fractionsUpTo(bound: string): string {
  const parts: string[] = [];
  for (const [index, digit] of [...bound].entries()) {
    const head = bound.slice(0, index);
    if (index > 0) parts.push(head);
    const rest = bound.length - index - 1;
    if (digit !== "0") parts.push(`${head}${digitsUpTo(0, Number(digit) - 1)}${anyDigits(0, rest)}`);
  }
  return [...parts, bound].join("|");
}

/** Whole numbers from zero, without leading zeros. */
function wholesUpTo(bound: bigint): string {
  return wholesBetween(0n, bound);
}

function wholesBetween(from: bigint, to: bigint): string {
  const parts: string[] = [];
  for (let length = from.toString().length; length <= to.toString().length; length += 1) {
    const least = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    const [low, high] = [from > least ? from : least, to < most ? to : most];
    parts.push(...sameLength(low.toString(), high.toString()));
  }
  return parts.join("|");
}

/** Numbers between two of the same length. */
function sameLength(low: string, high: string): readonly string[] {
  if (low === high) return [low];
  const rest = low.length - 1;
  const [lowFirst, highFirst] = [Number(low[0]), Number(high[0])];
  if (rest === 0) return [digitsUpTo(lowFirst, highFirst)];
  if (lowFirst === highFirst) return sameLength(low.slice(1), high.slice(1)).map((part) => `${lowFirst}${part}`);
  const [zeros, nines] = ["0".repeat(rest), "9".repeat(rest)];
  const parts: string[] = [];
  let [from, to] = [lowFirst, highFirst];
  if (low.slice(1) !== zeros) {
    parts.push(...sameLength(low.slice(1), nines).map((part) => `${lowFirst}${part}`));
    from += 1;
  }
  if (high.slice(1) !== nines) {
    parts.push(...sameLength(zeros, high.slice(1)).map((part) => `${highFirst}${part}`));
    to -= 1;
  }
  return from > to ? parts : [...parts, `${digitsUpTo(from, to)}${anyDigits(rest, rest)}`];
}

function digitsUpTo(from: number, to: number): string {
  return from === to ? String(from) : `[${from}-${to}]`;
}

function anyDigits(from: number, to: number): string {
  if (to === 0) return "";
  return from === to ? `[0-9]{${to}}` : `[0-9]{${from},${to}}`;
}
