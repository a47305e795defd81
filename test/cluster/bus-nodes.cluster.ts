// A cluster whose bus becomes three nodes, on its one machine: what that, a lost node, an upgrade and a lost majority do to a strategy that trades.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { asObject } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { firstStrategy, ownCluster } from "./own-cluster.ts";
import { applyBootstrap, ship } from "./way.ts";

const platform = "slipway-paper";
const nodes = ["bus-node-0", "bus-node-1", "bus-node-2"];
const environmentFile = "policies/environments/paper.yaml";
/** Less CPU than a node has by itself: all of it is on two cores. */
const settings = (count: 1 | 3, memory: string): string => `{ nodes: ${count}, cpu: 200m, memory: ${memory} }`;

const stage = ownCluster(settings(1, "192Mi"));

const life = (): Life => new Life(stage(), "seed/random-ts");
const isReady = async (pod: string): Promise<boolean> => (await life().watch.pod(platform, pod))?.ready === true;
const allReady = (limitMs = 240_000): Promise<void> =>
  life().until(
    "all nodes of the bus are ready",
    async () => (await Promise.all(nodes.map(isReady))).every(Boolean),
    limitMs,
  );
/** Ends a program in a node's pod, which nobody can prepare for. */
const killIn = async (pod: string, program: string): Promise<void> => {
  const uid = (await life().watch.pod(platform, pod))?.uid ?? "";
  const processes = life().watch.processesOf(uid, program);
  expect(processes).toHaveLength(1);
  for (const pid of processes) process.kill(pid, "SIGKILL");
};
const restarts = async (): Promise<number> => (await life().watch.pod(life().namespace, life().pod))?.restarts ?? -1;

test("a strategy trades over one node", async () => {
  // As an environment that is not embedded asks of every strategy.
  const sizing = 'sizing: { use: fixed-fraction, fraction: "0.1" }';
  await firstStrategy(stage(), life().id, (spec) =>
    spec.replace("sizing: { use: random }", sizing).replace("spec:\n", "spec:\n  retire: cancel\n"),
  );
});

test("one node becomes three, which find each other with a password that is in no file; trading goes on", async () => {
  const { repository: own } = stage();
  const before = await restarts();
  own.write(environmentFile, own.read(environmentFile).replace(settings(1, "192Mi"), settings(3, "192Mi")));
  await stage().steps.time(
    "from one to three",
    "the old one is gone, trades again; the executor did not restart",
    async () => {
      await applyBootstrap(stage());
      await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
      await allReady(400_000);
      await life().until(
        "the one is gone",
        async () => (await life().watch.pod(platform, "bus-0")) === undefined,
        240_000,
      );
      await life().trading();
    },
  );
  expect(await restarts()).toBe(before);
  await life().sound();
  const { client } = stage().cluster;
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "bus-routes", namespace: platform } };
  const { object } = await client.get(secret);
  expect(Object.keys(Object(object["data"]))).toEqual(["password"]);
  // Applied again, it is the same.
  await applyBootstrap(stage());
  expect((await client.get(secret)).object["data"]).toEqual(object["data"]);
});

/** Whether a process's pod gets a connection to a port of a node, seen from inside of that pod's network. */
function reaches(pid: number, host: string, port: number): boolean {
  const script = `require("node:net").connect(${port}, ${JSON.stringify(host)}).on("connect", () => process.exit(0)).on("error", () => process.exit(1))`;
  const argv = ["--target", String(pid), "--net", process.execPath, "-e", script];
  return spawnSync("nsenter", argv, { timeout: 5_000, stdio: "ignore" }).status === 0;
}

test("the port between the nodes is for them alone: neither an executor nor the gateway reaches it", async () => {
  const { watch } = life();
  const { address = "" } = (await watch.pod(platform, "bus-node-0")) ?? {};
  const clients = [...life().executors(), ...watch.processes("/app/gateway.mjs", `SLIPWAY_NAMESPACE=${platform}`)];
  expect(clients).toHaveLength(2);
  expect(clients.map((pid) => [reaches(pid, address, 1883), reaches(pid, address, 6222)])).toEqual([
    [true, false],
    [true, false],
  ]);
  const { uid = "" } = (await watch.pod(platform, "bus-node-1")) ?? {};
  const [peer] = watch.processesOf(uid, "/app/bus.mjs");
  expect(reaches(peer ?? 0, address, 6222)).toBe(true);
  stage().steps.add("the nodes' port", "a node reaches it; executor and gateway do not", 0);
});

test.each(nodes)("kill -9 of nats-server in %s: trading goes on over the others, and it comes back", async (node) => {
  const before = await restarts();
  await stage().steps.time(
    `kill -9: ${node}`,
    "trades again; the executor did not restart; the book agrees",
    async () => {
      await killIn(node, "nats-server");
      await life().trading();
      await allReady();
    },
  );
  expect(await restarts()).toBe(before);
  await life().sound();
});

