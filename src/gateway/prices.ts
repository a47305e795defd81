import { type Decimal, decimal } from "#core/decimal.ts";
import type { MarketMessage } from "#core/messages.ts";
import { type Heard, rewind } from "#core/rewind.ts";

export interface LastPrice extends Heard {
  readonly price: Decimal;
}

export interface PriceUpdate extends LastPrice {
  readonly sid: string;
}

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

/** The price in a market message that the door of the bus let through. */
export function priceOf(message: MarketMessage): PriceUpdate {
  const { sid, ts, session } = message;
  return { sid, price: decimal(message.type === "quote" ? message.quote : message.close), ts, session };
}
