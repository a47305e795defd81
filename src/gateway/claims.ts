import type { Log } from "#bus/process.ts";
import { eventDigest } from "#core/event-digest.ts";
import type { StrategyId } from "#core/identity.ts";
import type { OrderResendMessage } from "#core/messages.ts";
import type { Book } from "./book.ts";
import type { Standing } from "./risk.ts";

export interface ClaimsOptions {
  readonly book: Book;
  /** Orders are real money: each commit reached the disk, so no executor can know more than the book. */
  readonly live: boolean;
  /** What a person writes to accept the book as it is, for messages. */
  readonly acceptFile: string;
  readonly nowMs: () => number;
  readonly log: Log;
}

type Halted = Extract<Standing, { readonly mode: "halt" }>;

/**
 * Executors that name an order event which this book never told. Then it is not the book that they were told from: it began anew, or is an old copy. Such a
 * strategy stands still, gets no account and no answer: what its executor knows is all that is left to go by. A power cut on paper is no such case: it takes
 * events back, but never an account. An executor is not believed more than that: what it says harms its own strategy alone.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #open = new Map<StrategyId, Halted>();
  /** Of an account that is there; each is answered once. */
  readonly #excused = new Set<StrategyId>();

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Why a strategy stands still for it; undefined if it does not. */
  standingOf(strategy: StrategyId): Standing | undefined {
    return this.#open.get(strategy);
  }

  /** Holds an executor's question against the book. @returns whether it is to be left without an answer */
  hear(strategy: StrategyId, asked: OrderResendMessage, hasAccount: boolean): boolean {
    if (this.#open.has(strategy)) return true;
    const problem = this.#problem(strategy, asked, hasAccount);
    if (problem === undefined || this.#excused.delete(strategy)) return false;
    const { log, acceptFile } = this.#options;
    const message = `${problem}: no order of it passes until the right book is back, or somebody accepts this one by writing who and why into ${acceptFile}`;
    this.#open.set(strategy, { mode: "halt", why: { code: "book-behind", message } });
    log("error", `alarm: an executor knows more than the book: ${message}`, { strategy, after: asked.after });
    return true;
  }

  /** A person takes the book as it is: from now on executors take over what it has. */
  accept(reason: string): void {
    const { book, nowMs, log } = this.#options;
    book.accept(nowMs(), reason);
    for (const strategy of this.#open.keys()) this.#excused.add(strategy);
    log("warn", "the book was accepted as it is", { reason, strategies: [...this.#open.keys()] });
    this.#open.clear();
  }

  #problem(strategy: StrategyId, { after, digest, anew }: OrderResendMessage, hasAccount: boolean): string | undefined {
    const { book, live } = this.#options;
    if (anew || after === 0 || (hasAccount && !live)) return undefined;
    if (!hasAccount && book.isAccepted()) return undefined;
    const last = book.lastSeq(strategy);
    const event = book.eventsAfter(strategy, after - 1, 1)[0];
    if (event?.seq === after && (digest === undefined || eventDigest(event) === digest)) return undefined;
    // The book forgets what is old, and keeps the number.
    if (after <= last && event?.seq !== after && hasAccount) return undefined;
    if (!hasAccount) return `its executor was told order event ${after}, and the book has no account of it`;
    if (after > last) return `its executor was told order event ${after}, and the book ends with ${last}`;
    return `its executor was told another order event ${after} than the book has`;
  }
}
