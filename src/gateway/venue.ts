import { type Decimal, decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderReport, Settling } from "#core/order.ts";
import type { VenueRules } from "./venue-settings.ts";

export interface OrderKey {
  readonly strategy: StrategyId;
  readonly clientOrderId: string;
}

/** An order as a venue gets it. All of it is in the book before the venue hears of it. */
export interface PlacedOrder extends OrderKey {
  readonly venue: string;
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity: Decimal;
  /** What the executor, or the gateway itself, says it is sent for. */
  readonly cause: string;
  /** The last price when it was accepted. */
  readonly last: Decimal;
  /** When it was accepted, by the gateway's clock. */
  readonly arrivedMs: number;
  /** When it was asked to be canceled, likewise. */
  readonly cancelMs: number | undefined;
  /** The venue's own name for it, once it is known. */
  readonly venueOrderId: string | undefined;
}

export type VenueAnswer =
  | { readonly type: "report"; readonly report: OrderReport; readonly venueOrderId?: string }
  /** Nothing is known: no answer in time, or one that says nothing about the order. */
  | { readonly type: "lost"; readonly message: string }
  | { readonly type: "not-found" }
  | { readonly type: "cancel-refused"; readonly message: string };

export type OnAnswer = (key: OrderKey, answer: VenueAnswer) => void;

/**
 * Where orders go. Nothing here throws or waits: answers come to the handler, once, twice, late, out of order or never, also unasked. All that
 * the gateway must remember is in its book, so a venue may be opened anew at any time.
 */
export interface Venue {
  readonly name: string;
  readonly rules: VenueRules;
  /** Orders are real money. */
  readonly live: boolean;
  readonly settling: Settling;
  /** How long an answer may take. */
  readonly answerMs: number;
  /** How long after a lost answer it is asked first; then ever more seldom. */
  readonly askFirstMs: number;
  /** How often an open order is asked after; undefined where the venue speaks by itself. */
  readonly pollMs: number | undefined;
  open(onAnswer: OnAnswer): void;
  /** What it says to an order at once, without being sent it; a real venue says nothing. Pure. */
  immediate(order: PlacedOrder): OrderReport | undefined;
  place(order: PlacedOrder): void;
  cancel(order: PlacedOrder): void;
  ask(order: PlacedOrder): void;
  close(): void;
}

/** Stands in for a venue that is not in the settings any more and that old orders name: it never answers. */
export function missingVenue(name: string): Venue {
  const silent = (): void => undefined;
  const zero = decimal("0");
  return {
    ...{
      name,
      live: true,
      settling: { timesMin: Number.POSITIVE_INFINITY, forMs: 0 },
      answerMs: 60_000,
      askFirstMs: 60_000,
      pollMs: undefined,
    },
    rules: { feeBps: zero, slippageBps: zero, collarBps: undefined, maxOpenOrders: 1, hours: undefined },
    immediate: () => undefined,
    ...{ open: silent, place: silent, cancel: silent, ask: silent, close: silent },
  };
}
