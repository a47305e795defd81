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
