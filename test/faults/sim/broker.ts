// A broker of MQTT 3.1.1 as bad as real ones are, and the wire to it: the production client (src/bus/client.ts) dials here.
import type { IClientOptions } from "mqtt";
import type { Connection } from "#bus/connection.ts";
import { topicMatches } from "#core/topic.ts";
import type { Process, Sim } from "./time.ts";

export interface Wire {
  /** Milliseconds that a packet takes at most. */
  readonly latencyMs: number;
  /** Of QoS 1 packets, how many come twice, wait for a while, or overtake others. */
  readonly duplicatePercent: number;
  readonly delayPercent: number;
  readonly delayMs: number;
  readonly reorderPercent: number;
}

export interface BrokerSettings {
  readonly wire: Wire;
  /** It acknowledges a message before it gives it to anybody, as aedes does: what it dies with between them nobody sends again. */
  readonly acknowledgesFirst: boolean;
  /** What a new process of it finds: all, what was saved up to 5 s ago, or nothing. */
  readonly keeps: "all" | "saved" | "nothing";
}

interface Packet {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

interface Queued extends Packet {
  readonly id: number;
  sent: boolean;
}

interface Session {
  readonly clean: boolean;
  readonly filters: Map<string, 0 | 1>;
  /** QoS 1 without an acknowledgement, in order. */
  queue: Queued[];
  connection: SimConnection | undefined;
}

interface Memory {
  readonly sessions: Map<string, Session>;
  readonly retained: Map<string, Packet>;
}

const queuedMax = 1_000;
const keepaliveMs = 15_000;
const savedEveryMs = 5_000;

/** The address of the broker: processes of it come and go. */
export class BrokerPlace {
  readonly sim: Sim;
  readonly settings: BrokerSettings;
  /** Sees what is routed, and whose it is; nobody's: a will. */
  onPublish: (topic: string, payload: Buffer, from: Process | undefined) => void = () => undefined;
  /** Sees what a client's handlers have taken. */
  onTaken: (topic: string, by: Process) => void = () => undefined;
  /** Sees what a client has acknowledged. */
  onAcknowledged: (topic: string, payload: Buffer, by: Process) => void = () => undefined;
  #memory: Memory = { sessions: new Map(), retained: new Map() };
  #saved: Memory = { sessions: new Map(), retained: new Map() };
  #process: Process | undefined;
  #connections = new Set<SimConnection>();
  #ids = 0;

  constructor(sim: Sim, settings: BrokerSettings) {
    this.sim = sim;
    this.settings = settings;
  }

  get alive(): boolean {
    return this.#process?.alive === true;
  }

  get process(): Process | undefined {
    return this.#process;
  }

