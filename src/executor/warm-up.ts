import type { HistoryMessage, OrderEventMessage } from "#core/messages.ts";
import { type Algorithm, AlgorithmError } from "./algorithm.ts";
import { withDeadline } from "./loop.ts";
import { causeOf, historyEvents, type MarketEvent } from "./messages.ts";
import { applyQuote } from "./portfolio.ts";
import { portfolioNow } from "./portfolio-now.ts";
import { pricesKept } from "./sizing.ts";
import type { Seen, State } from "./state.ts";

/** What came before this process: the retained histories, of which the newest of each topic counts, and what the recorder has. */
export class Histories {
  readonly #events = new Map<string, readonly MarketEvent[]>();
  readonly #recorded: MarketEvent[] = [];
  #wanted = 0;
  #complete: () => void = () => undefined;

  /** Takes a message on `md/{venue}/{symbol}/history`. */
  add(topic: string, message: HistoryMessage): void {
    this.#events.set(topic, historyEvents(message));
    if (this.#wanted > 0 && this.#events.size >= this.#wanted) this.#complete();
  }

  /** Takes an event that was published while no process of this strategy was there. */
  addRecorded(event: MarketEvent): void {
    this.#recorded.push(event);
  }

  /** Resolves when there are `wanted`, or after `limitMs`. */
  async wait(wanted: number, limitMs: number): Promise<void> {
    this.#wanted = wanted;
    if (this.#events.size >= this.#wanted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#complete = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** All events, each once, oldest first; of the same instant, in the order of their topics. */
  inOrder(): readonly MarketEvent[] {
    const topics = [...this.#events.keys()].sort();
    const all = [...topics.flatMap((topic) => this.#events.get(topic) ?? []), ...this.#recorded];
    return [...new Map(all.map((event) => [causeOf(event), event])).values()].sort(
      (a, b) => a.message.ts - b.message.ts,
    );
  }
}

/**
 * Which events of the histories an algorithm has to be warmed with. One that starts anew gets all of them. One whose state was restored
 * gets what it missed of the session it knows, and nothing of another: a feed's new session tells old prices again.
 */
export function missedOf(
  history: readonly MarketEvent[],
  processed: ReadonlyMap<string, Seen>,
  restored: boolean,
): readonly MarketEvent[] {
  return history.filter(({ channel, message }) => {
    const last = processed.get(channel);
    if (!restored) return true;
    return last !== undefined && last.session === message.session && message.seq > last.seq;
  });
}

/**
 * Tells a restored algorithm of the order events that came after its snapshot. What it decides on them is dropped: it has decided it before, or was
 * killed before it could, and then it is too late.
 *
 * @param skipped as with `warm`
 * @throws AlgorithmError where the policy is `halt`
 */
export async function retell(
  algorithm: Algorithm,
  state: State,
  events: readonly OrderEventMessage[],
  skipped: (error: AlgorithmError) => void,
): Promise<void> {
  if (!state.settings.hooks.has("on_order")) return;
  for (const event of events) {
    const now = portfolioNow(state, `order:${event.clientOrderId}:${event.seq}`, event.sid);
    await tolerant(state, skipped, () => withDeadline("order", algorithm.order(event, event.ts, now)));
  }
}

/**
 * Shows the algorithm what came before the next event. It sees the portfolio as it is; prices move along.
 *
 * @param skipped told of each event that the algorithm threw on, where the error policy is `skip`: it is dropped as a live one would be
 * @throws AlgorithmError where the policy is `halt`
 */
export async function warm(
  algorithm: Algorithm,
  state: State,
  events: readonly MarketEvent[],
  skipped: (error: AlgorithmError) => void,
): Promise<void> {
  let seen = state;
  const kept = pricesKept(state.settings.effective.portfolio.sizing);
  for (const event of events) {
    const { message, price } = event;
    if (price !== undefined)
      seen = { ...seen, portfolio: applyQuote(seen.portfolio, message.sid, price, { pricesKept: kept }) };
    const now = portfolioNow(seen, causeOf(event), message.sid);
    await tolerant(state, skipped, () => withDeadline("warm", algorithm.warm(message, message.ts, now)));
  }
}

/** One call of the warm-up, under the strategy's error policy. */
async function tolerant(
  { settings }: State,
  skipped: (error: AlgorithmError) => void,
  call: () => Promise<unknown>,
): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof AlgorithmError) || settings.effective.errorPolicy === "halt") throw error;
    skipped(error);
  }
}
