import type { Algorithm, Context, Data, Decisions, Params } from "slipway/sdk";

/** Holds an instrument while its price is above its average of the last `length` prices. */
export default class {{className}} implements Algorithm {
  #length = 12;
  readonly #prices = new Map<string, number[]>();

  initialize(params: Params): readonly string[] 
    this.#length = Number(params["length"] ?? 12);
    return ["quotes"];

  /** Called with the prices from before the first live one: it trades nothing. */
  warm(data: Data): void 
    this.#average(data);

  event(data: Data, context: Context): Decisions {
    if (data.type !== "quote") return undefined;
    const average = this.#average(data);
    if (average === undefined) return undefined;
    const held = context.portfolio.positions[data.sid] ?? "0";
    const above = Number(data.quote) > average;
    if (above && Number(held) === 0) return { sid: data.sid, side: "buy" };
    if (!above && Number(held) > 0) return { sid: data.sid, side: "sell", quantity: held };
    return undefined;
  }

  #average(data: Data): number | undefined {
    if (data.type !== "quote") return undefined;
    const prices = [...(this.#prices.get(data.sid) ?? []), Number(data.quote)].slice(-this.#length);
    this.#prices.set(data.sid, prices);
    if (prices.length < this.#length) return undefined;
    return prices.reduce((sum, price) => sum + price, 0) / prices.length;
  }
}