  /** Starts a process of it with what the one before left. */
  start(process: Process): void {
    const { keeps } = this.settings;
    if (keeps === "nothing") this.#memory = { sessions: new Map(), retained: new Map() };
    if (keeps === "saved") this.#memory = copy(this.#saved);
    for (const session of this.#memory.sessions.values()) session.connection = undefined;
    this.#process = process;
    const save = (): void => {
      this.#saved = copy(this.#memory);
      process.after(savedEveryMs, save);
    };
    process.run(save);
    process.onEnd(() => {
      for (const connection of [...this.#connections]) this.#drop(connection);
    });
  }

  /** A power cut: nothing that was in memory only is left. */
  forget(): void {
    this.#saved = { sessions: new Map(), retained: new Map() };
    this.#memory = copy(this.#saved);
  }

  dial(process: Process, settings: IClientOptions): Connection {
    return new SimConnection(this, process, settings);
  }

  /** Cuts a client's connection; nobody says goodbye. */
  cut(process: Process): void {
    for (const connection of [...this.#connections]) {
      if (connection.process !== process) continue;
      this.#sayWill(connection);
      this.#drop(connection);
    }
  }

  // What follows runs in the broker's process.

  accept(connection: SimConnection): void {
    const { clean, clientId } = connection.settings;
    const id = clientId ?? "";
    const { sessions } = this.#memory;
    const before = sessions.get(id);
    if (before?.connection !== undefined) {
      // Whoever comes with the same name takes over.
      this.#sayWill(before.connection);
      this.#drop(before.connection);
    }
    const session: Session =
      clean === true || before === undefined
        ? { clean: clean === true, filters: new Map(), queue: [], connection: undefined }
        : before;
    sessions.set(id, session);
    session.connection = connection;
    connection.session = session;
    connection.will = willOf(connection.settings);
    this.#connections.add(connection);
    connection.watch(keepaliveMs * 1.5, () => {
      this.#sayWill(connection);
      this.#drop(connection);
    });
    connection.toClient(() => connection.emit("connect"));
    for (const queued of session.queue) {
      queued.sent = true;
      this.#send(session, queued);
    }
  }

  published(connection: SimConnection, packet: Packet, acknowledge: () => void): void {
    this.#process?.step(`route ${packet.topic}`);
    if (packet.qos === 1 && this.settings.acknowledgesFirst) {
      acknowledge();
      this.#process?.step(`acknowledged ${packet.topic}`);
    }
    this.#route(packet, connection.process);
    if (packet.qos === 1 && !this.settings.acknowledgesFirst) {
      this.#process?.step(`routed ${packet.topic}`);
      acknowledge();
    }
  }

  subscribed(connection: SimConnection, filters: readonly (readonly [string, 0 | 1])[]): void {
    const { session } = connection;
    if (session === undefined) return;
    for (const [filter, qos] of filters) {
      session.filters.set(filter, qos);
      for (const [topic, packet] of this.#memory.retained) {
        if (topicMatches(filter, topic))
          this.#deliver(session, { ...packet, qos: lower(packet.qos, qos), retain: true });
      }
    }
  }

  acknowledged(connection: SimConnection, id: number): void {
    const { session } = connection;
    for (const queued of session?.queue ?? [])
      if (queued.id === id) this.onAcknowledged(queued.topic, queued.payload, connection.process);
    if (session !== undefined) session.queue = session.queue.filter((queued) => queued.id !== id);
  }

  /** DISCONNECT: no will. */
  goodbye(connection: SimConnection): void {
    connection.will = undefined;
    this.#drop(connection);
  }

  /** The client's end closed. */
  closed(connection: SimConnection): void {
    if (!this.#connections.has(connection)) return;
    this.#sayWill(connection);
    this.#drop(connection);
  }

  #drop(connection: SimConnection): void {
    this.#connections.delete(connection);
    const { session } = connection;
    if (session?.connection === connection) session.connection = undefined;
    if (session?.clean === true) {
      for (const [id, known] of this.#memory.sessions) if (known === session) this.#memory.sessions.delete(id);
    }
    connection.gone();
  }

  #sayWill(connection: SimConnection): void {
    const { will } = connection;
    connection.will = undefined;
    if (will !== undefined) this.#route(will);
  }

  #route(packet: Packet, from?: Process): void {
    this.onPublish(packet.topic, packet.payload, from);
    if (packet.retain) this.#memory.retained.set(packet.topic, packet);
    for (const session of [...this.#memory.sessions.values()]) {
      let qos: 0 | 1 | undefined;
      for (const [filter, wanted] of session.filters) {
        if (topicMatches(filter, packet.topic)) qos = qos === 1 || wanted === 1 ? 1 : 0;
      }
      if (qos !== undefined) this.#deliver(session, { ...packet, qos: lower(packet.qos, qos), retain: false });
    }
  }

  #deliver(session: Session, packet: Packet): void {
    this.#process?.step(`deliver ${packet.topic}`);
    if (packet.qos === 0) {
      const { connection } = session;
      connection?.toClient(() => connection.message(packet));
      return;
    }
    if (session.queue.length >= queuedMax) return;
    this.#ids += 1;
    const queued: Queued = { ...packet, id: this.#ids, sent: session.connection !== undefined };
    session.queue.push(queued);
    this.#send(session, queued);
  }

  #send(session: Session, queued: Queued): void {
    const { connection } = session;
    if (connection === undefined) return;
    const give = (): void => connection.message(queued, queued.id);
    const { duplicatePercent, reorderPercent } = this.settings.wire;
    if (this.sim.chance(reorderPercent)) this.sim.schedule(this.sim.draw(300), () => connection.toClient(give));
    else connection.toClient(give);
    if (this.sim.chance(duplicatePercent)) this.sim.schedule(this.sim.draw(2_000), () => connection.toClient(give));
  }
}

/** One connection, and both directions of its wire. Each keeps its order. */
export class SimConnection implements Connection {
  readonly process: Process;
  readonly settings: IClientOptions;
  readonly #place: BrokerPlace;
  readonly #handlers = new Map<string, ((...given: never[]) => void)[]>();
  session: Session | undefined;
  will: Packet | undefined;
  #open = true;
  /** The client has been told that it is closed. */
  #told = false;
  #sentMs = 0;
  #heardMs = 0;
  #watch: () => void = () => undefined;
  /** What is held back in the process: it goes with it. */
  #corked: (() => void)[] | undefined;
  readonly stream = {
    cork: (): void => {
      this.#corked ??= [];
    },
    uncork: (): void => {
      const waiting = this.#corked ?? [];
      this.#corked = undefined;
      for (const send of waiting) send();
    },
  };

  constructor(place: BrokerPlace, process: Process, settings: IClientOptions) {
    this.#place = place;
    this.process = process;
    this.settings = settings;
    process.step("dial");
    process.onEnd(() => {
      // The machine closes the sockets of a process that is gone.
      this.#toBroker(() => this.#place.closed(this), true);
      this.#open = false;
    });
    this.#toBroker(() => {
      if (this.#place.alive) this.#place.accept(this);
      else this.gone(new Error("connect ECONNREFUSED"));
    }, true);
  }

  on(event: string, handler: (...given: never[]) => void): this {
    this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), handler]);
    return this;
  }

