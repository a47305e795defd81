import { compare, type Decimal, decimal, parseDecimal } from "#core/decimal.ts";
import { type Heard, rewind } from "#core/rewind.ts";
import { type Fields, readObject } from "./fields.ts";

export interface LastPrice extends Heard {
  readonly price: Decimal;
}

export interface PriceUpdate extends LastPrice {
  readonly sid: string;
}

const priceMax = decimal("1000000000");
const messageBytesMax = 4_096;

/** The last price of each instrument, from quotes and the closes of bars and nothing else; whichever venue spoke last counts. */
export class Prices {
  readonly #last = new Map<string, LastPrice>();
  /** Instruments that a replay which began anew has not come to yet. */
  #earlier: ReadonlySet<string> = new Set();

  get size(): number {
    return this.#last.size;
  }

  get(sid: string): LastPrice | undefined {
    return this.#last.get(sid);
  }

  /** @returns true while a replay that began anew has not given a price to every instrument */
  set({ sid, price, ts, session }: PriceUpdate): boolean {
    const { rewound, earlier } = rewind(this.#last, this.#earlier, sid, { ts, session });
    this.#earlier = earlier;
    this.#last.set(sid, { price, ts, session });
    return rewound;
  }
}

/** Whether a topic carries prices: `md/{venue}/{symbol}/quote` or `md/{venue}/{symbol}/bar/{interval}`. */
export function isPriceTopic(topic: string): boolean {
  return /^md\/[^/]+\/[^/]+\/(?:quote|bar\/[^/]+)$/.test(topic);
}

/** The price in a market message; undefined if it is not exactly what its topic says. A bad price is never used. */
export function parsePrice(topic: string, payload: Uint8Array): PriceUpdate | undefined {
  const [, venue, sid, kind, interval] = topic.split("/");
  const fields = readObject(payload, messageBytesMax);
  if (typeof fields === "string" || sid === undefined) return undefined;
  if (fields["v"] !== 1 || fields["sid"] !== sid || fields["venue"] !== venue) return undefined;
  const text = priceText(fields, kind, interval);
  const parsed = typeof text === "string" ? parseDecimal(text) : undefined;
  const ts = fields["ts"];
  const session = fields["session"];
  if (typeof session !== "string" || session === "" || session.length > 128) return undefined;
  if (parsed?.ok !== true || typeof ts !== "number" || !Number.isSafeInteger(ts)) return undefined;
  if (compare(parsed.value, decimal("0")) <= 0 || compare(parsed.value, priceMax) > 0) return undefined;
  return { sid, price: parsed.value, ts, session };
}

function priceText(fields: Fields, kind: string | undefined, interval: string | undefined): unknown {
  if (kind === "quote") return fields["type"] === "quote" ? fields["quote"] : undefined;
  return fields["type"] === "bar" && fields["interval"] === interval ? fields["close"] : undefined;
}
