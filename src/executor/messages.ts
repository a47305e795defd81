import { createHash } from "node:crypto";
import {
  validateBar,
  validateCommand,
  validateGatewayState,
  validateHistory,
  validateIndicator,
  validateOrderEvent,
  validateOrderStatement,
  validateQuote,
  validateRecorderState,
  validateRefill,
  validateSignal,
  validateTrade,
  validateTurnAnswer,
} from "#core/bus-validators.generated.js";
import { type Decimal, decimal } from "#core/decimal.ts";
import type {
  HistoryMessage,
  IndicatorMessage,
  MarketMessage,
  OrderStatus,
  SignalMessage,
  TradeMessage,
} from "#core/messages.ts";
import { isFinal, orderStatuses } from "#core/order.ts";
import type { Validators } from "#core/payload.ts";
import { unreachable } from "#core/result.ts";
import { publisherOf } from "#core/sharing.ts";

/** What an executor receives; anything else on its topics is a dead letter. */
export const executorValidators: Validators = {
  quote: validateQuote,
  trade: validateTrade,
  bar: validateBar,
  indicator: validateIndicator,
  signal: validateSignal,
  history: validateHistory,
  "order-event": validateOrderEvent,
  "order-statement": validateOrderStatement,
  "turn-answer": validateTurnAnswer,
  command: validateCommand,
  "gateway-state": validateGatewayState,
  refill: validateRefill,
  "recorder-state": validateRecorderState,
};

/** Another strategy's signal, and whose. */
export interface SharedSignal extends SignalMessage {
  /** `<team>/<name>`: the topic says it, and the broker let nobody else publish there. */
  readonly strategy: string;
}

/** What an algorithm may subscribe to. */
export type DataMessage = MarketMessage | TradeMessage | IndicatorMessage | SharedSignal;

/** A message for the algorithm, with its price if it has one. */
export interface MarketEvent {
  /** The topic it came on, or would have come on. */
  readonly channel: string;
  readonly message: DataMessage;
  /** The quote, a trade's price, or a bar's close. */
  readonly price: Decimal | undefined;
}

/** Nothing is awaited of an order after these. */
export const finalStatuses: ReadonlySet<OrderStatus> = new Set(orderStatuses.filter(isFinal));

/** @param message as the door of the bus let it through */
export function marketEvent(
  channel: string,
  message: MarketMessage | TradeMessage | IndicatorMessage | SignalMessage,
): MarketEvent {
  switch (message.type) {
    case "quote":
      return { channel, message, price: decimal(message.quote) };
    case "bar":
      return { channel, message, price: decimal(message.close) };
    case "trade":
      return { channel, message, price: decimal(message.price) };
    case "indicator":
      return { channel, message, price: undefined };
    case "signal":
      return { channel, message: { ...message, strategy: publisherOf(channel) ?? "" }, price: undefined };
    default:
      return unreachable(message);
  }
}

/** Each of these is given to the algorithm. Of the others, quotes and indicators, a newer one takes the place of one that waits. */
export const queuedKinds: ReadonlySet<string> = new Set(["bar", "trade", "signal"]);

/** Whether a newer one takes the place of one that waits. */
export function isReplaceable({ message }: MarketEvent): boolean {
  return !queuedKinds.has(message.type);
}

const causeMax = 200;

/** What an order that comes of it has as its cause: the same for the same event. A signal is the same whichever process says it again. */
export function causeOf({ channel, message }: MarketEvent): string {
  if (message.type === "signal") return `signal:${message.id}`;
  const { session, seq } = message;
  const cause = `${session}:${channel}:${seq}`;
  if (cause.length <= causeMax) return cause;
  return `${session}:${createHash("sha256").update(channel).digest("hex").slice(0, 32)}:${seq}`;
}

/** The events of a history, each on the channel it was published on. */
export function historyEvents({ events }: HistoryMessage): readonly MarketEvent[] {
  return events.map((message) => {
    const leaf = message.type === "bar" ? `bar/${message.interval}` : "quote";
    return marketEvent(`md/${message.venue}/${message.sid}/${leaf}`, message);
  });
}