test("a node's pod is deleted: it lets its clients go, and another one takes its place, with its claim", async () => {
  const { client } = stage().cluster;
  const uid = (await life().watch.pod(platform, "bus-node-1"))?.uid;
  await stage().steps.time("deleted: bus-node-1", "trades on; the new pod is ready; the book agrees", async () => {
    await client.delete({ apiVersion: "v1", kind: "Pod", metadata: { name: "bus-node-1", namespace: platform } });
    await life().trading();
    await life().until("another pod", async () => {
      const now = await life().watch.pod(platform, "bus-node-1");
      return now !== undefined && now.uid !== uid && now.ready;
    });
  });
  await life().sound();
});

test("a node's claim is lost: it comes back empty, and what it has from the others then carries on without one of them", async () => {
  const { client } = stage().cluster;
  const claim = {
    ...{ apiVersion: "v1", kind: "PersistentVolumeClaim" },
    metadata: { name: "state-bus-node-1", namespace: platform },
  };
  const uidOf = async (): Promise<string> =>
    String(asObject((await client.get(claim)).object["metadata"])["uid"] ?? "");
  const [before, restarted] = [await uidOf(), await restarts()];
  await stage().steps.time(
    "lost: a node's claim",
    "another claim, filled by the others; then one of those is killed",
    async () => {
      // Kubernetes keeps a claim while a pod uses it.
      await client.delete(claim);
      await client.delete({ apiVersion: "v1", kind: "Pod", metadata: { name: "bus-node-1", namespace: platform } });
      await life().until("another claim", async () => ![before, "", "undefined"].includes(await uidOf()), 240_000);
      await allReady();
      await life().trading();
      await killIn("bus-node-0", "nats-server");
      await life().trading();
      await allReady();
    },
  );
  expect(await restarts()).toBe(restarted);
  await life().sound();
});

test("the password between the nodes is changed: removed from its Secret, and all three go on with another one", async () => {
  const { client } = stage().cluster;
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "bus-routes", namespace: platform } };
  const password = async (): Promise<unknown> => Object((await client.get(secret)).object["data"])["password"];
  const said = async (): Promise<number> => {
    const logs = await Promise.all(nodes.map((node) => life().watch.log(platform, node, "bus")));
    return logs.filter((log) => log.includes("the nodes show each other another password")).length;
  };
  const seen = (): Promise<readonly (readonly [string | undefined, number | undefined])[]> =>
    Promise.all(
      nodes.map((node) =>
        life()
          .watch.pod(platform, node)
          .then((pod) => [pod?.uid, pod?.restarts] as const),
      ),
    );
  const [was, before, restarted] = [await password(), await seen(), await restarts()];
  await stage().steps.time(
    "the nodes' password",
    "another one, no node restarts; trades on; the book agrees",
    async () => {
      const path = `/api/v1/namespaces/${platform}/secrets/bus-routes`;
      await client.request("PATCH", path, { data: null }, "application/merge-patch+json");
      await life().until("all three have taken it", async () => (await said()) === nodes.length);
      await life().trading();
      await allReady();
    },
  );
  expect(await password()).toEqual(expect.any(String));
  expect(await password()).not.toBe(was);
  expect(await seen()).toEqual(before);
  expect(await restarts()).toBe(restarted);
  await life().sound();
});

test("an upgrade: they restart one by one, and two are ready at each instant", async () => {
  const uids = async (): Promise<readonly string[]> =>
    Promise.all(nodes.map(async (node) => (await life().watch.pod(platform, node))?.uid ?? ""));
  const before = await uids();
  const { repository: own } = stage();
  own.write(environmentFile, own.read(environmentFile).replace(settings(3, "192Mi"), settings(3, "200Mi")));
  let least = nodes.length;
  await stage().steps.time(
    "upgrade of the bus",
    (ready) => `pod by pod; ${ready} of 3 were ready at the least`,
    async () => {
      await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
      await life().until(
        "three other pods",
        async () => {
          const ready = (await Promise.all(nodes.map(isReady))).filter(Boolean).length;
          least = Math.min(least, ready);
          return ready === nodes.length && (await uids()).every((uid, index) => uid !== "" && uid !== before[index]);
        },
        500_000,
      );
      return least;
    },
  );
  expect(least).toBe(2);
  await life().trading();
  await life().sound();
});

test("two of three are lost at once: nothing is ordered twice, and with them back it goes on", async () => {
  await stage().steps.time("kill -9: two nodes", "waits, and goes on when they are back; the book agrees", async () => {
    await Promise.all(nodes.slice(0, 2).map((node) => killIn(node, "nats-server")));
    await allReady();
    await life().trading();
  });
  await life().sound();
});

test("and back to one", async () => {
  const { repository: own } = stage();
  own.write(
    environmentFile,
    own.read(environmentFile).replace(/nodes: 3, (cpu: \w+), memory: \w+/, "nodes: 1, $1, memory: 192Mi"),
  );
  await stage().steps.time("from three to one", "the three are gone, trades again; the book agrees", async () => {
    await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
    await life().until("bus-0", () => isReady("bus-0"), 240_000);
    await life().until(
      "the three are gone",
      async () =>
        (await Promise.all(nodes.map((node) => life().watch.pod(platform, node)))).every((pod) => pod === undefined),
      240_000,
    );
    await life().trading();
  });
  await life().sound();
});
