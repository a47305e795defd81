import { generateKeyPairSync, randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#bus/loopback.ts";
import { clusterNodes, natsConfiguration } from "#bus/nats.ts";
import { type Callout, startCallout, type Verify } from "#bus/nats-callout.ts";
import { type Keeper, startKeeper } from "#bus/nats-keeper.ts";
import { isViolation } from "#bus/violations.ts";
import type { Access } from "#core/access.ts";
import { type BrokerKind, until } from "../contract/bus-bench.ts";
import { Balancer } from "./balancer.ts";
import { byIdentity } from "./nats.ts";
import { BrokerProcess } from "./process.ts";
import { natsProgram } from "./programs.ts";

/** One of the servers, and its own callout. */
export interface BusNode {
  readonly name: string;
  readonly broker: BrokerProcess;
  readonly storeDirectory: string;
  readonly callout: Callout;
  readonly keeper: Keeper;
}

export interface BusNodes {
  readonly nodes: readonly BusNode[];
  readonly balancer: Balancer;
  rules: ReadonlyMap<string, Access>;
  close(): Promise<void>;
}

/**
 * Three servers on loopback that know each other, as three pods would be; clients come through one port.
 *
 * @param count 1: one that is alone
 */
export async function startNodes(
  rules: ReadonlyMap<string, Access>,
  verify: Verify,
  count: 1 | typeof clusterNodes = clusterNodes,
): Promise<BusNodes> {
  const free = await freePorts(3 * count);
  const ports = Array.from({ length: count }, (_, index) => {
    const [mqttPort = 0, natsPort = 0, routePort = 0] = free.slice(3 * index);
    return { mqttPort, natsPort, routePort };
  });
  const password = randomBytes(24).toString("base64url");
  const servers = ports.map(({ routePort }, index) => ({ name: nodeName(index), address: `127.0.0.1:${routePort}` }));
  const made: { rules: ReadonlyMap<string, Access> } = { rules };
  const start = async ({ mqttPort, natsPort, routePort }: (typeof ports)[number], index: number): Promise<BusNode> => {
    const name = nodeName(index);
    const { privateKey: issuer } = generateKeyPairSync("ed25519");
    const calloutPassword = randomBytes(16).toString("hex");
    const broker = new BrokerProcess(name, mqttPort, (folder) => [natsProgram(), "-c", join(folder, "nats.conf")]);
    const storeDirectory = join(broker.folder, "store");
    const among = count > 1 ? { routes: { name, host: "127.0.0.1", port: routePort, servers, password } } : {};
    const options = { host: "127.0.0.1", mqttPort, natsPort, storeDirectory, issuer, calloutPassword, ...among };
    writeFileSync(join(broker.folder, "nats.conf"), natsConfiguration(options), { mode: 0o600 });
    await broker.start();
    const there = { host: "127.0.0.1", port: natsPort, password: calloutPassword, log: () => undefined };
    const keeper = count > 1 ? await startKeeper(there) : alone;
    const callout = await startCallout({
      ...{ ...there, issuer, asksHealth: true },
      admits: keeper.look,
      ...{ access: () => made.rules, verify, nowMs: Date.now },
    });
    return { name, broker, storeDirectory, callout, keeper };
  };
  const nodes = await Promise.all(ports.map(start));
  await allWell(nodes);
  const balancer = await Balancer.open(ports.map(({ mqttPort }) => mqttPort));
  return Object.assign(made, {
    ...{ nodes, balancer },
    async close() {
      balancer.close();
      for (const { callout, keeper, broker } of nodes) {
        keeper.close();
        callout.close();
        await broker.close();
      }
    },
  });
}

/** Whoever is alone has nobody to look after. */
const alone: Keeper = { problem: undefined, unkept: 0, look: async () => undefined, close: () => undefined };

function nodeName(index: number): string {
  return `bus-node-${index}`;
}

/** Each has found the others, and has what they have. */
export async function allWell(nodes: readonly BusNode[], limitMs = 60_000): Promise<void> {
  const sinceMs = performance.now();
  await until(
    "the nodes have found each other",
    () => nodes.every(({ callout: { health } }) => health.problem === undefined && health.atMs > sinceMs),
    limitMs,
  );
}

/** Three nats-servers that keep everything of QoS 1 thrice; connections go to each in turn. */
export const natsCluster: BrokerKind = {
  name: "three nats-servers",
  denied: "silence",
  keeps: true,
  repeats: "late",
  async open(access, passwords) {
    const bus = await startNodes(byIdentity(access), async (identity, password) =>
      passwords.get(identity) === password ? {} : undefined,
    );
    const restart = async (state: "kept" | "lost"): Promise<void> => {
      await Promise.all(bus.nodes.map(({ broker }) => broker.stop()));
      if (state === "lost") for (const { storeDirectory } of bus.nodes) rmSync(storeDirectory, { recursive: true });
      await Promise.all(bus.nodes.map(({ broker }) => broker.start()));
      await allWell(bus.nodes);
    };
    return {
      port: bus.balancer.port,
      nodes: bus.nodes.map(({ broker }) => broker.port),
      restart,
      async allow(next) {
        bus.rules = byIdentity(next);
        await Promise.all(bus.nodes.map(({ callout }) => callout.recheck("rules")));
      },
      violations: () => bus.nodes.flatMap(({ broker }) => broker.output.split("\n")).filter(isViolation).length,
      close: () => bus.close(),
    };
  },
};
