// Whether this machine bears a node, asked by starting one: a control plane, containerd, a kubelet, and a pod that runs. Nothing of ours is in it.
//
//   node test/cluster/try-node.ts      prints why not, and ends with 2
import { artifacts } from "../kubernetes/artifacts.ts";
import { drop, endLeftovers, ownedMachine } from "./cluster.ts";
import { startControlPlane } from "./control-plane.ts";
import { makeSystemImages } from "./images.ts";
import type { Machine } from "./machine.ts";
import { makeNetwork } from "./network.ts";
import { importImages, startContainerd, startNode } from "./node.ts";

/** @returns why not, undefined where it does */
async function whyNoNode(): Promise<string | undefined> {
  try {
    await endLeftovers();
    const machine = await ownedMachine();
    try {
      await runPod(machine);
    } finally {
      await drop(machine);
    }
    return undefined;
  } catch (cause) {
    const { message, cause: why } = cause as Error;
    return `no node comes up on it: ${message}${why instanceof Error ? `\n${why.message}` : ""}`;
  }
}

async function runPod(machine: Machine): Promise<void> {
  const programs = artifacts();
  makeNetwork(machine.addresses);
  const { layout, pause } = makeSystemImages(machine.path("images"), programs);
  const control = await startControlPlane(machine, programs);
  await startContainerd(machine, pause);
  importImages(machine, layout);
  await startNode(machine, programs, control);
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "one", namespace: "default" } },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          ...{ name: "pause", image: pause, imagePullPolicy: "Never" },
          resources: { limits: { cpu: "100m", memory: "32Mi" } },
        },
      ],
    },
  };
  // The account that it runs as is made a moment after the namespace.
  await machine.until("a pod is taken", async () => {
    const { ok, code, message } = await control.client.create(pod);
    if (!ok && code !== 409) throw new Error(message);
    return true;
  });
  let status = "";
  await machine
    .until("a pod runs", async () => {
      const { object } = await control.client.get(pod);
      status = JSON.stringify(object["status"]);
      return (object["status"] as { readonly phase?: string } | undefined)?.phase === "Running";
    })
    .catch((cause: unknown) => {
      throw new Error(`${(cause as Error).message}; ${status}\n${machine.logOf("kubelet").slice(-1_500)}`);
    })
    .finally(() => control.client.close());
}

const reason = await whyNoNode();
if (reason !== undefined) {
  console.log(reason);
  process.exitCode = 2;
}
