// The node: containerd, kubelet, kube-proxy and the enforcer of NetworkPolicies.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineArchitecture } from "../../images/layout.ts";
import type { Artifacts } from "../kubernetes/artifacts.ts";
import { unified } from "./able.ts";
import { type ControlPlane, nodeName } from "./control-plane.ts";
import type { Machine } from "./machine.ts";

const cgroupRoot = "/sys/fs/cgroup";
const cgroups = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd"];
/** What the kubelet changes for the whole machine. */
const kernelSettings = ["vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops"];

export async function startContainerd(machine: Machine, sandboxImage: string): Promise<void> {
  mkdirSync(machine.runtimeFolder, { recursive: true });
  const ipam = machine.path("ipam");
  machine.write("cni/10-bridge.conflist", {
    cniVersion: "1.0.0",
    name: "slipway",
    plugins: [
      {
        ...{ type: "bridge", bridge: "cni0", isGateway: true, ipMasq: false, hairpinMode: true },
        ipam: {
          type: "host-local",
          dataDir: ipam,
          ranges: [[{ subnet: machine.addresses.pods }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  });
  const config = machine.write("containerd.toml", containerdConfig(machine, sandboxImage));
  await machine.start("containerd", "/usr/bin/containerd", ["--config", config]);
  await machine.until("containerd answers", () => ctr(machine, ["version"]) !== "");
}

export function ctr(machine: Machine, argv: readonly string[], timeoutMs = 120_000): string {
  return execFileSync("ctr", ["-a", machine.containerdSocket, "-n", "k8s.io", ...argv], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    maxBuffer: 16 * 2 ** 20,
  });
}

/** Puts a layout's images where the kubelet finds them under their names and digests; no registry is asked. */
export function importImages(machine: Machine, layout: string): void {
  const archive = machine.path("images.tar");
  execFileSync("tar", ["-C", layout, "-cf", archive, "oci-layout", "index.json", "blobs"]);
  ctr(machine, ["images", "import", "--platform", `linux/${machineArchitecture()}`, archive], 300_000);
}

export async function startNode(
  machine: Machine,
  programs: Artifacts,
  { kubeconfigs, client }: ControlPlane,
): Promise<void> {
  keepKernelSettings(machine);
  makeCgroup(machine);
  const { node } = machine.addresses;
  cpSync(join(import.meta.dirname, "../../images/seccomp"), machine.path("kubelet/seccomp/slipway"), {
    recursive: true,
  });
  const config = machine.write("kubelet.json", kubeletConfig(machine));
  await machine.start("kubelet", join(programs.kubelet.folder, "kubelet"), [
    `--config=${config}`,
    `--kubeconfig=${kubeconfigs.kubelet}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${node}`,
    `--root-dir=${machine.path("kubelet")}`,
    `--cert-dir=${machine.path("kubelet-pki")}`,
  ]);
  const proxy = machine.write("kube-proxy.json", proxyConfig(machine, kubeconfigs["kube-proxy"]));
  await machine.start("kube-proxy", join(programs.proxy.folder, "kube-proxy"), [`--config=${proxy}`]);
  await client.apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "policy-enforcer" },
    rules: [
      { apiGroups: [""], resources: ["pods", "namespaces"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list", "watch"] },
    ],
  });
  await client.apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "policy-enforcer" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "policy-enforcer" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "policy-enforcer" }],
  });
  const { policyEnforcer } = programs;
  await machine.start("policy-enforcer", join(policyEnforcer.folder, policyEnforcer.name), [
    `--kubeconfig=${kubeconfigs["policy-enforcer"]}`,
    `--pod-cidr=${machine.addresses.pods}`,
  ]);
  await machine.until("the node is ready", async () => {
    const { object } = await client.get({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
    return isReady(object);
  });
}

function isReady(object: unknown): boolean {
  const { status } = object as { status?: { conditions?: readonly { type: string; status: string }[] } };
  return status?.conditions?.some(({ type, status: holds }) => type === "Ready" && holds === "True") ?? false;
}

/** Containers outlive kubelet and containerd, so they are ended first, while containerd still knows them. */
export async function endContainers(machine: Machine): Promise<void> {
  const attempt = (argv: readonly string[]): string => {
    try {
      return ctr(machine, argv, 20_000);
    } catch {
      return "";
    }
  };
  const words = (argv: readonly string[]): readonly string[] =>
    attempt(argv)
      .split("\n")
      .filter((line) => line !== "");
  for (const task of words(["tasks", "ls", "-q"])) attempt(["tasks", "kill", "-s", "SIGKILL", "--all", task]);
  for (let round = 0; round < 20; round += 1) {
    const tasks = words(["tasks", "ls", "-q"]);
    if (tasks.length === 0) break;
    for (const task of tasks) attempt(["tasks", "delete", "-f", task]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  for (const container of words(["containers", "ls", "-q"])) attempt(["containers", "delete", container]);
}

/** Mounts, cgroups and kernel settings, as they were. */
export function dropNode(machine: Machine): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${machine.folder}/`) || path.startsWith(`${machine.runtimeFolder}/`));
  for (const path of mounts.sort().reverse()) attempt("umount", ["-l", path]);
  for (const hierarchy of ["", ...cgroups, "unified"]) {
    const folder = join(cgroupRoot, hierarchy, machine.addresses.namespace);
    if (existsSync(folder)) attempt("find", [folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
  }
  const before = machine.path("kernel-settings.json");
  if (!existsSync(before)) return;
  const values: { readonly [name: string]: string } = JSON.parse(readFileSync(before, "utf8"));
  for (const [name, value] of Object.entries(values)) attempt("sysctl", ["-qw", `${name}=${value}`]);
}

function attempt(program: string, argv: readonly string[]): void {
  try {
    execFileSync(program, argv, { stdio: "ignore", timeout: 30_000 });
  } catch {
    // Gone already.
  }
}

function keepKernelSettings(machine: Machine): void {
  const values = kernelSettings.map((name) => [
    name,
    execFileSync("sysctl", ["-n", name], { encoding: "utf8" }).trim(),
  ]);
  machine.write("kernel-settings.json", Object.fromEntries(values));
}

/**
 * The folder that all of a node's pods are below, so that clusters stay apart and a process's cluster is known. In cgroup v1 each hierarchy wants it,
 * and cpuset's is empty until somebody fills it; in v2 it has the controllers that the root hands down.
 */
function makeCgroup(machine: Machine): void {
  const { namespace } = machine.addresses;
  if (unified) {
    writeFileSync(join(cgroupRoot, "cgroup.subtree_control"), "+cpu +cpuset +io +memory +pids");
    mkdirSync(join(cgroupRoot, namespace), { recursive: true });
    return;
  }
  for (const hierarchy of cgroups) {
    if (existsSync(join(cgroupRoot, hierarchy))) mkdirSync(join(cgroupRoot, hierarchy, namespace), { recursive: true });
  }
  for (const file of ["cpuset.mems", "cpuset.cpus"])
    writeFileSync(join(cgroupRoot, "cpuset", namespace, file), readFileSync(join(cgroupRoot, "cpuset", file), "utf8"));
}

function containerdConfig(machine: Machine, sandboxImage: string): string {
  return `version = 2
root = "${machine.path("containerd")}"
state = "${join(machine.runtimeFolder, "containerd")}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${machine.containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  disable_apparmor = ${!existsSync("/sys/kernel/security/apparmor")}
  # Without CAP_SYS_RESOURCE nobody may lower a score, and every sandbox would fail.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${machine.path("cni")}"
`;
}

function kubeletConfig(machine: Machine): object {
  const { node, dns, namespace } = machine.addresses;
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    // Of a machine that has some, pods get none.
    failSwapOn: false,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${namespace}`,
    address: node,
    healthzBindAddress: "127.0.0.1",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: machine.path("pki/kubelet-client.crt") },
    },
    authorization: { mode: "Webhook" },
    containerRuntimeEndpoint: `unix://${machine.containerdSocket}`,
    clusterDNS: [dns],
    clusterDomain: "cluster.local",
    resolvConf: machine.write("resolv.conf", "nameserver 127.0.0.1\n", 0o644),
    podLogsDir: machine.path("pod-logs"),
    volumePluginDir: machine.path("volume-plugins"),
    podPidsLimit: 512,
    maxPods: 110,
    makeIPTablesUtilChains: false,
    // An image that is collected would be gone: there is no registry.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "memory.available": "200Mi",
      "nodefs.available": "1%",
      "imagefs.available": "1%",
      "nodefs.inodesFree": "1%",
    },
  };
}

function proxyConfig(machine: Machine, kubeconfig: string): object {
  const { node, pods } = machine.addresses;
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: nodeName,
    clientConnection: { kubeconfig },
    clusterCIDR: pods,
    detectLocalMode: "ClusterCIDR",
    bindAddress: node,
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    nodePortAddresses: [`${node}/32`],
    // The settings of connection tracking are the machine's, not the namespace's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    nftables: { minSyncPeriod: "100ms", syncPeriod: "30s" },
  };
}
