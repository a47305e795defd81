import type { Algorithm, Context, Data, Decisions, Description, Params } from "slipway/sdk";

/** Buys, or sells what it holds, on a coin toss at each quote: the smallest strategy that trades. */
export default class RandomAlgo implements Algorithm {
  #threshold = 0;

  describe(): Description {
    const description = "how seldom it trades: 0 at each quote, 1 never";
    return { params: { threshold: { type: "number", default: 0.5, min: 0, max: 1, description } } };
  }

  initialize(params: Params): readonly string[] {
    this.#threshold = Number(params["threshold"]);
    return ["quotes"];
  }

  event(data: Data, context: Context): Decisions {
    if (context.random() <= this.#threshold) return undefined;
    const holds = Number(context.portfolio.positions[data.sid] ?? "0") > 0;
    return { sid: data.sid, side: holds && context.random() < 0.5 ? "sell" : "buy" };
  }
}
