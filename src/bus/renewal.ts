import { expiryOf } from "./token-expiry.ts";

/** How much of a token's time is left when a newer one is awaited, and how often it is looked for then, and before. */
const share = 0.15;
const lookMs = { atItsEnd: 1_000, before: 60_000 };

/**
 * Waits until there is a newer token than a connection's, then says so once. The broker would cut the connection when the token ends, and say its will
 * as if the client had died. By its own clock a client may not know when that is, so it looks long before, too.
 */
export class Renewal {
  readonly #password: () => string;
  readonly #due: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param password as it stands in its file; what it throws is a file that is just being replaced */
  constructor(password: () => string, due: () => void) {
    this.#password = password;
    this.#due = due;
  }

  /** @param used the password of the connection that has just begun */
  plan(used: string): void {
    this.stop();
    const ends = expiryOf(used);
    if (ends === undefined) return;
    const nearMs = Math.max(ends * 1_000 - Date.now(), 0) * (1 - share);
    this.#after(performance.now() + nearMs, used);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** @param endsMs from when on it is looked for often, by `performance.now()` */
  #after(endsMs: number, used: string): void {
    const waitMs = Math.min(Math.max(endsMs - performance.now(), lookMs.atItsEnd), lookMs.before);
    this.#timer = setTimeout(() => {
      if (this.#isNewer(used)) this.#due();
      else this.#after(endsMs, used);
    }, waitMs);
    this.#timer.unref();
  }

  #isNewer(used: string): boolean {
    try {
      return this.#password() !== used;
    } catch {
      return false;
    }
  }
}
