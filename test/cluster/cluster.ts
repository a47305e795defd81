// A whole cluster on this machine: control plane, one node, DNS, volumes, Argo CD and a Git server. Needs root.
import { mkdirSync } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcess } from "#local/processes.ts";
import type { ApiClient } from "../apiserver/client.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type Argo, startArgo } from "./argo.ts";
import { dnsObjects, volumeObjects } from "./base-objects.ts";
import { type ControlPlane, reconnect, startControlPlane } from "./control-plane.ts";
import { type ClusterImages, makeImages } from "./images.ts";
import { addressesOf, Machine } from "./machine.ts";
import { claimNamespace, dropNetwork, makeNetwork } from "./network.ts";
import { dropNode, endContainers, importImages, startContainerd, startNode } from "./node.ts";

export interface Cluster {
  readonly machine: Machine;
  readonly client: ApiClient;
  readonly kubeconfig: string;
  readonly control: ControlPlane;
  readonly images: ClusterImages;
  readonly argo: Argo;
  /** Where bare repositories lie that Argo CD reads from `gitUrl`. */
  readonly gitFolder: string;
  readonly gitUrl: string;
  stop(): Promise<void>;
}

export type Told = (step: string, proven: string, ms: number) => void;

const prefix = "slipway-cluster-";
const indexMax = 16;
const volumes = 60;
const gitPort = 8000;

/**
 * Starts a cluster, or takes over the one that a run with `SLIPWAY_CLUSTER_KEEP` has left: `SLIPWAY_CLUSTER_FOLDER` is its folder, its processes
 * run on, and its images are those of then.
 */
export async function startCluster(tell: Told): Promise<Cluster> {
  const kept = process.env["SLIPWAY_CLUSTER_FOLDER"];
  if (kept !== undefined) return adopt(kept);
  await endLeftovers();
  const machine = await ownedMachine();
  try {
    return await start(machine, tell);
  } catch (cause) {
    // The folder of a cluster that did not start is what its reason is found in.
    if (process.env["SLIPWAY_CLUSTER_KEEP"] === undefined) await drop(machine);
    throw cause;
  }
}

async function start(machine: Machine, tell: Told): Promise<Cluster> {
  const timed = async <Value>(step: string, proven: string, work: () => Promise<Value>): Promise<Value> => {
    const began = performance.now();
    const value = await work();
    tell(step, proven, performance.now() - began);
    return value;
  };
  const programs = artifacts();
  makeNetwork(machine.addresses);
  const images = await timed("images", "built from this checkout, without a registry", () =>
    makeImages(machine.path("images"), programs),
  );
  const control = await timed(
    "control plane",
    "etcd, API server, controller manager and scheduler; /readyz is ok",
    () => startControlPlane(machine, programs),
  );
  const { client } = control;
  await timed("images on the node", `${images.own.length} of ours, by digest`, async () => {
    await startContainerd(machine, images.pause);
    for (const layout of images.layouts) importImages(machine, layout);
  });
  await timed("node", "kubelet, kube-proxy, enforcer of NetworkPolicies; the node is Ready", () =>
    startNode(machine, programs, control),
  );
  await timed("DNS and volumes", `CoreDNS is available; ${volumes} volumes`, async () => {
    const { dns } = machine.addresses;
    for (const object of [...dnsObjects(images.coreDns, dns), ...volumeObjects(machine, volumes)]) {
      const { ok, message } = await client.apply(object);
      if (!ok) throw new Error(message);
    }
    await machine.until("DNS is available", async () => {
      const reference = {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "coredns", namespace: "kube-system" },
      };
      const { object } = await client.get(reference);
      return (object["status"] as { availableReplicas?: number } | undefined)?.availableReplicas === 1;
    });
  });
  await startGitServer(machine);
  const argo = await timed("Argo CD", "application controller, repo server, API server and Redis; /healthz is ok", () =>
    startArgo(machine, programs, control),
  );
  const { url, ca, kubeconfigs } = control;
  machine.write("cluster.json", { images, argo, url, ca, kubeconfigs });
  return assemble(machine, control, images, argo);
}

