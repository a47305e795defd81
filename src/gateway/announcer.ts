import type { Log } from "#bus/process.ts";
import type { Book, BookedEvent } from "./book.ts";

/** What the announcer needs of the bus. */
export interface EventBus {
  publish(topic: string, message: object, options?: { readonly qos?: 0 | 1; readonly retain?: boolean }): Promise<void>;
}

const retryMs = 1_000;

/**
 * Publishes the book's events and marks what the broker has acknowledged. One strategy's events go out in their order. What fails stays
 * unpublished in the book and is tried again, also by the next process.
 */
export class Announcer {
  readonly #book: Book;
  readonly #bus: EventBus;
  readonly #log: Log;
  readonly #queue: BookedEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(book: Book, bus: EventBus, log: Log) {
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

  /** An answer that was given before: published once more, no harm if it fails, since the request will be repeated. */
  repeat({ strategy, event }: BookedEvent): void {
    this.#bus.publish(topicOf(strategy), event, { qos: 1 }).catch((cause: unknown) => {
      this.#log("warn", "a repeated order event was not published", { strategy, error: String(cause) });
    });
  }

  /** After this the book is not touched. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #send(booked: BookedEvent): void {
    this.#bus.publish(topicOf(booked.strategy), booked.event, { qos: 1 }).then(
      () => {
        if (!this.#stopped) this.#book.markPublished(booked);
      },
      (cause: unknown) => {
        if (this.#stopped) return;
        this.#log("warn", "an order event was not published, trying again", { ...booked, error: String(cause) });
        this.#queue.push(booked);
        this.#timer ??= setTimeout(() => this.#retry(), retryMs);
      },
    );
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
