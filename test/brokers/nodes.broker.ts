import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bus, type BusMessage, type BusOptions, connectBus } from "#bus/client.ts";
import { Receiver } from "#bus/receiver.ts";
import { type Access, executorAccess } from "#core/access.ts";
import { validateState } from "#core/bus-validators.generated.js";
import { everyone, feed, gateway, heard, messageOf, own, rates, sma, until, watcher } from "../contract/bus-bench.ts";
import { effective } from "../executor/rig.ts";
import { samples } from "../fixtures/bus-messages.ts";
import { byIdentity } from "./nats.ts";
import { type BusNode, type BusNodes, startNodes } from "./nats-cluster.ts";

// Three nodes of which one or two end, by a signal that nobody can prepare for, while everybody talks.

/** An election takes 4 to 9 s, and some of them follow each other. */
const waitMs = 90_000;
let bus: BusNodes;
/** How long the password of who comes now is good; undefined: for ever. */
let lastsSeconds: number | undefined;
const open: { close(): unknown }[] = [];

beforeEach(async () => {
  lastsSeconds = undefined;
  bus = await startNodes(byIdentity(everyone), async () =>
    lastsSeconds === undefined ? {} : { expiresAtSeconds: Math.floor(Date.now() / 1_000) + lastsSeconds },
  );
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  await bus?.close();
});

interface Client extends Bus {
  readonly got: BusMessage[];
  drops: number;
}

/** @param at one of the nodes; else whichever comes next */
async function connect(who: Access, options: Partial<BusOptions> = {}, at?: BusNode): Promise<Client> {
  const url = `mqtt://127.0.0.1:${at?.broker.port ?? bus.balancer.port}`;
  const one = await connectBus({
    url,
    identity: who.identity,
    password: () => "x",
    connectTimeoutMs: 60_000,
    ...options,
  });
  const client: Client = Object.assign(one, { got: [] as BusMessage[], drops: 0 });
  one.onMessage((message) => client.got.push(message));
  one.onConnection((state) => {
    if (state === "disconnected") client.drops += 1;
  });
  open.push(client);
  return client;
}

