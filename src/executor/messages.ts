import { type Decimal, decimal, parseDecimal } from "#core/decimal.ts";
import type { HistoryMessage, MarketMessage, OrderEventMessage, OrderStatus } from "#core/messages.ts";
import { isFinal, orderStatuses } from "#core/order.ts";

/** A market message whose price is checked. */
export interface MarketEvent {
  /** The topic it came on, or would have come on. */
  readonly channel: string;
  readonly message: MarketMessage;
  /** The quote, or a bar's close. */
  readonly price: Decimal;
}

const statuses: ReadonlySet<string> = new Set<OrderStatus>(orderStatuses);

/** Nothing is awaited of an order after these. */
export const finalStatuses: ReadonlySet<OrderStatus> = new Set(orderStatuses.filter(isFinal));

/** Undefined: not a message of ours. */
export function parsePayload(payload: Uint8Array): { readonly [key: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8"),
    );
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return { ...value };
  } catch {
    return undefined;
  }
}

/** A quote or bar with a price above zero; wrong data is worse than none, so anything doubtful is undefined. */
export function parseMarket(channel: string, value: { readonly [key: string]: unknown }): MarketEvent | undefined {
  const { v, type, sid, venue, session, seq, ts } = value;
  if (v !== 1 || typeof sid !== "string" || typeof venue !== "string" || typeof session !== "string") return undefined;
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(ts)) return undefined;
  const numbers = type === "bar" ? ["open", "high", "low", "close"] : ["quote"];
  if (type !== "bar" && type !== "quote") return undefined;
  for (const name of numbers) {
    const parsed = parseDecimal(String(value[name]));
    if (typeof value[name] !== "string" || !parsed.ok || parsed.value <= decimal("0")) return undefined;
  }
  const price = decimal(String(type === "bar" ? value["close"] : value["quote"]));
  return { channel, message: value as unknown as MarketMessage, price };
}

/** The events of a `history` message, each on the channel it was published on. */
export function parseHistory(value: { readonly [key: string]: unknown }): readonly MarketEvent[] | undefined {
  if (value["v"] !== 1 || value["type"] !== "history" || !Array.isArray(value["events"])) return undefined;
  const events: MarketEvent[] = [];
  for (const item of (value as unknown as HistoryMessage).events) {
    const message = typeof item === "object" && item !== null ? { ...item } : undefined;
    const parsed = message === undefined ? undefined : parseMarket(channelOf(item), message);
    if (parsed === undefined) return undefined;
    events.push(parsed);
  }
  return events;
}

function channelOf(message: MarketMessage): string {
  const leaf = message.type === "bar" ? `bar/${message.interval}` : "quote";
  return `md/${message.venue}/${message.sid}/${leaf}`;
}

export function parseOrderEvent(value: { readonly [key: string]: unknown }): OrderEventMessage | undefined {
  const { v, type, clientOrderId, status, sid, side, quantity, filledQuantity, seq, ts } = value;
  if (v !== 1 || type !== "order-event" || typeof clientOrderId !== "string" || typeof sid !== "string")
    return undefined;
  if (typeof status !== "string" || !statuses.has(status) || (side !== "buy" && side !== "sell")) return undefined;
  if (typeof quantity !== "string" || typeof filledQuantity !== "string") return undefined;
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(ts)) return undefined;
  return value as unknown as OrderEventMessage;
}
