import type { OrderRequestMessage } from "#core/messages.ts";
import { own } from "./bus-bench.ts";

/** One way in which a hostile executor may try to cheat, over a connection of its own. */
export interface Way {
  readonly name: string;
  readonly topic: string;
  readonly payload: string;
}

const other = "strat/carry/rates";
const id = "forged";

export function requestOf(change: object = {}): OrderRequestMessage {
  return {
    ...{
      v: 1,
      type: "order",
      clientOrderId: id,
      epoch: 5,
      sid: "AAPL",
      venue: "paper",
      side: "buy",
      orderType: "market",
    },
    ...{ quantity: "1", cause: "s:md/replay/AAPL/quote:1", expiresAtMs: Date.now() + 600_000, ts: 1, ...change },
  } as OrderRequestMessage;
}

const fill = {
  ...{ v: 1, type: "order-event", clientOrderId: id, status: "filled", sid: "AAPL", venue: "paper", side: "buy" },
  ...{ quantity: "10", filledQuantity: "10", price: "1", fee: "0", seq: 1, ts: 1 },
};
const statement = {
  ...{ v: 1, type: "order-statement", epoch: 5, asked: 1, resent: false, last: 9, cash: "1000000", peak: "1000000" },
  ...{ positions: {}, open: [], atMs: 1 },
};
const command = {
  ...{ v: 1, type: "gateway-command", id: "c-1", verb: "halt", scope: "all", by: "alice", reason: "none" },
  ...{ expiresAtMs: Date.now() + 600_000, atMs: 1 },
};
const quote = { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: "1", session: "f", seq: 9, ts: 9 };
const offline = { v: 1, type: "gateway-state", state: "offline", session: "f", seq: 1, atMs: 1 };
const resend = { v: 1, type: "order-resend", epoch: 9, after: 0, anew: true, atMs: 1 };
const turn = { v: 1, type: "turn-answer", epoch: 5, granted: true, away: 1, awayMax: 1, atMs: 1 };
const state = { v: 1, type: "state", state: "running", epoch: 1, session: "f", seq: 1, atMs: 1 };
const text = (value: unknown): string => JSON.stringify(value);
const at = (topic: string, name: string, value: unknown): Way => ({ name, topic, payload: text(value) });

/** What the broker has to refuse, and to say so where it can. */
export const foreignWays: readonly Way[] = [
  at(`${own}/order/event`, "a fill of its own order", fill),
  at(`${other}/order/event`, "a fill for another strategy", fill),
  at(`${own}/order/statement`, "an account of its own making", statement),
  at(`${other}/order/statement`, "an account for another strategy", statement),
  at(`${other}/order/statement`, "a higher epoch that ends another executor", { ...statement, epoch: 999 }),
  at(`${other}/order/request`, "an order in another strategy's name", requestOf()),
  at(`${own}/turn/answer`, "a turn of its own making", turn),
  at(`${other}/turn/request`, "that another strategy is back", { ...turn, type: "turn-request", wants: "back" }),
  at(`${other}/order/resend`, "a question that fences off another executor", resend),
  at(`${own}/cmd/rebalance`, "a command to itself", { v: 1, type: "command", id: "x", verb: "rebalance", by: "a" }),
  at(`${other}/cmd/stop`, "a command to another strategy", { v: 1, type: "command", id: "x", verb: "stop", by: "a" }),
  at("gw/cmd/halt", "a halt of all", command),
  at("gw/cmd/flatten", "a flattening of all", { ...command, verb: "flatten" }),
  at("gw/cmd/resume", "a resumption", { ...command, verb: "resume" }),
  at("gw/cmd/risk/halt", "a halt in a group's name", command),
  at("gw/state", "the gateway's end", offline),
  at("gw/halts", "that nothing is halted", { v: 1, type: "gateway-halts", halts: [], refused: [], atMs: 1 }),
  at("gw/metric", "the gateway's numbers", { v: 1, type: "platform-metric", counts: {} }),
  at("gw/dead", "a dead letter of the gateway", { v: 1 }),
  at("gw/limits", "limits of its own", { strategy: "momentum/sma", "limits.maxOrderNotional": "1000000" }),
  at("md/replay/AAPL/quote", "a price of its own", quote),
  at("md/paper/AAPL/quote", "a price at the venue that fills", { ...quote, venue: "paper" }),
  at("md/replay/AAPL/history", "a history of its own", { v: 1, type: "history", sid: "AAPL", events: [] }),
  at("md/replay/AAPL/bar/1m", "a bar of its own", { v: 1, type: "bar", sid: "AAPL" }),
  at("ind/replay/AAPL/sma/10", "an indicator of its own", { v: 1, type: "indicator" }),
  at("feed/stocks/state", "the feed's end", { v: 1, type: "feed-state", state: "offline" }),
  at("refill/state", "that a recorder runs", { v: 1, type: "recorder-state", state: "online" }),
  at("refill/momentum/sma/answer", "what a recorder has", { v: 1, type: "refill", events: [] }),
  at("refill/carry/rates/request", "another one's question to the recorder", { v: 1, type: "refill-request" }),
  at("bus/metric", "the bus's numbers", { v: 1, type: "platform-metric", counts: {} }),
  at(`${other}/state`, "another strategy's state", state),
  at(`${other}/metric`, "another strategy's numbers", { v: 1, type: "metric" }),
  at(`${other}/signal`, "another strategy's signal", {
    v: 1,
    type: "signal",
    id: "x",
    sid: "AAPL",
    side: "buy",
    ts: 1,
  }),
  at(`${own}/order/request/x`, "an order one level too deep", requestOf()),
  at("$SYS/broker/clients/total", "the broker's own numbers", {}),
];

/** What the gateway has to deny, on the forger's own topics. */
export function gatewayWays(): readonly Way[] {
  const order = (name: string, change: object): Way => at(`${own}/order/request`, name, requestOf(change));
  const raw = (name: string, payload: string): Way => ({ name, payload, topic: `${own}/order/request` });
  return [
    order("a lower epoch", { epoch: 4 }),
    order("a negative epoch", { epoch: -1 }),
    order("an epoch beyond all numbers", { epoch: 2 ** 60 }),
    order("an order that is over long since", { expiresAtMs: 1 }),
    order("limits of its own", { limits: { maxOrderNotional: "1000000" } }),
    order("a price of its own", { price: "0.01" }),
    order("a fee of its own", { fee: "0" }),
    order("another strategy in the payload", { strategy: "carry/rates" }),
    order("an instrument that is not allowed", { sid: "DOGE" }),
    order("a venue that is not allowed", { venue: "kraken" }),
    order("an order type that nobody checks", { orderType: "stop" }),
    order("more than one order may be worth", { quantity: "21" }),
    order("more than is there to sell", { side: "sell", quantity: "19" }),
    order("a negative quantity", { quantity: "-1" }),
    order("a quantity that is a number", { quantity: 1 }),
    order("nothing", { quantity: "0" }),
    order("an id of the gateway's own orders", { clientOrderId: "gw-0123456789abcdef01234567" }),
    order("an id that is used, for another order", { clientOrderId: "honest", quantity: "2" }),
    raw("a fill in place of an order", text(fill)),
    raw("a command in place of an order", text(command)),
    raw("half a message", '{"v":1,"type":"order"'),
    raw("a list of orders", text([requestOf(), requestOf()])),
    { name: "a question that is none", topic: `${own}/order/resend`, payload: text({ ...resend, epoch: "9" }) },
    {
      name: "a question with an epoch below all",
      topic: `${own}/order/resend`,
      payload: text({ ...resend, epoch: -1 }),
    },
  ];
}
