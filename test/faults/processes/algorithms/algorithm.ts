// Keeps an account of its own by what onOrder() hears; sells half of what it bought.
interface OrderEvent {
  readonly clientOrderId: string;
  readonly status: string;
  readonly sid: string;
  readonly side: string;
  readonly filledQuantity: string;
}

export default class {
  #filled: { [id: string]: string } = {};

  initialize(): readonly string[] {
    return ["quotes"];
  }

  event(data: { readonly sid: string; readonly seq: number }): object | undefined {
    return data.seq % 2 === 0 ? { sid: data.sid, side: "buy", quantity: "2" } : undefined;
  }

  onOrder({ clientOrderId, status, sid, side, filledQuantity }: OrderEvent): object | undefined {
    if (filledQuantity !== "0") this.#filled[clientOrderId] = filledQuantity;
    return status === "filled" && side === "buy" ? { sid, side: "sell", quantity: "1" } : undefined;
  }

  snapshot(): object {
    return { filled: this.#filled };
  }

  restore({ filled }: { readonly filled: { readonly [id: string]: string } }): void {
    this.#filled = { ...filled };
  }
}
