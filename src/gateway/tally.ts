import type { Log } from "#bus/process.ts";
import type { PlatformMetricMessage, Unstamped } from "#core/messages.ts";
import type { Announcer } from "./announcer.ts";
import type { Archive } from "./archive.ts";
import type { Book } from "./book.ts";
import type { DeskCounters } from "./desk.ts";
import type { GatewayCounters } from "./gateway.ts";

/** Of what a `gw/metric` is made. */
export interface Counted {
  readonly gateway: Readonly<GatewayCounters>;
  readonly desk: Readonly<DeskCounters>;
  readonly book: Pick<Book, "bytes">;
  readonly archive: Pick<Archive, "bytes"> | undefined;
}

/** Counts what the gateway says of orders, and its alarms, since the process started. */
export class Tally {
  readonly #orders = new Map<string, number>();
  readonly #denials = new Map<string, number>();
  #alarms = 0;

  /** The log, with its alarms counted: lines that begin with `alarm: `. */
  log(inner: Log): Log {
    return (level, message, fields) => {
      if (message.startsWith("alarm: ")) this.#alarms += 1;
      inner(level, message, fields);
    };
  }

  /** The announcer, with each new event counted; what is repeated is no news. */
  announcer(inner: Announcer): Pick<Announcer, "announce" | "repeat"> {
    return {
      announce: (booked) => {
        const { status, reason } = booked.event;
        increment(this.#orders, status);
        if (status === "denied") increment(this.#denials, reason?.code ?? "unknown");
        inner.announce(booked);
      },
      repeat: (booked) => inner.repeat(booked),
    };
  }

  /** What `gw/metric` says. @throws Fault as the book does */
  async message(counted: Counted, atMs: number): Promise<Unstamped<PlatformMetricMessage>> {
    const { requests, repeated, malformed, flooded, prices, lastPriceMs, refused } = counted.gateway;
    const { fills, lost } = counted.desk;
    const bookBytes = counted.book.bytes();
    const archiveBytes = (await counted.archive?.bytes()) ?? 0;
    return {
      ...{ v: 1, type: "platform-metric", atMs },
      counts: {
        ...{ requests, repeated, malformed, flooded, prices, lastPriceMs, fills, bookBytes, archiveBytes },
        ...{ alarms: this.#alarms, lostAnswers: lost, deadLetters: refused },
      },
      countsBy: { orders: Object.fromEntries(this.#orders), denials: Object.fromEntries(this.#denials) },
    };
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
