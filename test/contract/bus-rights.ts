import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { busClientId } from "#core/identity.ts";
import {
  type BrokerKind,
  type BrokerUnderTest,
  Clients,
  distinct,
  everyone,
  feed,
  gateway,
  messageOf,
  own,
  passwords,
  rates,
  sma,
  until,
  watcher,
} from "./bus-bench.ts";

/** Filters that a strategy has no right to, each in a way of its own. */
const foreignFilters = [
  ...[
    "#",
    "+",
    "+/#",
    "+/+",
    "+/+/+",
    "+/+/+/+",
    "+/+/+/+/+",
    "/#",
    "/+",
    "md",
    "md/#",
    "md/+",
    "md/+/#",
    "md/+/+",
    "md/+/+/#",
  ],
  ...["md/+/+/quote", "md/+/+/+", "md/replay/#", "md/replay/+/quote", "md/+/MSFT/quote", "md/+/AAPL/+", "md/+/AAPL/#"],
  ...[
    "md/+/AAPL/quote/#",
    "md/+/AAPL/quote/+",
    "md/+/AAPL/trade",
    "md/+/AAPL/bar/1d",
    "+/+/AAPL/quote",
    "+/replay/AAPL/quote",
  ],
  ...["md/+/AAPL/quote/", "/md/+/AAPL/quote", "md//AAPL/quote/x", "MD/+/AAPL/quote", "md/+/aapl/quote"],
  ...["ind/#", "ind/+/AAPL/sma/+", "ind/+/AAPL/sma/20", "ind/+/+/sma/10", "ind/+/AAPL/#"],
  ...["strat/#", "strat/+/+/signal", "strat/+/+/order/request", "strat/+/+/order/event", "strat/momentum/#"],
  ...[
    "strat/momentum/+/order/event",
    "strat/momentum/+/cmd/#",
    `${own}/#`,
    `${own}/+`,
    `${own}/order/+`,
    `${own}/order/#`,
  ],
  ...[`${own}/order/request`, `${own}/state`, "strat/carry/rates/#"],
  ...["strat/carry/rates/order/event", "strat/carry/rates/cmd/#", "strat/carry/+/signal", "strat/carry/bonds/signal"],
  ...["gw/#", "gw/+", "gw/cmd/#", "gw/cmd/halt", "gw/dead", "feed/#", "feed/+/state", "rpc/#", "replay/#"],
  ...["$SYS/#", "$SYS/broker/clients/total", "$CONTROL/#", "$CONTROL/dynamic-security/v1", "$share/g/md/+/AAPL/quote"],
  ...["$share/g/#", "$queue/md/#", "$MQTT/#", "$MQTT/msgs/#", "$JS/API/#", "$KV/#", "_INBOX/#"],
  ...[">", "*", "md/>", "md/*/*/quote", "md.>", "md.*.*.quote", "strat.momentum.other.in.x", "md/+/AAPL.>/quote"],
] as const;

/** Topics that a strategy may not publish to. */
const foreignTopics = [
  ...[
    "md/replay/AAPL/quote",
    "md/replay/AAPL/history",
    "ind/replay/AAPL/sma/10",
    "gw/state",
    "gw/dead",
    "gw/cmd/halt",
    "gw/cmd/flatten",
  ],
  ...[
    own,
    `${own}/`,
    `${own}/signal/`,
    `${own}/signal/x`,
    `${own}/Signal`,
    `${own}/order`,
    `${own}/order/event`,
    `${own}/order/request/x`,
  ],
  ...[
    `${own}/cmd/halt`,
    `${own}/state/x`,
    `${own}/../rates/signal`,
    `/${own}/signal`,
    "strat//sma/signal",
    "strat/momentum//signal",
  ],
  ...[
    "strat/momentum/smart/signal",
    "strat/momentum/sm/signal",
    "strat/carry/rates/signal",
    "strat/carry/rates/order/request",
  ],
  ...[
    "strat/carry/rates/order/event",
    "strat/carry/rates/state",
    "strat/carry/rates/cmd/halt",
    "strat/carry/rates/dead",
    "feed/stocks/state",
  ],
  ...[
    "rpc/sma/birth",
    "replay/r/md/x/AAPL/quote",
    "x",
    "strat.momentum.sma.signal",
    "strat/momentum/*/signal",
    "strat/momentum/>",
  ],
  ...[
    "$SYS/x",
    "$CONTROL/dynamic-security/v1",
    "$share/g/gw/state",
    "$MQTT/msgs/x",
    "$JS/API/STREAM/DELETE/$MQTT_msgs",
    "_INBOX/x",
  ],
] as const;