/** Serves the bare repositories in a folder. @returns that folder, and the URL that Argo CD reads them from */
export async function startGitServer(machine: Machine): Promise<Pick<Cluster, "gitFolder" | "gitUrl">> {
  const gitFolder = machine.path("git");
  mkdirSync(gitFolder, { recursive: true });
  const program = join(import.meta.dirname, "git-server.ts");
  const argv = [gitFolder, machine.addresses.node, String(gitPort)];
  await machine.start("git-server", process.execPath, ["--disable-warning=ExperimentalWarning", program, ...argv]);
  return { gitFolder, gitUrl: gitUrlOf(machine) };
}

function gitUrlOf({ addresses }: Machine): string {
  return `http://${addresses.node}:${gitPort}`;
}

function assemble(machine: Machine, control: ControlPlane, images: ClusterImages, argo: Argo): Cluster {
  return {
    ...{ machine, control, images, argo },
    client: control.client,
    gitFolder: machine.path("git"),
    kubeconfig: control.kubeconfigs.admin,
    gitUrl: gitUrlOf(machine),
    async stop() {
      control.client.close();
      await drop(machine);
    },
  };
}

async function adopt(folder: string): Promise<Cluster> {
  const owner = await readOwner(join(folder, "owner.json"));
  if (owner === undefined) throw new Error(`${folder} is no cluster's folder`);
  const machine = new Machine(folder, addressesOf(owner.index));
  await machine.adopt();
  const kept: Pick<Cluster, "images" | "argo"> & Omit<ControlPlane, "client"> = JSON.parse(
    await readFile(machine.path("cluster.json"), "utf8"),
  );
  const control = reconnect(kept);
  await machine.until("the API server is ready", async () => (await control.client.request("GET", "/readyz")).ok);
  return assemble(machine, control, kept.images, kept.argo);
}

/** Its folder, and the first number that no other cluster has, whose network namespace is its from then on. */
export async function ownedMachine(): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const self = await readProcess(process.pid);
  for (let index = 0; index < indexMax; index += 1) {
    const addresses = addressesOf(index);
    if (!claimNamespace(addresses.namespace)) continue;
    const owner = { pid: process.pid, started: self?.started ?? "", index };
    await writeFile(join(folder, "owner.json"), JSON.stringify(owner), { mode: 0o600 });
    return new Machine(folder, addresses);
  }
  throw new Error(`${indexMax} clusters run on this machine already`);
}

/** Ends what a killed run has left: its folder says whose it was, and which processes, network and number it had. */
export async function endLeftovers(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    const stats = await lstat(folder).catch(() => undefined);
    // Anyone may write to the folder for temporary files; only what is ours may name processes to kill.
    if (stats === undefined || !stats.isDirectory() || stats.uid !== process.getuid?.()) continue;
    const owner = await readOwner(join(folder, "owner.json"));
    if (owner === undefined) continue;
    const row = await readProcess(owner.pid);
    if (row !== undefined && !row.zombie && row.started === owner.started) continue;
    await drop(new Machine(folder, addressesOf(owner.index)));
  }
}

async function readOwner(path: string): Promise<{ pid: number; started: string; index: number } | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined; // Just being made, or no cluster's.
  }
}

/** Ends all that runs in it, and removes what it has made. */
export async function drop(machine: Machine): Promise<void> {
  // The kubelet first, or it starts again what is ended.
  await machine.records.reap(["kubelet", "kube-controller-manager"]);
  await endContainers(machine);
  await machine.records.reap();
  await endShims(machine);
  dropNode(machine);
  dropNetwork(machine.addresses);
  // What was killed just now may be at its last write still.
  for (const folder of [machine.runtimeFolder, machine.folder])
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

/** Shims of a containerd that was killed: known by its socket, whose path is this cluster's alone. */
async function endShims(machine: Machine): Promise<void> {
  for (const name of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    const argv = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (!argv[0]?.includes("containerd-shim") || !argv.includes(machine.containerdSocket)) continue;
    const pid = Number(name);
    const children = await readFile(`/proc/${name}/task/${name}/children`, "utf8").catch(() => "");
    for (const one of [
      ...children
        .split(" ")
        .filter((word) => word !== "")
        .map(Number),
      pid,
    ]) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
}
