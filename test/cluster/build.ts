// Gets what the cluster is made of, unless it is there: Debian packages, and programs built from their Go modules into the cache.
//
//   node test/cluster/build.ts
//
// From nothing some 18 minutes of processor time and 9 GB of Go's own caches; after that it looks at a few folders.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { ensureArtifacts } from "../kubernetes/build.ts";
import { whyNoCluster } from "./able.ts";

/** A package, and a file by which one sees that it is there. */
const packages = {
  containerd: "/usr/bin/containerd",
  runc: "/usr/sbin/runc",
  "containernetworking-plugins": "/usr/lib/cni/bridge",
  nftables: "/usr/sbin/nft",
  iptables: "/usr/sbin/iptables",
  conntrack: "/usr/sbin/conntrack",
  iproute2: "/usr/sbin/ip",
  openssl: "/usr/bin/openssl",
  "redis-server": "/usr/bin/redis-server",
};

// A cluster that is there needs nothing of it.
if (process.env["SLIPWAY_TEST_KUBECONFIG"] === undefined) {
  const missing = Object.entries(packages).flatMap(([name, file]) => (existsSync(file) ? [] : [name]));
  const reason = whyNoCluster();
  if (reason !== undefined) throw new Error(reason);
  if (missing.length > 0) install(missing);
  await import("../brokers/install.ts");
  await ensureArtifacts([
    ...(["argoCrds", "etcd", "apiServer", "kubectl", "policyEnforcer", "pause", "controllerManager"] as const),
    ...(["scheduler", "kubelet", "proxy", "coreDns", "argoCd", "argoFiles"] as const),
  ]);
}

function install(names: readonly string[]): void {
  // In run level 1 nothing is started.
  const options = "-qy --no-install-recommends -o DPkg::Lock::Timeout=120";
  const command = `apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install ${options} ${names.join(" ")}`;
  for (let attempt = 1; ; attempt += 1) {
    const { status } = spawnSync("sh", ["-c", command], { stdio: ["ignore", "ignore", "inherit"], timeout: 600_000 });
    if (status === 0) return;
    // Two that install at once break each other now and then.
    if (attempt === 2) throw new Error(`these packages could not be installed: apt-get install ${names.join(" ")}`);
  }
}
