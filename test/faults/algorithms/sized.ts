// Lets the portfolio say how much: what it holds decides what comes next.
export default class {
  initialize(): readonly string[] {
    return ["quotes"];
  }

  event(data: { readonly sid: string; readonly seq: number }): object | undefined {
    if (data.seq % 3 === 0) return { sid: data.sid, side: "sell" };
    return { sid: data.sid, side: "buy" };
  }
}