/** Identities, and the topics of each: what the specs say is what the broker holds. */
export function busRightsContract(kind: BrokerKind): void {
  let broker: BrokerUnderTest;
  const clients = new Clients(() => broker);
  beforeAll(async () => {
    broker = await kind.open(everyone, passwords);
  });
  afterEach(() => clients.close());
  afterAll(() => broker?.close());

  describe("who it is", () => {
    const good = {
      clientId: busClientId(sma.identity),
      user: sma.identity,
      password: passwords.get(sma.identity) ?? "",
    };
    test.each([
      ["a wrong password", { ...good, password: "wrong" }],
      ["an empty password", { ...good, password: "" }],
      ["another one's password", { ...good, password: passwords.get(gateway.identity) ?? "" }],
      ["an unknown name", { ...good, user: "momentum-paper/nobody", clientId: "momentum-paper_nobody" }],
      ["an unknown name with a known client id", { ...good, user: "momentum-paper/nobody" }],
      ["no name", { clientId: good.clientId }],
      ["a name without a password", { clientId: good.clientId, user: good.user }],
      ["another client id", { ...good, clientId: "mine" }],
      ["another one's client id", { ...good, clientId: busClientId(gateway.identity) }],
      ["an empty client id", { ...good, clientId: "" }],
      ["a client id that says more", { ...good, clientId: `${good.clientId}2` }],
      ["the broker's own user", { clientId: "callout", user: "callout", password: "callout" }],
    ])("%s is refused", async (_name, options) => {
      const client = clients.stranger();
      client.connect(options);
      await until("an answer", () => client.closed || client.of(2).length > 0);
      const answer = client.of(2)[0]?.body[1] ?? 255;
      expect(answer).not.toBe(0);
      await until("it is closed", () => client.closed);
    });

    test("the right one comes in, and a second connection ends the first", async () => {
      const first = await clients.open(sma);
      await first.subscribe("gw/state");
      const second = await clients.open(sma);
      await until("the first is cut", () => first.drops > 0);
      await first.close();
      // The first came back at once and may have cut the second; in the end there is one.
      await until("the second is there", () => second.connected);
      expect((await second.subscribe("gw/state")).ok).toBe(true);
    });
  });

  test("what the rules say is granted, and what is narrower", async () => {
    const bus = await clients.open(sma);
    for (const filter of [...sma.subscribe, "md/replay/AAPL/quote", `${own}/cmd/halt`, `${own}/cmd/+`, `${own}/cmd`])
      expect(await bus.subscribe(filter, { qos: 1 }), filter).toEqual({ ok: true, value: undefined });
  });

  test(`${foreignFilters.length} foreign filters are refused, and nothing comes through any of them`, async () => {
    const bus = await clients.open(sma);
    const raw = await clients.raw(rates);
    const granted: string[] = [];
    for (const filter of foreignFilters) {
      const before = bus.drops;
      // A filter that is no filter of MQTT may end the connection.
      const answers: boolean[] = [];
      void bus.subscribe(filter, { qos: 1 }).then(({ ok }) => answers.push(ok));
      await until(`an answer or an end for ${filter}`, () => answers.length > 0 || bus.drops > before);
      if (answers.includes(true)) granted.push(filter);
      await until("it is connected", () => bus.connected);
    }
    expect(granted).toEqual([]);
    // Another identity's own rules are no way either; and without a client that looks first.
    for (const [index, filter] of ["#", ...sma.subscribe.filter((rule) => rule.startsWith(own))].entries())
      raw.subscribe(filter, 1, index + 1);
    await until(
      "each is answered",
      () => raw.of(9).length === 1 + sma.subscribe.filter((rule) => rule.startsWith(own)).length,
    );
    expect(raw.of(9).map(({ body }) => body[2])).toEqual(raw.of(9).map(() => 0x80));
    const feeding = await clients.open(feed);
    const answering = await clients.open(gateway);
    const other = await clients.open(rates, { cleanSession: true });
    expect((await bus.subscribe("gw/state", { qos: 1 })).ok).toBe(true);
    await feeding.publish("md/replay/MSFT/quote", { n: 1 }, { qos: 1 });
    await feeding.publish("feed/stocks/state", { n: 2 }, { qos: 1 });
    await other.publish("strat/carry/rates/state", { n: 3 }, { qos: 1 });
    await other.publish("strat/carry/rates/order/request", { n: 4 }, { qos: 1 });
    await answering.publish("strat/carry/rates/order/event", { n: 5 }, { qos: 1 });
    await answering.publish("gw/dead", { n: 6 }, { qos: 1 });
    await answering.publish("gw/state", { last: true }, { qos: 1 });
    await until("what is allowed", () => bus.got.length > 0);
    expect(bus.got.map(messageOf)).toEqual([{ last: true }]);
  });

  test(`${foreignTopics.length} foreign topics reach nobody, are not retained, and ${kind.denied === "cut" ? "cut the connection" : "look fine"}`, async () => {
    const watching = await clients.open(watcher);
    for (const filter of watcher.subscribe) await watching.subscribe(filter, { qos: 1 });
    const heard = watching.got.length;
    const before = broker.violations();
    for (const topic of foreignTopics) {
      const forger = await clients.raw(sma);
      // Retained, at QoS 1.
      forger.publish(topic, '{"forged":true}', 1, 1, true);
      await until(`${topic} is answered`, () => forger.closed || forger.of(4).length > 0);
      expect(forger.closed ? "cut" : "silence", topic).toBe(kind.denied);
      forger.close();
    }
    const bus = await clients.open(sma);
    await bus.publish(`${own}/log`, { last: true }, { qos: 1 });
    await until("what is allowed", () => watching.got.length > heard);
    expect(watching.got.slice(heard).map(messageOf)).toEqual([{ last: true }]);
    await bus.close();
    const late = await clients.open(gateway);
    for (const filter of gateway.subscribe) await late.subscribe(filter, { qos: 1 });
    const feeding = await clients.open(feed);
    await feeding.publish("md/replay/IBM/quote", { last: true }, { qos: 1 });
    await until("the next one", () => late.got.length > 0);
    expect(late.got.map(messageOf)).toEqual([{ last: true }]);
    if (before !== undefined)
      await until("each is raised", () => (broker.violations() ?? 0) - before >= foreignTopics.length);
  });

  test("a client with its own rules asks the broker for nothing that is foreign", async () => {
    const before = broker.violations();
    const bus = await clients.open(sma, { access: sma });
    for (const topic of foreignTopics)
      await expect(bus.publish(topic, {}, { qos: 1 }), topic).rejects.toMatchObject({ code: "topic-refused" });
    for (const filter of foreignFilters) expect((await bus.subscribe(filter)).ok, filter).toBe(false);
    expect([bus.drops, broker.violations()]).toEqual([0, before]);
  });

  test("a foreign will is never said", async () => {
    const watching = await clients.open(watcher);
    for (const filter of watcher.subscribe) await watching.subscribe(filter, { qos: 1 });
    const heard = watching.got.length;
    for (const topic of ["gw/state", "strat/carry/rates/state", "md/replay/AAPL/quote"]) {
      const will = { topic, message: { forged: true }, retain: true };
      // The broker refuses it, or lets it in without its will.
      const dying = await clients.open(sma, { will, connectTimeoutMs: 500 }).catch(() => undefined);
      if (dying === undefined) continue;
      const raw = await clients.raw(sma);
      raw.close();
      await dying.close();
    }
    const last = await clients.open(gateway);
    await last.publish("gw/state", { last: true }, { qos: 1 });
    await until("the last", () => watching.got.length > heard);
    expect(watching.got.slice(heard).map(messageOf)).toEqual([{ last: true }]);
  });

  test("rights that are taken away end, for what a kept session subscribed too, and come back", async () => {
    const before = await clients.open(sma, { cleanSession: false });
    for (const filter of ["md/+/AAPL/quote", "gw/state"]) await before.subscribe(filter, { qos: 1 });
    await before.close();
    await broker.allow(everyone.map((rule) => (rule === sma ? { ...sma, subscribe: ["gw/state"] } : rule)));
    const feeding = await clients.open(feed);
    const answering = await clients.open(gateway);
    const mixed = async (from: number, to: number): Promise<void> => {
      const sent: Promise<void>[] = [];
      for (let n = from; n <= to; n += 1) {
        sent.push(feeding.publish("md/replay/AAPL/quote", { quote: n }, { qos: 1 }));
        sent.push(answering.publish("gw/state", { state: n }, { qos: 1 }));
      }
      await Promise.all(sent);
    };
    await mixed(1, 20);
    const again = await clients.open(sma, { cleanSession: false });
    await mixed(21, 120);
    // What may no longer be delivered takes nothing else away.
    await until(`what is still allowed, not ${again.got.length}`, () => distinct(again.got).length >= 120);
    const states = distinct(again.got)
      .map(messageOf)
      .sort((a, b) => Number(Object(a).state) - Number(Object(b).state));
    expect(states).toEqual(Array.from({ length: 120 }, (_, index) => ({ state: index + 1 })));
    expect((await again.subscribe("md/+/AAPL/quote")).ok).toBe(false);
    await again.close();
    await broker.allow(everyone);
    const back = await clients.open(sma);
    expect((await back.subscribe("md/+/AAPL/quote")).ok).toBe(true);
  });
}
