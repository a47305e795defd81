// Acts on what became of its orders, on timers and commands too, and keeps an account of its own.
interface OrderEvent {
  readonly clientOrderId: string;
  readonly status: string;
  readonly sid: string;
  readonly side: string;
  readonly filledQuantity: string;
}

interface Context {
  every(seconds: number, name: string): void;
}

export default class {
  #filled: { [id: string]: string } = {};

  initialize(_params: object, context: Context): readonly string[] {
    context.every(120, "slow");
    return ["quotes"];
  }

  event(data: { readonly sid: string; readonly seq: number }): object | undefined {
    return data.seq % 2 === 0 ? { sid: data.sid, side: "buy", quantity: "2" } : undefined;
  }

  onOrder({ clientOrderId, status, sid, side, filledQuantity }: OrderEvent): object | undefined {
    if (filledQuantity !== "0") this.#filled[clientOrderId] = filledQuantity;
    return status === "filled" && side === "buy" ? { sid, side: "sell", quantity: "0.5" } : undefined;
  }

  onTimer(): object {
    // As much as the portfolio says: the same turn a second time would be another order with the same id.
    return { sid: "AAPL", side: "buy" };
  }

  onCommand(): undefined {
    return undefined;
  }

  snapshot(): object {
    return { filled: this.#filled };
  }

  restore({ filled }: { readonly filled: { readonly [id: string]: string } }): void {
    this.#filled = { ...filled };
  }
}
