import { createHash } from "node:crypto";
import { canonicalJson, type JsonObject } from "#core/json.ts";

const mask = (1n << 64n) - 1n;

/**
 * SplitMix64 (Steele, Lea, Flood 2014), top 53 bits as a number in [0, 1). The SDK's Python server draws from the same one, so both
 * languages see the same numbers.
 */
export class SplitMix64 {
  /** All of its state: 64 bits. */
  state: bigint;

  constructor(seed: bigint) {
    this.state = seed & mask;
  }

  next(): number {
    this.state = (this.state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = this.state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    mixed ^= mixed >> 31n;
    return Number(mixed >> 11n) / 2 ** 53;
  }
}

/** The seed of a strategy's numbers, 53 bits so that JSON carries it: other parameters, other numbers. */
export function seedOf(strategy: string, params: JsonObject): number {
  return Number(hash53([strategy, canonicalJson(params)]));
}

/** A number in [0, 1) that belongs to one event: asked twice, it answers the same, whatever was drawn in between. */
export function drawFor(seed: number, cause: string): number {
  return new SplitMix64(hash53([String(seed), cause])).next();
}

/** `hash(strategy, cause, index)`: the same event gives the same id, whoever runs it again. */
export function clientOrderId(strategy: string, cause: string, index: number): string {
  return digest([strategy, cause, String(index)]).slice(0, 32);
}

function hash53(parts: readonly string[]): bigint {
  return BigInt(`0x${digest(parts).slice(0, 16)}`) >> 11n;
}

/** Parts are joined with NUL, which stands in none of them. */
function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex");
}
