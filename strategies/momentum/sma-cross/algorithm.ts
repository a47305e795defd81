import type { Algorithm, Context, Data, Decisions, Description, Params } from "slipway/sdk";

/** Holds an instrument while its fast moving average is above its slow one. */
export default class SmaCross implements Algorithm {
  #fast = 0;
  #slow = 0;

  describe(): Description {
    return {
      description: "Holds an instrument while its fast moving average is above its slow one.",
      params: {
        fast: { type: "integer", default: 10, min: 1, max: 1000, description: "prices in the fast average" },
        slow: { type: "integer", default: 30, min: 2, max: 1000, description: "prices in the slow average" },
      },
      channels: ["quotes"],
    };
  }

  initialize(params: Params): readonly string[] {
    this.#fast = Number(params["fast"]);
    this.#slow = Number(params["slow"]);
    return ["quotes"];
  }

  /** Called with the prices from before the first live one: it trades nothing. The averages survive restarts by themselves. */
  warm(data: Data, context: Context): void {
    this.#isRising(data, context);
  }

  event(data: Data, context: Context): Decisions {
    const rising = this.#isRising(data, context);
    if (rising === undefined) return undefined;
    const held = context.portfolio.positions[data.sid] ?? "0";
    if (rising && Number(held) === 0) return { sid: data.sid, side: "buy" };
    if (!rising && Number(held) > 0) return { sid: data.sid, side: "sell", quantity: held };
    return undefined;
  }

  #isRising(data: Data, { indicators }: Context): boolean | undefined {
    if (data.type !== "quote") return undefined;
    const price = Number(data.quote);
    const fast = indicators.sma(data.sid, this.#fast).update(price);
    const slow = indicators.sma(data.sid, this.#slow).update(price);
    return fast === undefined || slow === undefined ? undefined : fast > slow;
  }
}
