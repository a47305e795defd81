// Asks for the same orders on the same events, whatever it holds: what is lost or doubled shows.
export default class {
  initialize(): readonly string[] {
    return ["quotes"];
  }

  event(data: { readonly sid: string; readonly seq: number }): readonly object[] {
    const order = (quantity: string): object => ({ sid: data.sid, side: "buy", quantity });
    if (data.seq % 3 === 0) return [order("0.5"), order("0.25")];
    return data.seq % 2 === 0 ? [order("1")] : [];
  }
}
