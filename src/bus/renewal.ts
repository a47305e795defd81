import { expiryOf } from "./token-expiry.ts";

/** How much of a token's time is left when a newer one is looked for, and how often then. Timers count in 31 bits. */
const share = 0.15;
const lookMs = 1_000;
const timerMsMax = 86_400_000;

/**
 * Waits until a connection's token nears its end and a newer one is there, then says so once. The broker would cut the connection when the token
 * ends, and say its will as if the client had died.
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
    const leftMs = ends * 1_000 - Date.now();
    this.#after(Math.min(Math.max(leftMs * (1 - share), 0), timerMsMax), used);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #after(ms: number, used: string): void {
    this.#timer = setTimeout(() => {
      if (this.#isNewer(used)) this.#due();
      else this.#after(lookMs, used);
    }, ms);
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
