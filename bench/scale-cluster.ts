// A control plane and Argo CD as test/cluster has them, with nodes and kubelets that kwok plays: no container runs.
import { globSync } from "node:fs";
import { join } from "node:path";
import { type Argo, startArgo } from "../test/cluster/argo.ts";
import { drop, endLeftovers, ownedMachine, startGitServer } from "../test/cluster/cluster.ts";
import { type ControlPlane, startControlPlane } from "../test/cluster/control-plane.ts";
import type { Machine } from "../test/cluster/machine.ts";
import { makeNetwork } from "../test/cluster/network.ts";
import { ensureArtifacts } from "../test/kubernetes/build.ts";

export interface ScaleCluster {
  readonly machine: Machine;
  readonly control: ControlPlane;
  readonly argo: Argo;
  readonly gitFolder: string;
  readonly gitUrl: string;
  stop(): Promise<void>;
}

export interface ScaleClusterOptions {
  readonly pods: number;
  /** Variables of Argo CD's programs. */
  readonly settings: NodeJS.ProcessEnv;
}

const podsPerNode = 110;

export async function startScaleCluster({ pods, settings }: ScaleClusterOptions): Promise<ScaleCluster> {
  const programs = await ensureArtifacts([
    ...(["argoCrds", "etcd", "apiServer", "controllerManager", "scheduler", "argoCd", "argoFiles", "kwok"] as const),
  ]);
  await endLeftovers();
  const machine = await ownedMachine();
  try {
    makeNetwork(machine.addresses);
    const control = await startControlPlane(machine, programs);
    await makeNodes(control, Math.ceil(pods / podsPerNode) + 1);
    await makeVolumes(control, pods);
    const stages = globSync(join(programs.kwok.folder, "stages/*.yaml"));
    await machine.start("kwok", join(programs.kwok.folder, programs.kwok.name), [
      ...[`--kubeconfig=${control.kubeconfigs.kwok}`, "--manage-all-nodes=true", "--cidr=10.200.0.0/16"],
      ...[
        `--node-ip=${machine.addresses.node}`,
        "--node-lease-duration-seconds=40",
        ...stages.map((stage) => `--config=${stage}`),
      ],
    ]);
    const git = await startGitServer(machine);
    const argo = await startArgo(machine, programs, control, settings);
    const stop = async (): Promise<void> => {
      control.client.close();
      await drop(machine);
    };
    return { machine, control, argo, ...git, stop };
  } catch (cause) {
    await drop(machine);
    throw cause;
  }
}

async function makeNodes({ client }: ControlPlane, count: number): Promise<void> {
  await inParallel(count, async (index) => {
    const room = { cpu: "128", memory: "512Gi", pods: String(podsPerNode), "ephemeral-storage": "1Ti" };
    const reply = await client.create({
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name: `kwok-${index}`,
        labels: { "kubernetes.io/hostname": `kwok-${index}`, "kubernetes.io/os": "linux" },
      },
      status: { allocatable: room, capacity: room },
    });
    if (!reply.ok) throw new Error(reply.message);
  });
}

/** One for each claim, bound as soon as it is there: what a provisioner would do, without one. */
async function makeVolumes({ client }: ControlPlane, count: number): Promise<void> {
  const storageClassName = "volumes";
  const made = await client.create({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: storageClassName, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "Immediate",
  });
  if (!made.ok) throw new Error(made.message);
  await inParallel(count, async (index) => {
    const reply = await client.create({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `volume-${index}` },
      spec: {
        ...{ storageClassName, capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"] },
        persistentVolumeReclaimPolicy: "Retain",
        hostPath: { path: `/nowhere/${index}` },
      },
    });
    if (!reply.ok) throw new Error(reply.message);
  });
}

/** @param work of the numbers from 0; the client bounds how many at once */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}
