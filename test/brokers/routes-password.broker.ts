import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { freePorts } from "#bus/loopback.ts";
import { type NatsBus, startNatsBus } from "#bus/nats-bus.ts";
import type { Access } from "#core/access.ts";
import { everyone, gateway, messageOf, own, sma, until } from "../contract/bus-bench.ts";
import { Balancer } from "./balancer.ts";
import { byIdentity } from "./nats.ts";
import { natsProgram } from "./programs.ts";

const open: { close(): unknown }[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Three {
  readonly nodes: readonly NatsBus[];
  readonly port: number;
  /** What they have logged. */
  readonly logged: readonly string[];
}

/** Three nodes as the bus's program starts them, and one port before them. */
async function startThree(): Promise<Three> {
  const logged: string[] = [];
  const names = ["bus-node-0", "bus-node-1", "bus-node-2"];
  const free = await freePorts(2 * names.length);
  const ports = names.map((_, index) => free.slice(2 * index, 2 * index + 2));
  const servers = names.map((name, index) => ({ name, address: `127.0.0.1:${ports[index]?.[1]}` }));
  const rules = byIdentity(everyone);
  const nodes = await Promise.all(
    names.map(async (name, index) => {
      const folder = mkdtempSync(join(tmpdir(), `${name}-`));
      folders.push(folder);
      const [port = 0, routePort = 0] = ports[index] ?? [];
      const node = await startNatsBus({
        ...{ program: natsProgram(), host: "127.0.0.1", port, environment: "paper", stateDir: folder },
        ...{
          scratchDir: folder,
          storeBytesMax: 2 ** 26,
          access: () => rules,
          nowMs: Date.now,
          log: (_level, message, fields) => void logged.push(JSON.stringify([message, fields])),
          verify: async () => ({}),
        },
        routes: { name, host: "127.0.0.1", port: routePort, servers, password: "a".repeat(40) },
        ended: (cause) => {
          throw cause;
        },
      });
      open.push(node);
      return node;
    }),
  );
  await until("all are ready", () => nodes.every((node) => node.ready() === undefined), 60_000);
  const balancer = await Balancer.open(nodes.map(({ port }) => port));
  open.push(balancer);
  return { nodes, port: balancer.port, logged };
}

test("another password between the nodes, while orders go through them: nothing is lost, and none of them restarts", async () => {
  const { nodes, port, logged } = await startThree();
  const connect = async ({ identity }: Access): Promise<Bus> => {
    const url = `mqtt://127.0.0.1:${port}`;
    const bus = await connectBus({ url, identity, password: () => "x", connectTimeoutMs: 60_000, cleanSession: false });
    open.push(bus);
    return bus;
  };
  const [executor, desk] = [await connect(sma), await connect(gateway)];
  const [asked, booked, answered] = [[] as Promise<void>[], new Set<number>(), new Set<number>()];
  const numberOf = (message: Parameters<typeof messageOf>[0]): number => (messageOf(message) as { n: number }).n;
  desk.onMessage((message) => {
    const n = numberOf(message);
    if (booked.has(n)) return;
    booked.add(n);
    void desk.publish(`${own}/order/event`, { n }, { qos: 1 });
  });
  executor.onMessage((message) => void answered.add(numberOf(message)));
  await executor.subscribe(`${own}/order/event`, { qos: 1 });
  await desk.subscribe("strat/+/+/order/request", { qos: 1 });
  const ask = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      asked.push(executor.publish(`${own}/order/request`, { n: asked.length }, { qos: 1 }));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await ask(100);
  for (const node of nodes) {
    node.changeRoutesPassword("b".repeat(40));
    await ask(50);
  }
  await ask(100);
  await Promise.all(asked);
  await until("each order is answered", () => answered.size === asked.length, 60_000);
  await until("all are ready", () => nodes.every((node) => node.ready() === undefined), 60_000);
  // All of them with the new one, and none with the old: one that is told of another one is alone.
  nodes[0]?.changeRoutesPassword("c".repeat(40));
  await until("it is alone", () => nodes[0]?.ready() !== undefined, 60_000);
  nodes[0]?.changeRoutesPassword("b".repeat(40));
  await until("it is back", () => nodes.every((node) => node.ready() === undefined), 60_000);
  expect([...booked].sort((a, b) => a - b)).toEqual(asked.map((_, index) => index));
  // nats-server names the routes that it gives up, with the password that they had.
  expect(logged.filter((line) => /([abc])\1{39}/.test(line))).toEqual([]);
}, 240_000);
