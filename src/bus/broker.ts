import { createServer, type Server, Socket } from "node:net";
import {
  Aedes,
  type AuthErrorCode,
  type Client,
  type ConnectPacket,
  type PublishPacket,
  type Subscription,
} from "aedes";
import { type Access, canPublish, canSubscribe, topicMatches } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import { payloadBytesMax } from "./client.ts";
import { FloodGuard, type FloodLimits } from "./flood-guard.ts";
import { frameGuard } from "./frames.ts";
import type { Log } from "./process.ts";
import { limitSessions } from "./sessions.ts";

export interface BrokerOptions {
  readonly host: "127.0.0.1" | "0.0.0.0";
  /** 0 chooses a free one. */
  readonly port: number;
  /** Asked at each decision, so a change takes effect at once. The same object means the same rules. */
  readonly access: () => ReadonlyMap<string, Access>;
  readonly verify: (identity: string, password: string) => boolean;
  readonly log: Log;
  /** Told of everything that clients publish, once it was let through. It must not throw, nor keep the bytes. */
  readonly tap?: (topic: string, payload: Uint8Array) => void;
  readonly nowMs?: () => number;
  /** Told of each strategy that is cut off because it floods the bus: the topic of its log, and why. */
  readonly cutOff?: (topic: string, reason: string) => void;
  /** For tests; the default is `floodLimits`. */
  readonly floods?: FloodLimits;
  /** For tests; the defaults are 8 MiB at once, or 5 s without taking anything. */
  readonly slow?: { readonly bufferedBytesMax: number; readonly stalledMsMax: number };
}

export interface BrokerStats {
  readonly clients: number;
  readonly published: number;
  /** Foreign topics: publishes, subscriptions and wills that were refused. */
  readonly violations: number;
  /** Connections that were refused for who they said they were. */
  readonly refusedConnections: number;
  /** Connections cut for not taking what they were sent. */
  readonly slowCut: number;
  /** How often a strategy was cut off because it flooded the bus. */
  readonly floodCut: number;
  /** QoS 1 messages not kept for a client with a full queue; one that is connected got them once. */
  readonly queueDropped: number;
}

export interface Broker {
  readonly port: number;
  /** Publishes as the broker itself. */
  say(topic: string, message: object, options: { readonly qos: 0 | 1; readonly retain: boolean }): void;
  stats(): BrokerStats;
  close(): Promise<void>;
}

const subscriptionsMax = 60;
const queuedPerClientMax = 1_000;
const sweepMs = 1_000;
const headerBytesMax = 4_096;
/** Packets that `Guard` counts by what is in them: CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE [MQTT-2.2.1]. */
const counted: ReadonlySet<number> = new Set([1, 3, 8, 10]);

interface Connection {
  readonly identity: string;
  readonly filters: Set<string>;
  access: Access;
  /** Decided topics, for as long as `access` is the same object. */
  forwards: Map<string, boolean>;
  lastWritten: number;
  stalledSinceMs: number | undefined;
}

/**
 * An MQTT 3.1.1 broker in which every client has an identity and touches its own topics only [design 7]. A foreign publish cuts the
 * connection, a foreign filter or one of QoS 2 gets SUBACK 0x80, a foreign will is refused at CONNECT, a QoS 2 publish cuts. It keeps
 * everything in memory: sessions and retained messages end with it, and clients repeat what they retain.
 *
 * @throws Fault `bus-port` if the port cannot be had
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const guard = new Guard(options);
  const aedes = await Aedes.createBroker({
    concurrency: 200,
    maxTopicLevels: 16,
    connectTimeout: 10_000,
    preConnect: (client, packet, done) => done(null, guard.announce(client, packet)),
    authenticate: (client, user, password, done) => {
      const why = guard.authenticate(client, user, password?.toString());
      if (why === undefined) done(null, true);
      else done(Object.assign(new Error(why), { returnCode: 5 as AuthErrorCode.NOT_AUTHORIZED }), false);
    },
    authorizePublish: (client, packet, done) => {
      const why = client === null ? "a will without its client" : guard.publish(client, packet);
      done(why === undefined ? null : new Error(why));
    },
    authorizeSubscribe: (client, subscription, done) =>
      done(null, guard.subscribe(client, subscription) ? subscription : null),
    authorizeForward: (client, packet) => (guard.forward(client, packet.topic) ? packet : null),
  });
  const queueDropped = limitSessions(aedes, queuedPerClientMax);
  let published = 0;
  aedes.on("publish", (packet, client) => {
    if (client === null) return;
    published += 1;
    if (packet.payload instanceof Uint8Array) options.tap?.(packet.topic, packet.payload);
  });
  aedes.on("client", (client) => neverWait(client));
  aedes.on("unsubscribe", (filters, client) => guard.unsubscribe(client, filters));
  aedes.on("clientDisconnect", (client) => guard.forget(client));
  aedes.on("clientError", (client, error) => {
    // What was on its way to a connection that has ended.
    if (error.message === "connection closed") return;
    options.log("warn", "connection cut", { client: client.id, error: error.message });
  });
  aedes.on("connectionError", (_client, error) => {
    options.log("warn", "connection refused", { error: error.message });
  });
  aedes.addListener("error", (error: Error) => options.log("error", "broker error", { error: error.message }));
  const sweep = setInterval(() => guard.sweep(), sweepMs);
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    let client: Client | undefined;
    bound(socket, options.log, (controls) => client !== undefined && guard.controlled(client, controls));
    client = aedes.handle(socket);
  });
  const port = await listen(server, options);
  return {
    port,
    say(topic, message, { qos, retain }) {
      const payload = Buffer.from(JSON.stringify(message));
      aedes.publish({ cmd: "publish", dup: false, topic, payload, qos, retain }, (error) => {
        // aedes says null where its types say undefined.
        if (error instanceof Error) options.log("error", "broker error", { error: error.message });
      });
    },
    stats: () => ({ clients: aedes.connectedClients, published, ...guard.stats(), queueDropped: queueDropped() }),
    async close() {
      clearInterval(sweep);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await closed;
    },
  };
}

function listen(server: Server, { host, port }: BrokerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new Fault("bus-port", `the bus cannot listen on ${host}:${port}: ${cause.message}`, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/**
 * aedes holds back a publisher until each subscriber's socket has drained, so one frozen subscriber would stop everyone. Here writes are
 * left to the socket's buffer, and `Guard` cuts who lets it grow.
 */
