import { connect as connectSocket, type Socket } from "node:net";
import { MqttClient } from "mqtt";
import { canPublish, canSubscribe } from "#core/access.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import { type Connection, connectionSettings, describeFailure } from "./connection.ts";
import { retryDelayMs } from "./delay.ts";
import { connectForTurns } from "./fair-socket.ts";
import type { NewestQuote } from "./newest-quotes.ts";
import { connectForNewest } from "./newest-socket.ts";
import { Numbers, newSession } from "./numbers.ts";
import { Outbox } from "./outbox.ts";
import type { Bus, BusMessage, BusOptions, SubscriptionRefused } from "./port.ts";
import { Renewal } from "./renewal.ts";
import { Retained } from "./retained.ts";

export type { Bus, BusMessage, BusOptions, SubscriptionRefused } from "./port.ts";

/** The largest message in bytes; the broker cuts who sends more. */
export const payloadBytesMax = 64 * 1024;

const drainMs = 1_000;
/** Messages kept for the first handler; a broker keeps no more for a client that is away. */
const earlyMax = 10_000;
/** Beyond this much unsent data QoS 0 messages are dropped. */
const bufferedBytesMax = 4 * 1024 * 1024;

/**
 * Connects, and again for ever with a growing delay, also after the broker refused the password.
 *
 * @throws Fault `bus-unreachable` if there is no connection within `connectTimeoutMs`
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const bus = new MqttBus(options);
  try {
    await bus.open();
  } catch (cause) {
    await bus.close();
    throw cause;
  }
  return bus;
}

interface Subscription {
  readonly qos: 0 | 1;
  readonly waiting: ((answer: Result<void, SubscriptionRefused>) => void)[];
}

class MqttBus implements Bus {
  readonly #options: BusOptions;
  readonly #host: string;
  readonly #port: number;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #asking = new Set<string>();
  readonly #retained = new Retained((topic, payload) => {
    if (this.#connected) void this.#send(topic, payload, true);
  });
  readonly #messageHandlers = new Set<(message: BusMessage) => void>();
  readonly #connectionHandlers = new Set<(state: "connected" | "disconnected") => void>();
  /** What a kept session brings with the connection, before anybody could ask for it. */
  #early: BusMessage[] = [];
  readonly #outbox = new Outbox();
  readonly #numbers: Numbers;
  #client: Connection | undefined;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #renewal: Renewal;
  #password = "";
  #failures = 0;
  #lastError = "";
  #connected = false;
  #closed = false;

  constructor(options: BusOptions) {
    const url = new URL(options.url);
    if (url.protocol !== "mqtt:") throw new Fault("bus-url", `${options.url} is not an mqtt:// address`);
    this.#options = options;
    this.#renewal = new Renewal(options.password, () => this.#renew());
    this.#numbers = new Numbers(options.session ?? newSession());
    this.#host = url.hostname;
    this.#port = Number(url.port === "" ? "1883" : url.port);
  }

  get connected(): boolean {
    return this.#connected;
  }

  open(): Promise<void> {
    const limitMs = this.#options.connectTimeoutMs;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const off = this.onConnection((state) => {
        if (state !== "connected") return;
        clearTimeout(timer);
        off();
        resolve();
      });
      if (limitMs !== undefined) {
        timer = setTimeout(() => {
          off();
          const why = this.#lastError === "" ? "" : `: ${this.#lastError}`;
          reject(
            new Fault("bus-unreachable", `no connection to ${this.#options.url} within ${limitMs / 1000} s${why}`),
          );
        }, limitMs);
      }
      this.#connect();
    });
  }

  async publish(
    topic: string,
    message: object,
    options: { readonly qos?: 0 | 1; readonly retain?: boolean } = {},
  ): Promise<void> {
    const { access } = this.#options;
    if (this.#closed) throw new Fault("bus-closed", "the connection to the bus was closed");
    if (access !== undefined && !canPublish(access, topic)) {
      throw new Fault("topic-refused", `${access.identity} may not publish to ${topic}`);
    }
    const payload = JSON.stringify(this.#numbers.stamp(topic, message));
    if (Buffer.byteLength(payload) > payloadBytesMax) {
      throw new Fault("payload-too-large", `the message to ${topic} is over ${payloadBytesMax} bytes`);
    }
    const retain = options.retain ?? false;
    if (retain) this.#retained.set(topic, payload);
    if (options.qos === 1) return this.#publishSafely(topic, payload, retain);
    if (!this.#connected) return this.#outbox.keep({ topic, payload, retain });
    return this.#send(topic, payload, retain);
  }

  async subscribe(filter: string, options: { readonly qos?: 0 | 1 } = {}): Promise<Result<void, SubscriptionRefused>> {
    const { access } = this.#options;
    if (this.#closed) throw new Fault("bus-closed", "the connection to the bus was closed");
    if (access !== undefined && !canSubscribe(access, filter)) return err({ code: "subscription-refused", filter });
    return new Promise((resolve) => {
      const earlier = this.#subscriptions.get(filter)?.waiting ?? [];
      this.#subscriptions.set(filter, { qos: options.qos ?? 0, waiting: [...earlier, resolve] });
      if (this.#connected) this.#askSoon(filter);
    });
  }

  onMessage(handler: (message: BusMessage) => void): () => void {
    this.#messageHandlers.add(handler);
    const early = this.#early.splice(0);
    if (early.length > 0) {
      queueMicrotask(() => {
        for (const message of early) this.#hand(message);
      });
    }
    return () => void this.#messageHandlers.delete(handler);
  }

  onConnection(handler: (state: "connected" | "disconnected") => void): () => void {
    this.#connectionHandlers.add(handler);
    return () => void this.#connectionHandlers.delete(handler);
  }

  hold(): (() => void) | undefined {
    const stream = this.#client?.stream;
    if (stream === undefined) return undefined;
    stream.cork();
    return () => stream.uncork();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#renewal.stop();
    this.#retained.stop();
    const client = this.#client;
    if (client !== undefined && this.#connected) {
      await this.#outbox.settled(drainMs);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMs);
        client.end(false, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#socket?.destroy();
    this.#dropped();
    this.#outbox.fail(() => new Fault("bus-closed", "the connection to the bus was closed"));
    for (const [filter, { waiting }] of this.#subscriptions) {
      for (const answer of waiting) answer(err({ code: "subscription-refused", filter }));
    }
  }

  #connect(): void {
    const { identity, will, cleanSession } = this.#options;
    let password: string;
    try {
      password = this.#options.password();
    } catch (cause) {
      this.#retry(cause instanceof Error ? cause.message : String(cause));
      return;
    }
    const settings = connectionSettings({ identity, password, clean: cleanSession ?? true, will }, this.#numbers);
    this.#password = password;
    // One mqtt.js client a connection, without its own reconnecting: then what is sent again, in which order, is decided here.
    const client: Connection = this.#options.dial?.(settings) ?? new MqttClient(() => this.#openSocket(), settings);
    this.#client = client;
    client.on("connect", () => {
      if (client === this.#client) this.#established();
    });
    client.on("message", (topic, payload, packet) => {
      const message: BusMessage = { topic, payload, retained: packet.retain, qos: packet.qos === 0 ? 0 : 1 };
      this.#hand(message);
    });
    client.on("error", (error) => {
      this.#lastError = describeFailure(error);
    });
    client.on("close", () => {
      if (client !== this.#client) return;
      client.end(true);
      this.#dropped();
      this.#retry(this.#lastError);
    });
  }

  #hand(message: BusMessage): void {
    if (this.#messageHandlers.size === 0) {
      if (message.qos === 1 && this.#early.length < earlyMax) this.#early.push(message);
      return;
    }
    try {
      for (const handler of [...this.#messageHandlers]) handler(message);
    } catch (thrown) {
      this.#options.log?.("warn", `a message on ${message.topic} was not taken: ${String(thrown)}`);
      const client = this.#client;
      // Nothing more is sent on it, the acknowledgement neither.
      this.#socket?.destroy();
      client?.end(true);
      if (client === undefined) return;
      this.#dropped();
      this.#retry("a message was not taken");
    }
  }

  #openSocket(): Socket {
    const address = { host: this.#host, port: this.#port, noDelay: true };
    const hand = (quote: NewestQuote): void => {
      if (!this.#closed) this.#hand({ ...quote, retained: false, qos: 0 });
    };
    const { quotes, turns } = this.#options;
    if (quotes === "newest") this.#socket = connectForNewest(address, hand);
    else this.#socket = turns === undefined ? connectSocket(address) : connectForTurns(address, turns);
    return this.#socket;
  }

  #established(): void {
    if (this.#closed) return;
    this.#connected = true;
    this.#failures = 0;
    this.#lastError = "";
    this.#renewal.plan(this.#password);
    if (this.#subscriptions.size > 0) this.#ask([...this.#subscriptions.keys()]);
    const { safe, kept } = this.#outbox.takeForConnection();
    const queued = new Set([...safe, ...kept].map(({ topic, retain }) => (retain ? topic : "")));
    for (const [topic, payload] of this.#retained) {
      // The broker may have lost them.
      if (!queued.has(topic)) this.#repeat(topic, payload);
    }
    this.#retained.reconnected();
    for (const { topic, payload, retain } of kept) void this.#send(topic, payload, retain);
    for (const entry of safe) this.#transmit(entry);
    for (const handler of [...this.#connectionHandlers]) handler("connected");
  }

  /** Connects again with the next token, as if nothing were: it says goodbye first, so that no will is said. */
  #renew(): void {
    const client = this.#client;
    if (this.#closed || client === undefined) return;
    const socket = this.#socket;
    this.#dropped();
    // What is not acknowledged by then goes over the next connection.
    const timer = setTimeout(() => socket?.destroy(), drainMs);
    client.end(false, () => {
      clearTimeout(timer);
      if (!this.#closed) this.#connect();
    });
  }

  #dropped(): void {
    this.#renewal.stop();
    this.#client = undefined;
    this.#socket = undefined;
    if (!this.#connected) return;
    this.#connected = false;
    for (const handler of [...this.#connectionHandlers]) handler("disconnected");
  }

  #retry(why: string): void {
    if (this.#closed) return;
    this.#lastError = why;
    const waitMs = retryDelayMs(this.#failures, this.#options.identity);
    this.#failures += 1;
    // Each doubling is said once, not each attempt.
    if ((this.#failures & (this.#failures - 1)) === 0) {
      const reason = why === "" ? "the connection was closed" : why;
      this.#options.log?.(
        "warn",
        `no connection to the bus at ${this.#options.url}: ${reason}; attempt ${this.#failures}`,
      );
    }
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }

  /** All that are asked for at once go in one packet. */
  #askSoon(filter: string): void {
    if (this.#asking.size === 0) {
      queueMicrotask(() => {
        const filters = [...this.#asking];
        this.#asking.clear();
        // If the connection ended meanwhile, the next one asks for all.
        if (this.#connected) this.#ask(filters);
      });
    }
    this.#asking.add(filter);
  }

  #ask(filters: readonly string[]): void {
    const client = this.#client;
    if (client === undefined) return;
    const wanted = Object.fromEntries(
      filters.map((filter) => [filter, { qos: this.#subscriptions.get(filter)?.qos ?? 0 }]),
    );
    client.subscribe(wanted, (error, _granted, packet) => {
      if (packet === undefined) {
        // No SUBACK: the connection ended and the next one asks again.
        if (error !== null && client === this.#client) this.#lastError = error.message;
        return;
      }
      for (const [index, filter] of filters.entries()) this.#answered(filter, packet.granted[index] !== 128);
    });
  }

  #answered(filter: string, granted: boolean): void {
    const subscription = this.#subscriptions.get(filter);
    if (subscription === undefined) return;
    const waiting = subscription.waiting.splice(0);
    if (!granted && waiting.length > 0) this.#subscriptions.delete(filter);
    if (!granted && waiting.length === 0) {
      this.#options.log?.("warn", `the bus no longer grants the subscription to ${filter}`);
    }
    for (const answer of waiting) answer(granted ? ok(undefined) : err({ code: "subscription-refused", filter }));
  }

  #publishSafely(topic: string, payload: string, retain: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = { topic, payload, retain, sends: 0, resolve, reject };
      if (!this.#outbox.add(entry, this.#connected)) {
        reject(new Fault("bus-queue-full", `too many unacknowledged messages; the one to ${topic} was not sent`));
        return;
      }
      if (this.#connected) this.#transmit(entry);
    });
  }

  #transmit(entry: Parameters<Outbox["settle"]>[0]): void {
    const client = this.#client;
    entry.sends += 1;
    client?.publish(entry.topic, entry.payload, { qos: 1, retain: entry.retain }, (error) => {
      // An error here is the end of this connection; the entry stays and is sent again.
      if (!error && client === this.#client) this.#outbox.settle(entry);
    });
  }

  /** Retained state goes at QoS 1; nobody waits for it, the next connection repeats it anyway. */
  #repeat(topic: string, payload: string): void {
    this.#client?.publish(topic, payload, { qos: 1, retain: true });
  }

  #send(topic: string, payload: string, retain: boolean): Promise<void> {
    const [client, socket] = [this.#client, this.#socket];
    if (client === undefined || (socket?.writableLength ?? 0) > bufferedBytesMax) {
      this.#outbox.dropped += 1;
      return Promise.resolve();
    }
    client.publish(topic, payload, { qos: 0, retain });
    if (socket === undefined || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        socket.off("drain", settle);
        socket.off("close", settle);
        resolve();
      };
      socket.once("drain", settle);
      socket.once("close", settle);
    });
  }
}
