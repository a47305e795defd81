import type { Algorithm, Context, Data, Decisions, Params } from "slipway/sdk";

/** Buys, or sells what it holds, on a coin toss at each quote: the smallest strategy that trades. */
export default class RandomAlgo implements Algorithm {
  #threshold = 0.5;

  initialize(params: Params): readonly string[] {
    this.#threshold = Number(params["threshold"] ?? 0.5);
    return ["quotes"];
  }

  event(data: Data, context: Context): Decisions {
    if (context.random() <= this.#threshold) return undefined;
    const holds = Number(context.portfolio.positions[data.sid] ?? "0") > 0;
    return { sid: data.sid, side: holds && context.random() < 0.5 ? "sell" : "buy" };
  }
}