function neverWait(client: Client): void {
  Reflect.set(client, "waitForDrain", (done: (error: null, client: Client) => void) => {
    setImmediate(done, null, client);
  });
}

/**
 * Ends a connection at the header of a packet that is too large, and before its packets are parsed when it sends too many that are no messages.
 *
 * @param isFlood asked of how many came
 */
function bound(socket: Socket, log: Log, isFlood: (controls: number) => boolean): void {
  let controls = 0;
  const guard = frameGuard(payloadBytesMax + headerBytesMax, (first) => {
    if (!counted.has(first >> 4)) controls += 1;
  });
  const read = socket.read.bind(socket);
  socket.read = (size) => {
    const chunk: unknown = read(size);
    controls = 0;
    const why = chunk instanceof Uint8Array ? guard(chunk) : undefined;
    const cut = controls > 0 && isFlood(controls);
    if (why === undefined && !cut) return chunk;
    // Of a flood more was said than this.
    if (why !== undefined) log("warn", "connection cut", { error: why });
    socket.destroy();
    return null;
  };
}

/** Decides for every connection what it may do, and counts what it may not. */
class Guard {
  readonly #options: BrokerOptions;
  readonly #floods: FloodGuard;
  readonly #connections = new Map<Client, Connection>();
  /** Wills of connections that are not authenticated yet. */
  readonly #wills = new WeakMap<Client, string>();
  #violations = 0;
  #refusedConnections = 0;
  #slowCut = 0;

