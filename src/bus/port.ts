import type { IClientOptions } from "mqtt";
import type { Access } from "#core/access.ts";
import type { Result } from "#core/result.ts";
import type { Connection } from "./connection.ts";
import type { Turns } from "./fair-intake.ts";

export interface BusMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
  readonly qos: 0 | 1;
  /** How many quotes of its topic came before it and were never handed on; absent: none (`BusOptions.quotes`). */
  readonly superseded?: number;
}

export interface SubscriptionRefused {
  readonly code: "subscription-refused";
  readonly filter: string;
}

/** One identity's connection. It outlives the socket: it connects again for ever, subscribes again and repeats its retained messages. */
export interface Bus {
  /**
   * Adds `session` and `seq` where the topic is one that clients number (`src/core/topic-kinds.ts`).
   * QoS 1 settles when the broker has acknowledged, over as many connections as it takes. QoS 0 settles when the socket took it;
   * offline it is kept, and the oldest is dropped when there are too many.
   *
   * @throws Fault `topic-refused` before it is sent (outside the own access), `payload-too-large` (over 64 KiB), `bus-queue-full`
   * (1,000 unacknowledged), `publish-unacknowledged` (the broker cut the connection each time), `bus-closed`
   */
  publish(topic: string, message: object, options?: { readonly qos?: 0 | 1; readonly retain?: boolean }): Promise<void>;
  /** Settles with the broker's answer; while offline, with that of the next connection. */
  subscribe(filter: string, options?: { readonly qos?: 0 | 1 }): Promise<Result<void, SubscriptionRefused>>;
  /**
   * A QoS 1 message is acknowledged when the handlers have returned, so what they write down synchronously is not lost. One of which a handler throws
   * is not: the connection is cut, and the broker gives it again.
   */
  onMessage(handler: (message: BusMessage) => void): () => void;
  onConnection(handler: (state: "connected" | "disconnected") => void): () => void;
  /**
   * Keeps what is sent from now on in this process, acknowledgements too, until the returned function is called, which must be soon. Undefined: it
   * cannot, while there is no connection.
   */
  hold(): (() => void) | undefined;
  readonly connected: boolean;
  /** Waits up to 1 s for what is not acknowledged, then says DISCONNECT: no will. */
  close(): Promise<void>;
}

export interface BusOptions {
  /** `mqtt://host:port`. */
  readonly url: string;
  /** `<namespace>/<service account>`: the user name, and the client id with `_`. */
  readonly identity: string;
  /** Read anew at each connection. A token is renewed in its file: before the old one ends, the client connects again with the new one. */
  readonly password: () => string;
  readonly access?: Access;
  readonly will?: { readonly topic: string; readonly message: object; readonly retain: boolean };
  /** Default true. False: the broker keeps subscriptions and QoS 1 messages while this client is away. */
  readonly cleanSession?: boolean;
  /** Names everything this client publishes; default: a new one. It must never be used again. */
  readonly session?: string;
  /**
   * `newest`: of quotes that wait to be handed on only the newest of each topic is, whatever its session, and `superseded` counts the others. For who
   * may be slower than a market. Default: each one.
   */
  readonly quotes?: "each" | "newest";
  /** For whom many speak to: what they say comes in turns, and one who says too much is behind nobody but himself. Not together with `newest`. */
  readonly turns?: Turns;
  /** How long `connectBus` waits for the first connection; default for ever. */
  readonly connectTimeoutMs?: number;
  /** What the connection did that no caller waits for. */
  readonly log?: (level: "info" | "warn", message: string) => void;
  /** In place of a socket, for fault tests. */
  readonly dial?: (settings: IClientOptions) => Connection;
}
