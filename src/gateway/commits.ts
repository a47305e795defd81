import type { Bus } from "#bus/client.ts";
import type { Book } from "./book.ts";

/**
 * One commit for all that comes in one turn of the event loop: one tick makes many strategies order at once, and each flush of the disk costs
 * milliseconds. Until it is done nothing is sent, so what the broker has an acknowledgement of is in the book, as if each message were alone.
 */
export class Commits {
  readonly #book: Pick<Book, "openGroup" | "commitGroup">;
  readonly #bus: Pick<Bus, "hold">;
  readonly #soon: (work: () => void) => void;
  #release: (() => void) | undefined;

  /** @param soon does it when this turn's messages were taken, and ends the process if it throws */
  constructor(book: Pick<Book, "openGroup" | "commitGroup">, bus: Pick<Bus, "hold">, soon: (work: () => void) => void) {
    this.#book = book;
    this.#bus = bus;
    this.#soon = soon;
  }

  /** The writes that follow in this turn belong to its commit. Where an acknowledgement cannot be held back each is committed by itself. */
  join(): void {
    if (this.#release !== undefined) return;
    const release = this.#bus.hold();
    if (release === undefined) return;
    this.#release = release;
    this.#book.openGroup();
    this.#soon(() => this.end());
  }

  /** Commits what is open, if something is, then lets out what waited. */
  end(): void {
    const release = this.#release;
    if (release === undefined) return;
    this.#release = undefined;
    this.#book.commitGroup();
    release();
  }
}
