import {
  validateBar,
  validateGatewayState,
  validateHistory,
  validateOrderEvent,
  validateQuote,
} from "#core/bus-validators.generated.js";
import { type Decimal, decimal } from "#core/decimal.ts";
import type { HistoryMessage, MarketMessage, OrderStatus } from "#core/messages.ts";
import { isFinal, orderStatuses } from "#core/order.ts";
import type { Validators } from "#core/payload.ts";

/** What an executor receives; anything else on its topics is a dead letter. */
export const executorValidators: Validators = {
  quote: validateQuote,
  bar: validateBar,
  history: validateHistory,
  "order-event": validateOrderEvent,
  "gateway-state": validateGatewayState,
};

/** A market message with its price. */
export interface MarketEvent {
  /** The topic it came on, or would have come on. */
  readonly channel: string;
  readonly message: MarketMessage;
  /** The quote, or a bar's close. */
  readonly price: Decimal;
}

/** Nothing is awaited of an order after these. */
export const finalStatuses: ReadonlySet<OrderStatus> = new Set(orderStatuses.filter(isFinal));

/** @param message as the door of the bus let it through */
export function marketEvent(channel: string, message: MarketMessage): MarketEvent {
  return { channel, message, price: decimal(message.type === "bar" ? message.close : message.quote) };
}

/** The events of a history, each on the channel it was published on. */
export function historyEvents({ events }: HistoryMessage): readonly MarketEvent[] {
  return events.map((message) => {
    const leaf = message.type === "bar" ? `bar/${message.interval}` : "quote";
    return marketEvent(`md/${message.venue}/${message.sid}/${leaf}`, message);
  });
}
