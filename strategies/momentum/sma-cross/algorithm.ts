import type { Algorithm, Context, Data, Decisions, Params } from "slipway/sdk";

/** Holds an instrument while its fast moving average is above its slow one. */
export default class SmaCross implements Algorithm {
  #fast = 10;
  #slow = 30;
  #prices = new Map<string, number[]>();

  initialize(params: Params): readonly string[] {
    this.#fast = Number(params["fast"] ?? 10);
    this.#slow = Number(params["slow"] ?? 30);
    return ["quotes"];
  }

  warm(data: Data): void {
    this.#remember(data);
  }

  event(data: Data, context: Context): Decisions {
    const prices = this.#remember(data);
    if (prices.length < this.#slow) return undefined;
    const rising = average(prices.slice(-this.#fast)) > average(prices);
    const held = context.portfolio.positions[data.sid] ?? "0";
    if (rising && Number(held) === 0) return { sid: data.sid, side: "buy" };
    if (!rising && Number(held) > 0) return { sid: data.sid, side: "sell", quantity: held };
    return undefined;
  }

  snapshot(): unknown {
    return Object.fromEntries(this.#prices);
  }

  restore(state: unknown): void {
    this.#prices = new Map(Object.entries(state as { [sid: string]: number[] }));
  }

  #remember(data: Data): readonly number[] {
    if (data.type !== "quote") return [];
    const prices = [...(this.#prices.get(data.sid) ?? []), Number(data.quote)].slice(-this.#slow);
    this.#prices.set(data.sid, prices);
    return prices;
  }
}

function average(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
