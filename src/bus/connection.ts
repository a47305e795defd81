import type { IClientOptions } from "mqtt";
import { busClientId } from "#core/identity.ts";
import type { Numbers } from "./numbers.ts";
import type { BusOptions } from "./port.ts";

/** One connection to a broker, for as long as it lasts: what is used of mqtt.js's client. */
export interface Connection {
  on(event: "connect" | "close", handler: () => void): unknown;
  on(event: "error", handler: (error: Error) => void): unknown;
  /** A QoS 1 message is acknowledged when the handler has returned. */
  on(
    event: "message",
    handler: (topic: string, payload: Uint8Array, packet: { readonly retain: boolean; readonly qos: number }) => void,
  ): unknown;
  publish(
    topic: string,
    payload: string,
    options: { readonly qos: 0 | 1; readonly retain: boolean },
    done?: (error?: Error | null) => void,
  ): unknown;
  subscribe(
    filters: { readonly [filter: string]: { readonly qos: 0 | 1 } },
    done: (error: Error | null, granted: unknown, packet?: { readonly granted: readonly unknown[] }) => void,
  ): unknown;
  end(force: boolean, done?: () => void): unknown;
  /** Everything that it sends goes through it. Absent: nothing can be held back. */
  readonly stream?: { cork(): void; uncork(): void };
}

const handshakeMs = 5_000;
/** CONNACK's codes for a password that is not good, and for who may not connect, whatever the reason [MQTT-3.2.2.3]. */
const refusals: readonly unknown[] = [4, 5];

/** What a connection failed with. Why it does not let a client in a broker says in its own log alone: a bad password, or a flood before. */
export function describeFailure(error: Error & { readonly code?: unknown }): string {
  return refusals.includes(error.code) ? `${error.message} (slipway logs bus says why)` : error.message;
}

/** What mqtt.js is told. It makes one connection only: what is sent again, and when, is decided by who uses it. */
export function connectionSettings(
  options: {
    readonly identity: string;
    readonly password: string;
    readonly clean: boolean;
    readonly will: BusOptions["will"];
  },
  numbers: Numbers,
): IClientOptions {
  const { identity, password, clean, will } = options;
  return {
    ...{ protocolVersion: 4, clientId: busClientId(identity), username: identity, password, clean },
    ...{ keepalive: 15, connectTimeout: handshakeMs, reconnectPeriod: 0, resubscribe: false },
    // 65,536 ready-made buffers would cost 13 MB in each process.
    writeCache: false,
    ...(will === undefined
      ? {}
      : {
          will: {
            topic: will.topic,
            payload: Buffer.from(JSON.stringify(numbers.stampWill(will.topic, will.message))),
            qos: 1 as const,
            retain: will.retain,
          },
        }),
  };
}
