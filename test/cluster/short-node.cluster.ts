// A cluster whose node is short of disk: its kubelet evicts pods.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { asObject, asObjects } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { importImages } from "./node.ts";
import { firstStrategy, ownCluster } from "./own-cluster.ts";
import type { Stage } from "./way.ts";

const strategies = ["seed/random-ts", "momentum/sma-cross"] as const;
const platform = "slipway-paper";
/** Without one of these nobody trades. */
const vital = ["bus-0", "feed-stocks-0", "gateway-0"].map((pod) => `${platform}/${pod}`);
const gibibyte = 2 ** 30;

const stage = ownCluster();
const life = (index: 0 | 1): Life => new Life(stage(), strategies[index]);
/** Of what must not be evicted. */
const uids = async (): Promise<readonly (string | undefined)[]> => {
  const names = [...vital, `${life(1).namespace}/${life(1).pod}`].map((name) => name.split("/"));
  const pods = names.map(([namespace = "", pod = ""]) => life(0).watch.pod(namespace, pod));
  return (await Promise.all(pods)).map((pod) => pod?.uid);
};

test("a node is short of disk: who uses more than was kept goes first, what all need last; it says why, waits, and comes back where it was", async () => {
  await firstStrategy(stage(), strategies[0]);
  await life(1).deployed();
  await Promise.all([life(0).trading(), life(1).trading()]);
  const [hog, { machine, images }] = [life(0), stage().cluster];
  const [before, epoch] = [await uids(), await hog.watch.epoch(hog.id)];
  const [sinceMs, logged] = [Date.now() - 1_000, machine.logOf("kubelet").length];
  const looking = watchExecutors([life(0), life(1)]);
  let says = "";
  let doubled = 0;
  await stage().steps.time(
    "node short of disk",
    () => `the one with too much is evicted, the other trades on; status says why; with room it is back`,
    async () => {
      const ordinary = readFileSync(machine.path("kubelet.json"), "utf8");
      // A kubelet that starts on a node that is short refuses all pods that are there, whatever their priority: so it is short only later.
      const free = statfsSync(machine.path("kubelet"));
      const bytes = free.bavail * free.bsize - 2 * gibibyte;
      await restartKubelet(stage(), ordinary, { "nodefs.available": String(bytes) });
      const { uid = "" } = (await hog.watch.pod(hog.namespace, hog.pod)) ?? {};
      // As a log would be: more than the 32 MiB that are kept for it, and less than the 128 MiB that it may have.
      const logs = machine.path(`pod-logs/${hog.namespace}_${hog.pod}_${uid}/executor`);
      mkdirSync(logs, { recursive: true });
      writeFileSync(join(logs, "more.log"), Buffer.alloc(64 * 2 ** 20, "x"));
      const taken = machine.path("kubelet/somebody-elses-file");
      execFileSync("fallocate", ["-l", String(3 * gibibyte), taken]);
      try {
        await hog.until("it is evicted", async () => (await evicted(stage(), sinceMs)).length > 0);
      } finally {
        rmSync(taken, { force: true });
      }
      await hog.until("its owner is told why, and what to do", async () => {
        says = await problemOf(stage(), hog.id);
        return says.includes("low on resource") && says.includes("make room on that node's disk");
      });
      await life(1).trading();
      // The kubelet has thrown away what nobody used, and here is no registry.
      for (const layout of images.layouts) importImages(machine, layout);
      await hog.ready(uid);
      await hog.trading();
      doubled = await looking();
      await restartKubelet(stage(), ordinary, {});
    },
  );
  expect(await evicted(stage(), sinceMs)).toEqual([`${hog.namespace}/${hog.pod}`]);
  expect(doubled).toBe(1);
  const ranks = rankedFirst(machine.logOf("kubelet").slice(logged)).filter((pod) => !pod.startsWith("kube-system/"));
  expect(ranks[0]).toBe(`${hog.namespace}/${hog.pod}`);
  expect(ranks.slice(-vital.length).sort()).toEqual(vital);
  expect(await uids()).toEqual(before);
  expect(await hog.watch.epoch(hog.id)).toBeGreaterThan(epoch);
  await life(0).sound();
  await life(1).sound();
});

/** Looks at the strategies' processes until it is asked how many executors one had at most. */
function watchExecutors(lives: readonly Life[]): () => Promise<number> {
  let watching = true;
  let most = 0;
  const work = (async () => {
    while (watching) {
      most = Math.max(most, ...lives.map((life) => life.executors().length));
      await delay(100);
    }
  })();
  return async () => {
    watching = false;
    await work;
    return most;
  };
}

/** Starts the kubelet anew with other thresholds. */
async function restartKubelet(
  { cluster: { machine } }: Stage,
  ordinary: string,
  thresholds: { readonly [signal: string]: string },
): Promise<void> {
  const config: { readonly evictionHard: object } = JSON.parse(ordinary);
  const evictionHard = { ...config.evictionHard, ...thresholds };
  // How long a node counts as short after it was: 5 min by itself.
  const changed = { ...config, evictionHard, evictionPressureTransitionPeriod: "30s" };
  machine.write("kubelet.json", Object.keys(thresholds).length === 0 ? ordinary : changed);
  await machine.kill("kubelet");
  const logged = machine.logOf("kubelet").length;
  await machine.again("kubelet");
  await machine.until("the kubelet has taken on the pods that are there", () =>
    /VerifyControllerAttachedVolume started .* pod \\"gateway-0\\"/.test(machine.logOf("kubelet").slice(logged)),
  );
}

/** `namespace/name` of the pods that the kubelet has evicted for the node's sake, the first one first; not those that it refused since. */
async function evicted({ cluster: { client } }: Stage, sinceMs: number): Promise<readonly string[]> {
  const { object } = await client.request("GET", "/api/v1/events?fieldSelector=reason%3DEvicted");
  return asObjects(object["items"])
    .filter(({ message }) => String(message).startsWith("The node was low on resource"))
    .filter(({ lastTimestamp }) => Date.parse(String(lastTimestamp)) >= sinceMs)
    .map(({ involvedObject }) => asObject(involvedObject))
    .map(({ namespace, name }) => `${String(namespace)}/${String(name)}`);
}

/** In which order the kubelet would evict, as it said the first time. */
function rankedFirst(log: string): readonly string[] {
  const [, pods] = /pods ranked for eviction" pods=(\[.*?\])/.exec(log) ?? [];
  return pods === undefined ? [] : JSON.parse(pods);
}

/** What `slipway status` says against it, as a person sees it. */
async function problemOf({ cluster, repository }: Stage, id: string): Promise<string> {
  const { stdout } = await repository.slipway("--json", "status", id, "--kubeconfig", cluster.kubeconfig);
  return String(JSON.parse(stdout).strategy.problem);
}