  emit(event: string, ...given: unknown[]): void {
    for (const handler of this.#handlers.get(event) ?? []) handler(...(given as never[]));
  }

  publish(
    topic: string,
    payload: string,
    { qos, retain }: { readonly qos: 0 | 1; readonly retain: boolean },
    done: (error?: Error | null) => void = () => undefined,
  ): void {
    this.process.step(`publish ${topic}`);
    if (!this.#open) return;
    const packet: Packet = { topic, payload: Buffer.from(payload), qos, retain };
    const arrive = (): void => this.#place.published(this, packet, () => this.toClient(() => done(null)));
    this.#toBroker(arrive);
    if (qos === 1 && this.#place.sim.chance(this.#place.settings.wire.duplicatePercent)) this.#toBroker(arrive);
    if (qos === 0) done(null);
    this.process.step(`published ${topic}`);
  }

  subscribe(
    filters: { readonly [filter: string]: { readonly qos: 0 | 1 } },
    done: (error: Error | null, granted: unknown, packet?: { readonly granted: readonly unknown[] }) => void,
  ): void {
    this.process.step("subscribe");
    const list = Object.entries(filters).map(([filter, { qos }]) => [filter, qos] as const);
    this.#toBroker(() => {
      this.toClient(() => done(null, [], { granted: list.map(([, qos]) => qos) }));
      this.#place.subscribed(this, list);
    });
  }

  end(force: boolean, done: () => void = () => undefined): void {
    if (!this.process.alive) return;
    if (force) {
      this.#toBroker(() => this.#place.closed(this), true);
      this.#open = false;
      this.#told = true;
      return;
    }
    this.process.step("disconnect");
    this.#toBroker(() => this.#place.goodbye(this));
    this.process.after(1, done);
  }

  /** In the client's process: handlers first, then the acknowledgement. */
  message({ topic, payload, retain, qos }: Packet, id?: number): void {
    if (id !== undefined) this.process.step(`receive ${topic}`);
    this.emit("message", topic, payload, { retain, qos });
    if (id === undefined) return;
    if (this.#open) this.#place.onTaken(topic, this.process);
    this.process.step(`acknowledge ${topic}`);
    this.#toBroker(() => this.#place.acknowledged(this, id));
  }

  toClient(work: () => void): void {
    if (!this.#open) return;
    const { sim, settings } = this.#place;
    this.#heardMs = Math.max(this.#heardMs, sim.nowMs + latency(sim, settings.wire));
    sim.schedule(
      this.#heardMs - sim.nowMs,
      () => {
        if (!this.#told) work();
      },
      this.process,
    );
  }

  /** The broker's end is closed. What is under way still arrives, then the news. */
  gone(error?: Error): void {
    this.#watch();
    this.toClient(() => {
      if (error !== undefined) this.emit("error", error);
      this.#told = true;
      this.emit("close");
    });
    this.#open = false;
  }

  /** A client that says nothing for so long is gone: one that stands still, or whose machine does. */
  watch(ms: number, silent: () => void): void {
    const { sim } = this.#place;
    const look = (): void => {
      this.#watch = sim.schedule(ms, () => {
        if (this.process.paused) silent();
        else look();
      });
    };
    look();
  }

  #toBroker(work: () => void, always = false): void {
    if (!this.#open && !always) return;
    if (this.#corked !== undefined && !always) {
      this.#corked.push(() => this.#toBroker(work));
      return;
    }
    const { sim, settings } = this.#place;
    this.#sentMs = Math.max(this.#sentMs, sim.nowMs + latency(sim, settings.wire));
    sim.schedule(this.#sentMs - sim.nowMs, () => {
      const broker = this.#place.process;
      if (broker?.alive !== true) {
        if (this.session === undefined && !this.#told) this.gone(new Error("connect ECONNREFUSED"));
        return;
      }
      if (broker.paused) sim.schedule(10, () => broker.run(work));
      else {
        try {
          broker.run(work);
        } catch (thrown) {
          sim.caught(thrown, broker);
        }
      }
    });
  }
}

function latency(sim: Sim, { latencyMs, delayPercent, delayMs }: Wire): number {
  const usual = 1 + sim.draw(latencyMs);
  return sim.chance(delayPercent) ? usual + sim.draw(delayMs) : usual;
}

function lower(a: 0 | 1, b: 0 | 1): 0 | 1 {
  return a === 1 && b === 1 ? 1 : 0;
}

function willOf({ will }: IClientOptions): Packet | undefined {
  if (will === undefined) return undefined;
  return {
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos === 1 ? 1 : 0,
    retain: will.retain === true,
  };
}

function copy({ sessions, retained }: Memory): Memory {
  const copied = [...sessions].map(([id, session]): [string, Session] => [
    id,
    {
      ...session,
      filters: new Map(session.filters),
      queue: session.queue.map((queued) => ({ ...queued })),
      connection: undefined,
    },
  ]);
  return { sessions: new Map(copied.filter(([, { clean }]) => !clean)), retained: new Map(retained) };
}
