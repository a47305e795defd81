import type { BarMessage, QuoteMessage } from "#core/messages.ts";

type Unpublished = "v" | "venue" | "session" | "seq";

/** A price without what publishing adds: venue, session and seq. */
export type QuoteEvent = Omit<QuoteMessage, Unpublished>;
export type BarEvent = Omit<BarMessage, Unpublished>;
export type MarketEvent = QuoteEvent | BarEvent;

/** Events of one instant. They are published together, in this order. */
export interface Step {
  /** Event time, microseconds UTC. */
  readonly ts: number;
  readonly events: readonly MarketEvent[];
}

/** Market data that can be read from its beginning as often as one likes. It publishes nothing itself: whoever reads sets the pace. */
export interface MarketSource {
  readonly name: string;
  /** Every instrument that `events` may bring. */
  readonly instruments: readonly string[];
  /** The first and last instant, microseconds UTC. */
  readonly fromTs: number;
  readonly toTs: number;
  /** In order of time; equal times in a fixed order. Each call starts again. */
  events(): Iterable<MarketEvent>;
}

/** `{instrument}/{quote|bar/1d}`: what a seq counts in, and the end of the topic. */
export function channelOf(event: MarketEvent): string {
  return event.type === "quote" ? `${event.sid}/quote` : `${event.sid}/bar/${event.interval}`;
}
