import { expect } from "vitest";
import { type Bus, type BusMessage, type BusOptions, connectBus } from "#bus/client.ts";
import { type Access, consoleAccess, executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import { effective } from "../executor/rig.ts";
import { RawMqtt } from "./raw-mqtt.ts";

/** A real broker with these rules. */
export interface BrokerUnderTest {
  readonly port: number;
  /** The ports of its nodes behind that one; absent of a broker that is alone. */
  readonly nodes?: readonly number[];
  /** Ends it and starts it again at the same port. */
  restart(state: "kept" | "lost"): Promise<void>;
  /** Puts other rules in force, for connections that are open too; with a restart where the broker needs one. */
  allow(access: readonly Access[]): Promise<void>;
  /** How many foreign topics it has told its operator about; undefined where it does not say. */
  violations(): number | undefined;
  /** What it said of whom it cut off, the topic before it; absent of a broker that cuts off nobody. */
  readonly cutOff?: readonly string[];
  close(): Promise<void>;
}

export interface BrokerKind {
  readonly name: string;
  /** What becomes of a connection that publishes to a foreign topic. With `silence` it is acknowledged as if it were fine. */
  readonly denied: "cut" | "silence";
  /** Whether sessions, retained messages and QoS 1 messages outlive the broker. */
  readonly keeps: boolean;
  /**
   * When a kept session gets what was on its way to its last connection: `first`, before whatever was said since, or `late`: behind that, when the broker
   * has waited in vain for an acknowledgement. A broker learns of a connection's end some time after it, so this may be true of what was said after it, too.
   */
  readonly repeats: "first" | "late";
  open(access: readonly Access[], passwords: ReadonlyMap<string, string>): Promise<BrokerUnderTest>;
}

/** The identities of a small environment, as the specs make their rules. */
export const sma = executorAccess(
  effective({ team: "momentum", name: "sma", channels: ["quotes", "ind/+/AAPL/sma/10", "strat/carry/rates/signal"] }),
);
export const rates = executorAccess(effective({ team: "carry", name: "rates" }));
export const gateway = gatewayAccess("paper");
export const feed = feedAccess("paper", "stocks", "replay");
export const watcher = consoleAccess("paper");
export const everyone: readonly Access[] = [sma, rates, gateway, feed, watcher];
export const passwords = new Map(everyone.map(({ identity }) => [identity, `password of ${identity}`]));
export const own = "strat/momentum/sma";

/** @param limitMs an election takes nodes up to 9 s, some follow each other, and what is retained meanwhile is said again 15 s later */
export async function until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What a newcomer hears on a topic. A server that has just started reads what is retained while it lets the first ones in: they ask again. */
export async function heard(
  newcomer: Pick<Bus, "subscribe"> & { readonly got: readonly BusMessage[] },
  topic: string,
  is: (message: BusMessage) => boolean = () => true,
): Promise<BusMessage> {
  const found = (): BusMessage | undefined => newcomer.got.find((one) => one.topic === topic && is(one));
  for (let asked = 0; found() === undefined && asked < 60; asked += 1) {
    await newcomer.subscribe(topic, { qos: 1 });
    await until(`what is retained of ${topic}`, () => found() !== undefined, 1_000).catch(() => undefined);
  }
  return found() ?? expect.fail(`what is retained of ${topic} never came`);
}

/** What came, each once: at QoS 1 a broker says again what it has not seen acknowledged in time, and on a busy machine nothing is in time. */
export function distinct(came: readonly BusMessage[]): readonly BusMessage[] {
  const texts = came.map(({ topic, payload }) => `${topic} ${Buffer.from(payload).toString()}`);
  return came.filter((_, index) => texts.indexOf(texts[index] ?? "") === index);
}

/** What came, without repetitions, is each number of `said` in the order in which that kind of broker promises it. */
export function expectEach(said: readonly number[], came: readonly number[], { repeats }: BrokerKind): void {
  const each = [...new Set(came)];
  expect([...each].sort((a, b) => a - b)).toEqual(said);
  // What was on its way when the connection ended is the beginning of it; it and the rest come each in their own order.
  const mayBeLate = repeats === "first" ? [0] : said.map((_, index) => index);
  const orders = mayBeLate.map((count) => {
    const late = new Set(said.slice(0, count));
    return [...each.filter((number) => late.has(number)), ...each.filter((number) => !late.has(number))];
  });
  expect(orders).toContainEqual(said);
}

/** The message without what the client adds. */
export function messageOf({ payload }: Pick<BusMessage, "payload">): unknown {
  const { session: _session, seq: _seq, ...message } = JSON.parse(Buffer.from(payload).toString());
  return message;
}

export type TestClient = Bus & { readonly got: BusMessage[]; drops: number };

/** Clients of one broker, closed together. */
export class Clients {
  readonly #broker: () => BrokerUnderTest;
  readonly #open: { close(): unknown }[] = [];

  constructor(broker: () => BrokerUnderTest) {
    this.#broker = broker;
  }

  async open(who: Access, options: Partial<BusOptions> = {}): Promise<TestClient> {
    const bus = await connectBus({
      url: `mqtt://127.0.0.1:${this.#broker().port}`,
      identity: who.identity,
      password: () => passwords.get(who.identity) ?? "",
      connectTimeoutMs: 60_000,
      ...options,
    });
    this.#open.push(bus);
    const got: BusMessage[] = [];
    const client: TestClient = Object.assign(bus, { got, drops: 0 });
    bus.onMessage((message) => got.push(message));
    bus.onConnection((state) => {
      if (state === "disconnected") client.drops += 1;
    });
    return client;
  }

  /**
   * The same without a client of ours. It is let in when this settles: a broker that cannot know now who it is refuses it first, and one that is still busy
   * with the identity's last connection cuts it, maybe behind its answer.
   */
  async raw(who: Access, clean = true): Promise<RawMqtt> {
    const { identity } = who;
    const login = { clientId: busClientId(identity), user: identity, password: passwords.get(identity) ?? "", clean };
    for (;;) {
      const client = this.stranger().connect(login);
      await until("CONNACK", () => client.closed || client.of(2).length > 0);
      if (client.of(2)[0]?.body[1] === 0) client.ping();
      await until("an answer", () => client.closed || client.of(13).length > 0);
      if (!client.closed) return client;
    }
  }

  /** Waits until a newcomer hears it, at each node: one learns from another what is retained, some time after it was acknowledged. */
  async retained(who: Access, topic: string, is?: (message: BusMessage) => boolean): Promise<void> {
    for (const port of this.#broker().nodes ?? [this.#broker().port]) {
      const newcomer = await this.open(who, { url: `mqtt://127.0.0.1:${port}` });
      await heard(newcomer, topic, is);
      await newcomer.close();
    }
  }

  stranger(): RawMqtt {
    const client = new RawMqtt(this.#broker().port);
    this.#open.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#open.splice(0).reverse()) await client.close();
  }
}
