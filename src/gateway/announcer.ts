import type { Log } from "#bus/process.ts";
import type { Book } from "./book.ts";
import type { BookedEvent } from "./book-entry.ts";

/** What the announcer needs of the bus. */
export interface EventBus {
  publish(topic: string, message: object, options?: { readonly qos?: 0 | 1; readonly retain?: boolean }): Promise<void>;
}

const retryMs = 1_000;
const markMs = 100;
/**
 * New events, and repeated ones, that wait for the broker's acknowledgement; of the client's 1,000 the rest is for statements and halts. One tick may make
 * a thousand strategies order.
 */
const [sendsMax, repeatsMax] = [500, 300];

/**
 * Publishes the book's events and marks what the broker has acknowledged. One strategy's events go out in their order. What fails stays
 * unpublished in the book and is tried again, also by the next process. Marks are written some time later, many at once: what a process did not
 * come to mark is said once more by the next one, which harms nobody.
 */
export class Announcer {
  readonly #book: Book;
  readonly #bus: EventBus;
  readonly #log: Log;
  readonly #guarded: (work: () => void) => void;
  readonly #queue: BookedEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #acknowledged: BookedEvent[] = [];
  #marking: NodeJS.Timeout | undefined;
  #stopped = false;
  #sends = 0;
  #repeats = 0;
  #repeatsSkipped = 0;

  /** @param guarded runs what may throw as the book does, and ends the process then */
  constructor(book: Book, bus: EventBus, log: Log, guarded: (work: () => void) => void = (work) => work()) {
    this.#guarded = guarded;
    this.#book = book;
    this.#bus = bus;
    this.#log = log;
  }

  /** Publishes what an earlier process left. */
  start(): void {
    for (const booked of this.#book.unpublished()) this.announce(booked);
  }

  /** A new event: published now, or after those that wait. */
  announce(booked: BookedEvent): void {
    this.#queue.push(booked);
    this.#goOn();
  }

  /**
   * An answer that was given before: published once more, no harm if it fails, since the request will be repeated. So beyond what may be on its way none
   * is.
   */
  repeat({ strategy, event }: BookedEvent): void {
    if (this.#repeats >= repeatsMax) {
      this.#repeatsSkipped += 1;
      return;
    }
    this.#repeats += 1;
    this.#bus
      .publish(topicOf(strategy), event, { qos: 1 })
      .catch((cause: unknown) => {
        this.#log("warn", "a repeated order event was not published", { strategy, error: String(cause) });
      })
      .finally(() => {
        this.#repeats -= 1;
        if (this.#repeats > 0 || this.#repeatsSkipped === 0) return;
        this.#log("warn", "order events were not told again: too many at once, executors ask again", {
          events: this.#repeatsSkipped,
        });
        this.#repeatsSkipped = 0;
      });
  }

  /** Writes the marks that wait; after this the book is not touched. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#marking);
    this.#mark();
  }

  /** Those that wait, as far as there is room; behind one that failed, when it is tried again. */
  #goOn(): void {
    while (this.#timer === undefined && this.#sends < sendsMax) {
      const booked = this.#queue.shift();
      if (booked === undefined) return;
      this.#send(booked);
    }
  }

  #send(booked: BookedEvent): void {
    this.#sends += 1;
    this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(
      () => {
        this.#sends -= 1;
        if (this.#stopped) return;
        this.#acknowledged.push(booked);
        this.#marking ??= setTimeout(() => this.#guarded(() => this.#mark()), markMs);
        this.#goOn();
      },
      (cause: unknown) => {
        this.#sends -= 1;
        if (this.#stopped) return;
        this.#log("warn", "an order event was not published, trying again", { ...booked, error: String(cause) });
        this.#queue.push(booked);
        this.#timer ??= setTimeout(() => this.#retry(), retryMs);
      },
    );
  }

  #mark(): void {
    this.#marking = undefined;
    this.#book.markPublished(this.#acknowledged);
    this.#acknowledged = [];
  }

  #retry(): void {
    this.#timer = undefined;
    // Those that failed stand in the order in which they failed, those that came later behind them.
    this.#queue.sort((a, b) => a.event.seq - b.event.seq);
    this.#goOn();
  }
}

function topicOf(strategy: string): string {
  return `strat/${strategy}/order/event`;
}