  constructor(options: BrokerOptions) {
    const { access, nowMs = Date.now, floods, log } = options;
    this.#options = options;
    this.#floods = new FloodGuard({
      ...{ access, nowMs: () => performance.now(), dateMs: nowMs },
      ...(floods === undefined ? {} : { limits: floods }),
      cutOff({ identity, topic, reason }) {
        log("error", "alarm: a client is cut off", { identity, error: reason });
        options.cutOff?.(topic, reason);
      },
    });
  }

  stats(): Pick<BrokerStats, "violations" | "refusedConnections" | "slowCut" | "floodCut"> {
    const [violations, refusedConnections] = [this.#violations, this.#refusedConnections];
    return { violations, refusedConnections, slowCut: this.#slowCut, floodCut: this.#floods.cut };
  }

  announce(client: Client, packet: ConnectPacket): boolean {
    if (packet.will !== undefined) this.#wills.set(client, packet.will.topic);
    return true;
  }

  /** Undefined when the client is who it says. */
  authenticate(client: Client, user: string | undefined, password: string | undefined): string | undefined {
    const why = this.#judge(client, user, password);
    if (why !== undefined) {
      this.#refusedConnections += 1;
      return why;
    }
    const identity = user ?? "";
    const access = this.#options.access().get(identity);
    if (access === undefined) return "unknown identity";
    const will = this.#wills.get(client);
    if (will !== undefined && !canPublish(access, will)) return this.#violation(identity, "will", will);
    const written = client.conn instanceof Socket ? client.conn.bytesWritten : 0;
    this.#connections.set(client, {
      identity,
      access,
      filters: new Set(),
      forwards: new Map(),
      lastWritten: written,
      stalledSinceMs: undefined,
    });
    return undefined;
  }

  #judge(client: Client, user: string | undefined, password: string | undefined): string | undefined {
    if (user === undefined || password === undefined) return "anonymous";
    // One answer for an unknown identity and a wrong password: a stranger learns no names.
    const known = this.#options.access().has(user);
    if (!this.#options.verify(user, password) || !known) return "unknown identity or wrong password";
    if (client.version !== 4) return "not MQTT 3.1.1";
    if (client.id !== busClientId(user)) return `the client id of ${user} is ${busClientId(user)}`;
    return this.#floods.login(user);
  }

  publish(client: Client, packet: PublishPacket): string | undefined {
    const connection = this.#current(client);
    if (connection === undefined) return "no longer known";
    const flood = this.#floods.published(connection.identity, 1, packet.payload.length);
    if (flood !== undefined) return flood;
    if (!canPublish(connection.access, packet.topic)) {
      return this.#violation(connection.identity, "publish", packet.topic);
    }
    if (packet.qos === 2) return "QoS 2 is not offered";
    if (packet.payload.length > payloadBytesMax) return `a payload of more than ${payloadBytesMax} bytes`;
    return undefined;
  }

  subscribe(client: Client, { topic, qos }: Subscription): boolean {
    const connection = this.#current(client);
    if (connection === undefined) return false;
    if (this.#isFlood(client, connection)) return false;
    if (!canSubscribe(connection.access, topic)) {
      this.#violation(connection.identity, "subscribe", topic);
      return false;
    }
    if (qos === 2 || (connection.filters.size >= subscriptionsMax && !connection.filters.has(topic))) return false;
    connection.filters.add(topic);
    return true;
  }

  unsubscribe(client: Client, filters: readonly string[]): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || this.#isFlood(client, connection, filters.length)) return;
    for (const filter of filters) connection.filters.delete(filter);
  }

  /** @returns whether it is cut off for what it sent that is no message */
  controlled(client: Client, controls: number): boolean {
    const connection = this.#connections.get(client);
    return connection !== undefined && this.#floods.controlled(connection.identity, controls) !== undefined;
  }

  /** What is asked costs as much as what is said. */
  #isFlood(client: Client, { identity }: Connection, count = 1): boolean {
    if (this.#floods.published(identity, count, 0) === undefined) return false;
    client.close();
    return true;
  }

  /**
   * A filter was granted once; this holds each delivery to the rules of now. It also covers sessions that are resumed, for which aedes
   * keeps refused filters too when another one of the same packet was granted.
   */
  forward(client: Client, topic: string): boolean {
    // Nothing is written to it any more. To say no would make aedes take the message from what a kept session waits for.
    if (client.closed) return true;
    const connection = this.#current(client);
    if (connection === undefined) return false;
    if (buffered(client) > this.#slow().bufferedBytesMax) {
      this.#cutSlow(client, connection, "its buffer is full");
      return false;
    }
    const known = connection.forwards.get(topic);
    if (known !== undefined) return known;
    if (connection.forwards.size >= 1_000) connection.forwards.clear();
    const allowed = connection.access.subscribe.some((rule) => topicMatches(rule, topic));
    connection.forwards.set(topic, allowed);
    return allowed;
  }

  forget(client: Client): void {
    this.#connections.delete(client);
  }

  /** Cuts who takes nothing, and who is no longer known. */
  sweep(): void {
    const nowMs = performance.now();
    for (const [client, connection] of this.#connections) {
      // One that ended between its authentication and its registration is announced by nobody.
      if (client.closed) this.#connections.delete(client);
      if (client.closed || !(client.conn instanceof Socket)) continue;
      const written = client.conn.bytesWritten - client.conn.writableLength;
      const stalled = client.conn.writableLength > 0 && written === connection.lastWritten;
      connection.lastWritten = written;
      connection.stalledSinceMs = stalled ? (connection.stalledSinceMs ?? nowMs) : undefined;
      const stalledMs = stalled ? nowMs - (connection.stalledSinceMs ?? nowMs) : 0;
      if (stalledMs >= this.#slow().stalledMsMax || buffered(client) > this.#slow().bufferedBytesMax) {
        this.#cutSlow(client, connection, "it takes nothing");
      } else if (!this.#options.access().has(connection.identity)) {
        this.#options.log("info", "connection cut", { identity: connection.identity, error: "no longer known" });
        client.close();
      }
    }
  }

  #slow(): NonNullable<BrokerOptions["slow"]> {
    return this.#options.slow ?? { bufferedBytesMax: 8 * 1024 * 1024, stalledMsMax: 5_000 };
  }

  #cutSlow(client: Client, { identity }: Connection, why: string): void {
    this.#slowCut += 1;
    this.#floods.stalled(identity);
    this.#options.log("warn", "slow subscriber cut", { identity, error: why, bufferedBytes: buffered(client) });
    client.close();
  }

  /** The connection with the rules of now; undefined when its identity is gone. */
  #current(client: Client): Connection | undefined {
    const connection = this.#connections.get(client);
    if (connection === undefined) return undefined;
    const access = this.#options.access().get(connection.identity);
    if (access === undefined) return undefined;
    if (access !== connection.access) {
      connection.access = access;
      connection.forwards = new Map();
    }
    return connection;
  }

  #violation(identity: string, verb: string, topic: string): string {
    this.#violations += 1;
    this.#options.log("warn", "topic violation", { identity, verb, topic: topic.slice(0, 200) });
    return `${identity} may not ${verb} ${topic.slice(0, 200)}`;
  }
}

function buffered(client: Client): number {
  return client.conn.writableLength;
}
