import { Fault } from "#core/result.ts";

export interface Waiting {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

export interface Unacknowledged extends Waiting {
  /** Connections it was sent on. */
  sends: number;
  resolve(): void;
  reject(fault: Fault): void;
}

const safeMax = 1_000;
const keptMax = 256;
/** A message that was cut off this often is what the broker cuts the connection for. */
const sendsMax = 5;

/** What a client has not got rid of yet: QoS 1 without an acknowledgement, and a little QoS 0 from while it was offline. */
export class Outbox {
  readonly #safe = new Set<Unacknowledged>();
  #kept: Waiting[] = [];
  #idle: (() => void)[] = [];
  /** QoS 0 messages that were thrown away. */
  dropped = 0;

  /** Keeps a QoS 0 message until there is a connection; the oldest goes when there are too many. */
  keep(message: Waiting): void {
    if (message.retain) this.#kept = this.#kept.filter(({ topic, retain }) => !retain || topic !== message.topic);
    this.#kept.push(message);
    if (this.#kept.length <= keptMax) return;
    this.#kept.shift();
    this.dropped += 1;
  }

  /** False: there are too many. Retained messages that were never sent give way to a newer one of the same topic. */
  add(entry: Unacknowledged, connected: boolean): boolean {
    if (!connected && entry.retain) {
      for (const earlier of this.#safe) {
        if (!earlier.retain || earlier.topic !== entry.topic || earlier.sends > 0) continue;
        this.#safe.delete(earlier);
        earlier.resolve();
      }
    }
    if (this.#safe.size >= safeMax) return false;
    this.#safe.add(entry);
    return true;
  }

  settle(entry: Unacknowledged): void {
    if (!this.#safe.delete(entry)) return;
    entry.resolve();
    this.#wake();
  }

  /** What a new connection sends, in the order it was given. */
  takeForConnection(): { readonly safe: readonly Unacknowledged[]; readonly kept: readonly Waiting[] } {
    for (const entry of this.#safe) {
      if (entry.sends < sendsMax) continue;
      this.#safe.delete(entry);
      const message = `the bus closed the connection ${entry.sends} times without acknowledging a message to ${entry.topic}`;
      entry.reject(new Fault("publish-unacknowledged", message));
    }
    const kept = this.#kept;
    this.#kept = [];
    return { safe: [...this.#safe], kept };
  }

  /** When nothing waits for an acknowledgement, or after `limitMs`. */
  settled(limitMs: number): Promise<void> {
    if (this.#safe.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  fail(fault: () => Fault): void {
    for (const entry of this.#safe) entry.reject(fault());
    this.#safe.clear();
    this.#kept = [];
    this.#wake();
  }

  #wake(): void {
    if (this.#safe.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const wake of idle) wake();
  }
}
