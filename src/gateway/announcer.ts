import type { Log } from "#bus/process.ts";
import type { Book } from "./book.ts";
import type { BookedEvent } from "./book-entry.ts";

/** What the announcer needs of the bus. */
export interface EventBus {
  publish(topic: string, message: object, options?: { readonly qos?: 0 | 1; readonly retain?: boolean }): Promise<void>;
}

const retryMs = 1_000;
const markMs = 100;
/** Repeated events that wait for the broker's acknowledgement: half of what may wait, so that nobody's new events find no room. */
const repeatsMax = 500;

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
    if (this.#queue.length > 0) this.#queue.push(booked);
    else this.#send(booked);
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

  #send(booked: BookedEvent): void {
    this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(
      () => {
        if (this.#stopped) return;
        this.#acknowledged.push(booked);
        this.#marking ??= setTimeout(() => this.#guarded(() => this.#mark()), markMs);
      },
      (cause: unknown) => {
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
    const waiting = this.#queue.splice(0).sort((a, b) => a.event.seq - b.event.seq);
    for (const booked of waiting) this.#send(booked);
  }
}

function topicOf(strategy: string): string {
  return `strat/${strategy}/order/event`;
}
