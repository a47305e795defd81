import { decimal } from "#core/decimal.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import type { TimerSpec } from "#executor/algorithm.ts";
import { parseDecisions } from "#executor/decisions.ts";
import type { Effect, Event } from "#executor/events.ts";
import { type MarketEvent, marketEvent } from "#executor/messages.ts";
import { openPortfolio } from "#executor/portfolio.ts";
import { initialState, noCounters, type Seen, type State } from "#executor/state.ts";
import { step } from "#executor/step.ts";
import { Table } from "#executor/table.ts";
import { effective } from "./rig.ts";

export function quote(sid: string, seq: number, price = "100", session = "s", ts = seq): MarketEvent {
  const channel = `md/replay/${sid}/quote`;
  return marketEvent(channel, { v: 1, type: "quote", sid, venue: "replay", quote: price, session, seq, ts });
}

export function bar(seq: number): MarketEvent {
  return marketEvent("md/replay/AAPL/bar/1d", {
    v: 1,
    type: "bar",
    sid: "AAPL",
    venue: "replay",
    interval: "1d",
    open: "1",
    high: "1",
    low: "1",
    close: "1",
    volume: "0",
    session: "s",
    seq,
    ts: seq,
  });
}

export function order(id: string, status: OrderEventMessage["status"], seq: number): OrderEventMessage {
  const filled = status === "filled" ? { filledQuantity: "1", price: "10" } : { filledQuantity: "0" };
  return {
    v: 1,
    type: "order-event",
    clientOrderId: id,
    status,
    sid: "AAPL",
    venue: "paper",
    side: "buy",
    quantity: "1",
    ...filled,
    seq,
    ts: 1,
  };
}

/** A state that events are sent to, with all effects that came of them. */
export class Bench {
  state: State;
  effects: Effect[] = [];
  constructor(hooks: readonly string[] = [], timers: readonly TimerSpec[] = [], spec = effective()) {
    const settings = {
      effective: spec,
      strategy: "seed/random",
      epoch: 1,
      seed: 1,
      hooks: new Set(hooks),
      timers,
      digest: undefined,
    };
    const kept = {
      portfolio: openPortfolio(decimal("1000")),
      counters: noCounters,
      pending: new Map(),
      processed: Table.of<Seen>(),
      timers: new Map(),
      commands: [],
      told: { seq: 0, digest: undefined },
    };
    this.state = initialState(settings, kept, 0);
  }
  send(...events: readonly Event[]): this {
    for (const event of events) {
      const [state, effects] = step(this.state, event);
      this.state = state;
      this.effects.push(...effects);
    }
    return this;
  }
  start(): this {
    return this.send({ type: "gateway", online: true, nowMs: 0 }, { type: "ready", history: [], nowMs: 0 });
  }
  /** What the algorithm was given, in order. */
  given(): readonly string[] {
    return this.effects.flatMap((effect) => {
      if (effect.do === "call-event") return [`${effect.event.message.sid}:${effect.event.message.seq}`];
      if (effect.do === "call-timer") return [`${effect.turn.name}@${effect.turn.time}`];
      if (effect.do === "call-command") return [effect.command.verb];
      return effect.do === "call-order" ? [effect.event.clientOrderId] : [];
    });
  }
  decide(decisions: unknown = undefined, nowMs = 1): this {
    const parsed = parseDecisions(decisions);
    if (!parsed.ok) throw new Error(parsed.error.message);
    return this.send({ type: "decided", outcome: { decisions: parsed.value, logs: [] }, nowMs });
  }
  published(topic: string): readonly object[] {
    return this.effects.flatMap((effect) =>
      effect.do === "publish" && effect.topic === topic ? [effect.message] : [],
    );
  }
}
export const market = (event: MarketEvent): Event => ({ type: "market", event });
