// What an executor's pod takes of a real node: its control group with the pause container's process, and the shim beside it.
//
//   node bench/density.ts [executors]
//
// As root, on Linux with control groups of version 1. It starts the cluster of test/cluster and as many executors as its node has room for; of a
// cluster that SLIPWAY_CLUSTER_FOLDER names it measures what runs there.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { renderTree } from "#delivery/render.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { nameImages } from "../images/name-images.ts";
import { asObject, asObjects } from "../test/apiserver/client.ts";
import { type Cluster, startCluster } from "../test/cluster/cluster.ts";
import { tellPush } from "../test/cluster/webhook.ts";
import { spread } from "./measure.ts";
import { atSeconds, policyFile } from "./policy-fleet.ts";
import { costOf } from "./process-cost.ts";
import { applyBootstrap, Branch } from "./scale-branch.ts";
import { scaleFleet } from "./scale-fleet.ts";

/** By then each has been warmed, has traded, and V8 has tidied up. */
const restMs = 90_000;
const count = Number(process.argv[2] ?? "15");
const gibibyte = 2 ** 30;

interface PodMemory {
  /** What the kernel charges the pod: its processes, their sockets, page cache. */
  readonly chargedBytes: number;
  /** Without the cache of files that it may drop. */
  readonly workingBytes: number;
  /** Of the process of runc that stays beside it, outside of its group. */
  readonly shimBytes: number;
  readonly shimPrivateBytes: number;
}

function memoryOf(cluster: Cluster, uid: string, shims: ReadonlyMap<string, number>): PodMemory {
  const folder = execFileSync("find", [
    ...[`/sys/fs/cgroup/memory/${cluster.machine.addresses.namespace}`, "-type", "d", "-name", `pod${uid}`],
  ])
    .toString()
    .trim();
  const number = (file: string): number => Number(readFileSync(join(folder, file), "utf8"));
  const dropped = Number(/^total_inactive_file (\d+)$/m.exec(readFileSync(join(folder, "memory.stat"), "utf8"))?.[1]);
  const pids = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) =>
      readFileSync(join(folder, name, "cgroup.procs"), "utf8")
        .trim()
        .split("\n"),
    );
  const shim = pids.map((pid) => shims.get(pid)).find((each) => each !== undefined);
  if (shim === undefined) throw new Error(`no shim is the parent of a process of pod ${uid}`);
  const { rssBytes, privateBytes } = costOf(shim);
  const chargedBytes = number("memory.usage_in_bytes");
  return { chargedBytes, workingBytes: chargedBytes - dropped, shimBytes: rssBytes, shimPrivateBytes: privateBytes };
}

/** Which shim started a process. */
function shimsOf(cluster: Cluster): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const path = `/proc/${name}/cmdline`;
    const argv = existsSync(path) ? readFileSync(path, "utf8").split("\0") : [];
    if (!argv[0]?.includes("containerd-shim") || !argv.includes(cluster.machine.containerdSocket)) continue;
    for (const task of readdirSync(`/proc/${name}/task`)) {
      const children = readFileSync(`/proc/${name}/task/${task}/children`, "utf8");
      for (const child of children.split(" ")) found.set(child, Number(name));
    }
  }
  return found;
}

interface Executor {
  readonly uid: string;
  readonly ready: boolean;
  /** The node has no room for what it requests. */
  readonly unschedulable: boolean;
}

async function executors({ client }: Cluster): Promise<readonly Executor[]> {
  const { object } = await client.list({ apiVersion: "v1", kind: "Pod" });
  return asObjects(object["items"]).flatMap((pod) => {
    const [metadata, status] = [asObject(pod["metadata"]), asObject(pod["status"])];
    if (asObject(metadata["labels"])["app.kubernetes.io/component"] !== "executor") return [];
    const conditions = asObjects(status["conditions"]);
    const ready = conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
    return [
      {
        uid: String(metadata["uid"]),
        ready,
        unschedulable: conditions.some(({ reason }) => reason === "Unschedulable"),
      },
    ];
  });
}

function withImages(tree: SourceTree, { images }: Cluster): SourceTree {
  const text = nameImages(new TextDecoder().decode(tree.get(policyFile)?.bytes), images.own);
  return new Map(tree).set(policyFile, { mode: "100644", bytes: new TextEncoder().encode(text) });
}

async function deploy(cluster: Cluster): Promise<void> {
  const place = { repository: `${cluster.gitUrl}/forge.git`, apiServer: `${cluster.machine.addresses.node}:6443` };
  const tree = withImages(await scaleFleet({ strategies: count, teams: 1 }, place), cluster);
  const { files } = await renderTree(tree, "paper", atSeconds);
  const branch = await Branch.create(cluster.gitFolder);
  const written = await branch.write(files, "the fleet");
  await applyBootstrap(cluster.client, files);
  await tellPush(cluster, { ...written, before: "" });
  const started = async (): Promise<boolean> => {
    const pods = await executors(cluster);
    return pods.length === count && pods.every(({ ready, unschedulable }) => ready || unschedulable);
  };
  await cluster.machine.until("every executor runs, or has no room", started, 30 * 60_000);
}

const cluster = await startCluster((step, _proven, ms) => console.error(`${step}: ${(ms / 1000).toFixed(1)} s`));
try {
  if (process.env["SLIPWAY_CLUSTER_FOLDER"] === undefined) await deploy(cluster);
  console.error("they run");
  await delay(restMs);
  const shims = shimsOf(cluster);
  const pods = await executors(cluster);
  const memories = pods.filter(({ ready }) => ready).map(({ uid }) => memoryOf(cluster, uid, shims));
  const mebibytes = (of: (memory: PodMemory) => number): string =>
    spread(
      memories.map((each) => of(each) / 2 ** 20),
      1,
    );
  console.log(`${memories.length} of ${pods.length} executors are ready; MiB of each, median (min–max):`);
  console.log(`charged to the pod ${mebibytes(({ chargedBytes }) => chargedBytes)}`);
  console.log(`without files that may be dropped ${mebibytes(({ workingBytes }) => workingBytes)}`);
  console.log(
    `its shim, RSS ${mebibytes(({ shimBytes }) => shimBytes)}, private ${mebibytes(({ shimPrivateBytes }) => shimPrivateBytes)}`,
  );
  let taken = 0;
  for (const { workingBytes, shimPrivateBytes } of memories) taken += workingBytes + shimPrivateBytes;
  console.log(`executors per GiB: ${((memories.length * gibibyte) / taken).toFixed(1)}`);
} finally {
  if (process.env["SLIPWAY_CLUSTER_KEEP"] === undefined) await cluster.stop();
}