/** The node that leads most of what is kept, as its log says. */
function leader(): BusNode {
  const named = bus.nodes.flatMap((node) =>
    [...node.broker.output.matchAll(/new stream leader for 'BUS > \$MQTT_msgs'|new metadata leader: (\S+?)\//g)].map(
      (found) => bus.nodes.find(({ name }) => name === found[1]) ?? node,
    ),
  );
  return named.at(-1) ?? bus.nodes[0] ?? fail();
}

function fail(): never {
  throw new Error("there are nodes");
}

test(
  "a node that leads is killed in the midst of it: of QoS 1 nothing is lost and nothing is taken twice, and all come to the others",
  async () => {
    const requests = `${own}/order/request`;
    const events = `${own}/order/event`;
    const executor = await connect(sma, { cleanSession: false });
    const desk = await connect(gateway, { cleanSession: false });
    const market = await connect(feed);
    const watching = await connect(watcher, { cleanSession: false });
    for (const filter of [events, "gw/state"]) await executor.subscribe(filter, { qos: 1 });
    await executor.subscribe("md/+/AAPL/quote");
    await desk.subscribe("strat/+/+/order/request", { qos: 1 });
    await watching.subscribe("strat/+/+/state", { qos: 1 });
    await desk.publish("gw/state", { n: "online" }, { qos: 1, retain: true });
    const epochs: number[] = [];
    const receiver = new Receiver(watching, {
      validators: { state: validateState },
      nowMs: Date.now,
      log: () => undefined,
      take: ({ message }) => message.type === "state" && epochs.push(message.epoch),
    });
    watching.onMessage((message) => receiver.receive(message));
    // As the gateway's book does: an order is answered once, however often it comes.
    const booked = new Set<number>();
    desk.onMessage((message) => {
      if (message.topic !== requests) return;
      const { n } = messageOf(message) as { readonly n: number };
      if (booked.has(n)) return;
      booked.add(n);
      void desk.publish(events, { n }, { qos: 1 });
    });
    let quotes = 0;
    const feeding = setInterval(() => {
      quotes += 1;
      void market.publish("md/replay/AAPL/quote", { n: quotes });
    }, 20);
    open.push({ close: () => clearInterval(feeding) });
    const { session: _session, seq: _seq, ...state } = samples.state[1];
    const sent: Promise<void>[] = [];
    const total = 300;
    let [killed, struck]: [BusNode | undefined, number] = [undefined, 0];
    await withClients();
    for (let n = 1; n <= total; n += 1) {
      sent.push(executor.publish(requests, { n }, { qos: 1 }));
      if (n % 3 === 0) sent.push(executor.publish(`${own}/state`, { ...state, epoch: n / 3 }, { qos: 1 }));
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (n !== total / 3) continue;
      killed = leader();
      struck = bus.balancer.openTo(killed.broker.port);
      await killed.broker.stop("SIGKILL");
    }
    await Promise.all(sent);
    const all = Array.from({ length: total }, (_, index) => index + 1);
    const answered = (): ReadonlySet<number> =>
      new Set(executor.got.filter(({ topic }) => topic === events).map((one) => (messageOf(one) as { n: number }).n));
    await until("each order is answered", () => answered().size === total, waitMs);
    expect([...booked].sort((a, b) => a - b)).toEqual(all);
    const arrived = (): ReadonlySet<number> =>
      new Set(watching.got.map((one) => (messageOf(one) as { epoch: number }).epoch));
    await until("each state has come", () => arrived().size === total / 3, waitMs);
    // What is new may come before what was on its way when the node ended; then the receiver hands on the newest and never goes back.
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
    expect(epochs.at(-1)).toBe(total / 3);
    await until("all are back", () => [executor, desk, market, watching].every(({ connected }) => connected), waitMs);
    expect([executor, desk, market, watching].some(({ drops }) => drops > 0)).toBe(struck > 0);
    const before = executor.got.filter(({ topic }) => topic.endsWith("/quote")).length;
    await until(
      "quotes go on",
      () => executor.got.filter(({ topic }) => topic.endsWith("/quote")).length > before,
      waitMs,
    );
    // Who asks a node now, any of both, hears the last state.
    for (const node of bus.nodes.filter((one) => one !== killed)) {
      const late = await connect(rates, {}, node);
      expect(messageOf(await heard(late, "gw/state"))).toEqual({ n: "online" });
      await late.close();
    }
    // It comes back and catches up: without it and its memory of this nothing could go on when another one ends.
    await killed?.broker.start();
    await until("it has caught up", () => bus.nodes.every(well), waitMs);
    await withClients();
    await bus.nodes.find((one) => one !== killed)?.broker.stop("SIGKILL");
    await executor.publish(requests, { n: total + 1 }, { qos: 1 });
    await until("it goes on", () => answered().has(total + 1), waitMs);
  },
  4 * waitMs,
);

function well({ callout, keeper }: BusNode): boolean {
  return (
    callout.health.problem === undefined &&
    performance.now() - callout.health.atMs < 3_000 &&
    keeper.problem === undefined
  );
}

/**
 * What tells each node of what is retained outlives the loss of another. A node makes it with its first client, an instant later all keep it; while another
 * is lost it may come to stand there. In a cluster each has its own recorder as its first client.
 */
async function withClients(): Promise<void> {
  for (const node of bus.nodes) await (await connect(rates, {}, node)).close();
  for (let looks = 0; looks < 600; looks += 1) {
    const problems = await Promise.all(bus.nodes.map(({ keeper }) => keeper.look()));
    if (problems.every((problem) => problem === undefined) && bus.nodes.every(({ keeper }) => keeper.unkept === 0))
      return;
    await delay(100);
  }
  fail();
}

test(
  "what is retained while the nodes elect is heard by whoever comes later, at each of them",
  async () => {
    const desk = await connect(gateway);
    await desk.publish("gw/state", { n: 1 }, { qos: 1, retain: true });
    const [first, ...others] = bus.nodes;
    await desk.close();
    const other = await connect(gateway, {}, others[0]);
    await withClients();
    await first?.broker.stop("SIGKILL");
    await other.publish("gw/state", { n: 2 }, { qos: 1, retain: true });
    for (const node of others) {
      const late = await connect(rates, {}, node);
      await heard(late, "gw/state", (one) => (messageOf(one) as { n: number }).n === 2);
      await late.close();
    }
  },
  2 * waitMs,
);

test(
  "with two of three lost nobody is let in and QoS 1 waits; with one back everything that waited is there",
  async () => {
    const [first, second, third] = bus.nodes;
    const desk = await connect(gateway, { cleanSession: false }, first);
    await desk.subscribe("strat/+/+/order/request", { qos: 1 });
    const executor = await connect(sma, { cleanSession: false }, first);
    await withClients();
    await Promise.all([second, third].map((node) => node?.broker.stop("SIGKILL")));
    let acknowledged = 0;
    const sent = [1, 2, 3].map((n) =>
      executor.publish(`${own}/order/request`, { n }, { qos: 1 }).then(() => {
        acknowledged += 1;
      }),
    );
    await expect(connect(rates, { connectTimeoutMs: 8_000 }, first)).rejects.toMatchObject({ code: "bus-unreachable" });
    await until("the cause is said", () => /nodes of the bus|nats-server/.test(first?.keeper.problem ?? ""));
    expect(acknowledged).toBe(0);
    await second?.broker.start();
    await Promise.all(sent);
    await until(
      "all of it",
      () => new Set(desk.got.map((one) => (messageOf(one) as { n: number }).n)).size === 3,
      waitMs,
    );
  },
  3 * waitMs,
);

test("rules that change cut their client at whichever node it is, and nobody else", async () => {
  const clients: Client[] = [];
  for (const [index, who] of [sma, rates, watcher].entries()) clients.push(await connect(who, {}, bus.nodes[index]));
  bus.rules = byIdentity([executorAccess(effective({ team: "momentum", name: "sma" })), rates, watcher]);
  await Promise.all(bus.nodes.map(({ callout }) => callout.recheck("rules")));
  await until("cut and back", () => clients[0]?.drops === 1 && clients[0].connected);
  bus.rules = byIdentity([
    sma,
    executorAccess(effective({ team: "carry", name: "rates", publishes: ["signal"] })),
    watcher,
  ]);
  await Promise.all(bus.nodes.map(({ callout }) => callout.recheck("rules")));
  await until("the other, too", () => clients[1]?.drops === 1 && clients[1].connected);
  expect(clients[2]?.drops).toBe(0);
});

test("a connection ends with its password at each node", async () => {
  lastsSeconds = 4;
  const clients: Client[] = [];
  for (const [index, who] of [sma, rates, watcher].entries()) clients.push(await connect(who, {}, bus.nodes[index]));
  lastsSeconds = 3_600;
  await until("all are cut, and come again", () => clients.every(({ drops, connected }) => drops > 0 && connected));
});
